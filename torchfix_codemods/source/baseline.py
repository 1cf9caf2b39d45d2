"""The findings that a project knows already, so that it hears of new ones only: one file, by the ids of the findings.

The file holds a line of JSON for each finding, sorted, below a line that says what it is: two branches that add
findings seldom meet in one line.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torchfix_codemods.source.atomic import read_plain
from torchfix_codemods.source.errors import UsageError

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
        text = read_plain(Path(os.path.realpath(file))).decode("utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"baseline {file}: there is no such file (`torchfix check --write-baseline` makes it)"
        ) from None
    except OSError as error:
        raise UsageError(f"baseline {file}: {(error.strerror or str(error)).lower()}") from error
    except ValueError:
        raise UsageError(f"baseline {file}: it is not UTF-8") from None
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise UsageError(f"baseline {file}: it is empty")
    _check_head(file, *lines[0])
    known = {entry.id: entry for entry in (_entry(file, *line) for line in lines[1:])}
    return tuple(known.values())


def write_baseline(file: Path, entries: Iterable[Known]) -> None:
    """Write a baseline, whole or not at all. Raises `UsageError` where that is not possible."""
    lines = [json.dumps({"schema": SCHEMA, "about": _ABOUT})]
    lines += [json.dumps(asdict(entry)) for entry in sorted(entries)]
    real = Path(os.path.realpath(file))
    waiting = real.with_name(f".{real.name}.{os.urandom(6).hex()}.tmp")
    try:
        waiting.write_bytes("\n".join((*lines, "")).encode("ascii"))
        if real.exists():
            waiting.chmod(real.stat().st_mode & 0o777)
        os.replace(waiting, real)
    except OSError as error:
        with suppress(OSError):
            waiting.unlink()
        raise UsageError(f"--write-baseline {file}: {(error.strerror or str(error)).lower()}") from error


def gone(entries: Iterable[Known], ids: Iterable[str], rules: Iterable[str], paths: Iterable[str]) -> tuple[Known, ...]:
    """Entries of which nothing was found any more, though their rule looked at their file in this run."""
    found, ran, read = frozenset(ids), frozenset(rules), frozenset(paths)
    return tuple(entry for entry in entries if entry.id not in found and entry.rule in ran and entry.path in read)


def _check_head(file: Path, number: int, line: str) -> None:
    head = _object(file, number, line)
    if "schema" not in head:
        raise UsageError(f"baseline {file}: it is no baseline of torchfix (its first line has no schema)")
    if head["schema"] != SCHEMA:
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
