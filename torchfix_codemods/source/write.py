"""The only way in which files of the user are changed: checked, recorded for undo, whole at every moment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from torchfix_codemods.source.atomic import FileChange, NotPutBack, Unwritable, differs, is_written, replace_all
from torchfix_codemods.source.errors import WriteRefused, name_some
from torchfix_codemods.source.journal import forget_oldest, locked, next_entry, record

__all__ = ["FileChange", "write_files"]


def write_files(changes: Sequence[FileChange], *, cwd: Path) -> tuple[str, ...]:
    """Write all `changes` and record them for the undo of `cwd`; the shown paths of what was written.

    `FileChange.real` is the place itself, not a link to it (as discovery gives it). Mode, owner and extended
    attributes stay. Raises `WriteRefused`, then nothing is changed: a file differs from its `before`, is
    read-only, is a link, or would change hands; the journal can't be kept; the disk is full. Interrupted by
    Ctrl-C it puts back what it had replaced.
    """
    wanted = [change for change in changes if change.before != change.after]
    if len({change.real for change in wanted}) != len(wanted):
        raise ValueError("two changes of one file")
    if not wanted:
        return ()
    try:
        with locked(cwd) as folder:
            _refuse_stale(wanted)
            _write_recorded(wanted, folder)
    except Unwritable as error:
        raise WriteRefused(f"nothing was written: {error}") from error
    except NotPutBack as error:
        raise WriteRefused(f"stopped half-way, call `torchfix undo` to go back: {error}") from error
    except OSError as error:
        raise WriteRefused(f"nothing was written: the undo journal can't be kept ({error})") from error
    return tuple(change.path for change in wanted)


def _refuse_stale(changes: Sequence[FileChange]) -> None:
    stale = [f"{change.path} ({reason})" for change in changes if (reason := differs(change))]
    if stale:
        raise WriteRefused(f"nothing was written: {name_some(stale)}")


def _write_recorded(changes: Sequence[FileChange], folder: Path) -> None:
    mark = os.urandom(6).hex()
    entry = next_entry(folder)
    try:
        replace_all(changes, mark, before_first=partial(record, entry, changes, mark))
    except BaseException:
        # Where something could not be put back the entry stays: it is the way to repair that.
        if not any(map(is_written, changes)):
            entry.unlink(missing_ok=True)
        raise
    forget_oldest(folder)
