"""A JSON file that somebody else may have written: read within limits, its values taken only as what they must be.

Whoever runs a program can write any report of it. So nothing here is believed: sizes are bounded before anything is
read, types are exact, texts are cut and lose what would steer a terminal or turn the direction of reading.
"""

from __future__ import annotations

import json
import math
import os
import stat
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from torchfix_codemods.source.errors import UsageError

#: Bytes of a file that are read, at most.
MAX_BYTES = 16 * 2**20
#: Objects and lists in a file, at most: each of them costs some thirty times its two characters.
MAX_CONTAINERS = 1_000_000
#: Characters of a number, at most.
_DIGITS = 40
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_T = TypeVar("_T")


class Malformed(ValueError):
    """A value is not of the type, or not within the limits, that it must have; the text is a few plain words."""


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file, all of its keys and values as yet unchecked.

    Raises `UsageError` where the file is not a regular one, is larger than `MAX_BYTES`, or does not hold one object.
    """
    raw = _read(path)
    if raw.count(b"{") + raw.count(b"[") > MAX_CONTAINERS:
        raise UsageError(f"{path}: more than {MAX_CONTAINERS:,} objects and lists")
    try:
        found = json.loads(
            raw.decode("utf-8"),
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except RecursionError as error:
        raise UsageError(f"{path}: the JSON is nested too deeply") from error
    except (ValueError, MemoryError) as error:
        raise UsageError(f"{path}: not a JSON report: {clean(str(error), 200)}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path}: not a JSON report: it does not hold an object")
    return found


def _read(path: Path) -> bytes:
    """The bytes of a regular file, which must not be behind a link. Raises `UsageError`."""
    try:
        descriptor = os.open(path, _FLAGS)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"{path}: not a regular file")
            raw = file.read(MAX_BYTES + 1) if status.st_size <= MAX_BYTES else b""
    except OSError as error:
        reason = "a symbolic link" if os.path.islink(path) else error.strerror or str(error)
        raise UsageError(f"{path}: {reason}") from error
    if status.st_size > MAX_BYTES or len(raw) > MAX_BYTES:
        raise UsageError(f"{path}: larger than {MAX_BYTES:,} bytes")
    return raw


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise Malformed("a number is too long")
    return int(text)


def _float(text: str) -> float:
    if len(text) > _DIGITS:
        raise Malformed("a number is too long")
    return float(text)


def _constant(text: str) -> float:
    raise Malformed(f"{text} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a key stands twice in an object")
    return found


# --- values ----------------------------------------------------------------------------------------------------------


def clean(text: str, limit: int) -> str:
    """The text on one line without control and format characters (those of bidirectional text too), cut at `limit`."""
    kept = "".join(" " if c in "\t\r\n" else c for c in text[: 4 * limit] if c in "\t\r\n" or not _steers(c))
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def _steers(character: str) -> bool:
    """Whether a character is no text: control, format, surrogate, private, unassigned, line separator."""
    return unicodedata.category(character)[0] == "C" or unicodedata.category(character) in ("Zl", "Zp")


def text(found: Mapping[str, Any], key: str, limit: int) -> str:
    """The cleaned text under a key, "" where there is none. Raises `Malformed` where it is something else."""
    value = found.get(key, "")
    if type(value) is not str:
        raise Malformed(f"{key} is not a text")
    return clean(value, limit)


def exact(found: Mapping[str, Any], key: str, limit: int) -> str:
    """The text under a key as it is, to compare with ours and never to show. Raises `Malformed`."""
    value = found.get(key)
    if type(value) is not str or len(value) > limit:
        raise Malformed(f"{key} is not a text of at most {limit:,} characters")
    return value


def count(found: Mapping[str, Any], key: str, limit: int = 2**31) -> int:
    """The integer from 0 to `limit` under a key. Raises `Malformed`."""
    value = found.get(key)
    if type(value) is not int or not 0 <= value <= limit:
        raise Malformed(f"{key} is not a number from 0 to {limit:,}")
    return value


def amount(value: object, limit: float = math.inf) -> float:
    """A finite number of at most `limit`. Raises `Malformed`."""
    if type(value) not in (int, float) or not math.isfinite(value) or abs(value) > limit:  # type: ignore[arg-type]
        raise Malformed("a number is not finite, or too large")
    return float(value)  # type: ignore[arg-type]


def items(found: Mapping[str, Any], key: str, limit: int, of: Callable[[Any], _T]) -> tuple[_T, ...]:
    """The list under a key, each item read by `of`; () where there is none. Raises `Malformed`; a longer one too."""
    value = found.get(key, [])
    if type(value) is not list or len(value) > limit:
        raise Malformed(f"{key} is not a list of at most {limit:,} items")
    return tuple(of(item) for item in value)


def mapping(value: object) -> dict[str, Any]:
    """A JSON object. Raises `Malformed` for anything else."""
    if type(value) is not dict:
        raise Malformed("an object is missing")
    return value
