"""The gate loses nothing: with it and without it the rules find the same, in every page example and corpus program."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import pytest
from examples import all_examples

from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.gate import Topic, topics
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Finding
from torchfix_codemods.rules import RULES

CORPUS = Path(__file__).parents[2] / "corpus"
PROGRAMS = {example.id: example.before for example in all_examples()} | {
    folder.parent.name: {
        path.relative_to(folder).as_posix(): path.read_bytes().decode("utf-8", "replace")
        for path in folder.rglob("*.py")
    }
    for folder in CORPUS.glob("*/before")
}

_NET = (
    "import torch\nfrom torch import nn\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    "        self.body = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))\n\n    def forward(self, x):\n"
    "        return self.body(x)\n"
)
_MAIN = "import torch\nfrom net import Net\nfrom helper import {}\n\nloader = [torch.zeros(2, 4)]\nmodel = Net()\n"
#: Model calls that a look at names might overlook, most of them in a file that says little itself.
HIDDEN = {
    "in a helper without a word": (
        "def validate_all(f, xs):\n    return [float(f(x).sum()) for x in xs]\n",
        _MAIN.format("validate_all") + "model.eval()\nprint(validate_all(model, loader))\n",
    ),
    "in an attribute": (
        "class Runner:\n    def __init__(self, f):\n        self.f = f\n\n    def evaluate(self, xs):\n"
        "        for x in xs:\n            print(self.f(x).sum().item())\n",
        _MAIN.format("Runner") + "model.eval()\nRunner(model).evaluate(loader)\n",
    ),
    "in a property of a base": (
        "from base import Base\n\nclass Runner(Base):\n    def evaluate(self, xs):\n"
        "        for x in xs:\n            print(self.net(x).sum().item())\n",
        _MAIN.format("Runner") + "model.eval()\nRunner(model).evaluate(loader)\n",
    ),
    "in an attribute with the name of an operation": (
        "class Runner:\n    def __init__(self, f):\n        self.norm = f\n\n    def evaluate(self, xs):\n"
        "        for x in xs:\n            print(self.norm(x).sum().item())\n",
        _MAIN.format("Runner") + "model.eval()\nRunner(model).evaluate(loader)\n",
    ),
    "in a helper that trains": (
        "from step import step\n\ndef evaluate(model, xs):\n    for x in xs:\n        print(step(model, x).item())\n",
        _MAIN.format("evaluate") + "from step import step\n\noptimizer = torch.optim.SGD(model.parameters(), 0.1)\n"
        "for x in loader:\n    step(model, x, optimizer)\nmodel.eval()\nevaluate(model, loader)\n",
    ),
    "in a model that is imported": (
        "from shared import model\n\ndef evaluate(xs):\n    for x in xs:\n        print(model(x).sum().item())\n",
        _MAIN.format("evaluate") + "evaluate(loader)\n",
    ),
    "in a method in an if": (
        "class Runner:\n    def __init__(self, f):\n        self.f = f\n\n    if True:\n\n"
        "        def evaluate(self, xs):\n            for x in xs:\n                print(self.f(x).sum().item())\n",
        _MAIN.format("Runner") + "model.eval()\nRunner(model).evaluate(loader)\n",
    ),
    "by map": (
        "def evaluate(model, xs):\n    for y in map(model, xs):\n        print(y.sum().item())\n",
        _MAIN.format("evaluate") + "model.eval()\nevaluate(model, loader)\n",
    ),
}
_STEP = (
    "def step(model, x, optimizer=None):\n    loss = model(x).sum()\n    if optimizer is not None:\n"
    "        loss.backward()\n        optimizer.step()\n    return loss.detach()\n"
)
_BASE = (
    "class Base:\n    def __init__(self, f):\n        self.f = f\n\n    @property\n    def net(self):\n"
    "        return self.f\n"
)
_BESIDE = {"net.py": _NET, "base.py": _BASE, "step.py": _STEP, "shared.py": "from net import Net\n\nmodel = Net()\n"}
PROGRAMS |= {
    f"called {name}": {**_BESIDE, "helper.py": helper, "main.py": main} for name, (helper, main) in HIDDEN.items()
}


_HEAD = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\n\n"
_TRAIN = """import torch
from torch import nn
from model import Net

model = Net()
criterion = nn.CrossEntropyLoss()
for x, y in [(torch.rand(4, 3), torch.tensor([0, 1, 0, 1]))]:
    loss = {loss}
    loss.backward()
"""


def _net(body: str, init: str = "", loss: str = "criterion(model(x), y)", before: str = "", base: str = "nn.Module"):
    """A model with a forward of one line, and a script that trains it."""
    made = f"        super().__init__()\n        self.fc = nn.Linear(3, 2)\n{init and f'        {init}'}\n"
    model = f"class Net({base}):\n    def __init__(self):\n{made}\n    def forward(self, x):\n        {body}\n"
    return {"model.py": f"{_HEAD}{before}{model}", "train.py": _TRAIN.format(loss=loss)}


#: Ways from a softmax in one file to a loss in another, which the gate has to leave open.
CHAINS: dict[str, dict[str, str]] = {
    "returned": _net("return F.softmax(self.fc(x), 1)"),
    "in a tuple": _net("return x, F.softmax(self.fc(x), 1)", loss="criterion(model(x)[1], y)"),
    "unpacked": _net("return x, self.fc(x).softmax(1)", loss="criterion([p for _, p in [model(x)]][0], y)"),
    "in a dictionary": _net("return {'p': torch.softmax(self.fc(x), 1)}", loss="criterion(model(x)['p'], y)"),
    "by an attribute": _net("return self.act(self.fc(x))", "self.act = nn.Softmax(1)"),
    "by an attribute that holds a function": _net("return self.act(self.fc(x), 1)", "self.act = F.softmax"),
    "at the end of a Sequential": _net("return self.net(x)", "self.net = nn.Sequential(self.fc, nn.Softmax(1))"),
    "in a dataclass": _net(
        "return Out(F.softmax(self.fc(x), 1))",
        loss="criterion(model(x).p, y)",
        before="from dataclasses import dataclass\n\n\n@dataclass\nclass Out:\n    p: object\n\n\n",
    ),
    "by partial": _net(
        "return act(self.fc(x))", before="from functools import partial\n\nact = partial(F.softmax, dim=1)\n\n\n"
    ),
    "by a function of the file": _net(
        "return my_softmax(self.fc(x))", before="def my_softmax(x):\n    return F.softmax(x, 1)\n\n\n"
    ),
    "by expit": _net("return torch.special.expit(self.fc(x))"),
    "renamed inside": _net("from torch.nn.functional import softmax as act; return act(self.fc(x), 1)"),
    "the best": _net("best, places = F.softmax(self.fc(x), 1).sort(1); return best"),
    "of lightning": {
        "model.py": _HEAD
        + "import pytorch_lightning as pl\n\n\nclass Net(pl.LightningModule):\n    def __init__(self):\n"
        + "        super().__init__()\n        self.fc = nn.Linear(3, 2)\n\n    def forward(self, x):\n"
        + "        return self.fc(x).softmax(1)\n\n    def training_step(self, batch, index):\n        x, y = batch\n"
        + "        return F.cross_entropy(self(x), y)\n"
    },
    "a criterion that is a parameter": {
        "model.py": _net("return F.softmax(self.fc(x), 1)")["model.py"],
        "steps.py": "def step(model, criterion, x, y):\n    criterion(model(x), y).backward()\n",
        "train.py": "from torch import nn\nfrom model import Net\nfrom steps import step\n\n"
        "step(Net(), nn.CrossEntropyLoss(), 1, 2)\n",
    },
    "by star imports": {
        "ops.py": "from torch.nn.functional import *\n\n\ndef act(x):\n    return softmax(x, 1)\n",
        "train.py": "from ops import *\nimport torch.nn as nn\n\nloss = nn.CrossEntropyLoss()(act(data), target)\n",
    },
    "under a name of another file": {
        "ops.py": "import torch\n\nstable_softmax = torch.softmax\n",
        "train.py": "from ops import stable_softmax\nimport torch\nfrom torch.nn import functional as F\n\n\n"
        "def step(x, y):\n    return F.cross_entropy(stable_softmax(x, 1), y)\n\n\n"
        "step(torch.rand(2, 2), torch.ones(2))\n",
    },
    "a resize under other names": {
        "a.py": "import torch\nfrom torch.nn import functional as F\n"
        "from torch.nn.functional import interpolate as resize\n\n"
        "again = F.upsample\nx = torch.rand(3, 8, 8)\ny = resize(x, size=(4, 4))\nz = F.interpolate(x, size=(4, 4))\n"
    },
}
#: Chains that only look so.
LOOK_ALIKES: dict[str, dict[str, str]] = {
    "where the best are": _net("best, places = F.softmax(self.fc(x), 1).topk(1); return self.fc(x), places"),
    "a function that sounds so": _net(
        "return inverse_sigmoid(self.fc(x))", before="def inverse_sigmoid(x):\n    return x.log()\n\n\n"
    ),
    "a class that sounds so": _net(
        "return self.act(self.fc(x))",
        "self.act = MySoftmax()",
        before="class MySoftmax(nn.Module):\n    def forward(self, x):\n        return x\n\n\n",
    ),
    "a method that sounds so": _net("return self.interpolate_pos_encoding(x)"),
    "scattered": _net("return self.fc(x).scatter(1, x, F.softmax(x, 1))"),
}
PROGRAMS |= {f"chain {name}": files for name, files in CHAINS.items()}
PROGRAMS |= {f"look-alike {name}": files for name, files in LOOK_ALIKES.items()}


def found(files: Mapping[str, str], *, gated: bool) -> list[tuple[str, Finding]]:
    """What all rules find, file by file, as the pipeline asks them."""
    project = Project(files, files.get)
    results = []
    for path in sorted(files):
        if gated and not topics(files[path].encode("utf-8", "surrogatepass")):
            continue
        file = project.parse(path)
        if file is not None:
            results += [(rule.code, finding) for rule in RULES for finding in rule.check(file, project)]
    return results


@pytest.mark.parametrize("files", PROGRAMS.values(), ids=PROGRAMS)
def test_the_same_is_found_without_the_gate(files: Mapping[str, str], monkeypatch: pytest.MonkeyPatch):
    with_gate = found(files, gated=True)
    everything = ~Topic.NOTHING
    for rule in RULES:
        module = import_module(rule.check.__module__)
        monkeypatch.setattr(module, "topics_of", lambda project, path: everything, raising=False)
    assert found(files, gated=False) == with_gate


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_calls_are_found(name: str):
    findings = found(PROGRAMS[f"called {name}"], gated=True)
    assert "helper.py" in {finding.location.path for _, finding in findings}


@pytest.mark.parametrize("files", CHAINS.values(), ids=CHAINS)
def test_chains_have_findings_to_lose(files: Mapping[str, str]):
    assert found(files, gated=True)


@pytest.mark.parametrize("files", LOOK_ALIKES.values(), ids=LOOK_ALIKES)
def test_look_alikes_stay_outside(files: Mapping[str, str]):
    assert not topics_of(Project(files, files.get), "model.py")


def test_there_are_findings_to_lose():
    assert len(PROGRAMS) > 200 and found(PROGRAMS["softmax-before-cross-entropy-P3"], gated=True)
