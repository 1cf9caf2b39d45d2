"""What the tool finds below a folder, as plain rows: the same way as `torchfix check`, without its process."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from torchfix_codemods.checking.pool import available_jobs
from torchfix_codemods.findings import Finding, Level
from torchfix_codemods.pipeline import Request, analyse, report_of
from torchfix_codemods.report.model import Report
from torchfix_codemods.rules.registry import all_rules


@dataclass(frozen=True)
class Found:
    """A finding and its lines (from 1). `default` says that `apply` writes its fix without being asked for more."""

    path: str
    line: int
    end_line: int
    rule: str
    code: str
    level: str
    default: bool
    message: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Checked:
    """A folder: its findings, how many lines were analysed, what was skipped by reason, problems and seconds."""

    found: tuple[Found, ...]
    files: int
    lines: int
    skipped: dict[str, int]
    problems: tuple[str, ...]
    seconds: float


def check(folder: Path, *, prefix: str = "", jobs: int | None = None) -> Checked:
    """Every rule on every file below `folder`. `prefix` goes before the paths of the findings."""
    start = time.perf_counter()
    request = Request((".",), folder, all_rules(), jobs=available_jobs() if jobs is None else jobs)
    analysis = analyse(request)
    report = report_of(analysis)
    skipped = [item.reason for item in report.skipped]
    read = [source for path in analysis.reader.paths if (source := analysis.reader.source(path))]
    return Checked(
        found=tuple(_found(report, finding, prefix) for finding in report.findings),
        files=report.seen,
        lines=sum(source.text.count("\n") + 1 for source in read),
        skipped={reason: skipped.count(reason) for reason in sorted(set(skipped))},
        problems=tuple(f"{problem.path}: {problem.rule}: {problem.detail}" for problem in report.problems),
        seconds=time.perf_counter() - start,
    )


def codes() -> dict[str, str]:
    """The names of the rules that there are, by their codes."""
    return {rule.code: rule.name for rule in all_rules()}


def _found(report: Report, finding: Finding, prefix: str) -> Found:
    path = finding.location.path
    (line, _), (end_line, _) = report.start(finding.location), report.end(finding.location)
    text = report.texts[path]  # of a notebook all cells, while lines are told from the top of one
    first, last = text.rfind("\n", 0, finding.location.start) + 1, text.find("\n", finding.location.end)
    return Found(
        path=prefix + path,
        line=line,
        end_line=end_line,
        rule=finding.rule,
        code=finding.code,
        level=finding.level.label,
        default=finding.fix is not None and finding.level <= Level.BEHAVIOR,
        message=finding.message,
        lines=tuple(text[first : last if last >= 0 else len(text)].splitlines()),
    )
