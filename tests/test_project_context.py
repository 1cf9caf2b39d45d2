"""A file in its project gives what the whole project gives for that file, on every program of the corpus."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from torchfix_codemods.checking.scope import Scope
from torchfix_codemods.findings import Finding
from torchfix_codemods.pipeline import Request, analyse
from torchfix_codemods.rules import RULES
from torchfix_codemods.source.settings import Settings

CORPUS = Path(__file__).parents[1] / "corpus"
PROGRAMS = sorted(path for path in CORPUS.glob("*/before") if len(list(path.rglob("*.py"))) > 1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs outside of our own repository, all of which would be the project."""
    folder = tmp_path_factory.mktemp("corpus")
    for program in PROGRAMS:
        shutil.copytree(program, folder / program.parent.name)
    return folder


def found(folder: Path, *paths: str) -> tuple[Finding, ...]:
    """All findings of a program, or those of single files of it."""
    settings = Settings(file=folder / "pyproject.toml")
    return analyse(Request(paths or (".",), folder, RULES, settings=settings, project=bool(paths))).findings


@pytest.mark.parametrize("name", [program.parent.name for program in PROGRAMS])
def test_a_file_alone_gives_what_it_gives_among_all(corpus: Path, name: str) -> None:
    program = corpus / name
    whole = found(program)
    for path in sorted({finding.location.path for finding in whole}):
        scope = Scope(given=frozenset([path]))
        expected = [scope.bounded(finding) for finding in whole if finding.location.path == path]
        assert list(found(program, path)) == expected


def test_there_are_findings_over_several_files_to_be_compared(corpus: Path) -> None:
    far = [
        finding
        for program in PROGRAMS
        for finding in found(corpus / program.parent.name)
        if any(step.location.path != finding.location.path for step in finding.steps)
    ]
    assert len(far) >= 10
