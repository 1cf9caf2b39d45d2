"""What the benchmark reads: the Python files of pinned public packages.

The archives are wheels: they hold the sources, and unlike source archives pip gets them without running the build code
of anybody.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MAX_FILE = 20_000_000
_ANY = ("--only-binary=:all:",)
# Built for one interpreter and system; only its Python files are looked at.
_FOREIGN = (*_ANY, "--python-version=38", "--implementation=cp", "--platform=macosx_10_9_x86_64")

#: Name -> version and how pip gets its archive on every system.
PACKAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "timm": ("1.0.31", _ANY),
    "fairseq": ("0.12.2", _FOREIGN),
    "transformers": ("5.23.0", _ANY),
}


@dataclass(frozen=True)
class Tree:
    """A folder of unpacked Python files."""

    folder: Path
    files: tuple[Path, ...]

    @property
    def megabytes(self) -> float:
        """The size of all files, in units of a million bytes."""
        return sum(path.stat().st_size for path in self.files) / 1e6


def download(names: Sequence[str], folder: Path) -> list[Path]:
    """The archives of packages, by pip. Raises `KeyError` for an unknown name, `CalledProcessError` where pip fails."""
    for name in names:
        version, options = PACKAGES[name]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *options]
        subprocess.run([*pip, "--dest", str(folder), f"{name}=={version}"], check=True)
    return archives_in(folder)


def archives_in(folder: Path) -> list[Path]:
    """Wheels and source archives of a folder, in order."""
    return sorted(path for path in folder.iterdir() if path.name.endswith((".whl", ".zip", ".tar.gz", ".tgz")))


def unpack(archive: Path, folder: Path) -> int:
    """Write the Python files of an archive below `folder`; how many there are.

    Only regular files with harmless names are taken, each written by us: links, devices, absolute names and names that
    lead upwards are left out.
    """
    count = 0
    for name, data in _members(archive):
        target = folder.joinpath(*PurePosixPath(name).parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        count += 1
    return count


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                if _wanted(info.filename, info.file_size):
                    yield info.filename, zipped.read(info)
        return
    with tarfile.open(archive) as tarred:
        for member in tarred:
            stream = tarred.extractfile(member) if member.isreg() and _wanted(member.name, member.size) else None
            if stream is not None:
                yield member.name, stream.read()


def _wanted(name: str, size: int) -> bool:
    path = PurePosixPath(name)
    safe = not path.is_absolute() and ".." not in path.parts and "\\" not in name and ":" not in name
    return safe and path.suffix == ".py" and size <= MAX_FILE


def tree_of(folder: Path) -> Tree:
    """All Python files below a folder, in order."""
    return Tree(folder, tuple(sorted(path for path in folder.rglob("*.py") if path.is_file())))


def half_of(tree: Tree, folder: Path) -> Tree:
    """A copy of whole packages of a tree that hold about half of its bytes.

    Packages (folders with their files) are taken alternately, the largest first, so that files keep their neighbours.
    """
    groups: dict[Path, list[Path]] = {}
    for path in tree.files:
        groups.setdefault(path.parent, []).append(path)
    sizes = {parent: sum(path.stat().st_size for path in files) for parent, files in groups.items()}
    taken = left = 0
    for parent in sorted(groups, key=lambda parent: (-sizes[parent], parent)):
        if taken > left:
            left += sizes[parent]
            continue
        taken += sizes[parent]
        for path in groups[parent]:
            target = folder / path.relative_to(tree.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return tree_of(folder)
