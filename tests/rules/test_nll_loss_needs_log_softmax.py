"""NLL of probabilities or scores, BCE of scores: traps beyond the page."""

from __future__ import annotations

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules import nll_loss_needs_log_softmax

RULE = nll_loss_needs_log_softmax.RULE
PROGRAM = """
import torch
import torch.nn as nn
import torch.nn.functional as F
{head}
class Net(nn.Module):
    def __init__(self, flag=False):
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.act = nn.Softmax(dim=1)
    def forward(self, x):
        x = self.fc(x)
        {body}
net = Net()
criterion = {loss}
optimizer = torch.optim.SGD(net.parameters(), 0.1)
output = net(torch.randn(2, 4))
loss = criterion(output, {target})
loss.backward()
optimizer.step()
{rest}
"""


def program(body: str, loss: str = "nn.NLLLoss()", rest: str = "", head: str = "") -> dict[str, str]:
    target = "torch.rand(2, 3)" if "BCE" in loss else "torch.tensor([0, 2])"
    return {"main.py": PROGRAM.format(body=body, loss=loss, rest=rest, head=head, target=target)}


@pytest.mark.parametrize(
    ("body", "new"),
    [
        ("return F.softmax(x, 1)", "return F.log_softmax(x, 1)"),
        ("return F.softmax(input=x, dim=1)", "return F.log_softmax(input=x, dim=1)"),
        ("return torch.softmax(x, -1)  # why", "return torch.log_softmax(x, -1)  # why"),
        ("return x.softmax(1)", "return x.log_softmax(1)"),
        ("return (x\n            .softmax(1))", "return (x\n            .log_softmax(1))"),
        ("return torch.special.softmax(x, 1)", "return torch.special.log_softmax(x, 1)"),
        ("return torch.nn.functional.softmax(x, dim=1)", "return torch.nn.functional.log_softmax(x, dim=1)"),
        ("return nn.Softmax(dim=1)(x)", "return nn.LogSoftmax(dim=1)(x)"),
        ("return torch.log(F.softmax(x, 1))", "return F.log_softmax(x, 1)"),
        ("return (F.softmax(x, dim=1)).log()", "return F.log_softmax(x, dim=1)"),
    ],
)
def test_the_softmax_becomes_a_log_softmax(findings, applied, body: str, new: str):
    files = program(body)
    assert [f.level for f in findings(files, RULE)] == [Level.EQUIVALENT if "log" in body else Level.BEHAVIOR]
    after = applied(files, RULE)["main.py"]
    assert new in after.replace("(F.log_softmax(x, dim=1))", "F.log_softmax(x, dim=1)")
    compile(after, "main.py", "exec")
    assert not findings({"main.py": after}, RULE)


def test_a_layer_that_is_used_twice_stays(findings, applied):
    body = "weights = self.act(x)\n        x = x * weights\n        return self.act(x)"
    after = applied(program(body), RULE)["main.py"]
    assert "return F.log_softmax(x, dim=1)" in after and "weights = self.act(x)" in after
    assert "self.act = nn.Softmax(dim=1)" in after


@pytest.mark.parametrize(
    ("loss", "new"),
    [
        ("nn.NLLLoss(ignore_index=0)", "nn.CrossEntropyLoss(ignore_index=0)"),
        ("torch.nn.NLLLoss()", "torch.nn.CrossEntropyLoss()"),
        (
            "nn.NLLLoss(torch.ones(3), reduction='sum').cpu()",
            "nn.CrossEntropyLoss(torch.ones(3), reduction='sum').cpu()",
        ),
        ("nn.modules.loss.NLLLoss()", "nn.modules.loss.CrossEntropyLoss()"),
        ("F.nll_loss", None),
        ("nn.BCELoss(reduction='sum')", "nn.BCEWithLogitsLoss(reduction='sum')"),
        ("lambda a, b: F.nll_loss(a, b)", "lambda a, b: F.cross_entropy(a, b)"),
        ("lambda a, BCE: F.binary_cross_entropy(a, BCE)", "lambda a, BCE: F.binary_cross_entropy_with_logits(a, BCE)"),
    ],
)
def test_the_loss_of_scores_becomes_one_that_wants_them(findings, applied, loss: str, new: str | None):
    files = program("return x", loss)
    (finding,) = findings(files, RULE)
    if new is None:  # the function is not called by its name
        assert finding.fix is None
        return
    assert finding.level == (Level.CRASH_FIX if "BCE" in loss else Level.BEHAVIOR)
    assert f"criterion = {new}\n" in applied(files, RULE)["main.py"]


@pytest.mark.parametrize(
    ("imports", "call", "expected"),
    [
        (
            "from torch.nn import NLLLoss",
            "NLLLoss()",
            ["from torch.nn import CrossEntropyLoss", "= CrossEntropyLoss()"],
        ),
        (
            "from torch.nn import (\n    NLLLoss,  # the loss\n    Linear,\n)",
            "NLLLoss()",
            ["    CrossEntropyLoss,  # the loss\n    Linear,", "= CrossEntropyLoss()"],
        ),
        (
            "from torch.nn import NLLLoss as Loss",
            "Loss()",
            ["from torch.nn import NLLLoss as Loss", "= nn.CrossEntropy"],
        ),
        (
            "from torch.nn import NLLLoss\nother = NLLLoss()",
            "NLLLoss()",
            ["other = NLLLoss()", "= nn.CrossEntropyLoss()"],
        ),
        (
            "from torch.nn import CrossEntropyLoss, NLLLoss",
            "NLLLoss()",
            ["CrossEntropyLoss, Cross", "= CrossEntropyLoss()"],
        ),
    ],
)
def test_imports_by_name(applied, imports: str, call: str, expected: list[str]):
    after = applied(program("return x", call, head=imports), RULE)["main.py"]
    assert all(part in after for part in expected), after
    compile(after, "main.py", "exec")


SUGGESTED = {
    "a forward hook": "net.register_forward_hook(lambda m, i, o: print(o.sum()))",
    "probabilities are read": "print(output.exp())",
    "a class that is asked for": "if isinstance(criterion, nn.NLLLoss):\n    output = F.log_softmax(output, 1)",
    "an activation that is put in": "net.fc.add_module('last', nn.LogSoftmax(1))",
    "another loss": "nn.NLLLoss = nn.CrossEntropyLoss",
    "in place": "torch.log_(output)",
    "the loss also gets something else": "print(criterion(torch.randn(2, 3), torch.tensor([0, 1])))",
    "a call with a star": "pair = unread()\nprint(criterion(*pair))",
    "the loss goes to code that is not there": "import trainer\ntrainer.fit(net, criterion)",
}


@pytest.mark.parametrize("rest", SUGGESTED.values(), ids=SUGGESTED)
def test_scores_with_a_doubt(findings, rest: str):
    (finding,) = findings(program("return x", rest=rest), RULE)
    assert finding.level == Level.SUGGESTION


@pytest.mark.parametrize("reader", ["print((output > 0.5).sum())", "print(output.round())", "print(output < .5)"])
def test_scores_that_are_read_as_probabilities(findings, reader: str):
    (finding,) = findings(program("return x", "nn.BCELoss()", rest=reader), RULE)
    assert finding.level == Level.SUGGESTION


def test_without_training_it_is_a_suggestion(findings):
    text = "import torch\nfrom torch import nn\nm = nn.Linear(2, 2)\n"
    text += "print(nn.NLLLoss()(m(torch.ones(1, 2)), torch.tensor([0])))\n"
    (finding,) = findings({"main.py": text}, RULE)
    assert finding.level == Level.SUGGESTION


LEFT_ALONE = {
    "cosine similarity": ("return F.cosine_similarity(x, x + 1, dim=1)[:, None].relu().expand(2, 3)", "nn.BCELoss()"),
    "relu": ("return torch.relu(x)", "nn.NLLLoss()"),
    "tanh": ("return torch.tanh(x)", "nn.BCELoss()"),
    "an own log_softmax": ("return x - torch.logsumexp(x, 1, keepdim=True)", "nn.NLLLoss()"),
    "an own sigmoid": ("return 1 / (1 + torch.exp(-x))", "nn.BCELoss()"),
    "a flag": ("return F.log_softmax(x, 1) if self.training else x", "nn.NLLLoss()"),
    "a logsigmoid": ("return F.logsigmoid(x)", "nn.NLLLoss()"),
    "an item that is assigned": ("x[:, 0] = torch.sigmoid(x[:, 0])\n        return x", "nn.BCELoss()"),
    "an own loss of that name": ("return x", "NLLLoss()"),
    "log_softmax in training, softmax else": (
        "if self.training:\n            return F.log_softmax(x, 1)\n        return F.softmax(x, 1)",
        "nn.NLLLoss()",
    ),
}
OWN_LOSS = "class NLLLoss(nn.Module):\n    def forward(self, a, b):\n        return F.cross_entropy(a, b)\n"


@pytest.mark.parametrize(("body", "loss"), LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_left_alone(findings, body: str, loss: str):
    head = OWN_LOSS if loss == "NLLLoss()" else ""
    assert not findings(program(body, loss, head=head), RULE)


def test_bad_input_is_no_error(findings):
    for text in (
        "nll_loss(",
        "nll_loss()",
        "F.nll_loss(*x)",
        "import torch.nn as nn\nnn.NLLLoss()()",
        "x.log().softmax()",
    ):
        try:
            compile(text, "main.py", "exec")
        except SyntaxError:
            continue
        assert findings({"main.py": text + "\n"}, RULE) == []


@pytest.mark.parametrize(
    "replaced", ["net.fc = nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax(1))", "net.fc = unread()", "net = unread(net)"]
)
def test_a_part_of_the_model_that_is_replaced(findings, replaced: str):
    files = program("return x")
    text = files["main.py"].replace("criterion = ", f"{replaced}\ncriterion = ", 1)
    assert not findings({"main.py": text}, RULE)


UNIT = """
import unittest
import torch
import torch.nn.functional as F

class TestLoss(unittest.TestCase):
    @classmethod
    def {name}(cls):
        cls.outputs = [F.softmax(torch.randn(2, 3), dim=1) for _ in range(3)]

    def test_loss(self):
        wanted = 0
        for output in self.outputs:
            wanted += torch.nn.NLLLoss()(output, torch.zeros(2).long())
        self.assertLess(wanted.item(), 9)
"""


def test_what_a_unit_test_feeds_to_a_loss_is_its_own_affair(findings):
    assert findings({"test_loss.py": UNIT.format(name="setUpClass")}, RULE) == []
    as_a_program = UNIT.format(name="setUpClass").replace("import unittest", "").replace("unittest.TestCase", "object")
    assert findings({"loss.py": as_a_program.replace("test_loss", "run")}, RULE) != []


RAW = """import torch
import torch.nn.functional as F
from torch import nn

{before}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    {decorator}
    def forward(self, x):
        return self.fc(x)


net = Net()
criterion = nn.{loss}
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
{setup}
for _ in range(3):
    x, y = torch.randn(8, 4), torch.randint(0, 3, (8,))
    out = net(x)
    loss = {expression}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    {after}
"""
WRAPPER = """def wrapped(forward):
    def inner(self, x):
        out = forward(self, x)
        return {result}
    return inner
"""


def raw(before="", decorator="", loss="NLLLoss()", setup="", expression="criterion(out, y)", after="print(loss)"):
    return {"main.py": RAW.format(**locals())}


@pytest.mark.parametrize(
    "files",
    [
        raw(before=WRAPPER.format(result="F.log_softmax(out, 1)"), decorator="@wrapped"),
        raw(setup="old = net.forward\nnet.forward = lambda x: F.log_softmax(old(x), 1)"),
        raw(setup="def norm(t):\n    t.sub_(t.logsumexp(1, keepdim=True))"),
        raw(expression="criterion(out, y) + torch.logsumexp(out, 1).mean()"),
        raw(loss="NLLLoss(reduction='none')", expression="(out.max(1)[0] + criterion(out, y)).mean()"),
        raw(loss="BCELoss()", after="print((out > THRESHOLD).sum())"),
        raw(loss="BCELoss()", after="print(out.ge(0.5).sum())"),
    ],
)
def test_scores_that_something_else_may_be_done_to_are_a_suggestion(files, findings):
    assert [f.level for f in findings(files, RULE)] == [Level.SUGGESTION]


def test_who_counts_on_the_exception_is_left_alone(findings):
    files = raw(loss="BCELoss()")
    text = files["main.py"].replace(
        "    loss = criterion(out, y)\n",
        "    try:\n        loss = criterion(out, y)\n    except RuntimeError:\n        continue\n",
    )
    assert [f.level for f in findings({"main.py": text}, RULE)] == [Level.SUGGESTION]


@pytest.mark.parametrize(
    "files",
    [raw(), raw(before=WRAPPER.format(result="out"), decorator="@wrapped"), raw(decorator="@torch.autocast('cpu')")],
)
def test_a_decorator_that_hands_on_what_it_gets_is_no_doubt(files, findings):
    assert [f.level for f in findings(files, RULE)] == [Level.BEHAVIOR]


RESIZED = """
import torch
import torch.nn as nn
import torch.nn.functional as F
net = nn.Conv2d(1, 3, 1)
criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(net.parameters(), 0.1)
scores = net(torch.rand(2, 1, 4, 4))
loss = criterion(F.interpolate({scores}, scale_factor=2), torch.zeros(2, 8, 8).long())
loss.backward()
optimizer.step()
"""


def test_resized_scores_are_scores(findings, applied):
    """Of every pixel, after an interpolation too."""
    files = {"main.py": RESIZED.format(scores="scores")}
    assert [finding.level for finding in findings(files, RULE)] == [Level.BEHAVIOR]
    assert "criterion = nn.CrossEntropyLoss()" in applied(files, RULE)["main.py"]


@pytest.mark.parametrize("scores", ["F.log_softmax(scores, 1)", "scores - scores.logsumexp(1, keepdim=True)"])
def test_resized_log_probabilities_are_none(findings, scores: str):
    assert findings({"main.py": RESIZED.format(scores=scores)}, RULE) == []
