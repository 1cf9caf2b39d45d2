"""`check`: findings only."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from torchfix_codemods.cli.console import Terminal
from torchfix_codemods.cli.options import report_option, request_of, scoped, shared
from torchfix_codemods.cli.output import check_report_files, print_report, print_summary, write_reports
from torchfix_codemods.cli.progress import shown_progress
from torchfix_codemods.pipeline import Analysis, analyse, entries_of, report_of, with_all_known
from torchfix_codemods.report.formats import PRINTED
from torchfix_codemods.report.outcome import outcomes
from torchfix_codemods.report.text import count
from torchfix_codemods.source.baseline import check_target
from torchfix_codemods.source.baseline import write_baseline as write_known
from torchfix_codemods.source.errors import UsageError

FOUND = 1
FAILED = 2


@click.command()
@shared
@scoped
@click.option("--write-baseline", metavar="FILE", help="Write all findings to FILE, for --baseline; exit code 0.")
@click.option("--output-format", type=click.Choice(PRINTED), default="text", show_default=True)
@report_option
def check(
    paths: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    exclude: tuple[str, ...],
    stdin_filename: str | None,
    since: str | None,
    baseline: str | None,
    project: bool,
    write_baseline: str | None,
    color: str,
    verbose: bool,
    quiet: bool,
    output_format: str,
    report: tuple[str, ...],
) -> int:
    """Show what is wrong in PATHS and change nothing. Exit code 1 if there is anything."""
    terminal = Terminal(color, quiet, verbose)
    report_files = check_report_files(report)
    _check_baseline(write_baseline, since, baseline, project, stdin_filename)
    _check_place(write_baseline, report_files)
    request = request_of(
        paths, select, ignore, exclude, stdin_filename, since=since, baseline=baseline, project=project
    )
    if write_baseline is not None:
        request = replace(request, baseline=None)  # the settings may name the very file that is to be written
    with shown_progress(terminal) as progress:
        analysis = analyse(request, progress)
    if write_baseline is not None:
        analysis = _put_aside(terminal, analysis, write_baseline)
    code = FAILED if analysis.problems else FOUND if analysis.findings else 0
    result = report_of(analysis, exit_code=code)
    results = outcomes(result)
    print_report(terminal, output_format, result, results)
    print_summary(terminal, result, results)
    write_reports(report_files, result, results)
    return code


def _check_baseline(
    written: str | None, since: str | None, baseline: str | None, project: bool, stdin_filename: str | None
) -> None:
    """Raise `UsageError` where a baseline would be written of only a part of the findings."""
    if written is None:
        return
    others = {"--since": since, "--baseline": baseline, "--project": project or None, "standard input": stdin_filename}
    given = [name for name, value in others.items() if value is not None]
    if given:
        raise UsageError(f"--write-baseline writes all findings of PATHS: it does not go with {given[0]}")


def _check_place(written: str | None, reports: Iterable[Path]) -> None:
    """Raise `UsageError` where the baseline would take the place of something else."""
    if written is None:
        return
    if os.path.realpath(written) in map(os.path.realpath, reports):
        raise UsageError(f"--write-baseline {written}: --report names the same file")
    check_target(Path(written))


def _put_aside(terminal: Terminal, analysis: Analysis, name: str) -> Analysis:
    """Write the baseline; the analysis as it is with it."""
    entries = entries_of(analysis)
    write_known(analysis.request.cwd / name, entries)
    terminal.say(f"{count(len(entries), 'finding')} written to {name}: --baseline {name} leaves them out")
    return with_all_known(analysis)
