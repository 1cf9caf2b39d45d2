"""The sandbox: a folder, a layer round it, fresh copies of the project, and programs that start and end in it."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from glob import glob
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.verify.observer.guard import SECRETS, detach
from torchfix_codemods.verify.sandbox.copy import Entry, lay_out, put, survey
from torchfix_codemods.verify.sandbox.layers import Room, command, needed_of_temporary, opens_proc, reach
from torchfix_codemods.verify.sandbox.limits import limits_of
from torchfix_codemods.verify.sandbox.processes import end_descendants

_Stream = int | IO[Any] | None
_GPU_DEVICES = ("/dev/nvidia*", "/dev/nvidia-caps/*", "/dev/kfd", "/dev/dri", "/dev/dxg")
#: Made before each run: the program before may have deleted them.
_FOLDERS = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR")
_END_SECONDS = 10.0


class Sandbox:
    """A context manager; at its end all programs are killed and the folder is deleted.

    `layer` names the layer reached and what it holds, `contained` says that the system itself stops writes outside and
    the network, `folder` is the sandbox's folder, and `writable` are all folders that a program may write. `apart` is
    a folder beside it, for what a program may read and not change.
    """

    def __init__(
        self,
        project: Path,
        *,
        layer: str = "auto",
        files: Sequence[str] = (),
        memory: int = 8,
        seconds: float = 60.0,
        cuda: bool = False,
    ) -> None:
        """`files` are paths of data (relative ones to the project) that are linked, not copied; `memory` is GiB of
        address space of a process (0 or with `cuda`: no limit), `seconds` the wall time of a run.

        Raises `UsageError` if `layer` (auto, bubblewrap, namespaces, audit-hook) can't be had, a path of `files` is
        missing, or the project is too large to copy.
        """
        if os.name != "posix":
            raise UsageError("running programs needs Linux or macOS; on Windows, use WSL")
        self._project = Path(os.path.realpath(project))
        self._files = tuple(self._existing(given) for given in files)
        self._reached = reach(layer)
        self.layer = self._reached.text
        self.contained = {"files", "network"} <= set(self._reached.holds)
        own_count = "processes" in self._reached.holds
        self._limits = limits_of(memory=memory, seconds=seconds, cuda=cuda, own_count=own_count)
        self._cuda = cuda and opens_proc(self._reached)
        self._devices = tuple(path for pattern in _GPU_DEVICES if cuda for path in glob(pattern) if not _is_caps(path))
        self._entries: tuple[Entry, ...] | None = None
        self._programs: list[subprocess.Popen[Any]] = []
        self._variants = 0
        self.apart = Path(os.path.realpath(tempfile.mkdtemp(prefix="torchfix-verify-")))
        self.folder = self.apart / "inside"
        self.folder.mkdir()
        self.writable = (str(self.folder), *(("/tmp",) if self.contained else ()))

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for program in self._programs:
            self.kill(program)
        _delete(self.apart)

    def variant(self, name: str, texts: Mapping[str, bytes]) -> Path:
        """A fresh copy of the project with the files of `texts` (posix paths relative to the project) replaced.

        Each call makes another folder, since programs write checkpoints that no later run may find; its name can't be
        guessed, so no program has put a link there that leads us out. It lies deep enough for `../../data`; a path
        of `files` above the project is linked there.
        """
        if self._entries is None:
            inside = {os.path.relpath(path, self._project) for path in self._files}
            self._entries = survey(self._project, without=self.apart, linked=inside)
        self._variants += 1
        safe = re.sub(r"[^\w.-]+", "-", name)[:40]
        place = self.folder / f"{self._variants:03}-{safe}-{secrets.randbelow(10**15):015}"
        if self.folder.is_symlink():
            self.folder.unlink()
        place.mkdir(parents=True)
        variant = place / "some" / "work" / (self._project.name or "project")
        lay_out(self._project, self._entries, variant)
        self._link_files(variant)
        put(variant, texts)
        return variant

    def discard(self, variant: Path) -> None:
        """Delete a copy whose run is over, with what the run left beside it: many copies would fill the disk."""
        _delete(variant.parent.parent)

    def start(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdin: _Stream,
        stdout: _Stream,
        stderr: _Stream,
        pass_fds: Collection[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a program inside the layer, in a session of its own and with its limits.

        Its exit status is 128 + n after signal n; 127 if there is no such program. When it ends, all that it started
        ends. Call this from a thread that lives as long as the run: the system ends the run with it.
        """
        folders = [env[name] for name in _FOLDERS if name in env and Path(env[name]).is_relative_to(self.folder)]
        for folder in folders:
            detach(folder, str(self.folder), keep=False)
            os.makedirs(folder, exist_ok=True)
        line = command(self._reached, self._room(argv, env), argv, cwd=str(cwd), limits=self._limits)
        program = subprocess.Popen(
            line,
            env=dict(env),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
        )
        self._programs.append(program)
        return program

    def kill(self, process: subprocess.Popen[Any]) -> None:
        """End a program with all that it started, and return when they are gone."""
        if process.poll() is None:
            end_descendants(process.pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, 9)
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_SECONDS)
        self._programs = [program for program in self._programs if program is not process]

    def _existing(self, given: str) -> str:
        path = os.path.normpath(os.path.join(self._project, given))
        if not os.path.exists(path):
            raise UsageError(f"{given}: no such file or directory")
        return path

    def _link_files(self, variant: Path) -> None:
        """Link those of `files` that the survey didn't meet: what it leaves out, and what is above the project."""
        for path in self._files:
            place = os.path.normpath(variant / os.path.relpath(path, self._project))
            if not os.path.lexists(place) and Path(place).is_relative_to(self.folder):
                os.makedirs(os.path.dirname(place), exist_ok=True)
                os.symlink(path, place)

    def _room(self, argv: Sequence[str], env: Mapping[str, str]) -> Room:
        named = [part for value in env.values() for part in value.split(os.pathsep)]
        prefixes = [os.path.dirname(os.path.dirname(argv[0])), *argv]
        links = [entry.target for entry in self._entries or () if entry.kind == "link"]
        needed = needed_of_temporary((*prefixes, *named, *links, str(self._project), *self._files))
        return Room(
            str(self.folder),
            keep=tuple(path for path in needed if path != str(self.folder)),
            hide=tuple(path for path in _hidden() if not Path(path).is_relative_to(self.folder)),
            devices=self._devices,
            cuda=self._cuda,
        )


def _is_caps(path: str) -> bool:
    return os.path.isdir(path) and path.startswith("/dev/nvidia")  # its content is listed apart


def _hidden() -> Iterator[str]:
    """The user's secrets, and the sockets of services that we may use (docker's gives the whole machine away)."""
    home = os.path.expanduser("~")
    yield from filter(os.path.exists, (os.path.join(home, name) for name in SECRETS))
    if sys.platform == "linux":
        yield from _reachable_sockets()


def _reachable_sockets() -> Iterator[str]:
    try:
        lines = Path("/proc/net/unix").read_text(errors="surrogateescape").splitlines()[1:]
    except OSError:
        return
    for path in sorted({line.split(maxsplit=7)[7] for line in lines if len(line.split(maxsplit=7)) > 7}):
        if path.startswith("/") and os.path.exists(path) and os.access(path, os.W_OK):
            yield path


def _delete(folder: Path) -> None:
    """Delete a folder in which a program may have taken every permission away."""
    with contextlib.suppress(OSError):
        os.chmod(folder, 0o700)
    for place, names, _ in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if not os.path.islink(path):  # chmod would follow it to the original
                with contextlib.suppress(OSError):
                    os.chmod(path, 0o700)
    shutil.rmtree(folder, ignore_errors=True)
