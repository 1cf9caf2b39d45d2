"""Values of a settings file, one reader per kind: what is of the wrong kind says what it should have been."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torchfix_codemods.source.nearest import did_you_mean

LONGEST = 86_400  # seconds that a run may be given: a day


class Wrong(Exception):
    """What a value should have been."""


def read_table(table: Mapping[str, object], readers: Mapping[str, Callable[[object], object]]) -> dict[str, Any]:
    """The values of a table by the names of the fields that take them."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in readers:
            raise Wrong(f"unknown key '{key}'{did_you_mean(key, readers)}")
        try:
            values[key.replace("-", "_")] = readers[key](value)
        except Wrong as wrong:
            raise Wrong(f"{key}: {wrong}") from None
    return values


def strings(value: object) -> tuple[str, ...]:
    """A list of any strings."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Wrong("must be a list of strings")
    return tuple(value)


def flag(value: object) -> bool:
    """True or false, and no number for it."""
    if not isinstance(value, bool):
        raise Wrong("must be true or false")
    return value


def one_of(choices: Iterable[str]) -> Callable[[object], str]:
    """A reader of one word out of a few."""
    known = tuple(choices)

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in known:
            hint = did_you_mean(value, known) if isinstance(value, str) else ""
            raise Wrong(f"must be one of {', '.join(known)}{hint}")
        return value

    return read


def string(value: object) -> str:
    """A path or the like: not blank, and nothing that the operating system refuses."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise Wrong("must be a string that is not empty")
    return value


def names(value: object) -> tuple[str, ...]:
    """One path or several."""
    if not isinstance(value, str | list):
        raise Wrong("must be a string or a list of strings")
    return tuple(map(string, [value] if isinstance(value, str) else value))


def words(value: object) -> tuple[str, ...]:
    """The words of a command line, written as one string (as for a shell) or as a list."""
    if not isinstance(value, str | list):
        raise Wrong("must be a string or a list of strings")
    try:
        found = shlex.split(value) if isinstance(value, str) else strings(value)
    except ValueError as error:
        raise Wrong(f"{value!r}: {str(error).lower()}") from None
    if any("\0" in word for word in found):
        raise Wrong("no program takes an argument with a null character")
    return tuple(found)


def commands(value: object) -> tuple[tuple[str, ...], ...]:
    """One command as a string, or a list of commands, each a string or a list of words."""
    if not isinstance(value, str | list):
        raise Wrong('must be a list of commands, such as ["python make_data.py", ["make", "data"]]')
    found = tuple(map(words, [value] if isinstance(value, str) else value))
    if not all(command and command[0] for command in found):
        raise Wrong("a command must not be empty")
    return found


def variables(value: object) -> tuple[tuple[str, str], ...]:
    """Variables of the environment, in order."""
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise Wrong('must be a table of strings, such as {DATA_ROOT = "data"}')
    for name, item in value.items():
        if not name or "=" in name or "\0" in name + item:
            raise Wrong(f"'{name}' can't be a variable of the environment")
    return tuple(value.items())


def count(least: int) -> Callable[[object], int]:
    """A reader of whole numbers from `least` on."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise Wrong(f"must be a whole number, at least {least}")
        return value

    return read


def seconds(value: object) -> float:
    """A time limit."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= LONGEST:
        raise Wrong(f"must be a number of seconds above 0, at most {LONGEST}")
    return float(value)
