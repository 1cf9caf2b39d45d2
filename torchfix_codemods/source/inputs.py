"""The files of a run: those that were given, and with `--project` the project around them, which is read only."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torchfix_codemods.findings import Skipped
from torchfix_codemods.source.around import holding_folder, is_too_much, project_around
from torchfix_codemods.source.discovery import Discovery, discover
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.reader import Reader
from torchfix_codemods.source.settings import Settings
from torchfix_codemods.source.text import Source, decode


@dataclass(frozen=True)
class Inputs:
    """What is read: `given` are the shown paths that findings may stand in, in order; `skipped` is what was left out
    of them. `seen_as` are the paths by which the files of a project see one another, where these are others."""

    reader: Reader
    given: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()
    seen_as: Mapping[str, str] | None = None

    @property
    def around(self) -> int:
        """How many files are read only because they belong to the same project."""
        return len(self.reader.paths) - len(self.given)

    def is_around(self, path: str) -> bool:
        """Whether a file is read only because it belongs to the same project."""
        return path in self.reader.files and path not in self._own

    @cached_property
    def _own(self) -> frozenset[str]:
        return frozenset(self.given)


@dataclass(frozen=True)
class Place:
    """From where paths and patterns count: the working folder, the settings, and what the command line leaves out.

    The patterns of `exclude` count from `exclude_from`; None is the working folder.
    """

    cwd: Path
    settings: Settings
    exclude: tuple[str, ...] = ()
    exclude_from: Path | None = None

    def found(self, paths: Sequence[str]) -> Discovery:
        """The files below paths. Raises `UsageError` for a path that is not there."""
        settings = self.settings
        return discover(
            paths,
            exclude=self.exclude,
            exclude_from=self.exclude_from,
            cwd=self.cwd,
            project=settings.root,
            project_exclude=settings.exclude,
        )


def files_of(place: Place, paths: Sequence[str], *, project: bool = False) -> Inputs:
    """The files below `paths`. Raises `UsageError` for a path that is not there, or that belongs to no project."""
    found = place.found(paths)
    if not project:
        return Inputs(reader := Reader(found.files), tuple(reader.paths), found.skipped)
    root = _root(place, paths)
    real = {file.real for file in found.files}
    context = [file for file in place.found([str(root)]).files if file.real not in real]
    given = tuple(sorted(file.path for file in found.files))
    reader = Reader([*context, *found.files])
    return Inputs(reader, given, found.skipped, _seen_as(reader.paths, given, place.cwd, root))


def text_of(place: Place, name: str, raw: bytes, *, project: bool = False) -> Inputs:
    """A file of which only the contents are given, as if they stood under that name. Raises as `files_of` does."""
    source = decode(name, raw)
    if not isinstance(source, Source):
        return Inputs(Reader(()), (), (source,))
    if not project:
        return Inputs(Reader((), [source]), (name,))
    root = _root(place, [name])
    own = os.path.realpath(place.cwd / name)
    reader = Reader([file for file in place.found([str(root)]).files if str(file.real) != own], [source])
    return Inputs(reader, (name,), (), _seen_as(reader.paths, (name,), place.cwd, root))


def _root(place: Place, paths: Sequence[str]) -> Path:
    folder = holding_folder(place.cwd, paths)
    root = project_around(folder, place.settings.root)
    if is_too_much(root):
        raise UsageError(f"--project: {folder} belongs to no project, and all of {root} is too much to read")
    return root


def _seen_as(paths: Sequence[str], given: Sequence[str], cwd: Path, root: Path) -> dict[str, str] | None:
    """Paths relative to the top of the project; None where these are the shown ones.

    A given link is seen by the name of what it leads to, as a run over all of the project sees that.
    """
    here, own = os.path.realpath(cwd), frozenset(given)
    places = {path: os.path.normpath(os.path.join(here, path)) for path in paths}
    seen = {path: _below(str(root), path, place, path in own) for path, place in places.items()}
    return None if all(path == other for path, other in seen.items()) else seen


def _below(root: str, path: str, place: str, is_given: bool) -> str:
    if not is_given and place.startswith(os.path.join(root, "")):
        return Path(os.path.relpath(place, root)).as_posix()  # spares thousands of looks at the disk
    for candidate in (os.path.realpath(place), place):
        if candidate.startswith(os.path.join(root, "")):
            return Path(os.path.relpath(candidate, root)).as_posix()
    return path
