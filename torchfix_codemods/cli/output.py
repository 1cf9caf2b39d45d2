"""Reports on standard output, the summary on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from torchfix_codemods.cli.console import Terminal, write_bytes
from torchfix_codemods.cli.version import CLASH, other_torchfix_installed
from torchfix_codemods.report.formats import BY_SUFFIX, format_of, writer
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.report.text import finding_lines, summary_lines
from torchfix_codemods.source.errors import UsageError

_LEAST_ROOM = 1000  # bytes


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


def print_report(terminal: Terminal, name: str, report: Report, results: Sequence[Outcome]) -> None:
    """The report on standard output, in the format of this name."""
    if name == "text":
        print_findings(terminal, report, results)
    else:
        write_bytes(encoded(writer(name)(report, results)))
    if name == "github":
        _append_job_summary(terminal, report, results)


def _append_job_summary(terminal: Terminal, report: Report, results: Sequence[Outcome]) -> None:
    """The summary for the page of the job, where GitHub's runner says into which file; a failure is only a warning."""
    from torchfix_codemods.report.job_summary import LIMIT, job_summary

    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    try:
        with open(name, "ab") as file:
            room = LIMIT - file.tell()  # what earlier commands of the step wrote counts too
            if room < _LEAST_ROOM:
                terminal.complain("warning: the job summary is full: nothing was added")
                return
            file.write(encoded(job_summary(report, results, room)))
    except OSError as error:
        terminal.complain(f"warning: the job summary was not written: {error.strerror or error}")


def check_report_files(names: Iterable[str]) -> tuple[Path, ...]:
    """Where reports are to be written. Raises `UsageError` before any work for a format that there is none of."""
    paths = tuple(map(Path, names))
    for path in paths:
        if format_of(path) is None:
            raise UsageError(f"--report {path}: the name must end in {', '.join(BY_SUFFIX)}")
        if not path.parent.is_dir():
            raise UsageError(f"--report {path}: there is no folder {path.parent}")
    return paths


def write_reports(paths: Iterable[Path], report: Report, results: Sequence[Outcome]) -> None:
    """Write the report to files, in the formats of their names. Raises `UsageError` where that is not possible."""
    for path in paths:
        name = format_of(path)
        assert name is not None, "the names were checked before any work"
        try:
            path.write_bytes(encoded(writer(name)(report, results)))
        except OSError as error:
            raise UsageError(f"--report {path}: {error.strerror or error}") from error


def encoded(text: str) -> bytes:
    """UTF-8; a lone surrogate of somebody's file name becomes an escape instead of an error."""
    return text.encode("utf-8", "backslashreplace")
