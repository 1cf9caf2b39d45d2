"""What git knows of the files that would be written: asked once, before any question to the user.

Nothing configured in the repository is run for it as far as git allows that (no hooks, monitors or pagers),
and nothing is written (no index refresh).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from torchfix_codemods.source.errors import GitFailed
from torchfix_codemods.source.ignore import git_root

_COMMAND = (
    *("git", "--no-pager", "--literal-pathspecs", "-c", "core.fsmonitor=false"),
    *("-c", f"core.hooksPath={os.devnull}", "-c", "core.untrackedCache=false", "status", "--porcelain=v1"),
    *("-z", "--untracked-files=all", "--ignored=no", "--ignore-submodules=all", "--no-renames", "--"),
)
# Set by git around hooks: they would point this call at another repository or at a half-made index.
_MISLEADING = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE"})
_PATHS_PER_CALL = 200
_SECONDS = 120


def dirty_files(paths: Iterable[Path]) -> list[Path]:
    """Those of `paths` (real ones) that differ from the last commit: modified, staged, or not yet tracked.

    Git could not give these back. Files that a repository ignores are not its business, and count as clean
    just like files outside of any repository; so does everything where git is not installed.
    Raises `GitFailed` where git is there and can't tell.
    """
    dirty: set[Path] = set()
    for root, names in sorted(_by_repository(paths).items()):
        for start in range(0, len(names), _PATHS_PER_CALL):
            dirty.update(Path(root, name) for name in _status(root, names[start : start + _PATHS_PER_CALL]))
    return sorted(dirty)


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


def _status(root: str, names: Sequence[str]) -> Iterator[str]:
    """The paths, relative to `root`, that `git status` lists among `names`."""
    import subprocess

    try:
        done = subprocess.run(
            [*_COMMAND, *names],
            cwd=root,
            env=_environment(os.environ, root),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
        )
    except FileNotFoundError:
        return
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitFailed(f"git status in {root}: {error}") from error
    if done.returncode != 0 and b"not a git repository" not in done.stderr:
        said = os.fsdecode(done.stderr).strip().partition("\n")[0]
        raise GitFailed(f"git status in {root}: {said or f'exit code {done.returncode}'}")
    for record in done.stdout.split(b"\0"):
        if record:
            yield os.fsdecode(record[3:])


def _environment(outer: Mapping[str, str], root: str) -> dict[str, str]:
    kept = {name: value for name, value in outer.items() if name not in _MISLEADING}
    ours = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    # A folder with an invalid `.git` must not be taken for a part of the repository above it.
    return {**kept, **ours, "GIT_CEILING_DIRECTORIES": os.path.dirname(root)}
