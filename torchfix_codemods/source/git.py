"""What git knows of the files that would be written: asked once, before any question to the user.

Nothing is written (no index refresh), and no program of the repository is run, see `run_git`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from torchfix_codemods.source.errors import GitFailed, GitNotInstalled
from torchfix_codemods.source.ignore import git_root
from torchfix_codemods.source.run_git import filters_of, run_git, without

_STATUS = (
    *("status", "--porcelain=v1", "-z", "--untracked-files=all", "--ignored=no"),
    *("--ignore-submodules=all", "--no-renames", "--"),
)
_PATHS_PER_CALL = 200


def dirty_files(paths: Iterable[Path]) -> list[Path]:
    """Those of `paths` (real ones) that differ from the last commit: modified, staged, or not yet tracked.

    Git could not give these back. A file behind a filter counts as one if its bytes are not those that git holds.
    Files that a repository ignores are not its business, and count as clean just like files outside of any repository;
    so does everything where git is not installed.
    Raises `GitFailed` where git is there and can't tell.
    """
    dirty: set[Path] = set()
    for root, names in sorted(_by_repository(paths).items()):
        with suppress(GitNotInstalled):
            # A file that was touched would go through its filter, a program of the repository's owner.
            unfiltered = without(filters_of(root))
            for start in range(0, len(names), _PATHS_PER_CALL):
                listed = _status(root, names[start : start + _PATHS_PER_CALL], unfiltered)
                dirty.update(Path(root, name) for name in listed)
    return sorted(dirty)


def behind_filters(root: Path | str, paths: Iterable[str]) -> list[str]:
    """Those of `paths` (from the top) that git keeps otherwise than they lie there: as Git LFS and nbstripout do.

    No filter is run, so whether they were changed, or which of their lines, cannot be told. Raises `GitFailed`.
    """
    asked, found = sorted(paths), []
    for start in range(0, len(asked), _PATHS_PER_CALL):
        done = run_git(root, "check-attr", "-z", "filter", "--", *asked[start : start + _PATHS_PER_CALL])
        if done.code:
            raise GitFailed(f"git check-attr in {root}: {done.said}")
        answer = done.out.split(b"\0")
        pairs = zip(answer[::3], answer[2::3], strict=False)
        found += [os.fsdecode(path) for path, value in pairs if value not in (b"unspecified", b"unset")]
    return found


def any_behind_filters(paths: Iterable[Path]) -> bool:
    """Whether git keeps one of `paths` (real ones) otherwise than it lies there. Raises `GitFailed`."""
    return any(behind_filters(root, names) for root, names in sorted(_by_repository(paths).items()))


def lacks_git(paths: Iterable[Path]) -> bool:
    """Whether some of `paths` stand in a repository while git is not installed, so that nobody can tell."""
    import shutil

    return shutil.which("git") is None and bool(_by_repository(paths))


def repository_root(folder: Path) -> Path | None:
    """The work tree that holds `folder`, or None."""
    root = git_root(os.path.realpath(folder))
    return Path(root) if root is not None else None


def _by_repository(paths: Iterable[Path]) -> dict[str, list[str]]:
    roots: dict[str, str | None] = {}
    grouped: dict[str, list[str]] = {}
    for path in sorted({str(path) for path in paths}):
        folder = os.path.dirname(path)
        if folder not in roots:
            roots[folder] = git_root(folder)
        root = roots[folder]
        if root is not None:
            grouped.setdefault(root, []).append(os.path.relpath(path, root))
    return grouped


def _status(root: str, names: Sequence[str], variables: Mapping[str, str]) -> Iterator[str]:
    """The paths, relative to `root`, that `git status` lists among `names`."""
    done = run_git(root, *_STATUS, *names, variables=variables)
    if done.code != 0 and b"not a git repository" not in done.err:
        raise GitFailed(f"git status in {root}: {done.said}")
    for record in done.out.split(b"\0"):
        if record:
            yield os.fsdecode(record[3:])
