"""What can be done to a branch and its pull request, as data: decided first, then carried out or only shown."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Push:
    """Set the remote branch to `sha`, if it still is at `expected` (None: if there is none)."""

    sha: str
    branch: str
    expected: str | None


@dataclass(frozen=True)
class Open:
    """Open a pull request from branch `head`; `body` ends with our mark."""

    title: str
    body: str
    head: str
    base: str
    draft: bool


@dataclass(frozen=True)
class Change:
    """Change what is not None of a pull request."""

    number: int
    title: str | None = None
    body: str | None = None
    state: str | None = None
    base: str | None = None


@dataclass(frozen=True)
class Label:
    """Add labels to a pull request; `number` is None for the one that was opened just now."""

    number: int | None
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Say:
    """Comment on a pull request, unless a comment with the invisible `key` stands there."""

    number: int
    key: str
    text: str = field(repr=False)

    @property
    def body(self) -> str:
        """The whole comment."""
        return f"{self.text}\n\n{self.key}"


@dataclass(frozen=True)
class Delete:
    """Delete the remote branch, if it still is at `expected`."""

    branch: str
    expected: str


Act = Push | Open | Change | Label | Say | Delete


def line_of(act: Act, repository: str) -> str:
    """What a act sends, on one line, for `--dry-run`; `repository` is `owner/name`."""
    pulls, issues = f"/repos/{repository}/pulls", f"/repos/{repository}/issues"
    match act:
        case Push(sha, branch, expected):
            return f"git push {_lease(branch, expected)} {sha}:refs/heads/{branch}"
        case Delete(branch, expected):
            return f"git push {_lease(branch, expected)} :refs/heads/{branch}"
        case Open(title, body, head, base, draft):
            fields = f"title={title!r} head={head} base={base} draft={str(draft).lower()} body={_length(body)}"
            return f"POST {pulls} {fields}"
        case Change(number):
            return f"PATCH {pulls}/{number} {_changed(act)}"
        case Label(number, labels):
            return f"POST {issues}/{number or 'NEW'}/labels labels={', '.join(labels)}"
        case Say(number, _, text):
            return f"POST {issues}/{number}/comments body={_length(text)}, unless it stands there"


def _lease(branch: str, expected: str | None) -> str:
    return f"--force-with-lease=refs/heads/{branch}:{expected or ''}"


def _changed(change: Change) -> str:
    parts = [f"title={change.title!r}"] if change.title is not None else []
    parts += [f"base={change.base}"] if change.base is not None else []
    parts += [f"state={change.state}"] if change.state is not None else []
    parts += [f"body={_length(change.body)}"] if change.body is not None else []
    return " ".join(parts)


def _length(text: str) -> str:
    return f"({len(text)} characters)"
