"""The repository that a delivery starts from: what its last commit holds, and new commits on top of it.

The clone is only read: its index, branches, files and settings stay as they are, and its hooks and filters don't run.
New objects are made in a `SideRepository`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from torchfix_codemods.delivery.git.objects import (
    PLAIN_MODES,
    Commit,
    Tracked,
    read_commit,
    tree_entries,
)
from torchfix_codemods.delivery.git.side import SideRepository, ask_clone
from torchfix_codemods.delivery.git.worktree import worktree_form
from torchfix_codemods.delivery.names import is_commit_id
from torchfix_codemods.source.errors import GitFailed, WriteRefused

BOT = "github-actions[bot]"
BOT_MAIL = "41898282+github-actions[bot]@users.noreply.github.com"
_PATHS_PER_CALL = 200


class Repository:
    """A clone with a work tree, as it was when this object was made."""

    def __init__(self, root: Path) -> None:
        """Read the repository whose work tree's top is `root`. Raises `GitFailed` for a bare or an empty one."""
        self.root = Path(os.path.realpath(root))
        inside = ask_clone(self.root, "rev-parse", "--is-inside-work-tree", "--show-prefix")
        if inside.split() != [b"true"]:
            raise GitFailed(f"{self.root} is not the top of a work tree")
        self._head = _head(self.root)
        self.side = SideRepository(self.root, self._head)

    def head(self) -> str:
        """The id of the commit that was checked out when this object was made."""
        return self._head

    def origin(self) -> str | None:
        """The address that the remote `origin` was cloned from, None without one. It may hold a password."""
        url = os.fsdecode(ask_clone(self.root, "ls-remote", "--get-url", "origin")).strip()
        return None if url == "origin" else url

    def has(self, sha: str) -> bool:
        """Whether the commit `sha` is at hand, in the clone or fetched by a `Remote` of this object."""
        return is_commit_id(sha) and self.side.run("cat-file", "-e", f"{sha}^{{commit}}").code == 0

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is in the history of `newer` (or is it); False where either is missing."""
        if not (self.has(older) and self.has(newer)):
            return False
        return self.side.run("merge-base", "--is-ancestor", older, newer).code == 0

    def read(self, sha: str) -> Commit:
        """The commit `sha`. Raises `GitFailed` where it is missing or damaged."""
        try:
            return read_commit(sha, self.side.git("cat-file", "commit", _id(sha)))
        except ValueError as error:
            raise GitFailed(str(error)) from error

    def commit_date(self, sha: str) -> str:
        """When `sha` was committed: seconds since 1970 and a zone, as in `1700000000 +0100`."""
        return self.read(sha).committer.date

    def commits(self, base: str, tip: str, most: int = 200) -> tuple[Commit, ...]:
        """The commits of `tip` that are not in `base`, newest first, `most` at most. Raises `GitFailed`."""
        listed = self.side.git("rev-list", "--topo-order", f"--max-count={most}", _id(tip), f"^{_id(base)}", "--")
        return tuple(self.read(sha) for sha in listed.decode("ascii").split())

    def changed(self, older: str, newer: str) -> tuple[str, ...]:
        """The paths in which the trees of two commits differ. Raises `GitFailed`."""
        listed = self.side.git("diff-tree", "-r", "-z", "--name-only", "--no-renames", _id(older), _id(newer))
        return tuple(os.fsdecode(path) for path in listed.split(b"\0") if path)

    def merged_tree(self, first: str, second: str) -> str | None:
        """The tree that a merge of two commits gives without conflicts, as git makes it; None where it can't.

        Git before 2.38 never can.
        """
        ran = self.side.run("merge-tree", "--write-tree", "--no-messages", _id(first), _id(second))
        return ran.out.decode("ascii").strip() if ran.code == 0 else None

    def tracked(self, paths: Iterable[str], commit: str | None = None) -> dict[str, Tracked]:
        """Those of `paths` (from the top, with `/`) that are plain files of `commit`, by default of HEAD.

        Links, submodules, folders and what is not in the commit are left out.
        """
        words = ("ls-tree", "-z", "--full-tree", _id(commit or self._head), "--")
        wanted = sorted({path for path in paths if _is_inside(path)})
        found: dict[str, Tracked] = {}
        for some in _in_portions(wanted):
            entries = tree_entries(self.side.git(*words, *some))
            found |= {path: Tracked(mode, sha) for path, mode, sha in entries if mode in PLAIN_MODES}
        return {path: found[path] for path in wanted if path in found}

    def blob(self, sha: str) -> bytes:
        """The content with the id `sha`, as git keeps it. Raises `GitFailed`."""
        return self.side.git("cat-file", "blob", _id(sha))

    def committable(self, path: str, raw: bytes, new: bytes) -> bytes | None:
        """What to commit so that `path`, which held `raw` in the work tree, becomes `new` there.

        None where it can't be said: no plain file of HEAD, not its content, a filter, or a path that is never touched.
        """
        tracked = self.tracked([path])
        if path not in tracked or is_forbidden(path):
            return None
        return worktree_form(new, raw, self.blob(tracked[path].blob))

    def commit(self, parent: str, files: Mapping[str, bytes], message: str) -> str:
        """The id of a new commit on `parent` in which each file of `files` has the bytes given.

        Author and committer are GitHub's bot, and both dates are that of `parent`: the same input gives the same id,
        whatever the settings of the person who runs this. Raises `WriteRefused` for a path that is not a plain file
        of `parent`, or may not be touched.
        """
        tracked = self.tracked(files, parent)
        for path in files:
            _check_path(path, tracked)
        tree = self._tree(parent, files, tracked)
        identity = _identity(self.commit_date(parent))
        words = ("commit-tree", "--no-gpg-sign", "-p", _id(parent), "-F", "-", tree)
        made = self.side.git(*words, given=message.encode("utf-8", "replace"), variables=identity)
        return made.decode("ascii").strip()

    def _tree(self, parent: str, files: Mapping[str, bytes], tracked: Mapping[str, Tracked]) -> str:
        records = [
            b"%s %s\t%s\0" % (tracked[path].mode.encode(), self._written(content), os.fsencode(path))
            for path, content in sorted(files.items())
        ]
        self.side.git("read-tree", _id(parent))
        self.side.git("update-index", "-z", "--index-info", given=b"".join(records))
        # A partial clone lacks contents that nothing here touches.
        return self.side.git("write-tree", "--missing-ok").decode("ascii").strip()

    def _written(self, content: bytes) -> bytes:
        return self.side.git("hash-object", "-w", "-t", "blob", "--no-filters", "--stdin", given=content).strip()


def _in_portions(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many at a time as a command line holds on every system."""
    return (paths[start : start + _PATHS_PER_CALL] for start in range(0, len(paths), _PATHS_PER_CALL))


def _head(root: Path) -> str:
    try:
        found = ask_clone(root, "rev-parse", "--verify", "--end-of-options", "HEAD^{commit}")
    except GitFailed as error:
        raise GitFailed(f"{root} has no commit yet: {error}") from error
    return found.decode("ascii").strip()


def _id(sha: str) -> str:
    if not is_commit_id(sha):
        raise GitFailed(f"'{sha[:70]}' is not the id of an object")
    return sha


def _identity(date: str) -> dict[str, str]:
    made = {"NAME": BOT, "EMAIL": BOT_MAIL, "DATE": f"@{date}"}
    return {f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in made.items()}


def _check_path(path: str, tracked: Mapping[str, Tracked]) -> None:
    """Raises `WriteRefused` for a path that may not be written. Git would take most of them."""
    if is_forbidden(path):
        raise WriteRefused(f"'{path}' is not a path that is ever changed")
    if path not in tracked:
        raise WriteRefused(f"{path} is not a plain file that git tracks")


def is_forbidden(path: str) -> bool:
    """Whether a path leads out of the repository, into git's own folder, or to the workflows of a forge."""
    parts = [part.casefold() for part in path.split("/")]
    return not _is_inside(path) or "\\" in path or ".git" in parts or parts[0] == ".github"


def _is_inside(path: str) -> bool:
    """Whether a path from the top is in its plainest form and stays below the top."""
    return "\0" not in path and not {"", ".", ".."} & set(path.split("/"))
