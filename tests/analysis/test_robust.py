"""Whatever parses can be analysed, in bounded time, and twice with the same result."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from random_programs import HEAD, PROGRAMS

from torchfix_codemods.analysis.interpreter.machine import Machine
from torchfix_codemods.analysis.phases import phases_of
from torchfix_codemods.analysis.program import Program, trace_of
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import ModelCall
from torchfix_codemods.analysis.values import FunctionRef
from torchfix_codemods.rules import RULES

STANDARD = Path(sysconfig.get_paths()["stdlib"])


def picture(text: str) -> list[str]:
    """Everything that the analysis says of one program, as text."""
    project = Project({"a.py": text}, {"a.py": text}.get)
    program = Program(project, "a.py")
    phases = phases_of(program)
    found = [f"{e.place} {e.model!r} {e.mode} {e.grad}" for _, e in program.events(ModelCall)]
    found += [f"{s.place} {s.trained} {s.loose}" for s in phases.sites.values()]
    file = project.parse("a.py")
    assert file is not None
    return found + [repr(finding) for rule in RULES for finding in rule.check(file, project)]


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(PROGRAMS)
def test_random_programs_can_be_analysed_and_say_the_same_twice(text: str):
    assert picture(text) == picture(text)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(PROGRAMS)
def test_every_function_of_a_random_program_can_be_a_root(text: str):
    project = Project({"a.py": text}, {"a.py": text}.get)
    file = project.parse("a.py")
    assert file is not None
    for node in ast.walk(file.tree):
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            Machine(project).run_function(FunctionRef("a.py", "f", node.lineno, node.col_offset))


def test_the_standard_library_can_be_analysed():
    paths = sorted(p for p in STANDARD.glob("*.py") if p.stat().st_size < 60_000)[::3]
    texts = {p.name: p.read_text(encoding="utf-8") for p in paths}
    project = Project(texts, texts.get)
    begin, analysed = time.monotonic(), 0
    for path in texts:
        file = project.parse(path)
        assert file is not None
        trace = trace_of(project, path)
        for cls in project.facts(path).classes[:1]:
            facts = project.facts(path)
            assert facts is not None and cls in facts.classes
        assert trace.files
        assert Program(project, path).files
        analysed += 1
        if time.monotonic() - begin > 6:
            break
    assert analysed >= 20


def test_the_hash_seed_changes_nothing():
    program = HEAD + CHOICES
    code = "import json, sys; from test_robust import picture; print(json.dumps(picture(sys.stdin.read())))"
    pictures = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([*sys.path])}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, input=program, env=environment, capture_output=True, text=True, check=True)
        pictures.append(json.loads(done.stdout))
    assert pictures[0] == pictures[1]
    assert pictures[0]


#: Several values in one variable, several models in one list: what has an order only by chance.
CHOICES = """
class Other(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout()
    def forward(self, x):
        return torch.sigmoid(self.drop(x))

model = Net() if flag else Other() if more else nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Softmax(1))
names = {"b", "a", "c"}
for one in [model, Net(), Other()]:
    F.cross_entropy(one(x), y).backward()
def evaluate(loader):
    for x in loader:
        print(model(x), [m(x) for m in {Net(), Other()}])
evaluate(loader)
"""
