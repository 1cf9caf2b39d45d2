"""The gate loses nothing: with it and without it the rules find the same, in every page example and corpus program."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from examples import all_examples

from torchfix_codemods.analysis.gate import Topic, is_candidate
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


def found(files: Mapping[str, str], *, gated: bool) -> list[tuple[str, Finding]]:
    """What all rules find, file by file, as the pipeline asks them."""
    project = Project(files, files.get)
    results = []
    for path in sorted(files):
        if gated and not is_candidate(files[path].encode("utf-8", "surrogatepass")):
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
        module = sys.modules[rule.check.__module__]
        monkeypatch.setattr(module, "topics", lambda raw: everything, raising=False)
        monkeypatch.setattr(module, "may_have_phases", lambda project, path: True, raising=False)
    assert found(files, gated=False) == with_gate


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_calls_are_found(name: str):
    findings = found(PROGRAMS[f"called {name}"], gated=True)
    assert "helper.py" in {finding.location.path for _, finding in findings}


def test_there_are_findings_to_lose():
    assert len(PROGRAMS) > 200 and found(PROGRAMS["softmax-before-cross-entropy-P3"], gated=True)
