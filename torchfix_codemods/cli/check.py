"""`check`: findings only."""

from __future__ import annotations

import click

from torchfix_codemods.cli.console import Terminal
from torchfix_codemods.cli.options import report_option, request_of, shared
from torchfix_codemods.cli.output import check_report_files, print_report, print_summary, write_reports
from torchfix_codemods.cli.progress import shown_progress
from torchfix_codemods.pipeline import analyse, report_of
from torchfix_codemods.report.formats import PRINTED
from torchfix_codemods.report.outcome import outcomes

FOUND = 1
FAILED = 2


@click.command()
@shared
@click.option("--output-format", type=click.Choice(PRINTED), default="text", show_default=True)
@report_option
def check(
    paths: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    exclude: tuple[str, ...],
    stdin_filename: str | None,
    color: str,
    verbose: bool,
    quiet: bool,
    output_format: str,
    report: tuple[str, ...],
) -> int:
    """Show what is wrong in PATHS and change nothing. Exit code 1 if there is anything."""
    terminal = Terminal(color, quiet, verbose)
    report_files = check_report_files(report)
    request = request_of(paths, select, ignore, exclude, stdin_filename)
    with shown_progress(terminal) as progress:
        analysis = analyse(request, progress)
    code = FAILED if analysis.problems else FOUND if analysis.findings else 0
    result = report_of(analysis, exit_code=code)
    results = outcomes(result)
    print_report(terminal, output_format, result, results)
    print_summary(terminal, result, results)
    write_reports(report_files, result, results)
    return code
