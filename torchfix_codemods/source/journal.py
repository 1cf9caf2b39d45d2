"""The undo journal: what the files held before each of the last applies, kept outside of the project.

One folder per working folder, one file per apply: a line of JSON (which files, digests of what was written),
then the old contents, compressed. An entry is complete before the first file is replaced, so a run that was
killed half-way can be taken back too.
"""

from __future__ import annotations

import json
import os
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from torchfix_codemods.source.atomic import (
    FileChange,
    NotPutBack,
    Unwritable,
    read_plain,
    remove_leftovers,
    replace_all,
    temporary_names,
)
from torchfix_codemods.source.errors import UndoRefused, name_some

KEPT_ENTRIES = 20
_SUFFIX = ".undo"


@dataclass(frozen=True)
class Undone:
    """What one undo did: shown paths, when the apply was (seconds since the epoch), entries left."""

    restored: tuple[str, ...]
    already_as_before: tuple[str, ...]
    applied_at: float
    entries_left: int


@dataclass(frozen=True)
class _Recorded:
    path: str
    real: Path
    before: bytes
    digest: str


@dataclass(frozen=True)
class _Entry:
    when: float
    mark: str
    files: tuple[_Recorded, ...]


def undo(cwd: Path) -> Undone:
    """Take back the last apply that ran in `cwd`, byte for byte; called again, the one before it.

    Raises `UndoRefused` when there is none, or when a file has changed since: then nothing is touched.
    """
    try:
        with locked(cwd) as folder:
            entries = entries_of(folder)
            if not entries:
                raise UndoRefused("nothing to undo: no apply was recorded in this folder")
            return _take_back(entries[-1], entries_left=len(entries) - 1)
    except OSError as error:
        raise UndoRefused(f"the undo journal can't be read: {error}") from error


@contextmanager
def locked(cwd: Path) -> Iterator[Path]:
    """The journal folder of `cwd`, for one process at a time. Raises `OSError` if there can't be one."""
    key = sha256(os.fsencode(os.path.realpath(cwd))).hexdigest()[:32]
    folder = state_folder() / "undo" / key
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(folder / "lock", "ab") as lock:
        _wait_for(lock.fileno())
        yield folder  # closing the file frees the lock


def state_folder() -> Path:
    """Where this tool keeps its state: `TORCHFIX_STATE_DIR`, or the usual place of the platform."""
    chosen = os.environ.get("TORCHFIX_STATE_DIR")
    if chosen:
        return Path(chosen)
    from platformdirs import user_state_path

    return user_state_path("torchfix-codemods", appauthor=False)


def entries_of(folder: Path) -> list[Path]:
    """The entries of a journal folder, oldest first."""
    return sorted(folder.glob(f"*{_SUFFIX}"))


def next_entry(folder: Path) -> Path:
    """The name of the entry to write next."""
    entries = entries_of(folder)
    number = int(entries[-1].stem) + 1 if entries else 1
    return folder / f"{number:010d}{_SUFFIX}"


def record(entry: Path, changes: Sequence[FileChange], mark: str) -> None:
    """Write an entry, whole and on disk when this returns. Raises `OSError`."""
    files = [{"path": c.path, "real": str(c.real), "digest": _digest(c.after), "size": len(c.before)} for c in changes]
    header = json.dumps({"format": 1, "when": time.time(), "mark": mark, "files": files})
    contents = zlib.compress(b"".join(change.before for change in changes))
    waiting = entry.with_suffix(".tmp")
    descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(header.encode("ascii") + b"\n" + contents)
        stream.flush()
        os.fsync(descriptor)
    os.replace(waiting, entry)


def forget_oldest(folder: Path) -> None:
    """Keep the last entries only."""
    for entry in entries_of(folder)[:-KEPT_ENTRIES]:
        entry.unlink(missing_ok=True)


def _take_back(entry_path: Path, entries_left: int) -> Undone:
    entry = _load(entry_path)
    states = [(recorded, _state(recorded)) for recorded in entry.files]
    changed = [f"{recorded.path} ({state})" for recorded, state in states if isinstance(state, str)]
    if changed:
        raise UndoRefused(f"nothing was taken back: {name_some(changed)}")
    _clean_up(entry)
    restore = [
        FileChange(recorded.path, recorded.real, before=state, after=recorded.before)
        for recorded, state in states
        if isinstance(state, bytes)
    ]
    try:
        replace_all(restore, f"{entry.mark}-undo")
    except Unwritable as error:
        raise UndoRefused(f"nothing was taken back: {error}") from error
    except NotPutBack as error:
        raise UndoRefused(f"only a part was taken back, undo can be called again: {error}") from error
    entry_path.unlink(missing_ok=True)
    already = tuple(recorded.path for recorded, state in states if state is None)
    return Undone(tuple(change.path for change in restore), already, entry.when, entries_left)


def _state(recorded: _Recorded) -> bytes | str | None:
    """What the file holds if that is what was written, None if it is as before, else what is wrong."""
    try:
        current = read_plain(recorded.real)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    if current == recorded.before:
        return None
    return current if _digest(current) == recorded.digest else "changed since the apply"


def _clean_up(entry: _Entry) -> None:
    """Remove what a killed run, or a killed undo of it, may have left beside the files."""
    reals = [recorded.real for recorded in entry.files]
    for mark in (entry.mark, f"{entry.mark}-back", f"{entry.mark}-undo", f"{entry.mark}-undo-back"):
        remove_leftovers(temporary_names(reals, mark))


def _load(entry: Path) -> _Entry:
    try:
        line, _, contents = entry.read_bytes().partition(b"\n")
        header, whole = json.loads(line), zlib.decompress(contents)
        if header["format"] != 1:
            raise ValueError("it was written by another version")
        files, start = [], 0
        for item in header["files"]:
            before = whole[start : start + item["size"]]
            start += item["size"]
            files.append(_Recorded(item["path"], Path(item["real"]), before, item["digest"]))
        if start != len(whole):
            raise ValueError("sizes don't add up")
        return _Entry(header["when"], header["mark"], tuple(files))
    except (ValueError, LookupError, TypeError, zlib.error) as error:
        raise UndoRefused(f"the journal entry {entry} is damaged: {error}") from error


def _digest(contents: bytes) -> str:
    return sha256(contents).hexdigest()


def _wait_for(descriptor: int) -> None:
    """Lock an open file, for as long as it is open."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
