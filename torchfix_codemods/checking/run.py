"""Running rules on one file. A rule that raises costs that rule on that file, and is reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.checking.pool import Check, Checked
from torchfix_codemods.findings import Finding, Problem, Skipped
from torchfix_codemods.rules.rule import Rule


@dataclass(frozen=True)
class FileResult:
    """What the rules said when they were run on one file (a finding may stand in another one)."""

    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()


def checker(project: Project, rules: Sequence[Rule], unread: Callable[[], Mapping[str, Skipped]]) -> Check:
    """A function that checks one file after another within a project.

    `unread` gives what could not be read so far; each file's answer holds what was newly skipped, there or by parsing.
    """
    told: set[str] = set()

    def check(path: str) -> Checked:
        result = check_file(path, project, rules)
        skipped = tuple(s for s in (*project.skipped.values(), *unread().values()) if s.path not in told)
        told.update(item.path for item in skipped)
        producers = frozenset([path]) if result.findings else frozenset()
        return Checked(result.findings, result.problems, skipped, producers)

    return check


def check_file(path: str, project: Project, rules: Sequence[Rule]) -> FileResult:
    """All rules on one file; nothing where it cannot be parsed (`project.skipped` says why)."""
    file = project.parse_whole(path)
    if file is None:
        return FileResult()
    results = [_run(rule, file, project) for rule in rules]
    return FileResult(
        tuple(finding for result in results for finding in result.findings),
        tuple(problem for result in results for problem in result.problems),
    )


def _run(rule: Rule, file: ParsedFile, project: Project) -> FileResult:
    try:
        return FileResult(findings=tuple(rule.check(file, project)))
    except Exception as error:
        # Any error of a rule, also `RecursionError` and `MemoryError`: the other rules and files go on.
        return FileResult(problems=(Problem(file.path, rule.name, _told(error)),))


def _told(error: Exception) -> str:
    """One line, and below it the traceback (shown with --verbose)."""
    import traceback

    line = traceback.format_exception_only(error)[-1].strip().splitlines()[0]
    innermost = traceback.extract_tb(error.__traceback__)[-1]
    frames = "".join(traceback.format_exception(error, limit=-12))
    return f"{line} ({innermost.name}, line {innermost.lineno})\n{frames}"
