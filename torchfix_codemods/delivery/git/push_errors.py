"""What a server's refusal means, and what would help, in one line."""

from __future__ import annotations

from collections.abc import Iterator

from torchfix_codemods.delivery.errors import LeaseLost, PushRefused, RemoteFailed

_QUOTED = 200

#: Part of the status line of a push that came too late; git's and servers' words.
_LATE = (
    *("stale info", "fetch first", "cannot lock ref", "reference already exists", "failed to update ref"),
    *("incorrect old value", "failed to lock"),
)
#: What the server says, in lower case; what it means; what helps. The first that fits counts.
_UNPROTECT = "exclude branches of this name from the protection"
_NOT_IN_RULE = "exclude branches of this name from the rule"
_REFUSALS = (
    ("cannot contain secrets", "it takes something in the files for a secret", "see what it says, on the forge"),
    ("verified signatures", "it wants signed commits", _NOT_IN_RULE),
    ("protected branch", "the branch is protected", _UNPROTECT),
    ("rule violations", "a rule of the repository forbids it", _NOT_IN_RULE),
    (
        "refusing to allow",
        "the token may not push commits with other workflow files than those of the branch",
        "bring the checkout up to date, or give the token the scope `workflow`",
    ),
    ("non-fast-forward", "the server takes no rewritten branches", "allow force pushes to branches of this name"),
    ("deletion prohibited", "the server deletes no branches by push", "delete the branch by hand"),
    ("archived", "the repository is archived", "nothing can be pushed to it"),
)
#: The same for a server that does not let us in at all.
_CLOSED_DOORS = (
    ("archived", "the repository is archived", "nothing can be pushed to it"),
    ("error: 401", "the server does not accept the token", "is it expired, or for another server?"),
    ("could not read username", "the server does not accept the token", "is it expired, or for another server?"),
    ("authentication failed", "the server does not accept the token", "is it expired, or for another server?"),
    (
        "error: 403",
        "the token may not do that",
        "in a workflow: `permissions: contents: write`; on pull requests from forks it is always read-only",
    ),
    ("not found", "there is no such repository, or the token may not see it", "check its name and the token"),
    ("unable to update url base", "the server points elsewhere", "was the repository renamed? use its new name"),
    ("error: 30", "the server points elsewhere", "was the repository renamed? use its new name"),
)


def push_failure(branch: str, out: str, err: str) -> RemoteFailed:
    """The error for a push to `branch` that failed; `out` and `err` are what git printed, without secrets."""
    status = _status(out)
    if not status:
        return _closed_door(f"pushing {branch}", err, PushRefused)
    if status.startswith("[rejected]") or any(words in status for words in _LATE):
        return LeaseLost(f"the branch {branch} has been changed by somebody else meanwhile: {status}")
    words = _first_fitting(_REFUSALS, f"{status}\n{err}")
    said = _quoted(" ".join([status, *_remote_lines(err)]))
    if words is None:
        return PushRefused(f"the server refused the push to {branch}: {said}")
    return PushRefused(f"the server refused the push to {branch}: {words[0]} ({words[1]}). It said: {said}")


def not_moved(branch: str, out: str) -> PushRefused:
    """The error for a push that looked too late, of a branch that is where it was; `out` is what git printed."""
    return PushRefused(f"the server refused the push to {branch}, which nobody has changed: {_quoted(_status(out))}")


def access_failure(url: str, err: str) -> RemoteFailed:
    """The error for a question to the server at `url` that failed."""
    return _closed_door(f"asking {url}", err, RemoteFailed)


def _status(out: str) -> str:
    """The words of git for the branch that was not pushed, "" where it did not come so far."""
    return next((line.rpartition("\t")[2] for line in out.split("\n") if line.startswith("!")), "")


def _closed_door(doing: str, err: str, kind: type[RemoteFailed]) -> RemoteFailed:
    words = _first_fitting(_CLOSED_DOORS, err)
    said = _quoted(" ".join([*_remote_lines(err), *_fatal_lines(err)]) or err)
    if words is None:
        return RemoteFailed(f"{doing} failed: {said}")
    return kind(f"{doing} failed: {words[0]} ({words[1]}). It said: {said}")


def _first_fitting(table: tuple[tuple[str, str, str], ...], text: str) -> tuple[str, str] | None:
    folded = text.casefold()
    return next(((cause, cure) for part, cause, cure in table if part in folded), None)


def _remote_lines(err: str) -> Iterator[str]:
    """What the server itself had to say."""
    for line in err.split("\n"):
        if line.startswith("remote:") and (said := line.removeprefix("remote:").strip()):
            yield said


def _fatal_lines(err: str) -> Iterator[str]:
    for line in err.split("\n"):
        if line.startswith(("fatal:", "error:")):
            yield line.partition(":")[2].strip()


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _QUOTED else line[:_QUOTED] + "..."
