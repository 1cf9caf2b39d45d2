"""Which lines of the files of a repository were changed since a revision, the work tree included.

Compared is with the commit where HEAD left the revision: what others have done there since is not a change of ours.
Lines count from 1 and end at each LF, as git counts them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torchfix_codemods.source.errors import GitFailed, GitNotInstalled, UsageError
from torchfix_codemods.source.git import behind_filters
from torchfix_codemods.source.ignore import TAKEN, git_root
from torchfix_codemods.source.revisions import commit_of, is_shallow
from torchfix_codemods.source.run_git import GitRun, filters_of, run_git, without

#: First and last changed lines, in order.
Ranges = tuple[tuple[int, int], ...]

_DIFF = (
    *("diff", "--unified=0", "--inter-hunk-context=0", "--no-color", "--no-ext-diff", "--no-textconv", "--text"),
    *("--find-renames", "--no-relative", "--ignore-submodules=all", "--src-prefix=a/", "--dst-prefix=b/"),
)
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPED = re.compile(rb'\\([0-7]{3}|[abtnvfr"\\])')
_ESCAPES = dict(zip(b'abtnvfr"\\', b'\a\b\t\n\v\f\r"\\', strict=True))
_WHOLE: Ranges = ((1, 2**60),)


@dataclass(frozen=True)
class Changes:
    """Changed lines by path, and the paths that git knows (posix strings, relative to `root`, which is a real path)."""

    rev: str
    root: Path
    lines: Mapping[str, Ranges]
    tracked: frozenset[str]

    def touch(self, real: Path, first: int, last: int) -> bool:
        """Whether one of these lines of a file was changed; of a file that git does not know all are.

        A submodule, or another repository below this one, has a history of its own: nothing there counts as changed.
        """
        path = Path(os.path.relpath(real, self.root)).as_posix()
        if path in self.tracked:
            return any(first <= end and start <= last for start, end in self.lines.get(path, ()))
        return git_root(str(real.parent)) in (None, str(self.root))


def changed_lines(folder: Path, rev: str, also: Iterable[Path] = ()) -> Changes:
    """What has changed since `rev` in the repository that holds `folder`, in Python files and notebooks.

    `also` are further real paths to be looked at, whatever their names. Raises `UsageError` where there is no
    repository or no such revision, `GitFailed` where git cannot tell.
    """
    root = git_root(os.path.realpath(folder))
    if root is None:
        raise UsageError(f"--since {rev}: {folder} is in no git repository")
    try:
        base, filters = _base(root, rev), filters_of(root)
        named = [f":(literal){os.path.relpath(path, root)}" for path in also]
        # No filter is run: they are programs of the repository's owner.
        patch = _asked(root, [*_DIFF, base, "--", *(f"*{end}" for end in TAKEN), *named], without(filters))
        lines = _changed(patch)
        lines |= dict.fromkeys(behind_filters(root, lines) if filters else (), _WHOLE)
        tracked = _asked(root, ["ls-files", "-z"]).split(b"\0")
    except GitNotInstalled:
        raise UsageError(f"--since {rev}: git was not found") from None
    return Changes(rev, Path(root), lines, frozenset(map(os.fsdecode, tracked)))


def _base(root: str, rev: str) -> str:
    """The commit where HEAD left the revision."""
    git = partial(_run, root)
    done = git("merge-base", commit_of(git, rev), "HEAD")
    if done.code > 1:
        raise GitFailed(f"git merge-base in {root}: {done.said}")
    if done.code == 1:
        hint = " (the clone is shallow: `git fetch --unshallow`, in a workflow `fetch-depth: 0`)"
        raise UsageError(f"--since {rev}: it has no commit in common with HEAD{hint if is_shallow(git) else ''}")
    return os.fsdecode(done.out).strip()


def _asked(root: str, words: list[str], variables: Mapping[str, str] | None = None) -> bytes:
    """What git answers. Raises `GitFailed` where it fails."""
    done = _run(root, *words, variables=variables)
    if done.code:
        raise GitFailed(f"git {words[0]} in {root}: {done.said}")
    return done.out


def _run(root: Path | str, *words: str, variables: Mapping[str, str] | None = None) -> GitRun:
    """One call of git, in which paths may be patterns."""
    return run_git(root, *words, variables=variables, literal=False)


def _changed(patch: bytes) -> dict[str, Ranges]:
    """Changed lines by path in a patch without context. What a file holds is passed over by its count."""
    found: dict[str, list[tuple[int, int]]] = {}
    ranges: list[tuple[int, int]] = []
    lines = iter(patch.split(b"\n"))
    for line in lines:
        if line.startswith(b"+++ "):
            path = _new_path(line[len(b"+++ ") :])
            ranges = [] if path is None else found.setdefault(path, [])
        elif (hunk := _HUNK.match(line)) is not None:
            old, new = (int(count or 1) for count in hunk.group(1, 3))
            ranges.append(_range(int(hunk[2]), new))
            _pass_over(lines, old + new)
    return {path: tuple(ranges) for path, ranges in found.items()}


def _range(start: int, count: int) -> tuple[int, int]:
    """The new lines of a hunk; of one that only takes lines away those on both sides of the gap."""
    return (start, start + count - 1) if count else (max(start, 1), start + 1)


def _pass_over(lines: Iterator[bytes], count: int) -> None:
    while count:
        count -= not next(lines).startswith(b"\\")  # `\ No newline at end of file` is no line of it


def _new_path(name: bytes) -> str | None:
    """The path in a `+++` line, None for a file that is gone. Odd names stand in quotes, with escapes."""
    name = name.removesuffix(b"\t")  # it stands behind a name with blanks
    if name == b"/dev/null":
        return None
    if name.startswith(b'"'):
        name = _ESCAPED.sub(_unescaped, name[1:-1])
    return os.fsdecode(name.removeprefix(b"b/"))


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8)]) if len(code) == 3 else bytes([_ESCAPES[code[0]]])
