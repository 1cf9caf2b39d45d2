"""`verify`: only the runs, and what they show about each fix."""

from __future__ import annotations

import os
from typing import Any

import click

from torchfix_codemods.cli.console import Terminal
from torchfix_codemods.cli.options import LEVELS, report_option, request_of, scoped, shared
from torchfix_codemods.cli.output import check_report_files, print_report, print_summary, write_reports
from torchfix_codemods.cli.progress import shown_progress
from torchfix_codemods.cli.runs import WithProgramArguments, run_options, verified
from torchfix_codemods.pipeline import Analysis, analyse, make_plan, report_of
from torchfix_codemods.report.formats import PRINTED
from torchfix_codemods.report.outcome import outcomes, unwritten
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.notebooks import SUFFIX

FAILED = 2
REGRESSED = 3


@click.command(cls=WithProgramArguments)
@shared
@scoped
@run_options
@click.option("--up-to", type=click.Choice(list(LEVELS)), help="The highest level to try  [default: behavior]")
@click.option("--output-format", type=click.Choice(PRINTED), default="text", show_default=True)
@report_option
def verify(
    paths: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    exclude: tuple[str, ...],
    stdin_filename: str | None,
    since: str | None,
    baseline: str | None,
    project: bool,
    color: str,
    verbose: bool,
    quiet: bool,
    script: tuple[str, ...],
    up_to: str | None,
    output_format: str,
    report: tuple[str, ...],
    **options: Any,
) -> int:
    """Run the program before and after each fix in PATHS, and say what the runs showed. Nothing is written.

    Run are the programs of the project that reach a fix by their imports, or those of --script: `torchfix verify .
    --script train.py -- --epochs 1`. Where PATHS are files, only these are read, and run, unless --project says
    otherwise. Exit code 3 if a fix makes something worse.
    """
    if stdin_filename is not None or "-" in paths:
        raise UsageError("standard input cannot be run: verify takes files and folders")
    terminal = Terminal(color, quiet, verbose)
    report_files = check_report_files(report)
    request = request_of(paths, select, ignore, exclude, None, up_to, since=since, baseline=baseline, project=project)
    with shown_progress(terminal) as progress:
        analysis = analyse(request, progress)
    plan = make_plan(analysis)
    programs = _programs(analysis)
    verification = verified(terminal, analysis, plan, script or programs, options)
    code = FAILED if analysis.problems else REGRESSED if verification.regressed else 0
    result = report_of(analysis, plan, code, verification)
    results = unwritten(outcomes(result))
    print_report(terminal, output_format, result, results)
    print_summary(terminal, result, results)
    if programs and not verification.verdicts:
        terminal.say(
            f"only the files given were read: `torchfix verify . --script {programs[0]}` reads all of the project"
        )
    write_reports(report_files, result, results)
    return code


def _programs(analysis: Analysis) -> tuple[str, ...]:
    """The files that were named one by one, where nothing but files was named and nothing else is known."""
    if analysis.request.project:
        return ()
    paths = tuple(path for path in analysis.request.paths if not path.endswith(SUFFIX))
    return paths if all(os.path.isfile(analysis.request.cwd / path) for path in paths) else ()
