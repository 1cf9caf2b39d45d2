"""The inputs of the Action, checked one by one: GitHub neither enforces them nor knows their kinds.

They come as TORCHFIX_* variables. INPUT_* is never read: a composite action has none on GitHub.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torchfix_codemods.delivery.names import BRANCH, check_token
from torchfix_codemods.delivery.proposing.choice import GROUP_BY, REQUIRE
from torchfix_codemods.findings import Level
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.nearest import did_you_mean
from torchfix_codemods.source.selection import split_selectors
from torchfix_codemods.source.setting_values import LONGEST
from torchfix_codemods.source.verify_settings import SANDBOXES

MODES = ("check", "verify", "pr")
REQUIRED = "required"  # as a sandbox: any in which the system itself holds something back
FAIL_ON = ("none", "findings", "fixes", "regressions")
AUTO = "auto"
_LEVELS = {level.label: level for level in Level}


@dataclass(frozen=True)
class Inputs:
    """What one step of a workflow asks for. None and empty mean: not set, so that the settings decide.

    Paths are as written and count from the working folder; `timeout` is seconds of one run. `changed_since` is a
    revision, or `auto`.
    """

    mode: str = "check"
    paths: tuple[str, ...] = (".",)
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    up_to: Level | None = None
    changed_since: str = ""
    baseline: str = ""
    config: str = ""
    report: str = "torchfix-report.json"
    sarif: str = ""
    html: str = ""
    patch: str = "torchfix.patch"
    annotations: bool = True
    script: tuple[str, ...] = ()
    args: tuple[str, ...] | None = None
    python: str = ""
    timeout: float | None = None
    sandbox: str = "auto"
    require: str = "not-regressed"
    group_by: str = "all"
    base: str = ""
    branch: str = BRANCH
    labels: tuple[str, ...] = ("torchfix",)
    draft: bool = False
    token: str = field(default="", repr=False)
    fail_on: str = "none"


def read_inputs(environ: Mapping[str, str]) -> Inputs:
    """The inputs of a step from its variables. Raises `UsageError` for the first that makes no sense."""
    values: dict[str, Any] = {
        name: _read(name, reader, environ.get(variable(name))) for name, reader in _READERS.items()
    }
    inputs = Inputs(**{name: value for name, value in values.items() if value is not None})
    if inputs.mode != "pr" and inputs.token:
        raise UsageError(f"mode {inputs.mode} takes no token: TORCHFIX_TOKEN is for mode pr only")
    if inputs.mode == "pr" and inputs.changed_since:
        raise UsageError("input changed-since: mode pr looks at all lines, or it would close what others need")
    return inputs


def variable(name: str) -> str:
    """The variable that hands on an input, or a field of `Inputs`."""
    return "TORCHFIX_" + name.replace("-", "_").upper()


def _read(name: str, reader: Callable[[str], object], value: str | None) -> object | None:
    """The value of one input; None where it is not there, or blank, and the default counts."""
    if value is None:
        return None
    if "\0" in value:
        raise UsageError(f"input {name.replace('_', '-')}: holds a NUL character")
    if not value.strip():
        return _BLANK.get(name)
    try:
        return reader(value)
    except _Wrong as wrong:
        raise UsageError(f"input {name.replace('_', '-')}: {wrong}") from None


class _Wrong(Exception):
    """What an input should have been."""


def _one_of(choices: Iterable[str]) -> Callable[[str], str]:
    known = tuple(choices)

    def read(value: str) -> str:
        word = value.strip()
        if word not in known:
            raise _Wrong(f"'{word}' is none of {', '.join(known)}{did_you_mean(word, known)}")
        return word

    return read


def _flag(value: str) -> bool:
    return _one_of(("true", "false"))(value.lower()) == "true"


def _level(value: str) -> Level:
    return _LEVELS[_one_of(_LEVELS)(value)]


def _lines(value: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in value.splitlines() if line.strip())


def _words(value: str) -> tuple[str, ...]:
    """Words with commas or line ends between them."""
    return tuple(word for word in split_selectors(value.splitlines()) if word)


def _line(value: str) -> str:
    lines = _lines(value)
    if len(lines) != 1:
        raise _Wrong("must be one line")
    return lines[0]


def _arguments(value: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(value))
    except ValueError as error:
        raise _Wrong(f"cannot be split as a shell does it: {error}") from None


def _seconds(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 1 <= number <= LONGEST:
        raise _Wrong(f"'{value.strip()}' is no number of seconds from 1 to {LONGEST}")
    return number


def _secret(value: str) -> str:
    """A token. What it is, no message says."""
    try:
        return check_token(value.strip())
    except UsageError as error:
        raise _Wrong(str(error)) from None


_READERS: dict[str, Callable[[str], object]] = {
    "mode": _one_of(MODES),
    "paths": _lines,
    "select": _words,
    "ignore": _words,
    "exclude": _lines,
    "up_to": _level,
    "changed_since": _line,
    "baseline": _line,
    "config": _line,
    "report": _line,
    "sarif": _line,
    "html": _line,
    "patch": _line,
    "annotations": _flag,
    "script": _lines,
    "args": _arguments,
    "python": _line,
    "timeout": _seconds,
    "sandbox": _one_of(("auto", REQUIRED, *(name for name in SANDBOXES if name != "auto"))),
    "require": _one_of(REQUIRE),
    "group_by": _one_of(GROUP_BY),
    "base": _line,
    "branch": _line,
    "labels": _words,
    "draft": _flag,
    "token": _secret,
    "fail_on": _one_of(FAIL_ON),
}
#: Inputs whose being blank says something else than their default: nowhere, and no labels.
_BLANK: dict[str, object] = {"report": "", "patch": "", "labels": ()}
