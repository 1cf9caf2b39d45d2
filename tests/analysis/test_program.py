"""The files around a file, and what of them is run."""

from __future__ import annotations

import pytest
from observed import events, modes, program_of, project_of, roots

from torchfix_codemods.analysis import program as program_module
from torchfix_codemods.analysis import project as project_module
from torchfix_codemods.analysis.program import program_for
from torchfix_codemods.analysis.trace import ModelCall

FILES = {
    "pkg/__init__.py": "from .model import Net\n",
    "pkg/model.py": (
        "import torch.nn as nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(3, 2)\n"
        "    def forward(self, x):\n        return self.fc(x).softmax(1)\n"
    ),
    "pkg/engine.py": (
        "def train(model, loader):\n    model.train()\n    for x in loader:\n        model(x).sum().backward()\n"
        "def validate(model, loader):\n    for x in loader:\n        print(model(x))\n"
        "def nobody_calls(model):\n    model.eval()\n    model(1 + x)\n"
    ),
    "main.py": (
        "from torch.utils.data import DataLoader\nfrom pkg import Net\nfrom pkg.engine import train, validate\n"
        "net = Net()\ntrain(net, DataLoader(d))\nnet.eval()\nvalidate(net, DataLoader(d))\n"
    ),
    "other.py": "import os\nprint(os.getcwd())\n",
}


def test_the_files_around_a_file():
    assert program_of(FILES, "other.py").files == ["other.py"]
    assert program_of(FILES, "main.py").files == ["main.py"]
    engine = program_of(FILES, "pkg/engine.py")
    assert engine.files[-1] == "pkg/engine.py" and "main.py" in engine.files and "other.py" not in engine.files
    assert engine.complete and engine.followed


def test_importers_of_importers_belong_to_it():
    files = program_of(FILES, "pkg/model.py").files
    assert files[-1] == "pkg/model.py" and "main.py" in files


def test_a_function_runs_with_the_modes_of_its_callers():
    found = modes(FILES, "pkg/engine.py")
    assert found["model(x)"] == {"train", "eval"}
    assert found["model(1 + x)"] == {"eval"}


def test_each_root_runs_once_and_only_what_nobody_reached():
    program = program_of(FILES, "pkg/engine.py")
    assert sorted(roots(program)) == ["main.py", "nobody_calls"]
    assert {ref.name for ref in program.reached} >= {"train", "validate", "nobody_calls"}


def test_a_trace_is_shared_between_the_programs_of_a_project():
    project = project_of(FILES)
    engine = program_for(project, "pkg/engine.py")
    assert program_for(project, "pkg/engine.py") is engine
    main = program_for(project, "main.py")
    shared = [trace for trace in main.traces if trace in engine.traces]
    assert [trace.root.place.path for trace in shared] == ["main.py"]


def test_the_traces_of_a_file_do_not_depend_on_what_was_looked_at_before():
    def seen(order: list[str]) -> list[object]:
        project = project_of(FILES)
        found = {}
        for path in order:
            found[path] = [(e.place, e.mode, e.grad) for _, e in program_for(project, path).events(ModelCall)]
        return [found[path] for path in sorted(order)]

    assert seen(sorted(FILES)) == seen(sorted(FILES, reverse=True))


def test_too_many_importers_are_said():
    files = {"lib.py": "def evaluate(model):\n    model.eval()\n    model(x)\n"}
    files |= {f"main{i:02}.py": "import lib\nlib.evaluate(net)\n" for i in range(40)}
    program = program_of(files, "lib.py")
    assert not program.complete and not program.followed
    assert program.files[-1] == "lib.py" and len(program.files) < 40


def test_importers_that_import_one_another():
    files = {
        "a.py": "import b\ndef f(m):\n    m.eval()\n    m(x)\n",
        "b.py": "import a\ndef g(m):\n    a.f(m)\n",
    }
    assert program_of(files, "a.py").complete
    assert set(program_of(files, "a.py").files) == {"a.py", "b.py"}


def test_a_file_that_cannot_be_parsed_is_left_out():
    project = project_of({"a.py": "def f(m):\n    m.eval()\n    m(x)\n", "b.py": "from a import f\nf(:\n"})
    program = program_for(project, "a.py")
    assert [e.mode for e in events(program, ModelCall)] == ["eval"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "'''only a docstring'''\n",
        "def f(): pass\n",
        "class A: pass\n",
        "import a\n",
    ],
)
def test_files_that_do_nothing(text: str):
    program = program_of({"a.py": text}, "a.py")
    assert not [trace for trace in program.traces if trace.events]


def test_methods_are_roots_with_an_unknown_self():
    text = """
import torch.nn as nn
class Trainer:
    def __init__(self, model):
        self.model = model
    def validate(self, loader):
        self.model.eval()
        for x in loader:
            print(self.model(x))
"""
    program = program_of({"a.py": text}, "a.py")
    assert {e.mode for e in events(program, ModelCall)} == {"eval"}
    assert list(roots(program)) == ["validate"] and program.followed


def test_traces_and_trees_that_were_dropped_are_made_again(monkeypatch: pytest.MonkeyPatch):
    expected = [[(t.root.place, len(t.events)) for t in program_of(FILES, path).traces] for path in FILES]
    monkeypatch.setattr(program_module, "KEPT_WEIGHT", 1)
    monkeypatch.setattr(project_module, "KEPT_TEXT", 1)
    project = project_of(FILES)
    found = [program_for(project, path).traces for path in FILES]
    assert [[(t.root.place, len(t.events)) for t in traces] for traces in found] == expected
    assert len(project.memory["traces"]) == 1
