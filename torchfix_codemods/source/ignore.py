"""Rules in the style of .gitignore, asked entry by entry on the way down.

pathspec knows the pattern language; what is added here is speed. A walk from the top asks about one entry at
a time, so a pattern that can't match the end of its name is never compiled, let alone run: the hundred lines
of an ordinary .gitignore cost a project of 5,000 files nearly nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable

#: How the files end that are looked for in folders: Python, and notebooks.
TAKEN = (".py", ".ipynb")

_WILD = re.compile(r"[*?\[\]\\]")
_FINAL_CLASS = re.compile(r"\[([A-Za-z0-9_]+)\]$")


class IgnoreRules:
    """The patterns of one file or option; they count below the folder `base` (a real path)."""

    def __init__(self, base: str, lines: Iterable[str]) -> None:
        self.base = base
        self._prefix = base if base.endswith(os.sep) else base + os.sep
        # The last matching pattern wins, so the last is asked first.
        patterns = [_Pattern(line) for line in map(_trimmed, lines) if line and not line.startswith("#")]
        self._for_folders = tuple(reversed(patterns))
        self._for_files = tuple(p for p in self._for_folders if not p.folders_only and p.can_match_taken())

    def verdict(self, path: str, is_folder: bool) -> bool | None:
        """True: ignored. False: expressly not ignored. None: no pattern says anything about `path` itself.

        `path` is a real path of a folder or of a file whose name ends as in `TAKEN`.
        """
        patterns = self._for_folders if is_folder else self._for_files
        if not patterns or not path.startswith(self._prefix):
            return None
        relative = path[len(self._prefix) :]
        for pattern in patterns:
            if relative.endswith(pattern.endings) and pattern.matches(relative):
                return pattern.ignores
        return None

    def rebased(self, base: str) -> IgnoreRules:
        """The same patterns, counted from `base`."""
        rules = IgnoreRules(base, ())
        rules._for_folders, rules._for_files = self._for_folders, self._for_files
        return rules


def is_ignored(rules: tuple[IgnoreRules, ...], path: str, is_folder: bool) -> bool:
    """What rules ordered from the top folder downwards say: the nearest one with an opinion decides."""
    for one in reversed(rules):
        verdict = one.verdict(path, is_folder)
        if verdict is not None:
            return verdict
    return False


def read_ignore_file(base: str, name: str) -> IgnoreRules:
    """The rules of the file `name` in `base`; none where it can't be read."""
    try:
        with open(os.path.join(base, name), "rb") as stream:
            text = os.fsdecode(stream.read().removeprefix(b"\xef\xbb\xbf"))
    except OSError:
        text = ""
    return IgnoreRules(base, text.split("\n"))


def repository_rules(root: str) -> IgnoreRules:
    """What a repository ignores on this machine only."""
    return read_ignore_file(root, os.path.join(".git", "info", "exclude"))


def git_root(folder: str) -> str | None:
    """The nearest folder from `folder` upwards that holds `.git` (a folder, or the file of a work tree)."""
    while not os.path.lexists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def rules_above(folder: str) -> tuple[IgnoreRules, ...]:
    """The rules that the folders above `folder` set for it, up to the root of its repository.

    None of them counts when they ignore `folder` itself: who names a folder wants what is in it.
    """
    root = git_root(folder)
    if root is None or root == folder:
        return ()
    rules: tuple[IgnoreRules, ...] = (repository_rules(root), read_ignore_file(root, ".gitignore"))
    current = root
    for name in os.path.relpath(folder, root).split(os.sep):
        current = os.path.join(current, name)
        if is_ignored(rules, current, is_folder=True):
            rules = ()
        if current != folder:
            rules = (*rules, read_ignore_file(current, ".gitignore"))
    return rules


class _Pattern:
    """One line. `endings` are the ends of a name without which it can't match."""

    __slots__ = ("_line", "_match", "endings", "folders_only", "ignores")

    def __init__(self, line: str) -> None:
        # pathspec knows paths only and tells a folder by its slash; entries are asked here with their kind known.
        self._line = line.removesuffix("/")
        self._match: Callable[[str], bool] | None = None
        self.ignores = not line.startswith("!")
        self.folders_only = line.endswith("/")
        self.endings = _endings(self._line.removeprefix("!").rpartition("/")[2])

    def can_match_taken(self) -> bool:
        """Whether any name of a file that is looked for could match."""
        return any(end.endswith(TAKEN) or any(name.endswith(end) for name in TAKEN) for end in self.endings)

    def matches(self, relative: str) -> bool:
        """Whether the pattern means this entry itself, and not only a folder above it."""
        if self._match is None:
            self._match = _compiled(self._line)
        return self._match(relative)


def _endings(segment: str) -> tuple[str, ...]:
    """The literal ends of the last part of a pattern: `*.log` -> `.log`, `*.py[co]` -> `.pyc` and `.pyo`."""
    final_class = _FINAL_CLASS.search(segment)
    stem = segment[: final_class.start()] if final_class else segment
    literal = _WILD.split(stem)[-1]
    return tuple(literal + c for c in final_class[1]) if final_class else (literal,)


def _trimmed(line: str) -> str:
    # As git and pathspec do it: trailing blanks (and the CR of a CRLF) don't count unless escaped.
    return line if line.endswith("\\ ") else line.rstrip()


def _compiled(line: str) -> Callable[[str], bool]:
    """A test by pathspec of one relative path (no slash at its end); an invalid line matches nothing."""
    from pathspec import GitIgnoreSpec

    try:
        (pattern,) = GitIgnoreSpec.from_lines([line]).patterns
    except ValueError:
        return lambda path: False

    def test(path: str) -> bool:
        found = pattern.match_file(path) if pattern.include is not None else None
        # The group marks the slash of a folder above the entry: that one has been asked already.
        return found is not None and found.match.groupdict().get("ps_d") is None

    return test
