"""The remote repository: where its branches are, fetching them, and pushing with a lease.

The token is handed to the one git process that needs it, in variables of its environment: it stands in no list of
processes, no settings, no address and no error. The header is bound to the address of this one repository, redirects
are not followed, and no other rule for addresses (`url.*.insteadOf`) or source of credentials counts.
"""

from __future__ import annotations

import os
import re
import urllib.parse

from torchfix_codemods.delivery.errors import RemoteFailed
from torchfix_codemods.delivery.git.masks import basic, masked
from torchfix_codemods.delivery.git.push_errors import access_failure, push_failure
from torchfix_codemods.delivery.git.repository import Repository
from torchfix_codemods.delivery.names import check_branch, check_token, is_branch, is_commit_id
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.run_git import GitRun, git_environment, with_settings

#: One exchange with the server, in seconds.
SECONDS = 300
#: How many commits of a branch are fetched where the clone itself is shallow.
DEPTH = 50

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_SERVER = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]+)?")
_PATH = re.compile(r"(/(?!\.\.?(/|$))[A-Za-z0-9._~-]+)+")


class Remote:
    """One repository on a server. `token` may be empty: then only what is public can be read."""

    def __init__(self, repository: Repository, url: str, token: str = "") -> None:
        """`url` is https (http on this machine only) without a user. Raises `UsageError` and `RemoteFailed`."""
        self.url = check_url(url)
        self._side = repository.side
        self._token = check_token(token)
        self._variables = _variables(self.url, token)
        self._check_no_detour()

    def default_branch(self) -> str:
        """The name of the branch that HEAD of the remote is on. Raises `RemoteFailed`."""
        for line in self._lines("ls-remote", "--symref", self.url, "HEAD"):
            if line.startswith("ref: refs/heads/"):
                return check_branch(line.removeprefix("ref: refs/heads/").partition("\t")[0])
        raise RemoteFailed(f"{self.url} has no default branch; is it empty?")

    def head_of(self, branch: str) -> str | None:
        """The commit that `branch` is at, None where there is no such branch. Raises `RemoteFailed`."""
        return self._refs(f"refs/heads/{check_branch(branch)}").get(branch)

    def branches(self, prefix: str) -> dict[str, str]:
        """The commits of all branches whose names begin with `prefix`, by name. Raises `RemoteFailed`."""
        check_branch(f"{prefix}x")
        found = self._refs(f"refs/heads/{prefix}*")
        return {name: sha for name, sha in sorted(found.items()) if name.startswith(prefix) and is_branch(name)}

    def fetch(self, branch: str, since: str = "") -> str:
        """Bring the commits of `branch` to the side repository, where `Repository` finds them; the id of the last one.

        No ref is written. For a shallow clone only the last `DEPTH` commits come, or those since a date (seconds since
        1970 and a zone, as `Repository.commit_date` tells it). Raises `RemoteFailed`.
        """
        sha = self.head_of(branch)
        if sha is None:
            raise RemoteFailed(f"there is no branch {branch} at {self.url}")
        depth = [f"--shallow-since=@{since}" if since else f"--depth={DEPTH}"] if self._side.is_shallow else []
        options = ("--quiet", "--no-write-fetch-head", "--no-tags", "--no-recurse-submodules", "--refmap=")
        self._checked(self._ask("fetch", *options, *depth, self.url, sha))
        return sha

    def push(self, sha: str, branch: str, expected: str | None) -> None:
        """Set `branch` to `sha` if it still is at `expected` (None: if there is no such branch), else change nothing.

        Raises `LeaseLost` where the branch is elsewhere, `PushRefused` where the server says no, and `RemoteFailed`.
        """
        if not is_commit_id(sha):
            raise UsageError(f"'{sha[:70]}' is not the id of a commit")
        self._update(sha, branch, expected)

    def delete(self, branch: str, expected: str) -> None:
        """Delete `branch` if it still is at `expected`. Raises as `push` does."""
        self._update("", branch, expected)

    def _update(self, sha: str, branch: str, expected: str | None) -> None:
        ref = f"refs/heads/{check_branch(branch)}"
        if expected is not None and not is_commit_id(expected):
            raise UsageError(f"'{expected[:70]}' is not the id of a commit")
        quiet = ("--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no", "--no-progress")
        lease = f"--force-with-lease={ref}:{expected or ''}"
        ran = self._ask("push", "--porcelain", *quiet, lease, self.url, f"{sha}:{ref}")
        if ran.code != 0:
            raise push_failure(branch, *self._texts(ran))

    def _refs(self, pattern: str) -> dict[str, str]:
        """The branches that `ls-remote` finds for a pattern, and those that it finds by the end of their name."""
        found = (line.partition("\t")[::2] for line in self._lines("ls-remote", "--refs", self.url, pattern))
        start = "refs/heads/"
        return {ref.removeprefix(start): sha for sha, ref in found if ref.startswith(start)}

    def _lines(self, *words: str) -> list[str]:
        return self._checked(self._ask(*words)).split("\n")

    def _checked(self, ran: GitRun) -> str:
        if ran.code != 0:
            raise access_failure(self.url, self._texts(ran)[1])
        return os.fsdecode(ran.out)

    def _texts(self, ran: GitRun) -> tuple[str, str]:
        return masked(os.fsdecode(ran.out), self._token), masked(os.fsdecode(ran.err), self._token)

    def _ask(self, *words: str) -> GitRun:
        return self._side.run(*words, variables=self._variables, seconds=SECONDS)

    def _check_no_detour(self) -> None:
        """`insteadOf` rules that match longer win; only one for exactly this address is as long as our own."""
        ran = self._ask("config", "-z", "--get-regexp", r"^url\..*\.(push)?insteadof$")
        rules = [record.partition("\n") for record in os.fsdecode(ran.out).split("\0") if record]
        if any(value == self.url and not name.startswith(f"url.{self.url}.") for name, _, value in rules):
            raise RemoteFailed(f"a git setting url.*.insteadOf leads {self.url} elsewhere; the token stays here")


def check_url(url: str) -> str:
    """`url`, when a token may be sent there. Raises `UsageError`, which does not quote a password."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError("the address of the remote is not one") from error
    if parts.username is not None or parts.password is not None or "@" in url:
        raise UsageError("the address of the remote holds a user or a password; the token goes into the environment")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise UsageError("the address of the remote must begin with https://; the token is sent no other way")
    whole = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if url != whole or not _SERVER.fullmatch(parts.netloc) or not _PATH.fullmatch(parts.path):
        raise UsageError("the address of the remote must be https://server/owner/name")
    return url


def _variables(url: str, token: str) -> dict[str, str]:
    """The environment of a call that talks to the server."""
    scheme = urllib.parse.urlsplit(url).scheme
    settings = [
        (f"url.{url}.insteadOf", url),
        (f"url.{url}.pushInsteadOf", url),
        ("push.pushOption", ""),
        (f"http.{url}.followRedirects", "false"),
        # An empty value takes back every header set so far: a second Authorization is an error at the server.
        (f"http.{url}.extraHeader", ""),
    ]
    if scheme == "http":
        settings.append((f"http.{url}.proxy", ""))
    if token:
        settings.append((f"http.{url}.extraHeader", f"Authorization: basic {basic(token)}"))
    added = with_settings(git_environment(os.environ), *settings)
    return {**added, "GIT_ALLOW_PROTOCOL": scheme}
