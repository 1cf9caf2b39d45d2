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


def test_there_are_findings_to_lose():
    assert len(PROGRAMS) > 200 and found(PROGRAMS["softmax-before-cross-entropy-P3"], gated=True)
