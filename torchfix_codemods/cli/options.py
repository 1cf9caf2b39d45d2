"""The options that commands share, and the `Request` that they amount to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from torchfix_codemods.checking.pool import available_jobs
from torchfix_codemods.cli.console import working_folder
from torchfix_codemods.findings import Level
from torchfix_codemods.pipeline import Request
from torchfix_codemods.report.formats import BY_SUFFIX
from torchfix_codemods.rules.registry import wished_rules
from torchfix_codemods.source.around import holding_folder
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.settings import load_settings

LEVELS = {level.label: level for level in Level}
_Command = TypeVar("_Command", bound=Callable[..., Any])

_CHOICE = (
    click.option("--select", multiple=True, metavar="RULES", help="Only these: names, codes or code prefixes."),
    click.option("--ignore", multiple=True, metavar="RULES", help="All but these."),
    click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out paths, as in .gitignore."),
)
_TERMINAL = (
    click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True),
    click.option("-v", "--verbose", is_flag=True, help="More on standard error: timings, tracebacks."),
    click.option("-q", "--quiet", is_flag=True, help="No report and no summary; errors only."),
)
_SHARED = (
    click.argument("paths", nargs=-1, required=True, metavar="PATHS..."),
    *_CHOICE,
    click.option("--stdin-filename", metavar="NAME", help="With PATHS `-`: the name of what standard input holds."),
    *_TERMINAL,
)

_SCOPE = (
    click.option("--since", metavar="REV", help="Only findings on lines that were changed since this revision."),
    click.option("--baseline", metavar="FILE", help="Leave out the findings that `check --write-baseline` wrote."),
    click.option("--project", is_flag=True, help="Read the project around PATHS too; report and rewrite only PATHS."),
)


def report_option(command: _Command) -> _Command:
    """Add `--report`."""
    text = f"Write the report to FILE too: {' '.join(BY_SUFFIX)}; may be repeated."
    return click.option("--report", multiple=True, metavar="FILE", help=text)(command)


def shared(command: _Command) -> _Command:
    """Add the options that every command over files has."""
    return _with(command, _SHARED)


def choosing(command: _Command) -> _Command:
    """Add the options that say which rules and files, and those of the terminal."""
    return _with(command, (*_CHOICE, *_TERMINAL))


def _with(command: _Command, options: Sequence[Callable[[_Command], _Command]]) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command


def scoped(command: _Command) -> _Command:
    """Add the options that say which findings count, and what is read to find them."""
    for option in reversed(_SCOPE):
        command = option(command)
    return command


def request_of(
    paths: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    exclude: tuple[str, ...],
    stdin_filename: str | None,
    up_to: str | None = None,
    *,
    since: str | None = None,
    baseline: str | None = None,
    project: bool = False,
) -> Request:
    """The request, the command line over the settings. Raises `UsageError` and `SettingsError`."""
    cwd = working_folder()
    if since is not None and stdin_filename is not None:
        raise UsageError("--since goes with files: git knows nothing of standard input")
    given = _standard_input(paths, stdin_filename)
    settings = load_settings(holding_folder(cwd, (given[0],) if given else paths))
    return Request(
        paths=paths,
        cwd=cwd,
        rules=wished_rules(settings, select, ignore),
        up_to=settings.level(LEVELS[up_to] if up_to else None),
        settings=settings,
        exclude=exclude,
        given=given,
        jobs=available_jobs(),
        project=project,
        since=since,
        baseline=settings.baseline_file if baseline is None else cwd / baseline,
    )


def _standard_input(paths: tuple[str, ...], name: str | None) -> tuple[str, bytes] | None:
    if "-" not in paths and name is None:
        return None
    if paths != ("-",):
        raise UsageError("standard input is read alone: `--stdin-filename NAME -`, and no other path")
    if name is None:
        raise UsageError("`-` needs --stdin-filename NAME: what the file is called that standard input holds")
    if sys.stdin is None:
        raise UsageError("standard input is closed")
    return Path(name).as_posix(), sys.stdin.buffer.read()
