"""What git knows of the files that would be written: asked once, before any question to the user.

Nothing configured in the repository is run for it as far as git allows that (no hooks, monitors or pagers),
and nothing is written (no index refresh). `run_git` is the one way in which git is called.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torchfix_codemods.source.errors import GitFailed
from torchfix_codemods.source.ignore import git_root

if TYPE_CHECKING:
    import subprocess

_GIT = (
    *("git", "--no-pager", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}"),
    *("-c", "core.untrackedCache=false"),
)
_STATUS = (
    *("status", "--porcelain=v1", "-z", "--untracked-files=all", "--ignored=no", "--ignore-submodules=all"),
    *("--no-renames", "--"),
)
# Set by git around hooks: they would point this call at another repository or at a half-made index.
_MISLEADING = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE"})
# They would change what paths and diffs mean.
_BENDING = frozenset({"GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS", "GIT_DIFF_OPTS"})
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


def run_git(
    root: str | Path, words: Sequence[str], *, config: Mapping[str, str] | None = None, literal: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """One call of git in the work tree at `root`, whatever its exit code.

    `config` goes over what is configured; with `literal` no path is a pattern. Raises `GitFailed` where git cannot be
    run or does not end in time, `FileNotFoundError` where it is not installed.
    """
    import subprocess

    environment = _environment(os.environ, str(root), config or {}, literal=literal)
    try:
        return subprocess.run(
            [*_GIT, *words],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
        )
    except FileNotFoundError:
        raise
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitFailed(f"git {words[0]} in {root}: {error}") from error


def first_line(done: subprocess.CompletedProcess[bytes]) -> str:
    """What git said about its failure, in one line."""
    said = os.fsdecode(done.stderr).strip().partition("\n")[0]
    return said or f"exit code {done.returncode}"


def _status(root: str, names: Sequence[str]) -> Iterator[str]:
    """The paths, relative to `root`, that `git status` lists among `names`."""
    try:
        done = run_git(root, [*_STATUS, *names], literal=True)
    except FileNotFoundError:
        return
    if done.returncode != 0 and b"not a git repository" not in done.stderr:
        raise GitFailed(f"git status in {root}: {first_line(done)}")
    for record in done.stdout.split(b"\0"):
        if record:
            yield os.fsdecode(record[3:])


def _environment(outer: Mapping[str, str], root: str, config: Mapping[str, str], *, literal: bool) -> dict[str, str]:
    kept = {name: value for name, value in outer.items() if name not in _MISLEADING | _BENDING}
    ours = {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LITERAL_PATHSPECS": str(int(literal)),
        "LC_ALL": "C",
        # A folder with an invalid `.git` must not be taken for a part of the repository above it.
        "GIT_CEILING_DIRECTORIES": os.path.dirname(root),
    }
    return {**kept, **ours, **_configured(kept, config)}


def _configured(outer: Mapping[str, str], config: Mapping[str, str]) -> dict[str, str]:
    """Settings as variables behind those that are there: unlike in `-c`, names may hold anything."""
    given = outer.get("GIT_CONFIG_COUNT", "")
    there = int(given) if given.isdecimal() else 0
    numbered = list(enumerate(config.items(), there))
    keys = {f"GIT_CONFIG_KEY_{number}": name for number, (name, _) in numbered}
    values = {f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in numbered}
    return {**keys, **values, "GIT_CONFIG_COUNT": str(there + len(config))} if config else {}
