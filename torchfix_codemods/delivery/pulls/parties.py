"""Who takes part in publishing, as far as publishing asks anything of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from torchfix_codemods.delivery.forge.github import Comment, Pull
from torchfix_codemods.delivery.pulls.ownership import History


class Repository(History, Protocol):
    """The clone, which is read, and a place for new commits; see `repository.Repository`."""

    def commit(self, parent: str, files: Mapping[str, bytes], message: str, date: str | None = None) -> str:
        """A new commit on `parent`; the same input gives the same id."""


class Remote(Protocol):
    """The remote repository; see `remote.Remote`."""

    def head_of(self, branch: str) -> str | None:
        """The commit of a branch."""

    def branches(self, prefix: str) -> Mapping[str, str]:
        """The commits of the branches whose names begin with `prefix`."""

    def fetch(self, branch: str, since: str = "") -> str:
        """Bring the commits of a branch to the repository, from a date on where it is shallow; the last one."""

    def push(self, sha: str, branch: str, expected: str | None) -> None:
        """Set a branch, if it still is at `expected`. Raises `LeaseLost`."""

    def delete(self, branch: str, expected: str) -> None:
        """Delete a branch, if it still is at `expected`. Raises `LeaseLost`."""


class Forge(Protocol):
    """The pull requests of one repository; see `github.GitHub`."""

    def pulls(self, head_branch: str, state: str = "all") -> Sequence[Pull]:
        """The pull requests from a branch, newest first."""

    def create(self, title: str, body: str, head: str, base: str, draft: bool = False) -> Pull:
        """Open a pull request. Raises `AlreadyExists`."""

    def update(
        self,
        number: int,
        title: str | None = None,
        body: str | None = None,
        state: str | None = None,
        base: str | None = None,
    ) -> Pull:
        """Change what is not None."""

    def add_labels(self, number: int, labels: Sequence[str]) -> None:
        """Add labels."""

    def comments(self, number: int) -> Sequence[Comment]:
        """The comments on a pull request."""

    def comment(self, number: int, body: str) -> Comment:
        """Add a comment."""
