"""`undo`: take back the last apply of this folder."""

from __future__ import annotations

import time

import click

from torchfix_codemods.cli.console import Terminal, working_folder
from torchfix_codemods.report.text import count
from torchfix_codemods.source import journal


@click.command()
@click.option("-v", "--verbose", is_flag=True, help="Name every file; show tracebacks.")
@click.option("-q", "--quiet", is_flag=True, help="Errors only.")
def undo(verbose: bool, quiet: bool) -> int:
    """Take back the last `apply` of this folder, byte for byte; again: the one before it.

    Refuses, and changes nothing, where a file has been changed since.
    """
    terminal = Terminal(quiet=quiet, verbose=verbose)
    done = journal.undo(working_folder())
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(done.applied_at))
    terminal.say(f"{count(len(done.restored), 'file')} restored, as before the apply of {when}")
    for path in done.restored if verbose else ():
        terminal.say(f"    {path}")
    if done.already_as_before:
        terminal.say(f"{count(len(done.already_as_before), 'file')} had been restored already")
    if done.entries_left:
        terminal.say(f"applies before that one, which can be undone too: {done.entries_left}")
    return 0
