"""The findings that a project knows already, so that it hears of new ones only: one file, by the ids of the findings.

The file holds a line of JSON for each finding, sorted, below a line that says what it is: two branches that add
findings seldom meet in one line.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torchfix_codemods.source.atomic import read_plain
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.ignore import TAKEN
from torchfix_codemods.source.outputs import obstacle, write_output

SCHEMA = 1
_ABOUT = "findings that torchfix need not tell again: `torchfix check PATHS --write-baseline FILE` writes them anew"
_ID = re.compile(r"[0-9a-f]{16}")
_CONFLICT = ("<<<<<<< ", "=======", ">>>>>>> ", "||||||| ")


@dataclass(frozen=True, order=True)
class Known:
    """A finding that is known. `path` does not depend on the working folder; the message is for people only."""

    path: str
    rule: str
    id: str
    message: str = ""


def read_baseline(file: Path) -> tuple[Known, ...]:
    """The findings of a baseline, each id once. Raises `UsageError` for a file that is not there, or is none."""
    try:
        lines = _lines(read_plain(Path(os.path.realpath(file))))
    except FileNotFoundError:
        raise UsageError(
            f"baseline {file}: there is no such file (`torchfix check --write-baseline` makes it)"
        ) from None
    except OSError as error:
        raise UsageError(f"baseline {file}: {(error.strerror or str(error)).lower()}") from error
    except ValueError:
        raise UsageError(f"baseline {file}: it is not UTF-8") from None
    if not lines:
        raise UsageError(f"baseline {file}: it is empty")
    _check_head(file, *lines[0])
    known = {entry.id: entry for entry in (_entry(file, *line) for line in lines[1:])}
    return tuple(known.values())


def check_target(file: Path) -> None:
    """Raise `UsageError` where a baseline can't be written, or would take the place of what is none."""
    real = Path(os.path.realpath(file))
    reason = obstacle(real)
    if reason is None and real.suffix in TAKEN:
        reason = "that is the name of a program"
    if reason is None and real.exists() and not _may_be_replaced(real):
        reason = "there is a file which is no baseline of torchfix: nothing was written"
    if reason is not None:
        raise UsageError(f"--write-baseline {file}: {reason}")


def _may_be_replaced(real: Path) -> bool:
    """Whether a file is empty, or begins as a baseline does; what else is in it may be damaged."""
    try:
        lines = _lines(read_plain(real))
        return not lines or _is_schema(_object(real, *lines[0]).get("schema"))
    except (OSError, ValueError, UsageError):
        return False


def write_baseline(file: Path, entries: Iterable[Known]) -> None:
    """Write a baseline, whole or not at all. Raises `UsageError` where that is not possible, see `check_target`."""
    lines = [json.dumps({"schema": SCHEMA, "about": _ABOUT})]
    lines += [json.dumps(asdict(entry)) for entry in sorted(entries)]
    check_target(file)
    try:
        write_output(Path(os.path.realpath(file)), "\n".join((*lines, "")).encode("ascii"))
    except OSError as error:
        raise UsageError(f"--write-baseline {file}: {(error.strerror or str(error)).lower()}") from error


def gone(entries: Iterable[Known], ids: Iterable[str], rules: Iterable[str], paths: Iterable[str]) -> tuple[Known, ...]:
    """Entries of which nothing was found any more, though their rule looked at their file in this run."""
    found, ran, read = frozenset(ids), frozenset(rules), frozenset(paths)
    return tuple(entry for entry in entries if entry.id not in found and entry.rule in ran and entry.path in read)


def _lines(raw: bytes) -> list[tuple[int, str]]:
    """The lines that hold anything, with their numbers. Raises `ValueError` for what is not UTF-8."""
    text = raw.decode("utf-8-sig")  # some editors put a byte order mark before it
    return [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _is_schema(value: object) -> bool:
    return type(value) is int  # for Python `true` and 1.0 are 1 too


def _check_head(file: Path, number: int, line: str) -> None:
    head = _object(file, number, line)
    if "schema" not in head:
        raise UsageError(f"baseline {file}: it is no baseline of torchfix (its first line has no schema)")
    if not _is_schema(head["schema"]) or head["schema"] != SCHEMA:
        raise UsageError(f"baseline {file}: its schema is {head['schema']!r}, and this version knows {SCHEMA} only")


def _entry(file: Path, number: int, line: str) -> Known:
    match _object(file, number, line):
        case {"path": str(path), "rule": str(rule), "id": str(name), "message": str(message)} if _ID.fullmatch(name):
            return Known(path, rule, name, message)
    raise UsageError(f"baseline {file}: line {number}: it needs an id, a rule, a path and a message")


def _object(file: Path, number: int, line: str) -> dict[str, Any]:
    if line.startswith(_CONFLICT):
        raise UsageError(f"baseline {file}: line {number}: a conflict of a merge was left there")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UsageError(f"baseline {file}: line {number}: it is no JSON object")
    return found
