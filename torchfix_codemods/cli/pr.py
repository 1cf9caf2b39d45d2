"""`pr`: the fixes as a reviewed pull request, one commit a rule. What the Action calls, and what people can try."""

from __future__ import annotations

import os
from pathlib import Path

import click

from torchfix_codemods.cli.console import Terminal, working_folder, write_bytes
from torchfix_codemods.cli.options import LEVELS, choosing, request_of
from torchfix_codemods.cli.progress import shown_progress
from torchfix_codemods.delivery.git.repository import Repository
from torchfix_codemods.delivery.names import check_labels
from torchfix_codemods.delivery.open import Delivery, Wish, open_pull_requests
from torchfix_codemods.delivery.preview import preview
from torchfix_codemods.delivery.proposing.choice import GROUP_BY, REQUIRE, Options
from torchfix_codemods.delivery.target import target_of
from torchfix_codemods.delivery.top import from_top, top_of
from torchfix_codemods.source.errors import UsageError


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@choosing
@click.option("--up-to", type=click.Choice(list(LEVELS)), help="The highest level to propose  [default: behavior]")
@click.option("--report", metavar="FILE", help="Take verdicts from this report (`torchfix verify --report FILE.json`).")
@click.option("--require", type=click.Choice(REQUIRE), default="not-regressed", show_default=True, help="What goes in.")
@click.option(
    "--group-by", type=click.Choice(GROUP_BY), default="all", show_default=True, help="One for all, or each rule."
)
@click.option("--base", default="", metavar="BRANCH", help="Where it is to be merged  [default: the default branch]")
@click.option("--branch", default=Wish.branch, show_default=True, help="The branch of the pull request.")
@click.option("--labels", default=",".join(Wish.labels), show_default=True, help="With commas; none if empty.")
@click.option("--draft", is_flag=True, help="Open it as a draft.")
@click.option("--repository", default="", metavar="OWNER/NAME", help="[default: GITHUB_REPOSITORY, or that of origin]")
@click.option("--remote", default="", metavar="URL", help="Where git pushes to  [default: that repository, by https]")
@click.option("--dry-run", is_flag=True, help="Print texts, commits and calls; write and send nothing.")
def pr(
    paths: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    exclude: tuple[str, ...],
    color: str,
    verbose: bool,
    quiet: bool,
    up_to: str | None,
    report: str | None,
    require: str,
    group_by: str,
    base: str,
    branch: str,
    labels: str,
    draft: bool,
    repository: str,
    remote: str,
    dry_run: bool,
) -> int:
    """Propose the fixes of PATHS [default: .] in a pull request on GitHub: one commit and one section a rule.

    Nothing is executed, and neither files nor branches of this clone change: the commits go from a temporary repository
    to the branch of the pull request. A fix in a pull request that was closed without merging is not proposed again; a
    branch that somebody else has pushed to is left alone. The token comes from the environment: TORCHFIX_TOKEN,
    GITHUB_TOKEN or GH_TOKEN.
    """
    terminal = Terminal(color, quiet, verbose)
    paths = paths or (".",)
    if "-" in paths:
        raise UsageError("`-`: a pull request changes files of a repository, not standard input")
    top = top_of(working_folder(), paths)
    clone = Repository(top)
    target = target_of(os.environ, repository, remote, clone.origin())
    wish = Wish(
        options=Options(require, group_by),
        report=Path(report) if report else None,
        made_in=working_folder(),
        base=base,
        branch=branch,
        labels=check_labels(labels),
        draft=draft,
        dry_run=dry_run,
    )
    request = from_top(request_of(paths, select, ignore, exclude, None, up_to), top)
    with shown_progress(terminal) as progress:
        delivery = open_pull_requests(request, wish, clone, target, os.environ, progress)
    for note in delivery.notes:
        terminal.say(f"note: {note}", "yellow")
    _tell(terminal, delivery)
    if delivery.failure is not None:
        raise delivery.failure
    if dry_run:
        write_bytes(preview(delivery.proposals, delivery.planned))
    return 0


def _tell(terminal: Terminal, delivery: Delivery) -> None:
    """What became of each pull request, one line each on standard output."""
    for result in delivery.results:
        terminal.out(" ".join(filter(None, (result.operation.value, result.branch, result.url))))
        for line in filter(None, (result.detail, *result.warnings)):
            terminal.say(f"    {line}")
