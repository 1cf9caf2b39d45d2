"""A clone, the server of its origin, and another server that must hear nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from git_clones import git, make_clone
from git_server import GitServer

from torchfix_codemods.delivery.git.remote import Remote
from torchfix_codemods.delivery.git.repository import Repository

TOKEN = "ghs_s3cretS3cretS3cret=="
BRANCH = "torchfix/fixes"


@dataclass(frozen=True)
class Place:
    """`bare` is what `server` serves as `o/n`; both servers hold the same and take the same token."""

    clone: Path
    bare: Path
    server: GitServer
    evil: GitServer

    @property
    def url(self) -> str:
        """The address of the origin."""
        return f"{self.server.url}/o/n.git"

    def ours(self, clone: Path | None = None) -> tuple[Repository, Remote]:
        """What is to be tested, on the clone or on another one."""
        repository = Repository(clone or self.clone)
        return repository, Remote(repository, self.url, TOKEN)

    def head_of(self, branch: str) -> str:
        """Where a branch of the server is, "" where there is none."""
        return git(self.bare, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def deliver(self) -> None:
        """Everything that talks to the server, once."""
        repository, remote = self.ours()
        sha = fix(repository)
        assert remote.default_branch() == "main"
        remote.push(sha, BRANCH, None)
        assert remote.fetch(BRANCH) == sha == remote.branches("torchfix/")[BRANCH]
        remote.delete(BRANCH, sha)

    def headers(self) -> set[tuple[str, ...]]:
        """The headers of authorization of each request so far."""
        return {request.authorizations for request in self.server.requests}


@contextmanager
def open_place(folder: Path) -> Iterator[Place]:
    """A clone of the repository `o/n`, and its server, which is up while the `with` block runs."""
    with GitServer(folder / "server", TOKEN) as server, GitServer(folder / "evil", TOKEN) as evil:
        clone = make_clone(folder / "clone")
        for one in (server, evil):
            git(clone, "push", "-q", str(one.bare("o/n")), "main")
        git(clone, "remote", "add", "origin", f"{server.url}/o/n.git")
        yield Place(clone, server.bare("o/n"), server, evil)


def fix(repository: Repository, value: bytes = b"x = 2\n") -> str:
    """A commit of ours on HEAD."""
    return repository.commit(repository.head(), {"a.py": value}, "fix")
