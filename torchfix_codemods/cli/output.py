"""Reports on standard output, the summary on standard error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from torchfix_codemods.cli.console import Terminal, write_bytes
from torchfix_codemods.cli.version import CLASH, other_torchfix_installed
from torchfix_codemods.report.json import to_json
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.report.text import finding_lines, summary_lines
from torchfix_codemods.source.errors import UsageError


def print_findings(terminal: Terminal, report: Report, results: Sequence[Outcome]) -> None:
    """The findings on standard output: coloured with diffs on a terminal, plain lines in a pipe."""
    if terminal.quiet or not results:
        return
    if terminal.decorated(sys.stdout):
        from torchfix_codemods.cli.render import print_outcomes

        print_outcomes(terminal.console(sys.stdout), results, report)
        return
    for outcome in results:
        for line in finding_lines(outcome):
            terminal.out(line)


def print_summary(terminal: Terminal, report: Report, results: Sequence[Outcome], written: int | None = None) -> None:
    """The summary on standard error; with --verbose also tracebacks of rules that failed, and times."""
    for line, style in summary_lines(report, results, written):
        terminal.say(line, style)
    if terminal.verbose:
        for problem in report.problems:
            for line in problem.detail.splitlines()[1:]:
                terminal.say(line)
        for stage, seconds in report.timings.items():
            terminal.say(f"{stage}: {seconds:.2f} s")
    if other_torchfix_installed():
        terminal.say(CLASH, "yellow")


def print_json(report: Report) -> None:
    """The report as JSON on standard output."""
    write_bytes(to_json(report).encode("ascii"))


def check_report_file(name: str | None) -> Path | None:
    """Where a report is to be written. Raises `UsageError` before any work for a format that there is none of."""
    if name is None:
        return None
    path = Path(name)
    if path.suffix != ".json":
        raise UsageError(f"--report {name}: the name must end in .json, the one format there is")
    if not path.parent.is_dir():
        raise UsageError(f"--report {name}: there is no folder {path.parent}")
    return path


def write_report(path: Path, report: Report) -> None:
    """Write the JSON report to a file. Raises `UsageError` where that is not possible."""
    try:
        path.write_text(to_json(report), encoding="ascii")
    except OSError as error:
        raise UsageError(f"--report {path}: {error.strerror or error}") from error
