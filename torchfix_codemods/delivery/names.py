"""Names that come from settings, the environment or a remote, checked before anything is done with them."""

from __future__ import annotations

import re
import tempfile
import urllib.parse

from torchfix_codemods.source.errors import UsageError, printable
from torchfix_codemods.source.run_git import run_git

#: The branch of the pull request; with one for each rule the beginning of their names.
BRANCH = "torchfix/fixes"
MAX_LABELS = 20
#: GitHub's own limit for the length of a label's name.
MAX_LABEL = 50

# Much narrower than git, which takes `a;$(id)` for a branch.
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
_COMMIT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REPOSITORY = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,99})/([A-Za-z0-9._-]{1,100})")
_SCP_FORM = re.compile(r"(?:[A-Za-z0-9._-]+@)?([A-Za-z0-9.-]+):(?!//)/?(.+)")
_SCHEMES = frozenset({"https", "http", "ssh", "git", "git+ssh"})


def check_branch(name: str, base: str | None = None) -> str:
    """`name`, when a branch of ours may be called that and it is not the `base` branch. Raises `UsageError`."""
    if not is_branch(name):
        raise UsageError(
            f"{_shown(name)} is no name for a branch: up to 100 letters, digits and . _ / - in a form that git takes"
        )
    if name == base:
        raise UsageError(f"the branch {name} is the base branch; a pull request needs one of its own")
    return name


def is_branch(name: str) -> bool:
    """Whether `name` is one that this tool works with: harmless everywhere, and fine for git."""
    if not _BRANCH.fullmatch(name) or name == "HEAD" or name.startswith("refs/") or is_commit_id(name):
        return False
    return run_git(tempfile.gettempdir(), "check-ref-format", f"refs/heads/{name}").code == 0


def is_commit_id(text: str) -> bool:
    """Whether `text` is a full object id (40 hex digits, 64 in a SHA-256 repository)."""
    return _COMMIT_ID.fullmatch(text) is not None


def check_repository(name: str) -> str:
    """`name`, when it is an `owner/name` as in GITHUB_REPOSITORY. Raises `UsageError`."""
    found = _REPOSITORY.fullmatch(name)
    if found is None or found[2].lower().endswith(".git") or found[2] in (".", ".."):
        raise UsageError(f"{_shown(name)} is not the owner/name of a repository")
    return name


def repository_of(url: str, server_url: str) -> str:
    """The `owner/name` in the URL of a clone's origin: https, ssh and `git@host:owner/name` forms.

    Raises `UsageError` for other forms and for another server than that of `server_url`. The URL is never quoted:
    it may hold a password.
    """
    host, path = _host_and_path(url)
    path = path.strip("/").removesuffix(".git")
    if not host or not _REPOSITORY.fullmatch(path):
        raise UsageError("origin's address has no owner/name in it; say it with --repository")
    expected = urllib.parse.urlsplit(server_url).hostname
    if host.lower() != (expected or "").lower():
        raise UsageError(f"origin is on {_shown(host)}, not on {_shown(server_url)}; say which one with --repository")
    return check_repository(path)


def _host_and_path(url: str) -> tuple[str, str]:
    try:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme in _SCHEMES and parts.hostname:
            return parts.hostname, parts.path
    except ValueError:
        return "", ""
    found = _SCP_FORM.fullmatch(url)
    return (found[1], found[2]) if found else ("", "")


def remote_url(server_url: str, name: str) -> str:
    """The https address of repository `name` (owner/name) on a server. Raises `UsageError`."""
    return f"{server_url.rstrip('/')}/{check_repository(name)}.git"


def check_labels(text: str) -> tuple[str, ...]:
    """The labels in a comma-separated list, each once, in their order. Raises `UsageError` for an impossible one."""
    labels = tuple(dict.fromkeys(label.strip() for label in text.split(",") if label.strip()))
    for label in labels:
        if len(label) > MAX_LABEL or not label.isprintable():
            raise UsageError(f"{_shown(label)} is no label: up to {MAX_LABEL} printable characters")
    if len(labels) > MAX_LABELS:
        raise UsageError(f"{len(labels)} labels are too many: {MAX_LABELS} at most")
    return labels


def check_token(token: str) -> str:
    """`token`, when it can be sent in a header. Raises `UsageError`, which doesn't quote it."""
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("the token holds a blank, a line break or a character that no token has")
    return token


def _shown(text: str) -> str:
    shown = printable(text)
    return f"'{shown[:60]}...'" if len(shown) > 60 else f"'{shown}'"
