"""What one run may use. A memory limit counts per process, so it stops a runaway and is no quota."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from contextlib import suppress

_GIB = 2**30
_LARGEST_FILE = 2 * _GIB
_MOST_PROCESSES = 512  # threads count too
#: Since this Linux a user namespace counts its own processes; before, all of the user's count, and a desktop has more.
_COUNTS_BY_NAMESPACE = (5, 14)


def limits_of(*, memory: int, seconds: float, cuda: bool, own_count: bool) -> dict[str, int]:
    """The resource limits of a run, by the part of the name after `RLIMIT_`.

    `memory` is GiB of address space, 0 for no limit; with `cuda` there is none, since a driver reserves
    hundreds of GiB that it never uses. `seconds` is the wall time of a run: the limit of CPU time is only there for
    a process that everybody forgot. `own_count` says that the layer counts its own processes.
    """
    limits = {"CORE": 0, "FSIZE": _LARGEST_FILE, "CPU": 60 + math.ceil(4 * seconds)}
    if memory and not cuda:
        limits["AS"] = memory * _GIB
    if own_count and _linux_version() >= _COUNTS_BY_NAMESPACE:
        limits["NPROC"] = _MOST_PROCESSES
    return limits


def apply_limits(limits: Mapping[str, int]) -> None:
    """Set the limits of this process and of all that it will start; a limit that the system lacks is left out."""
    import resource

    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with suppress(OSError, ValueError):  # macOS knows AS and refuses it
            resource.setrlimit(kind, (ceiling, ceiling))


def _linux_version() -> tuple[int, ...]:
    """As (6, 8); (0,) where it can't be read or it is no Linux."""
    if platform.system() != "Linux":
        return (0,)
    parts = platform.release().split("-")[0].split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else (0,)
