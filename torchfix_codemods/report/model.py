"""The one `Report` of a run: all that any writer needs, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from torchfix_codemods.findings import Finding, Location, Problem, Skipped
from torchfix_codemods.report.places import TextLines
from torchfix_codemods.rewrite.plan import Plan
from torchfix_codemods.verify.model import Verdict, Verification


@dataclass(frozen=True)
class Report:
    """What a run saw, found, and would or did change.

    `findings` are those of the unchanged files, by place; `texts` holds the unchanged text of each file that a finding,
    a step or an edit names. `plan` is None where none was asked for (`check`), `verification` where nothing was run.
    `timings` are seconds by stage.
    """

    version: str
    seen: int
    skipped: tuple[Skipped, ...]
    findings: tuple[Finding, ...]
    texts: Mapping[str, str]
    suppressed: int = 0
    plan: Plan | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    exit_code: int = 0
    verification: Verification | None = None

    @property
    def analysed(self) -> int:
        """Files that were read and looked at."""
        return self.seen - len({skipped.path for skipped in self.skipped})

    def verdict(self, finding: Finding) -> Verdict | None:
        """What runs showed about the fix of a finding; None where nothing was run for it."""
        return self.verification.verdicts.get(finding.id) if self.verification else None

    @cached_property
    def lines(self) -> Mapping[str, TextLines]:
        """The lines of each text."""
        return {path: TextLines(text) for path, text in self.texts.items()}

    def start(self, location: Location) -> tuple[int, int]:
        """Line and column (from 1) where a location begins."""
        return self.lines[location.path].line_column(location.start)

    def end(self, location: Location) -> tuple[int, int]:
        """Line and column (from 1) after the last character of a location."""
        return self.lines[location.path].line_column(location.end)


def named_paths(findings: Iterable[Finding]) -> list[str]:
    """The paths that findings name, in their places, steps and edits: what a report needs the text of."""
    paths: dict[str, None] = {}
    for finding in findings:
        paths[finding.location.path] = None
        paths.update((step.location.path, None) for step in finding.steps)
        paths.update((edit.path, None) for edit in (finding.fix.edits if finding.fix else ()))
    return list(paths)
