"""A bare repository in a temporary folder, beside the person's own: everything new is made there.

It borrows the objects of the person's repository and has none of its settings. So whatever the clone holds (hooks,
filters, `insteadOf`, credentials that a checkout left behind, promises of a partial clone) has no part in our commits
and pushes, and the clone itself is only ever read.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path

from torchfix_codemods.source.errors import GitFailed
from torchfix_codemods.source.run_git import SECONDS, GitRun, run_git

#: Holds HEAD of the person's repository, so that a fetch asks for what is missing and not for everything.
BASE_REF = "refs/torchfix/base"


class SideRepository:
    """The temporary repository; its folder goes when this object goes."""

    def __init__(self, clone: Path, head: str) -> None:
        """Borrow from the repository whose work tree is `clone`, at its commit `head`. Raises `GitFailed`."""
        self.folder = Path(tempfile.mkdtemp(prefix="torchfix-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.git("init", "-q", "--bare", "--template=", f"--object-format={_asked(clone, '--show-object-format')}", ".")
        objects = os.path.join(clone, _asked(clone, "--git-path", "objects"))
        (self.folder / "objects" / "info").mkdir(parents=True, exist_ok=True)
        (self.folder / "objects" / "info" / "alternates").write_bytes(_quoted(objects) + b"\n")
        shallow = os.path.join(clone, _asked(clone, "--git-path", "shallow"))
        self.is_shallow = os.path.isfile(shallow)
        if self.is_shallow:
            shutil.copyfile(shallow, self.folder / "shallow")
        self.git("update-ref", BASE_REF, head)

    def is_cut(self, one: str, other: str) -> bool:
        """Whether history ends too early to say which commits of `one` are not in `other`.

        Those that look so, and that nothing of the kind is below, could be below a commit of `other` that is cut off.
        """
        ends = self._ends()
        if not ends:
            return False
        lines = [line.split() for line in self.git("rev-list", "--parents", one, f"^{other}", "--").splitlines()]
        alone = {sha for sha, *_ in lines}
        lowest = [sha.decode("ascii") for sha, *parents in lines if alone.isdisjoint(parents)]
        hidden = (self.git("rev-list", other, f"^{sha}", "--").split() for sha in lowest)
        return not ends.isdisjoint(alone) or any(not ends.isdisjoint(some) for some in hidden)

    def _ends(self) -> frozenset[bytes]:
        """The commits whose parents are left out."""
        try:
            return frozenset((self.folder / "shallow").read_bytes().split())
        except FileNotFoundError:
            return frozenset()

    def run(
        self,
        *words: str,
        given: bytes = b"",
        variables: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
    ) -> GitRun:
        """What `git words...` gives in this repository, whatever its exit code."""
        ours = {"GIT_DIR": os.fspath(self.folder), **(variables or {})}
        return run_git(self.folder, *words, given=given, variables=ours, seconds=seconds)

    def git(self, *words: str, given: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
        """The output of `git words...` in this repository. Raises `GitFailed` for an exit code other than 0."""
        return _output(self.run(*words, given=given, variables=variables), words[0])


def ask_clone(clone: Path, *words: str) -> bytes:
    """The output of a reading `git words...` in the person's work tree `clone`. Raises `GitFailed`."""
    ran = run_git(clone, *words)
    if ran.code != 0 and b"dubious ownership" in ran.err:
        raise GitFailed(
            f"git takes {clone} for somebody else's; if you trust it: git config --global --add safe.directory {clone}"
        )
    if ran.code != 0 and b"not a git repository" in ran.err:
        raise GitFailed(f"{clone} is not the top of a work tree")
    return _output(ran, words[0])


def _asked(clone: Path, *words: str) -> str:
    return os.fsdecode(ask_clone(clone, "rev-parse", *words)).removesuffix("\n")


def _output(ran: GitRun, word: str) -> bytes:
    if ran.code != 0:
        raise GitFailed(f"git {word}: {ran.said}")
    return ran.out


def _quoted(path: str) -> bytes:
    """`path` as the file of alternates wants it; a line break in a folder's name would be two folders."""
    raw = os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + raw + b'"'
