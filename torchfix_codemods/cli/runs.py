"""The options of runs before and after, and the way from a plan to its verdicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from torchfix_codemods.cli.console import Terminal
from torchfix_codemods.pipeline import Analysis
from torchfix_codemods.rewrite.plan import Plan
from torchfix_codemods.source.verify_settings import DEVICES, SANDBOXES, VerifySettings
from torchfix_codemods.verify.interrupts import interruptible
from torchfix_codemods.verify.model import Verification

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--script", multiple=True, metavar="FILE", help="Run this program [default: those that reach a fix]."),
    click.option("--python", metavar="EXE", help="The interpreter that has torch  [default: the project's]."),
    click.option("--inner", type=click.IntRange(1), help="Iterations of a loop that trains or evaluates  [default: 4]"),
    click.option("--outer", type=click.IntRange(1), help="Iterations of a loop around such loops  [default: 2]"),
    click.option("--steps", type=click.IntRange(1), help="Optimizer steps of a run, at most  [default: 64]"),
    click.option("--seconds", type=click.FloatRange(min=1), help="Seconds of a run, at most  [default: 60]"),
    click.option("--device", type=click.Choice(DEVICES), help="Where models run  [default: auto]"),
    click.option("--sandbox", type=click.Choice(SANDBOXES), help="How runs are isolated  [default: auto]"),
)
NAMES = ("python", "inner", "outer", "steps", "seconds", "device", "sandbox")


def run_options(command: _Command) -> _Command:
    """Add the options of runs."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class WithProgramArguments(click.Command):
    """A command whose words after `--` are the arguments of the program that is run, where paths stand before it.

    Where none do they are the paths, as everywhere: a file may be called `-x.py`.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep what follows `--` in `ctx.meta`."""
        if "--" in args:
            place = args.index("--")
            paths = self.make_parser(ctx).parse_args(args[:place])[0].get("paths")
            if paths and isinstance(paths, tuple):  # releases of click differ in what stands there for nothing
                ctx.meta["program arguments"] = tuple(args[place + 1 :])
                args = args[:place]
        return super().parse_args(ctx, args)


def program_arguments() -> tuple[str, ...] | None:
    """The words after `--`; None where there was no `--`."""
    found: tuple[str, ...] | None = click.get_current_context().meta.get("program arguments")
    return found


def verified(
    terminal: Terminal, analysis: Analysis, plan: Plan, scripts: tuple[str, ...], options: dict[str, Any]
) -> Verification:
    """The verdicts for the fixes of a plan, with the phases of the runs on a terminal."""
    from torchfix_codemods.cli.progress import shown_phase
    from torchfix_codemods.pipeline import verification

    overrides = VerifySettings(**{name: options[name] for name in NAMES})
    with interruptible(), shown_phase(terminal) as told:
        return verification(analysis, plan, scripts, program_arguments(), overrides, told)
