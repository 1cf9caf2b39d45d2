"""Activations in code that is inherited, handed over, or chosen from a dictionary: kept where a loss may get them."""

from __future__ import annotations

import pytest
from without_looks import found_without_looks

from torchfix_codemods.analysis.looks.activations import activations_meet_losses
from torchfix_codemods.analysis.project import Project

HEAD = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\n"
NET = (
    "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(4, 3)\n\n"
    "    def forward(self, x):\n        return F.softmax(self.fc(x), dim=1)\n\n"
)
STEP = "def step(x, y):\n    net = {}\n    return F.cross_entropy(net(x), y)\n"
BASE = HEAD + (
    "class Other(nn.Module):\n    def quiet(self, x):\n        return self.scores(x)\n\n"
    "class Base(nn.Module):\n    def forward(self, x, y):\n        return F.{}(self.scores(x), y)\n"
)
SCORES = HEAD + (
    "from base import Base\n\nclass Net(Base):\n    def scores(self, x):\n        return F.softmax(x, dim=1)\n\n"
    "def step(x, y):\n    net = Net()\n    return net(x, y)\n"
)
HELPED = (
    "class Layer(nn.Module):\n    def step(self, x, y):\n        p = F.softmax(x, dim=1)\n"
    "        return apply(self.part, 1, p, y)\n\n    def part(self, p, y):\n        return F.{}(p, y)\n\n"
    "def apply(function, size, *tensors):\n    return function(*tensors)\n\n"
    "def train(x, y):\n    Layer().step(x, y).backward()\n"
)
FOUND = {
    "by a class in a dictionary": {"a.py": HEAD + NET + 'NETS = {"net": Net}\n\n' + STEP.format('NETS["net"]()')},
    "by an inherited forward": {
        "a.py": HEAD + NET + "class Own(Net):\n    def forward(self, x):\n        return super().forward(x)\n\n"
        "def step(x, y):\n    net = Own()\n    return F.cross_entropy(net(x), y)\n"
    },
    "by a method that a helper calls": {"a.py": HEAD + HELPED.format("cross_entropy")},
    "by a module that only one class keeps": {
        "a.py": HEAD + NET + "class A(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.net = nn.Linear(4, 3)\n\nclass B(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.net = Net()\n\n"
        "    def forward(self, x, y):\n        return F.cross_entropy(self.net(x), y)\n\n"
        "def step(x, y):\n    return B()(x, y)\n"
    },
    "by a function in an attribute": {
        "a.py": HEAD + "def loss_of(p, y):\n    return F.cross_entropy(p, y)\n\nclass A(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.loss = loss_of\n\n"
        "    def forward(self, x, y):\n        return self.loss(F.softmax(x, dim=1), y)\n\n"
        "def step(x, y):\n    return A()(x, y)\n"
    },
    "out of a generator": {
        "a.py": HEAD + "def probabilities(items):\n    for x in items:\n        yield F.softmax(x, dim=1)\n\n"
        "def step(items, y):\n    for p in probabilities(items):\n        F.cross_entropy(p, y).backward()\n"
    },
}
GONE = {
    "by a base that has another loss": {"a.py": SCORES, "base.py": BASE.format("l1_loss")},
    "by a class in a dictionary": {
        "a.py": HEAD + NET + 'NETS = {"net": Net}\n\ndef step(x, y):\n    net = NETS["net"]()\n'
        "    return F.l1_loss(net(x), y)\n"
    },
    "by a method that a helper calls": {"a.py": HEAD + HELPED.format("l1_loss")},
    "in a generator": {
        "a.py": HEAD + "def probabilities(items):\n    for x in items:\n        yield F.softmax(x, dim=1)\n\n"
        "def step(items):\n    for p in probabilities(items):\n        print(p.argmax())\n"
    },
    "listed behind a method": {
        "a.py": HEAD + NET + '__all__ = [\n    "Other",\n    "Net",\n]\n',
    },
}


@pytest.mark.parametrize("files", FOUND.values(), ids=FOUND)
def test_what_is_found_is_kept(files: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    assert found_without_looks(files, monkeypatch)
    assert activations_meet_losses(Project(files, files.get), "a.py")


@pytest.mark.parametrize("files", GONE.values(), ids=GONE)
def test_what_no_loss_gets_is_gone(files: dict[str, str]):
    assert not activations_meet_losses(Project(files, files.get), "a.py")
