"""`check`: findings only."""

from __future__ import annotations

import click

from torchfix_codemods.cli.console import Terminal
from torchfix_codemods.cli.options import request_of, shared
from torchfix_codemods.cli.output import print_findings, print_json, print_summary
from torchfix_codemods.cli.progress import shown_progress
from torchfix_codemods.pipeline import analyse, report_of
from torchfix_codemods.report.outcome import outcomes

FOUND = 1
FAILED = 2


@click.command()
@shared
@click.option("--output-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
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
) -> int:
    """Show what is wrong in PATHS and change nothing. Exit code 1 if there is anything."""
    terminal = Terminal(color, quiet, verbose)
    request = request_of(paths, select, ignore, exclude, stdin_filename)
    with shown_progress(terminal) as progress:
        analysis = analyse(request, progress)
    code = FAILED if analysis.problems else FOUND if analysis.findings else 0
    report = report_of(analysis, exit_code=code)
    results = outcomes(report)
    if output_format == "json":
        print_json(report)
    else:
        print_findings(terminal, report, results)
    print_summary(terminal, report, results)
    return code
