"""Replacing the contents of files so that each is whole at every moment, and all of them change or none.

New contents are written beside the files first, then moved over them one by one. When something fails between
two moves (or Ctrl-C arrives), those already moved are put back before the error goes on.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from torchfix_codemods.source.errors import name_some

_O_BINARY = getattr(os, "O_BINARY", 0)
_O_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_O_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # a named pipe in the place of a file must not block


@dataclass(frozen=True)
class FileChange:
    """`real` holds `before` and shall hold `after`; `path` is the name that people see."""

    path: str
    real: Path
    before: bytes
    after: bytes


class Unwritable(Exception):
    """A file that can't be replaced as it should be; `str()` says which and why."""


class NotPutBack(Exception):
    """After a failure half-way some files hold the new contents; `str()` says which and why."""


def differs(change: FileChange) -> str | None:
    """Why `change` no longer fits what is on disk, or None if it does."""
    try:
        current = read_plain(change.real)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return None if current == change.before else "changed since it was read"


def is_written(change: FileChange) -> bool:
    """Whether the file holds the new contents."""
    return differs(reverse(change)) is None


def reverse(change: FileChange) -> FileChange:
    """The change that takes `change` back."""
    return FileChange(change.path, change.real, before=change.after, after=change.before)


def read_plain(path: Path) -> bytes:
    """The bytes of a regular file. Raises `OSError`, also where `path` is a link or no file."""
    descriptor = os.open(path, os.O_RDONLY | _O_NONBLOCK | _O_NOFOLLOW | _O_BINARY)
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "not a regular file")
        return stream.read()


def temporary_names(paths: Iterable[Path], mark: str) -> list[Path]:
    """Where the new contents wait; known from `mark` alone: leftovers of a killed run can be found."""
    return [path.parent / f".torchfix-{mark}-{number}.tmp" for number, path in enumerate(paths)]


def remove_leftovers(names: Iterable[Path]) -> None:
    """Delete temporary files, as far as they are there."""
    for name in names:
        with suppress(OSError):
            name.unlink()


def replace_all(changes: Sequence[FileChange], mark: str, before_first: Callable[[], None] = lambda: None) -> None:
    """Write all `changes`; call `before_first` when nothing can go wrong any more but the moves themselves.

    Raises `Unwritable`, or what `before_first` raises, with every file as it was before; `NotPutBack` if the
    system does not let us restore that.
    """
    waiting = temporary_names((change.real for change in changes), mark)
    try:
        for change, name in zip(changes, waiting, strict=True):
            _prepare(change, name)
        before_first()
        try:
            for change, name in zip(changes, waiting, strict=True):
                _move(change, name)
        except BaseException:
            _put_back(changes, mark)
            raise
        _sync_folders(changes)
    finally:
        remove_leftovers(waiting)


def _prepare(change: FileChange, name: Path) -> None:
    """Write the new contents beside the file, with its mode, owner and extended attributes."""
    try:
        _write_beside(change, name)
    except OSError as error:
        raise Unwritable(f"{change.path}: {(error.strerror or str(error)).lower()}") from error


def _write_beside(change: FileChange, name: Path) -> None:
    import shutil

    status = os.lstat(change.real)
    if not status.st_mode & 0o222 or not os.access(change.real, os.W_OK):
        raise Unwritable(f"{change.path} is read-only")
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _O_NOFOLLOW | _O_BINARY, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(change.after)
        stream.flush()
        _keep_owner(change, status, os.fstat(descriptor), descriptor)
        os.fsync(descriptor)
    shutil.copystat(change.real, name)
    os.utime(name)  # but not the old time: compiled caches go by it


def _keep_owner(change: FileChange, old: os.stat_result, new: os.stat_result, descriptor: int) -> None:
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except OSError as error:
            raise Unwritable(f"{change.path} belongs to somebody else, and would change hands") from error


def _move(change: FileChange, name: Path) -> None:
    # The last look, as late as possible: an editor may have saved the file while the others were prepared.
    reason = differs(change)
    if reason is not None:
        raise Unwritable(f"{change.path}: {reason}")
    try:
        os.replace(name, change.real)
    except OSError as error:
        raise Unwritable(f"{change.path}: {(error.strerror or str(error)).lower()}") from error


def _put_back(changes: Sequence[FileChange], mark: str) -> None:
    """Restore by what is on disk, not by a list: an interrupt may fall between a move and its entry."""
    moved = [reverse(change) for change in changes if is_written(change)]
    waiting = temporary_names((change.real for change in moved), f"{mark}-back")
    failed = []
    try:
        for change, name in zip(moved, waiting, strict=True):
            try:
                _prepare(change, name)
                _move(change, name)
            except Unwritable as error:
                failed.append(str(error))
    finally:
        remove_leftovers(waiting)
    if failed:
        raise NotPutBack(name_some(failed))


def _sync_folders(changes: Sequence[FileChange]) -> None:
    """Make the moves survive a power cut, where the system can do that."""
    for folder in sorted({change.real.parent for change in changes}):
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
