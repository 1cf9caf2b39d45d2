"""Activations whose output stays in the function: gated out only where no loss can get it."""

from __future__ import annotations

import textwrap

import pytest

from torchfix_codemods.analysis.looks.activations import activations_meet_losses
from torchfix_codemods.analysis.project import Project

HEAD = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\n"


USER = """

def train(x, y):
    net = Net()
    return F.cross_entropy(net(x, y), y) + F.cross_entropy(net.p, y)
"""


def activations_leave(text: str) -> bool:
    return activations_meet_losses(Project(["net.py"], {"net.py": text}.get), "net.py")


def method(body: str, init: str = "pass") -> str:
    """A module with a forward of these statements."""
    lines = textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 8)
    made = f"    def __init__(self):\n        {init}\n"
    return f"{HEAD}class Net(nn.Module):\n{made}\n    def forward(self, x, y):\n{lines}\n{USER}"


LEAVE = {
    "returned": "return F.softmax(x, 1)",
    "returned in a tuple": "p = torch.softmax(x, 1)\nreturn x, p",
    "through a view": "p = x.softmax(1).view(-1, 3)\nreturn p.squeeze()",
    "to a loss": "return F.cross_entropy(F.softmax(x, 1), y)",
    "to a loss by keyword": "return F.cross_entropy(target=y, input=F.softmax(x, 1))",
    "to a loss that is made on the spot": "return nn.CrossEntropyLoss()(F.softmax(x, 1), y)",
    "to some callable": "return criterion(x.softmax(1), y)",
    "to a method": "self.loss = self.criterion(x.sigmoid(), y)",
    "into another log_softmax": "return F.nll_loss(F.log_softmax(F.softmax(x, 1), 1), y)",
    "by its method": "return x.softmax(1).log_softmax(1)",
    "stored": "self.p = torch.sigmoid(x)",
    "stored in an item": "out = {}\nout['p'] = F.softmax(x, 1)\nreturn out",
    "appended": "ps = []\nps.append(F.softmax(x, 1))\nreturn ps",
    "on one path": "p = x\nif self.training:\n    p = F.softmax(x, 1)\nreturn p",
    "from the round before": "p = None\nfor i in x:\n    q = p\n    p = F.softmax(i, 1)\nreturn q",
    "where a loop is left": "for i in x:\n    p = F.softmax(i, 1)\n    if y:\n        break\n    p = p * 2\nreturn p",
    "where a statement fails": "try:\n    p = F.softmax(x, 1)\n    p = p * 2\nexcept ValueError:\n    pass\nreturn p",
    "by a closure": "p = F.softmax(x, 1)\ndef give():\n    return p\nreturn give()",
    "by a lambda": "return map(lambda v: F.softmax(v, 1), x)",
    "as a function": "act = F.softmax\nreturn act(x, 1)",
    "asked for by its name": 'return getattr(F, "softmax")(x, 1)',
    "through dropout in an attribute": "return self.drop(F.softmax(x, 1))",
    "through cat": "return torch.cat([F.softmax(x, 1), y], 1)",
    "the best of them": "return F.softmax(x, 1).max(1)",
    "yielded": "yield F.softmax(x, 1)",
    "in a comprehension": "return [F.softmax(v, 1) for v in x]",
    "by a walrus": "if (p := F.softmax(x, 1)) is not None:\n    return p",
    "made in passing": "return nn.Sequential(self.fc, nn.Softmax(1))(x)",
    "the best of them, taken apart": "best, places = F.softmax(x, 1).max(1)\nreturn best",
    "the best of them, by position": "return F.softmax(x, 1).topk(2)[0]",
    "a row of an activation": "return self.softmax(x)[1]",
    "under its other name": "return torch.special.expit(x)",
    "in place": "return x.sigmoid_()",
    "by a name that only contains the word": "return stable_softmax(x)",
    "renamed inside": "from torch.nn.functional import softmax as act\nreturn act(x, 1)",
    "asked for by a name that contains the word": 'return getattr(ops, "stable_softmax")(x)',
    "behind a hash in a string": 'return tag("#1", F.softmax(x, 1))',
    "of a known loss in a match": "match y:\n    case 1:\n        return F.softmax(x, 1)",
}
STAY = {
    "attention": "w = F.softmax(x @ y, -1)\nw = F.dropout(w, 0.1, self.training)\nreturn torch.matmul(w, y), w",
    "gate": "return x * torch.sigmoid(y)",
    "product by a method": "w = x.softmax(-1)\nreturn w.matmul(y)",
    "printed": "print(F.softmax(x, 1))\nreturn x",
    "counted": "n = F.softmax(x, 1).argmax(1) == y\nreturn x",
    "into a layer": "return self.fc(F.softmax(x, 1))",
    "weights in a loop": "for i in range(3):\n    w = F.softmax(x, 1)\n    x = x + w * y\nreturn x",
    "only logs": "return F.log_softmax(x, 1)",
    "a mask": "return x.masked_fill(x.sigmoid() > 0.5, 0)",
    "where the best are": "best, places = F.softmax(x, 1).topk(2)\nreturn places",
    "where the best are, by position": "return F.softmax(x, 1).max(1)[1]",
    "where the best are, by name": "top = torch.topk(F.softmax(x, 1), 2)\nreturn top.indices",
    "scattered": "return x.scatter(1, y, F.softmax(x, 1))",
    "a setting": 'args.softmax_scale = getattr(args, "softmax_scale", 1)\nreturn x',
    "prose": '"""Like a softmax (of sorts)."""\n# softmax(x)\nreturn x',
    "only a name of its own": "return x * self.softmax_scale",
}


@pytest.mark.parametrize("body", LEAVE.values(), ids=LEAVE)
def test_what_may_reach_a_loss_leaves(body: str):
    assert activations_leave(method(body, "self.fc = nn.Linear(3, 3)"))


@pytest.mark.parametrize("body", STAY.values(), ids=STAY)
def test_what_is_used_up_stays(body: str):
    assert not activations_leave(method(body, "self.fc = nn.Linear(3, 3)"))


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ("def inverse_sigmoid(x):\n    return x.log()\n\n\ndef f(x):\n    return inverse_sigmoid(x)\n", False),
        (
            "def my_sigmoid(x):\n    return x.sigmoid()\n\n\ndef f(x):\n    return F.cross_entropy(my_sigmoid(x), x)\n",
            True,
        ),
        ("class AMSoftmaxLoss:\n    pass\n\n\ndef f():\n    return AMSoftmaxLoss()\n", False),
        ("class ASoftmax(nn.Softmax):\n    pass\n\n\ndef f(x):\n    return ASoftmax(1)(x)\n", True),
        ("from ops import a_softmax\n\n\ndef f(x):\n    return F.cross_entropy(a_softmax(x), x)\n", True),
        (
            "try:\n    from ops import a_softmax\nexcept ImportError:\n    def a_softmax(x):\n        return x\n\n\n"
            "def f(x):\n    return F.cross_entropy(a_softmax(x), x)\n",
            True,
        ),
        (
            "from ops import (\n    a_softmax,\n    b,\n)\n\n\nclass C:\n    def a_softmax(self):\n        return 1\n"
            "\n\ndef f(x):\n    return F.cross_entropy(a_softmax(x), x)\n",
            True,
        ),
        ("def a_sigmoid(x):\n    return x\n\n\ndef f(x, a_sigmoid):\n    return a_sigmoid(x)\n", False),
        (
            "from ops import *\n\n\nclass C:\n    def a_sigmoid(self): ...\n\n\n"
            "def f(x):\n    return g(a_sigmoid(x))\n",
            True,
        ),
        (
            "def a_softmax(x):\n    return x\n\n\na_softmax = fast\n\n\n"
            "def f(x):\n    return F.cross_entropy(a_softmax(x), x)\n",
            True,
        ),
    ],
)
def test_a_name_that_only_contains_the_word_is_an_activation_unless_the_file_says_what_it_is(text: str, leaves: bool):
    assert activations_leave(HEAD + text) == leaves


@pytest.mark.parametrize(
    ("init", "body", "leaves"),
    [
        ("self.act = nn.Softmax(1)", "return self.act(x)", True),
        ("self.act = nn.Softmax(1)", "return self.act(x) * y", False),
        ("self.act = nn.Softmax(1)", "act = self.act\nreturn act(x)", True),
        ("self.gate: nn.Module = nn.Sigmoid()", "return x * self.gate(x)", False),
        ("self.softmax = nn.Softmax(1)", "return x, self.softmax(x)", True),
        ("self.net = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid())", "return x * self.net(x)", False),
    ],
)
def test_modules_in_attributes_are_applied_where_they_are_called(init: str, body: str, leaves: bool):
    assert activations_leave(method(body, init)) == leaves


@pytest.mark.parametrize(
    "text",
    [
        "probabilities = model(x).softmax(1)\n",
        "from torch.nn.functional import softmax as sm\n\n\ndef f(x):\n    return x * 2\n",
        "from torch.nn.functional import (\n    relu,\n    softmax,\n)\n\nACT = [relu, softmax]\n",
        "def f(x, act=F.softmax):\n    return x\n",
        "class Head(nn.Softmax):\n    pass\n",
        "class Net:\n    act = nn.Softmax(1)\n",
        "def f(x):\n    return F.softmax(x, 1)\r\n",
        "def f(x):\n    return F.softmax(x, 1\n",
    ],
)
def test_what_stands_elsewhere_or_is_not_understood_leaves(text: str):
    assert activations_leave(HEAD + text)
