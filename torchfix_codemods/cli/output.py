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
from torchfix_codemods.source.errors import UsageError, name_some
from torchfix_codemods.source.outputs import obstacle, write_output

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
    elif name == "github":
        _annotate(terminal, report, results)
    else:
        write_bytes(encoded(writer(name)(report, results)))


def _annotate(terminal: Terminal, report: Report, results: Sequence[Outcome]) -> None:
    """The summary of the job, then the annotations, which say where the rest is."""
    from torchfix_codemods.report.github import ELSEWHERE, IN_SUMMARY, write_github

    summarised = _append_job_summary(terminal, report, results)
    write_bytes(encoded(write_github(report, results, rest=IN_SUMMARY if summarised else ELSEWHERE)))


def _append_job_summary(terminal: Terminal, report: Report, results: Sequence[Outcome]) -> bool:
    """The summary for the page of the job, where GitHub's runner says into which file; a failure is only a warning.

    Returns whether it was written.
    """
    from torchfix_codemods.report.job_summary import LIMIT, job_summary

    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return False
    try:
        with open(name, "ab") as file:
            room = LIMIT - file.tell()  # what earlier commands of the step wrote counts too
            if room < _LEAST_ROOM:
                terminal.complain("warning: the job summary is full: nothing was added")
                return False
            file.write(encoded(job_summary(report, results, room)))
    except OSError as error:
        terminal.complain(f"warning: the job summary was not written: {error.strerror or error}")
        return False
    return True


def check_report_files(names: Iterable[str]) -> tuple[Path, ...]:
    """Where reports are to be written.

    Raises `UsageError`, before any work, for a format that there is none of, and where nothing can be written.
    """
    paths = tuple(map(Path, names))
    for path in paths:
        if format_of(path) is None:
            raise UsageError(f"--report {path}: the name must end in {', '.join(BY_SUFFIX)}")
        reason = obstacle(path)
        if reason is not None:
            raise UsageError(f"--report {path}: {reason}")
    return paths


def write_reports(
    paths: Iterable[Path], report: Report, results: Sequence[Outcome], written: int | None = None
) -> None:
    """Write the report to files, in the formats of their names, each whole or not at all.

    Raises `UsageError` where that is not possible, once the others are written; it says so where `written` files hold
    fixes already.
    """
    failed = []
    for path in paths:
        name = format_of(path)
        assert name is not None, "the names were checked before any work"
        data = encoded(writer(name)(report, results))
        try:
            write_output(path, data)
        except OSError as error:
            failed.append(f"{path}: {(error.strerror or str(error)).lower()}")
    if failed:
        stands = "; the fixes are written (`torchfix undo` takes them back)" if written else ""
        raise UsageError(f"--report {name_some(failed)}{stands}")


def encoded(text: str) -> bytes:
    """UTF-8; a lone surrogate of somebody's file name becomes an escape instead of an error."""
    return text.encode("utf-8", "backslashreplace")
