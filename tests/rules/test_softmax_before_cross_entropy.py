"""TFC101 beyond its page: where the activation may move to, and what only looks like the mistake."""

from __future__ import annotations

from textwrap import dedent

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules.softmax_before_cross_entropy import RULE

HEAD = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x):
        return F.softmax(self.fc(x), dim=1)


net, head, flag = Net(), nn.Linear(2, 1), unread()
"""
SEQUENTIAL = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"


def program(body: str, head: str = HEAD) -> dict[str, str]:
    """A file that uses `Net`."""
    return {"main.py": head + dedent(body)}


def changed(files, applied) -> list[str]:
    """The lines of the program that the fixes change, below the class."""
    before, after = files["main.py"].splitlines(), applied(files, RULE)["main.py"].splitlines()
    return [line.strip() for line in after if line not in before and "return self.fc(x)" not in line]


@pytest.mark.parametrize(
    ("reader", "rewritten"),
    [
        ("print(head(out))", "print(head(torch.softmax(out, dim=1)))"),
        ("print(nn.Sequential(head)(out))", "print(nn.Sequential(head)(torch.softmax(out, dim=1)))"),
        ("print(nn.ReLU()(out))", "print(nn.ReLU()(torch.softmax(out, dim=1)))"),
        ("plot(probabilities=out)", "plot(probabilities=torch.softmax(out, dim=1))"),
        ("for p, t in zip(out, y): p[t].item()", "for p, t in zip(torch.softmax(out, dim=1), y): p[t].item()"),
        ("for i, p in enumerate(out): p[0].item()", "for i, p in enumerate(torch.softmax(out, dim=1)): p[0].item()"),
        ("print([p[0].item() for p in out])", "print([p[0].item() for p in torch.softmax(out, dim=1)])"),
        ("print(next(iter(out)).sum())", "print(next(iter(torch.softmax(out, dim=1))).sum())"),
        (
            "sums = []\nsums.append(out)\nprint(torch.cat(sums).sum())",
            "print(torch.softmax(torch.cat(sums), dim=1).sum())",
        ),
        ("print(out.argmax(1))", None),
        ("print(out.topk(2)[1])", None),
    ],
)
def test_where_the_numbers_are_read_the_softmax_stands_now(reader, rewritten, applied):
    files = program(f"out = net(x)\nF.cross_entropy(out, y).backward()\n{reader}\n")
    assert changed(files, applied) == ([rewritten] if rewritten else [])
    assert "return self.fc(x)" in applied(files, RULE)["main.py"]
    assert applied(applied(files, RULE), RULE) == applied(files, RULE)


@pytest.mark.parametrize(
    "body",
    [
        # a helper that others call with probabilities of their own
        "def entropy(p): return -(p * p.log()).sum()\nprint(entropy(out), entropy(other))\n",
        # a module that others call so
        "class Head(nn.Module):\n  def forward(self, p): return p * 2\nh = Head()\nprint(h(out), h(other))\n",
        # a helper that also gets the probabilities of another activation
        "def entropy(p): return -(p * p.log()).sum()\nprint(entropy(out), entropy(torch.sigmoid(x)))\n",
        # the same expression has another value in another round
        "for v in (out, other): print(v.sum())\n",
    ],
)
def test_an_expression_with_values_of_another_origin_is_not_wrapped(body, findings):
    (finding,) = findings(program(f"out = net(x)\nF.cross_entropy(out, y).backward()\n{body}"), RULE)
    assert finding.fix is None and "without this activation" in finding.no_fix_reason


def test_a_view_that_goes_into_the_loss_and_is_read_is_not_wrapped_at_its_source(findings):
    body = "out = net(x)\nrows = out.view(-1, 2)\nF.cross_entropy(rows, y).backward()\nprint(rows.sum())\n"
    (finding,) = findings(program(body), RULE)
    assert finding.fix is None


def test_a_helper_with_one_caller_may_be_changed(applied):
    body = "def entropy(p):\n    return -p.log().sum()\n\nout = net(x)\nF.cross_entropy(out, y)\nprint(entropy(out))\n"
    assert changed(program(body), applied) == ["return -torch.softmax(p, dim=1).log().sum()"]


@pytest.mark.parametrize(
    "body",
    [
        "args = (out, 1)\nplot(*args)",
        "box.probabilities = out",
        "out += 1e-8\nprint(out.log())",
        "F.mse_loss(out, y)",
        "nn.NLLLoss()(out, y)",
        "torch.save(out, path)",
    ],
)
def test_what_cannot_be_followed_is_a_suggestion_at_most(body, findings):
    (finding,) = findings(program(f"out = net(x)\nF.cross_entropy(out, y).backward()\n{body}\n"), RULE)
    assert finding.level == Level.SUGGESTION


@pytest.mark.parametrize(
    "body",
    [
        "F.cross_entropy(net(x).log(), y)",
        "F.cross_entropy(torch.log(net(x) + 1e-8), y)",
        "F.cross_entropy(torch.logit(net(x)), y)",
        "F.cross_entropy(y, net(x))",
        "F.cross_entropy(head(x), net(x))",
        "F.cross_entropy(net(x) / 0.07, y)",
        "F.cross_entropy(net(x) @ w, y)",
        "F.cross_entropy(net(x) if flag else head(x), y)",
        "F.nll_loss(net(x).log(), y)",
        "nn.BCELoss()(net(x), y)",
        "nn.KLDivLoss()(net(x), y)",
        "nn.CrossEntropyLoss()",
        "class Train(Net):\n  def forward(self, x): return self.fc(x)\nF.cross_entropy(Train()(x), y)",
        "class Train(Net):\n  def forward(self, x): return super().forward(x).log()\nF.cross_entropy(Train()(x), y)",
        "class Smooth(nn.CrossEntropyLoss):\n  def forward(self, p, y): return -(p.log() * y)\nSmooth()(net(x), y)",
        "def cross_entropy(p, y): return -(p.log() * y).sum()\ncross_entropy(net(x), y)",
        "class CrossEntropyLoss(nn.Module):\n  def forward(self, p, y): return -p[y]\nCrossEntropyLoss()(net(x), y)",
        "{'a': nn.CrossEntropyLoss(), 'b': nn.BCELoss()}['b'](net(x), y)",
    ],
)
def test_look_alikes(body, findings):
    assert findings(program(body), RULE) == []


@pytest.mark.parametrize(
    ("change", "level"),
    [
        ("pass", Level.BEHAVIOR),
        ("net.pop(-1)", Level.SUGGESTION),
        ("del net[-1]", Level.SUGGESTION),
        ("net[-1] = nn.Identity()", Level.SUGGESTION),
        ("features = nn.Sequential(*list(net.children())[:-1])", Level.SUGGESTION),
        ("torch.onnx.export(net, x, path)", Level.SUGGESTION),
    ],
)
def test_a_sequential_that_is_taken_apart_is_only_a_suggestion(change, level, findings):
    body = f"net = nn.Sequential(nn.Linear(3, 2), nn.Softmax(dim=1))\n{change}\nF.cross_entropy(net(x), y)\n"
    (finding,) = findings(program(body, SEQUENTIAL), RULE)
    assert finding.level == level


@pytest.mark.parametrize(
    "build",
    [
        "layers = [nn.Linear(3, 2), nn.Softmax(1)]\nlayers.pop()\nnet = nn.Sequential(*layers)",
        "layers = [nn.Linear(3, 2), nn.Softmax(1)]\ndel layers[-1]\nnet = nn.Sequential(*layers)",
        "layers = [nn.Linear(3, 2), nn.Softmax(1)]\nlayers[-1] = nn.ReLU()\nnet = nn.Sequential(*layers)",
        "layers = [nn.Linear(3, 2), nn.Softmax(1)]\nnet = nn.Sequential(*layers[:-1])",
        "layers = [nn.Linear(3, 2), nn.Softmax(1)]\nnet = nn.Sequential(*reversed(layers))",
        "layers = [nn.Linear(3, 2)]\nif last:\n  layers.append(nn.Softmax(1))\nnet = nn.Sequential(*layers)",
        "net = nn.Sequential(nn.Linear(3, 2), nn.Softmax(1), nn.Linear(2, 2))",
    ],
)
def test_layers_that_do_not_end_in_softmax(build, findings):
    assert findings(program(f"{build}\nF.cross_entropy(net(x), y)\n", SEQUENTIAL), RULE) == []
