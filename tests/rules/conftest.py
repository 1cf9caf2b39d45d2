"""Rules without the rest of the tool: what `check` finds in a few texts, and what its fixes make of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Edit, Finding, Level
from torchfix_codemods.rewrite.edits import apply_edits
from torchfix_codemods.rules.rule import Rule

Files = Mapping[str, str]


def _findings(files: Files, rule: Rule) -> list[Finding]:
    """Everything that the rule finds in these files (text by path), in the order of the places."""
    project = Project(files, files.get)
    found = []
    for path in sorted(files):
        file = project.parse_whole(path)
        assert file is not None, project.skipped
        found += list(rule.check(file, project))
    for finding in found:
        assert finding.location.path in files
        assert (finding.fix is None) != (finding.no_fix_reason is None), finding
    return sorted(found, key=lambda finding: finding.location)


def _applied(files: Files, rule: Rule, up_to: Level = Level.BEHAVIOR) -> dict[str, str]:
    """The files after one pass with every fix up to a level. Raises `ValueError` where fixes overlap."""
    edits: list[Edit] = []
    for finding in _findings(files, rule):
        if finding.fix is not None and finding.level <= up_to:
            edits += finding.fix.edits
    return {path: apply_edits(text, [e for e in edits if e.path == path]) for path, text in files.items()}


@pytest.fixture(scope="session")
def findings() -> Callable[[Files, Rule], list[Finding]]:
    """`findings(files, rule)`: the rule's findings in a small project."""
    return _findings


@pytest.fixture(scope="session")
def applied() -> Callable[..., dict[str, str]]:
    """`applied(files, rule, up_to=Level.BEHAVIOR)`: the texts with the fixes of one pass."""
    return _applied


@pytest.fixture(scope="session")
def settled() -> Callable[[str, Rule], str]:
    """`settled(text, rule)`: a text after all default fixes of a rule, and of what they leave to fix."""

    def settle(text: str, rule: Rule) -> str:
        for _ in range(5):
            before, text = text, _applied({"a.py": text}, rule)["a.py"]
            if text == before:
                return text
        raise AssertionError("the same is fixed again and again")

    return settle
