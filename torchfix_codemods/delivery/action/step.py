"""One step of a job, and the exit code that it ends with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torchfix_codemods.delivery.action.inputs import Inputs
from torchfix_codemods.delivery.action.runner import Runner
from torchfix_codemods.findings import Problem

FOUND = 1
FAILED = 2
REGRESSED = 3


@dataclass(frozen=True)
class Step:
    """Its inputs, the runner, and the folder in which paths count."""

    inputs: Inputs
    runner: Runner
    cwd: Path


def exit_code(fail_on: str, counted: Mapping[str, int], problems: Sequence[Problem]) -> int:
    """The exit code that `fail-on` asks for; a rule that failed is an internal error whatever it says."""
    if problems:
        return FAILED
    if fail_on != "none" and counted["regressed"]:
        return REGRESSED
    if fail_on in ("findings", "fixes") and counted[fail_on]:
        return FOUND
    return 0
