"""Which files there are below the given paths: everything that is left out has a reason.

Files given by name are always taken. In folders `*.py` and `*.ipynb` are taken, minus what `.gitignore`, `--exclude`
and the usual folders (`.git`, `venv`, `build`, ...) leave out; links to folders are not followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from torchfix_codemods.findings import Skipped
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.ignore import (
    TAKEN,
    IgnoreRules,
    git_root,
    is_ignored,
    read_ignore_file,
    repository_rules,
    rules_above,
)

# fmt: off
USUALLY_LEFT_OUT = frozenset((
    ".bzr", ".direnv", ".eggs", ".git", ".git-rewrite", ".hg", ".hypothesis", ".idea", ".ipynb_checkpoints",
    ".mypy_cache", ".nox", ".pants.d", ".pyenv", ".pytest_cache", ".pytype", ".ruff_cache", ".svn", ".tox",
    ".venv", ".vscode", "__pycache__", "__pypackages__", "_build", "buck-out", "build", "dist",
    "node_modules", "site-packages", "venv",
))
# fmt: on


@dataclass(frozen=True)
class FoundFile:
    """`path` is shown (posix, relative to the working folder if below it), `real` is opened and written."""

    path: str
    real: Path


@dataclass(frozen=True)
class Discovery:
    """Files in the order of their shown paths; `roots` are the given folders (for a file, its folder).

    `left_out` counts the Python files and the folders that were left out, but for hidden folders and
    caches: where there are no `files`, it says that there might have been some.
    """

    files: tuple[FoundFile, ...]
    skipped: tuple[Skipped, ...]
    roots: tuple[Path, ...]
    left_out: int = 0


def discover(
    paths: Sequence[str],
    *,
    exclude: Sequence[str] = (),
    exclude_from: Path | None = None,
    cwd: Path,
    project: Path | None = None,
    project_exclude: Sequence[str] = (),
) -> Discovery:
    """The Python files and notebooks of `paths`, each once.

    `exclude` holds patterns in the style of .gitignore relative to `exclude_from` (None: `cwd`), `project_exclude` (of
    the settings) relative to `project`. Raises `UsageError` for a path that is not there.
    """
    walk = _Walk(
        cwd=os.path.abspath(cwd),
        real_cwd=os.path.realpath(cwd),
        excludes=(
            IgnoreRules(os.path.realpath(exclude_from or cwd), exclude),
            IgnoreRules(os.path.realpath(project or cwd), project_exclude),
        ),
    )
    for path in paths:
        walk.take(path)
    walk.settle_links()
    return walk.result()


@dataclass
class _Walk:
    """The state of one discovery."""

    cwd: str
    real_cwd: str
    excludes: tuple[IgnoreRules, ...]
    files: dict[str, str] = field(default_factory=dict)  # real path -> shown path
    links: dict[str, tuple[str, str]] = field(default_factory=dict)  # shown path -> real path, its tree
    skipped: dict[str, Skipped] = field(default_factory=dict)
    roots: dict[str, None] = field(default_factory=dict)
    walked: set[str] = field(default_factory=set)
    left_out: int = 0

    def take(self, path: str) -> None:
        """Add one path of the command line."""
        try:
            place = self._place(path)
            mode = os.stat(place).st_mode
        except PermissionError as error:
            self._skip(path, "unreadable", error)
            return
        except (OSError, ValueError) as error:
            reason = str(error) if isinstance(error, ValueError) else error.strerror or str(error)
            raise UsageError(f"{path or 'an empty path'}: {reason.lower()}") from error
        if stat.S_ISDIR(mode):
            self._take_folder(place, os.path.realpath(place))
        else:
            self._take_file(place, os.path.realpath(place))

    def settle_links(self) -> None:
        """Add the links that stay inside, unless what they lead to was found by its own name."""
        for shown, (real, tree) in sorted(self.links.items()):
            if not os.path.exists(real):
                self.skipped[shown] = Skipped(shown, "unreadable", "a symbolic link that leads nowhere")
            elif not any(_is_below(real, folder) for folder in (tree, *self.walked)):
                self.skipped[shown] = Skipped(shown, "symlink-out-of-tree", f"it leads to {real}")
            elif not os.path.isdir(real):  # a folder inside is walked by its own name
                self.files.setdefault(real, shown)

    def result(self) -> Discovery:
        """What was found, in the order of the shown paths."""
        found = sorted((shown, real) for real, shown in self.files.items())
        return Discovery(
            files=tuple(FoundFile(shown, Path(real)) for shown, real in found),
            skipped=tuple(self.skipped[shown] for shown in sorted(self.skipped)),
            roots=tuple(Path(root) for root in self.roots),
            left_out=self.left_out,
        )

    def _take_file(self, place: str, real: str) -> None:
        folder = os.path.realpath(os.path.dirname(place))
        self.roots.setdefault(folder)
        if os.path.islink(place):
            self.links[self._show(place)] = real, git_root(folder) or folder
        else:
            self.files.setdefault(real, self._show(place))

    def _take_folder(self, place: str, real: str) -> None:
        if real in self.walked:
            return
        self.walked.add(real)
        self.roots.setdefault(real)
        excludes = tuple(e if _is_below(real, e.base) else e.rebased(real) for e in self.excludes)
        stack = [_Folder(self._show(place, folder=True), real, rules_above(real))]
        while stack:
            folder = stack.pop()
            try:
                entries = list(os.scandir(folder.real))
                stack.extend(self._enter(_Look(folder, excludes, real), entries))
            except OSError as error:
                self._skip(folder.shown.rstrip("/") or ".", "unreadable", error)

    def _enter(self, look: _Look, entries: list[os.DirEntry[str]]) -> Iterator[_Folder]:
        """Take Python files and notebooks of `entries`, note links and odd things, give back the sub-folders."""
        names = {entry.name for entry in entries}
        if "pyvenv.cfg" in names and look.folder.real != look.tree:  # a virtual environment of whatever name
            self.left_out += 1
            return
        look = replace(look, folder=look.folder.with_own_rules(names))
        for entry in entries:
            name = entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            linked_folder = entry.is_symlink() and os.path.isdir(entry.path)
            if not is_folder and not linked_folder and not name.endswith(TAKEN):
                continue
            shown = look.folder.shown + name
            if is_folder and name in USUALLY_LEFT_OUT:
                self.left_out += not name.startswith((".", "__"))
            elif look.ignores(entry.path, is_folder):
                self.left_out += not linked_folder
            elif is_folder:
                yield _Folder(shown + "/", entry.path, look.folder.rules)
            elif entry.is_file(follow_symlinks=False):
                self.files.setdefault(entry.path, shown)
            elif not entry.is_symlink():
                self._skip(shown, "unreadable", "not a regular file")
            else:
                self.links.setdefault(shown, (os.path.realpath(entry.path), look.tree))

    def _place(self, path: str) -> str:
        """`path` as an absolute one; by its real place where `..` behind a link would mislead."""
        if not path:
            raise ValueError("no such file or directory")
        joined = os.path.join(self.cwd, path)
        return os.path.realpath(joined) if os.pardir in Path(path).parts else os.path.normpath(joined)

    def _show(self, place: str, *, folder: bool = False) -> str:
        whole = os.path.join(place, "") if folder else place
        for base in (self.cwd, self.real_cwd):
            if whole.startswith(os.path.join(base, "")):
                whole = whole[len(os.path.join(base, "")) :]
                break
        return whole if os.sep == "/" else whole.replace(os.sep, "/")

    def _skip(self, shown: str, reason: str, why: OSError | str) -> None:
        detail = why if isinstance(why, str) else why.strerror or str(why)
        self.skipped[shown] = Skipped(shown, reason, detail)


@dataclass(frozen=True)
class _Folder:
    """A folder to enter; `shown` ends in a slash, or is empty for the working folder."""

    shown: str
    real: str
    rules: tuple[IgnoreRules, ...]

    def with_own_rules(self, names: set[str]) -> _Folder:
        """The folder with what it says itself; a repository inside another answers to nobody above."""
        rules = (repository_rules(self.real),) if ".git" in names else self.rules
        if ".gitignore" in names:
            rules = (*rules, read_ignore_file(self.real, ".gitignore"))
        return replace(self, rules=rules)


@dataclass(frozen=True)
class _Look:
    """What decides in one folder: its rules, the excludes, and the tree that links must not leave."""

    folder: _Folder
    excludes: tuple[IgnoreRules, ...]
    tree: str

    def ignores(self, real: str, is_folder: bool) -> bool:
        return any(e.verdict(real, is_folder) for e in self.excludes) or is_ignored(self.folder.rules, real, is_folder)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))
