"""A sigmoid before a loss on logits: traps beyond the page."""

from __future__ import annotations

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules import sigmoid_before_bce_with_logits

RULE = sigmoid_before_bce_with_logits.RULE
PROGRAM = """
import torch
import torch.nn as nn
import torch.nn.functional as F
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.act = nn.Sigmoid()
    def forward(self, x):
        x = self.fc(x)
        {body}
net = Net()
criterion = {loss}
output = net(torch.randn(2, 4))
loss = criterion(output, torch.rand(2, 3).round())
loss.backward()
{rest}
"""


def program(body: str, loss: str = "nn.BCEWithLogitsLoss()", rest: str = "") -> dict[str, str]:
    return {"main.py": PROGRAM.format(body=body, loss=loss, rest=rest)}


@pytest.mark.parametrize(
    "body",
    [
        "return torch.sigmoid(x)",
        "return F.sigmoid(x)",
        "return x.sigmoid()",
        "return self.act(x)",
        "return torch.special.expit(x)",
        "return nn.Sigmoid()(x)",
        "x = torch.sigmoid(x)\n        return x.view(2, 3)",
    ],
)
@pytest.mark.parametrize(
    "loss",
    [
        "nn.BCEWithLogitsLoss()",
        "nn.BCEWithLogitsLoss(pos_weight=torch.ones(3))",
        "F.binary_cross_entropy_with_logits",
        "nn.MultiLabelSoftMarginLoss()",
    ],
)
def test_the_sigmoid_goes(findings, applied, body: str, loss: str):
    files = program(body, loss)
    assert [f.level for f in findings(files, RULE)] == [Level.BEHAVIOR]
    after = applied(files, RULE)["main.py"]
    forward = after.partition("def forward")[2].partition("net = Net()")[0]
    assert "igmoid" not in forward and "expit" not in forward and f"criterion = {loss}\n" in after
    assert not findings({"main.py": after}, RULE)


@pytest.mark.parametrize(
    ("rest", "new"),
    [
        ("print(output > 0.5)", "print(torch.sigmoid(output) > 0.5)"),
        ("print(output.round())", "print(torch.sigmoid(output).round())"),
        ("print(output)", "print(torch.sigmoid(output))"),
        ("p = output.detach().cpu().numpy()\nprint(p.mean())", "p = torch.sigmoid(output).detach().cpu().numpy()"),
        ("print(output.argmax(1))", "print(output.argmax(1))"),
        ("print(F.binary_cross_entropy(net(torch.ones(1, 4)), torch.ones(1, 3)))", None),
        ("torch.save(net, 'net.pth')", None),
        ("torch.onnx.export(net, torch.ones(1, 4), 'net.onnx')", None),
        ("net.register_forward_hook(print)", None),
        ("torch.sigmoid = lambda x: x", None),
    ],
)
def test_readers_of_the_probabilities(findings, applied, rest: str, new: str | None):
    files = program("return torch.sigmoid(x)", rest=rest)
    (finding,) = findings(files, RULE)
    assert finding.level == (Level.SUGGESTION if new is None else Level.BEHAVIOR)
    if new is not None and "detach" not in rest:
        assert new in applied(files, RULE)["main.py"]
    elif new is not None:
        assert "torch.sigmoid(" in applied(files, RULE)["main.py"].partition("loss.backward()")[2]


@pytest.mark.parametrize(
    ("body", "loss"),
    [
        ("return torch.sigmoid(x)", "nn.BCELoss()"),
        ("return torch.sigmoid(x)", "nn.MSELoss()"),
        ("return torch.softmax(x, 1)", "nn.BCEWithLogitsLoss()"),
        ("return F.hardsigmoid(x)", "nn.BCEWithLogitsLoss()"),
        ("return F.logsigmoid(x)", "nn.BCEWithLogitsLoss()"),
        ("return torch.sigmoid(x) * 10 - 5", "nn.BCEWithLogitsLoss()"),
        ("return self.fc.weight.sum() * torch.sigmoid(x)", "nn.BCEWithLogitsLoss()"),
        ("return x if self.training else torch.sigmoid(x)", "nn.BCEWithLogitsLoss()"),
        ("return torch.sigmoid(x)", "lambda a, b: F.binary_cross_entropy_with_logits(torch.logit(a), b)"),
        ("return torch.sigmoid(x)", "lambda a, b: F.binary_cross_entropy_with_logits(b, a)"),
    ],
)
def test_left_alone(findings, body: str, loss: str):
    assert not findings(program(body, loss), RULE)


WRAPPED = """import torch
from torch import nn

class wrapped:
    def __init__(self, function): self.function = function
    def __get__(self, owner, cls): return lambda x: 4 * self.function(owner, x) - 2

class Base(nn.Module):
    {call}

class Net(Base):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 1)

    {decorator}
    def forward(self, x):
        return torch.sigmoid(self.fc(x))


net = Net()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(3):
    loss = criterion(net(torch.randn(8, 4)), torch.ones(8, 1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("call", "decorator", "level"),
    [
        ("pass", "@wrapped", Level.SUGGESTION),
        ("def __call__(self, x): return 4 * super().__call__(x) - 2", "", Level.SUGGESTION),
        ("def __repr__(self): return 'net'", "", Level.BEHAVIOR),
    ],
)
def test_code_around_the_forward_may_make_scores_of_it(call, decorator, level, findings):
    files = {"main.py": WRAPPED.format(call=call, decorator=decorator)}
    assert [f.level for f in findings(files, RULE)] == [level]
