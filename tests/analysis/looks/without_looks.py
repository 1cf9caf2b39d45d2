"""What the rules about activations and losses find when no closer look is asked."""

from __future__ import annotations

import pytest

from torchfix_codemods.analysis import closer
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.rules import RULES


def found_without_looks(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether one of them finds something in some file."""
    monkeypatch.setattr(closer, "LOOKS", ())
    project = Project(files, files.get)
    rules = [rule for rule in RULES if rule.code in ("TFC101", "TFC102", "TFC103", "TFC104")]
    parsed = [file for file in map(project.parse_whole, sorted(files)) if file is not None]
    return any(finding for file in parsed for rule in rules for finding in rule.check(file, project))
