"""The copy of a project that a run works on: quick, complete enough, and without a way back to the original.

Hard links would be quicker still, but a write through one reaches the original. Large files and folders of data are
symbolic links to the original, which is read-only in the sandbox.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from torchfix_codemods.source.discovery import USUALLY_LEFT_OUT
from torchfix_codemods.source.errors import UsageError, name_some
from torchfix_codemods.verify.observer.guard import detach

#: Programs read the commit that they log; git's folder is a link, as far as it is asked only.
_LINKED = frozenset((".git",))
#: A program may well read from what it built.
_LEFT_OUT = USUALLY_LEFT_OUT - {"build", "dist", "_build"}
_MIB = 2**20
_LARGE_FILE = 20 * _MIB
_LARGE_FOLDER = 200 * _MIB
_MANY_FILES = 2000  # a folder of so many files without a program among them is data, whatever its size
_MOST_FILES, _MOST_BYTES = 20_000, 2048 * _MIB
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_CODE = (".py", ".pyi", ".ipynb")


@dataclass(frozen=True)
class Entry:
    """One thing of a copy, by its place relative to the project: `kind` is folder, file or link (to `target`)."""

    place: str
    kind: str
    target: str = ""


@dataclass(frozen=True)
class _Tree:
    """A folder as surveyed; `bytes` and `files` count what would be copied, `code` says that a program is in it."""

    entries: tuple[Entry, ...]
    bytes: int
    files: int
    code: bool

    @property
    def is_data(self) -> bool:
        return not self.code and (self.bytes > _LARGE_FOLDER or self.files > _MANY_FILES)


def survey(project: Path, *, without: Path, linked: Collection[str] = ()) -> tuple[Entry, ...]:
    """What a copy of `project` consists of, folders before their content.

    `without` is a folder that is never copied (the sandbox itself may lie inside); `linked` are places that are links
    whatever their size. Raises `UsageError` if even without the data there is too much, or `project` is no folder.
    """
    root = os.path.realpath(project)
    if not os.path.isdir(root):
        raise UsageError(f"{project}: not a folder")
    tree = _Survey(root, os.path.realpath(without), _LINKED.union(linked)).folder("")
    if tree.files > _MOST_FILES or tree.bytes > _MOST_BYTES:
        largest = name_some(_fullest(tree.entries))
        raise UsageError(
            f"{project}: {tree.files} files of {tree.bytes // _MIB} MiB are too much to copy for each run"
            f" (most of them in {largest}); name a smaller folder, or data with `files`"
        )
    return tree.entries


def lay_out(project: Path, entries: Sequence[Entry], target: Path) -> None:
    """Make the copy at `target`, a new folder. What has vanished or can't be read is left out: a run will say so."""
    root = os.path.realpath(project)
    os.makedirs(target)
    for entry in entries:
        goal = os.path.join(target, entry.place)
        if entry.kind == "folder":
            os.mkdir(goal)
        elif entry.kind == "link":
            os.symlink(entry.target, goal)
        else:
            _copy_file(os.path.join(root, entry.place), goal)


def put(variant: Path, texts: Mapping[str, bytes]) -> None:
    """Write `texts` into a copy, by posix paths relative to it; never through a link to an original.

    Raises `ValueError` for a path that leads out.
    """
    for place, data in texts.items():
        parts = PurePosixPath(place).parts
        if not parts or parts[0] == "/" or ".." in parts:
            raise ValueError(f"{place!r} is not below the project")
        goal = variant.joinpath(*parts)
        detach(str(goal), str(variant), keep=False)
        goal.parent.mkdir(parents=True, exist_ok=True)
        goal.write_bytes(data)


@dataclass(frozen=True)
class _Survey:
    root: str
    without: str
    linked: frozenset[str]

    def folder(self, place: str) -> _Tree:
        """The folder at `place` with all that is below it."""
        entries: list[Entry] = []
        size = files = 0
        code = False
        for found in self._listed(place):
            below = os.path.join(place, found.name)
            tree = self._entry(found, below)
            entries.extend(tree.entries)
            size, files, code = size + tree.bytes, files + tree.files, code or tree.code
        return _Tree(tuple(entries), size, files, code)

    def _entry(self, found: os.DirEntry[str], place: str) -> _Tree:
        if place in self.linked:
            return self._link(place)
        if found.is_symlink():
            return _Tree((Entry(place, "link", self._target(found.path)),), 0, 1, False)
        if found.is_dir(follow_symlinks=False):
            tree = self.folder(place)
            if tree.is_data:
                return self._link(place)
            return _Tree((Entry(place, "folder"), *tree.entries), tree.bytes, tree.files, tree.code)
        return self._file(found, place)

    def _file(self, found: os.DirEntry[str], place: str) -> _Tree:
        try:
            status = found.stat(follow_symlinks=False)
        except OSError:
            return _Tree((), 0, 0, False)
        if not stat.S_ISREG(status.st_mode):  # a pipe or a socket
            return _Tree((), 0, 0, False)
        if status.st_size > _LARGE_FILE:
            return _Tree(self._link(place).entries, status.st_size, 1, False)
        return _Tree((Entry(place, "file"),), status.st_size, 1, found.name.endswith(_CODE))

    def _link(self, place: str) -> _Tree:
        return _Tree((Entry(place, "link", os.path.join(self.root, place)),), 0, 1, False)

    def _target(self, link: str) -> str:
        """Where a link of the copy leads: inside the project to the copy's own, else to the original place."""
        real = os.path.realpath(link)
        if os.path.commonpath((real, self.root)) != self.root:
            return real
        return os.path.relpath(real, os.path.realpath(os.path.dirname(link)))

    def _listed(self, place: str) -> Iterator[os.DirEntry[str]]:
        """The entries of a folder that belong to a copy, by name."""
        try:
            entries = sorted(os.scandir(os.path.join(self.root, place)), key=lambda entry: entry.name)
        except OSError:
            return
        for entry in entries:
            if os.path.join(place, entry.name) in self.linked or not self._is_left_out(entry):
                yield entry

    def _is_left_out(self, entry: os.DirEntry[str]) -> bool:
        if not entry.is_dir(follow_symlinks=False):
            return False
        is_environment = os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))
        return entry.name in _LEFT_OUT or is_environment or entry.path == self.without


def _copy_file(source: str, goal: str) -> None:
    """Content, times (programs take the newest checkpoint) and whether it can be executed; always writable."""
    try:
        shutil.copyfile(source, goal)
        status = os.stat(source)
    except OSError as error:
        if error.errno in _NO_ROOM:  # the rest would be missing for no reason that a run could tell
            raise
        return
    os.utime(goal, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.chmod(goal, stat.S_IMODE(status.st_mode) | 0o600)


def _fullest(entries: Sequence[Entry]) -> list[str]:
    """The folders at the top, that with most files first."""
    counts: dict[str, int] = {}
    for entry in entries:
        top = entry.place.split(os.sep)[0]
        counts[top] = counts.get(top, 0) + 1
    return sorted(counts, key=lambda top: -counts[top])
