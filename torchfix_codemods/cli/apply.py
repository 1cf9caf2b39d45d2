"""`apply`: the main job. Analyse, plan, review if asked, refuse what is dirty, write, report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from torchfix_codemods.checking.silence import comment_out
from torchfix_codemods.cli.console import Terminal, write_bytes
from torchfix_codemods.cli.options import LEVELS, report_option, request_of, scoped, shared
from torchfix_codemods.cli.output import check_report_files, print_findings, print_summary, write_reports
from torchfix_codemods.cli.progress import shown_progress
from torchfix_codemods.cli.review import Answer, Review
from torchfix_codemods.cli.runs import WithProgramArguments, program_arguments, run_options, verified
from torchfix_codemods.findings import Finding
from torchfix_codemods.pipeline import (
    Analysis,
    analyse,
    file_changes,
    make_plan,
    patch,
    report_of,
    rewritten,
    with_comments,
    withhold,
)
from torchfix_codemods.report.outcome import outcomes
from torchfix_codemods.rewrite.plan import Plan
from torchfix_codemods.source.errors import UsageError, WriteRefused, name_some
from torchfix_codemods.source.git import any_behind_filters, dirty_files, lacks_git
from torchfix_codemods.source.write import write_files

FOUND = 1
FAILED = 2
REGRESSED = 3
INTERRUPTED = 130


@click.command(cls=WithProgramArguments)
@shared
@scoped
@click.option("--dry-run", is_flag=True, help="Print one patch on standard output, write nothing; exit code 1 if any.")
@click.option("-i", "--interactive", is_flag=True, help="Decide fix by fix, with the keys of `git add -p`.")
@click.option("--up-to", type=click.Choice(list(LEVELS)), help="The highest level to write  [default: behavior]")
@click.option("--allow-dirty", is_flag=True, help="Also write files that have changes git could not give back.")
@report_option
@click.option("--verify", is_flag=True, help="Run the program before and after first; withhold what got worse.")
@click.option("--require-verified", is_flag=True, help="Write only what a run confirmed (implies --verify).")
@run_options
def apply(
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
    dry_run: bool,
    interactive: bool,
    up_to: str | None,
    allow_dirty: bool,
    report: tuple[str, ...],
    verify: bool,
    require_verified: bool,
    script: tuple[str, ...],
    **options: Any,
) -> int:
    """Rewrite PATHS in place, and show what was changed and why. `torchfix undo` takes it back.

    With `--stdin-filename NAME -` the rewritten text goes to standard output. Nothing of PATHS is ever executed without
    `--verify`; with it, words after `--` are arguments of the programs that are run.
    """
    terminal = Terminal(color, quiet, verbose)
    if interactive and (dry_run or stdin_filename is not None):
        raise UsageError("--interactive goes neither with --dry-run nor with standard input")
    verify = verify or require_verified
    _check_runs(verify, stdin_filename, script, options)
    report_files = check_report_files(report)
    request = request_of(
        paths, select, ignore, exclude, stdin_filename, up_to, since=since, baseline=baseline, project=project
    )
    with shown_progress(terminal) as progress:
        analysis = analyse(request, progress)
    allow_dirty = allow_dirty or request.settings.allow_dirty
    review = None
    if interactive:
        try:
            review = _reviewed(terminal, analysis, allow_dirty)
        except (KeyboardInterrupt, EOFError, click.Abort):
            terminal.say("")
            terminal.complain("interrupted: nothing was written")
            return INTERRUPTED
    plan = make_plan(analysis, _accepted_by(review) if review else None)
    verification = None
    if verify:
        if not dry_run and not allow_dirty:
            _refuse_dirty(terminal, analysis, plan.texts)  # before the runs, which take long
        verification = verified(terminal, analysis, plan, script, options)
        plan = withhold(analysis, plan, verification, require_verified=require_verified)
    if review:
        plan = _commented(terminal, analysis, plan, review)
    code, written = _carry_out(terminal, analysis, plan, dry_run, allow_dirty)
    if verification is not None and verification.regressed:
        code = REGRESSED
    result = report_of(analysis, plan, FAILED if analysis.problems else code, verification)
    results = outcomes(result, _refused(review) if review else ())
    if not (dry_run or interactive or request.given):
        print_findings(terminal, result, results)
    print_summary(terminal, result, results, written)
    write_reports(report_files, result, results, written)
    return result.exit_code


def _check_runs(verify: bool, stdin_filename: str | None, scripts: tuple[str, ...], options: dict[str, Any]) -> None:
    """Raise `UsageError` for what makes no sense together."""
    if verify and stdin_filename is not None:
        raise UsageError("standard input cannot be run: --verify takes files and folders")
    given = scripts or program_arguments() is not None or any(value is not None for value in options.values())
    if given and not verify:
        raise UsageError("the options of runs, and arguments after `--`, go with --verify only")


def _carry_out(
    terminal: Terminal, analysis: Analysis, plan: Plan, dry_run: bool, allow_dirty: bool
) -> tuple[int, int | None]:
    """Print or write what is planned: the exit code and, where files are written, how many were."""
    if dry_run:
        changes = patch(analysis, plan)
        write_bytes(changes)
        return (FOUND if changes else 0), None
    if analysis.request.given is not None:
        name, raw = analysis.request.given
        new = rewritten(analysis, plan, name)
        write_bytes(raw if new is None else new)
        return 0, None
    if not allow_dirty:
        _refuse_dirty(terminal, analysis, plan.texts)
    return 0, len(write_files(file_changes(analysis, plan), cwd=analysis.request.cwd))


def _refuse_dirty(terminal: Terminal, analysis: Analysis, paths: Iterable[str]) -> None:
    """Raise `WriteRefused` if git could not give back one of these files."""
    shown = {analysis.reader.files[path].real: path for path in paths}
    if lacks_git(shown):
        terminal.complain("warning: git was not found: changes that are not committed could not be seen")
    found = dirty_files(shown)
    if found:
        names = [shown.get(real, str(real)) for real in found]
        verb = "is" if len(names) == 1 else "are"
        filtered = (
            "; what goes through a filter such as nbstripout git holds otherwise" if any_behind_filters(found) else ""
        )
        raise WriteRefused(
            f"nothing was written: {name_some(names)} would change and {verb} not committed{filtered}"
            " (commit or stash first, or use --allow-dirty)"
        )


def _reviewed(terminal: Terminal, analysis: Analysis, allow_dirty: bool) -> Review:
    """The answers to all questions. Raises what an interrupted prompt raises."""
    from torchfix_codemods.cli.prompt import ask

    fixes = [finding.fix for finding in analysis.findings if finding.fix]
    if not allow_dirty:
        # Before the first question: nobody should answer thirty of them for nothing.
        _refuse_dirty(terminal, analysis, {edit.path for fix in fixes for edit in fix.edits})
    return ask(terminal, report_of(analysis), analysis.request.rules)


def _accepted_by(review: Review) -> Callable[[Finding], bool]:
    accepted = {finding.id for finding in review.chosen(Answer.YES)}
    return lambda finding: finding.id in accepted


def _refused(review: Review) -> tuple[str, ...]:
    accepted = review.chosen(Answer.YES)
    return tuple(finding.id for finding in review.findings if finding not in accepted)


def _commented(terminal: Terminal, analysis: Analysis, plan: Plan, review: Review) -> Plan:
    """The plan with a suppression comment for each fix that is to be ignored."""
    comments, failed = comment_out(review.chosen(Answer.IGNORE), analysis.text)
    plan, disturbing = with_comments(analysis, plan, comments)
    for path in (*(finding.location.path for finding in failed), *(edit.path for edit in disturbing)):
        terminal.say(f"{path}: a comment to ignore a finding could not be inserted", "yellow")
    return plan
