"""Activations that leave their function: followed to their callers, and gated out only where no loss can get them."""

from __future__ import annotations

import pytest
from without_looks import found_without_looks

from torchfix_codemods.analysis.looks.activations import activations_meet_losses, logarithms_meet_losses
from torchfix_codemods.analysis.project import Project

HEAD = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\n"
NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.act = nn.Softmax(dim=1)

    def forward(self, x):
        return {}

"""
PLAIN = HEAD + NET.format("F.softmax(self.fc(x), dim=1)")
PAIR = HEAD + NET.format("(x, F.softmax(self.fc(x), dim=1))")
FOUND = {
    "in the same file": {"a.py": PLAIN + "def step(x, y):\n    net = Net()\n    return F.cross_entropy(net(x), y)\n"},
    "out of a tuple": {
        "a.py": PAIR + "def step(x, y):\n    net = Net()\n    _, p = net(x)\n    return F.cross_entropy(p, y)\n"
    },
    "in another file": {
        "a.py": PLAIN,
        "b.py": HEAD + "from a import Net\n\ndef step(x, y):\n    net = Net()\n    return F.cross_entropy(net(x), y)\n",
    },
    "by the module": {
        "a.py": PLAIN,
        "b.py": HEAD + "import a\n\ndef step(x, y):\n    net = a.Net()\n    return F.cross_entropy(net(x), y)\n",
    },
    "by a package": {
        "nets/__init__.py": "from . import models\n",
        "nets/models/__init__.py": "from .net import Net\n",
        "nets/models/net.py": PLAIN,
        "b.py": HEAD + "import nets\n\ndef step(x, y):\n    net = nets.models.Net()\n"
        "    return F.cross_entropy(net(x), y)\n",
    },
    "by a star": {
        "a.py": PLAIN,
        "b.py": HEAD + "from a import *\n\ndef step(x, y):\n    net = Net()\n    return F.cross_entropy(net(x), y)\n",
    },
    "by the forward of a module": {
        "a.py": HEAD + "def step(x, y):\n    return F.cross_entropy(nn.Softmax(dim=1).forward(x), y)\n"
    },
    "with spaces around the name": {
        "a.py": HEAD + "def step(x, y):\n    return F.cross_entropy(F. softmax (x, 1), y)\n"
    },
    "by partial": {
        "a.py": HEAD + "from functools import partial\n\ndef same(x):\n    return x\n\ndef step(x, y):\n"
        "    return F.cross_entropy(partial(same, F.softmax(x, 1))(), y)\n"
    },
    "by an object that calls itself": {
        "a.py": PLAIN + "class Whole(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.net = Net()\n        self.criterion = nn.CrossEntropyLoss()\n\n    def forward(self, x):\n"
        "        return self.net(x)\n\n    def step(self, x, y):\n        return self.criterion(self(x), y)\n\n"
        "whole = Whole()\nloss = whole.step(torch.ones(2, 4), torch.ones(2))\n"
    },
    "by an object that calls itself by another name": {
        "a.py": HEAD + "class Whole(nn.Module):\n    def forward(me, x):\n        return F.softmax(x, 1)\n\n"
        "    def step(me, x, y):\n        return F.cross_entropy(me(x), y)\n\n"
        "whole = Whole()\nloss = whole.step(torch.ones(2, 4), torch.ones(2))\n"
    },
    "by a model in a dataclass": {
        "a.py": PLAIN + "from dataclasses import dataclass\n\n@dataclass\nclass Box:\n    net: object\n\n"
        "def step(x, y):\n    net = Box(Net()).net\n    return F.cross_entropy(net(x), y)\n"
    },
    "in an attribute that a script asks for": {
        "a.py": HEAD
        + "class Box:\n    pass\n\nbox = Box()\n\ndef fill(o):\n    o.p = F.softmax(torch.ones(2, 3), 1)\n\n"
        "fill(box)\nloss = F.cross_entropy(box.p, torch.ones(2))\n"
    },
    "at the top level": {
        "a.py": PLAIN,
        "b.py": HEAD + "from a import Net\n\nnet = Net()\nx, y = torch.ones(2, 4), torch.ones(2)\n"
        "loss = F.cross_entropy(net(x), y)\n",
    },
    "through a helper that gets it": {
        "a.py": PLAIN + "def step(x, y):\n    loss_of(Net()(x), y).backward()\n\n"
        "def loss_of(p, y):\n    return F.cross_entropy(p, y)\n"
    },
    "through a helper that gets the model": {
        "a.py": PLAIN + "def step(x, y):\n    loss_of(Net(), x, y).backward()\n\n"
        "def loss_of(f, x, y):\n    return F.cross_entropy(f(x), y)\n"
    },
    "inside another module": {
        "a.py": PLAIN + "class Outer(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.net = Net()\n\n    def forward(self, x, y):\n        return F.cross_entropy(self.net(x), y)\n"
    },
    "by a method": {
        "a.py": HEAD + NET.format("self.fc(x)") + "    def probabilities(self, x):\n"
        "        return self.act(self.fc(x))\n\n    def loss(self, x, y):\n"
        "        return F.cross_entropy(self.probabilities(x), y)\n"
    },
    "by a dictionary": {
        "a.py": HEAD
        + NET.format('{"p": self.act(self.fc(x))}')
        + 'def step(x, y):\n    return F.cross_entropy(Net()(x)["p"], y)\n'
    },
    "by a class that inherits it": {
        "a.py": PLAIN,
        "b.py": HEAD + "from a import Net\n\nclass Mine(Net):\n    pass\n\n"
        "def step(x, y):\n    net = Mine()  # a Net\n    return F.cross_entropy(net(x), y)\n",
    },
    "by a base in another file": {
        "base.py": HEAD + "class Base(nn.Module):\n    def loss(self, x, y):\n"
        "        return F.cross_entropy(self(x), y)\n",
        "a.py": "from base import Base\n"
        + PLAIN.replace("(nn.Module)", "(Base)")
        + "def step(x, y):\n    Net().loss(x, y).backward()\n",
    },
}
GONE = {
    "attention weights beside the output": {
        "a.py": PAIR + "class Layer(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.net = Net()\n        self.fc = nn.Linear(4, 3)\n\n    def forward(self, x, y):\n"
        "        x, _ = self.net(x)\n        return F.cross_entropy(self.fc(x), y)\n"
    },
    "a gate": {
        "a.py": PLAIN + "class Layer(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.net = Net()\n\n    def forward(self, x, y):\n        return F.cross_entropy(x * self.net(x), y)\n"
    },
    "what nobody calls": {
        "a.py": HEAD + "class Processor:\n    def post_process(self, outputs):\n"
        "        return outputs.logits.softmax(-1).max(-1)\n"
    },
    "into the loss that wants it": {
        "a.py": PLAIN + "def step(x, y):\n    net = Net()\n    return F.binary_cross_entropy(net(x), y)\n"
    },
}


@pytest.mark.parametrize("files", FOUND.values(), ids=FOUND)
def test_what_is_found_is_kept(files: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    assert found_without_looks(files, monkeypatch)
    assert any(activations_meet_losses(Project(files, files.get), path) for path in files if "b.py" not in path)


@pytest.mark.parametrize("files", GONE.values(), ids=GONE)
def test_what_no_loss_gets_is_gone(files: dict[str, str]):
    assert not activations_meet_losses(Project(files, files.get), "a.py")


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("return F.cross_entropy(F.log_softmax(x, 1), y)", True),
        ("return F.nll_loss(torch.log(F.softmax(x, 1)), y)", True),
        ("return F.nll_loss(F.softmax(x, 1).log(), y)", True),
        ("p = torch.log_softmax(x, 1)\n    return nn.CrossEntropyLoss()(p, y)", True),
        ("return F.nll_loss(F.log_softmax(x, 1), y)", False),
        ("return F.kl_div(F.log_softmax(x, 1), F.softmax(y, 1))", False),
        ("return -(F.softmax(x, 1) * F.log_softmax(x, 1)).sum()", False),
        ("return F.nll_loss(torch.log(F.softmax(x, 1) + 1e-8), y)", False),
        ("return F.softmax(x / math.log(4), 1)", False),
    ],
)
def test_logarithms_are_kept_where_a_loss_may_get_them(body: str, kept: bool):
    files = {"a.py": f"{HEAD}def loss(x, y):\n    {body}\n"}
    assert logarithms_meet_losses(Project(files, files.get), "a.py") == kept
