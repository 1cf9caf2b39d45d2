"""The command group, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module

import click

from torchfix_codemods.cli.console import Terminal, open_missing_streams, tolerate_narrow_encodings
from torchfix_codemods.cli.version import print_version
from torchfix_codemods.source.errors import OutsideFailed, TorchfixError

#: Where each command stands: `module:attribute` below this package; a module is imported when its command is run.
COMMANDS = {
    "apply": "apply:apply",
    "check": "check:check",
    "verify": "verify:verify",
    "undo": "undo:undo",
    "pr": "pr:pr",
    "rules": "rules:rules",
    "explain": "rules:explain",
}
FAILED = 2
OUTSIDE_FAILED = 4
INTERRUPTED = 130  # what shells report for Ctrl-C


class LazyGroup(click.Group):
    """A group whose commands are imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(f"torchfix_codemods.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        ctx.exit(print_version())


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Which torchfix is this?"
)
def cli() -> None:
    """Find the well-known mistakes of PyTorch programs and rewrite them, with every comment kept.

    Exit codes: 0 done or nothing to do; 1 `check` or `--dry-run` found something; 2 usage, settings, a refusal or an
    internal error; 3 a run showed that a fix makes something worse; 4 git or the forge failed; 130 interrupted.
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; what goes wrong is one line on standard error."""
    terminal = Terminal(verbose="--verbose" in arguments or "-v" in arguments)
    open_missing_streams()
    tolerate_narrow_encodings()
    try:
        return _invoke(arguments)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        terminal.complain("interrupted")
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return FAILED
    except TorchfixError as error:
        terminal.complain(f"torchfix: {error}")
        return OUTSIDE_FAILED if isinstance(error, OutsideFailed) else FAILED
    except BrokenPipeError:
        # The reader has gone (`| head`); without this Python complains once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            terminal.complain("torchfix: standard output: no space left on device; what was written to files stands")
            return FAILED
        if terminal.verbose:
            import traceback

            traceback.print_exc()
        terminal.complain(f"torchfix: internal error: {error!r} (--verbose shows the traceback; please report it)")
        return FAILED


def _invoke(arguments: Sequence[str]) -> int:
    with warnings.catch_warnings():
        # Other people's code is parsed here; its invalid escapes are not this run's business.
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        result = cli.main(list(arguments), prog_name=_program_name(), standalone_mode=False)
    sys.stdout.flush()
    return result if isinstance(result, int) else 0


def _program_name() -> str:
    name = os.path.basename(sys.argv[0]) if sys.argv else ""
    return name if name in ("torchfix", "torchfix-codemods") else "torchfix"
