"""A program with all that it started: finding it, ending it.

A process group is not enough: a daemon forks twice and calls `setsid`. Inside a layer every orphan falls to the
launcher (see `launch.py`), so all that a program started stays below one process and is found by its parents.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

_PAUSE = 0.005  # seconds between two looks
_PATIENCE = 10.0  # seconds; a process that waits for a dead disk can't be killed by anybody


def descendants(pid: int) -> list[int]:
    """All living processes below `pid`, nearest first; none where there is no /proc (macOS)."""
    children = _children()
    found = list(children.get(pid, ()))
    for child in found:  # grows while it is walked
        found.extend(children.get(child, ()))
    return found


def end_descendants(pid: int) -> None:
    """Kill all that is below `pid` and return when it is gone; new ones that are born meanwhile, too."""
    limit = time.monotonic() + _PATIENCE
    while (family := descendants(pid)) and time.monotonic() < limit:
        for member in family:
            with suppress(ProcessLookupError, PermissionError):  # gone by itself; a setuid program
                os.kill(member, signal.SIGKILL)
        time.sleep(_PAUSE)


def _children() -> dict[int, list[int]]:
    """The living processes of this machine, by their parent."""
    children: dict[int, list[int]] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return children
    for name in names:
        if name.isdigit() and (parent := _parent(name)) is not None:
            children.setdefault(parent, []).append(int(name))
    return children


def _parent(pid: str) -> int | None:
    """The parent of a process; None for one that is gone or waits to be reaped."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return None
    state, parent = stat.rpartition(b")")[2].split()[:2]  # a program's name may hold blanks and brackets
    return None if state in b"ZX" else int(parent)
