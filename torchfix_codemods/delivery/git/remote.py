"""The remote repository: where its branches are, fetching them, and pushing with a lease.

The token is handed to the one git process that needs it, in variables of its environment: it stands in no list of
processes, no settings, no address and no error. The header is bound to the address of this one repository, redirects
are not followed, and no other rule for addresses (`url.*.insteadOf`) or source of credentials counts.
"""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Sequence

from torchfix_codemods.delivery.errors import LeaseLost, RemoteFailed
from torchfix_codemods.delivery.git.masks import basic, masked
from torchfix_codemods.delivery.git.push_errors import access_failure, not_moved, push_failure
from torchfix_codemods.delivery.git.repository import Repository
from torchfix_codemods.delivery.names import check_branch, check_token, is_branch, is_commit_id
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.run_git import GitRun, git_environment, with_settings

#: One exchange with the server, in seconds.
SECONDS = 300
#: How many commits of a branch are fetched first where the clone itself is shallow.
DEPTH = 50
#: What git takes for no limit.
EVERYTHING = 0x7FFFFFFF

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_SERVER = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]+)?")
_PATH = re.compile(r"(/(?!\.\.?(/|$))[A-Za-z0-9._~-]+)+")


class Remote:
    """One repository on a server. `token` may be empty: then only what is public can be read."""

    def __init__(self, repository: Repository, url: str, token: str = "") -> None:
        """`url` is https (http on this machine only) without a user. Raises `UsageError` and `RemoteFailed`."""
        self.url = check_url(url)
        self._side = repository.side
        self._head = repository.head()
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

    def fetch(self, branch: str) -> str:
        """Bring the commits of `branch` to the side repository, where `Repository` finds them; the id of the last one.

        No ref is written. Where the clone is shallow, as many come as it takes to know where HEAD and the branch part.
        Raises `RemoteFailed`.
        """
        sha = self._there(branch)
        self._fetch([sha], [(self._head, sha)])
        return sha

    def fetch_together(self, branch: str, bases: Sequence[str]) -> tuple[str, ...]:
        """As `fetch`, for `branch` and the branches `bases`; the ids of all.

        Deep enough to know where the branch parts from each of them, and HEAD from the branch and the first of them.
        """
        shas = [self._there(name) for name in (branch, *bases)]
        pairs = [(shas[0], base) for base in shas[1:]]
        self._fetch(list(dict.fromkeys(shas)), [*pairs, *((self._head, sha) for sha in shas[:2])])
        return tuple(shas)

    def _there(self, branch: str) -> str:
        sha = self.head_of(branch)
        if sha is None:
            raise RemoteFailed(f"there is no branch {branch} at {self.url}")
        return sha

    def _fetch(self, shas: Sequence[str], pairs: Sequence[tuple[str, str]]) -> None:
        """Fetch commits; for a shallow clone more and more of what is below, until each pair's history is known."""
        options = ("--quiet", "--no-write-fetch-head", "--no-tags", "--no-recurse-submodules", "--refmap=")
        # Dates of commits don't say how many are needed: they follow clocks, and rebases.
        for depth in (DEPTH, DEPTH * 8, DEPTH * 64, EVERYTHING):
            shallow = (f"--depth={depth}",) if self._side.is_shallow else ()
            words = ("fetch", *options, *shallow, self.url, *shas)
            ran = self._ask(*words)
            if ran.code != 0 and b"unresolved deltas" in ran.err:
                # A partial clone lacks objects that the server takes for known.
                ran = self._ask("-c", "fetch.negotiationAlgorithm=noop", *words)
            self._checked(ran)
            if not any(self._side.is_cut(*pair) for pair in pairs):
                return

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
            raise self._failure(branch, expected, *self._texts(ran))

    def _failure(self, branch: str, expected: str | None, out: str, err: str) -> RemoteFailed:
        """Why a push failed. A server says "cannot lock ref" for more than a branch that has been moved."""
        error = push_failure(branch, out, err)
        if isinstance(error, LeaseLost) and self.head_of(branch) == expected:
            return not_moved(branch, out)
        return error

    def in_the_way(self, branch: str) -> str | None:
        """A branch beside which git has no room for `branch`: `a`, or `a/b/c`, beside `a/b`. Raises `RemoteFailed`."""
        parts = check_branch(branch).split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts))]
        found = self._refs(*(f"refs/heads/{name}" for name in above), f"refs/heads/{branch}/*")
        return next((name for name in sorted(found) if name in above or name.startswith(f"{branch}/")), None)

    def _refs(self, *patterns: str) -> dict[str, str]:
        """The branches that `ls-remote` finds for patterns, and those that it finds by the end of their name."""
        found = (line.partition("\t")[::2] for line in self._lines("ls-remote", "--refs", self.url, *patterns))
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
