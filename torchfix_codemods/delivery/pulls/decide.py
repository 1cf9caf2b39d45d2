"""What to do about a branch and its pull request: decided on data alone, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from torchfix_codemods.delivery.forge.github import Pull
from torchfix_codemods.delivery.model import Operation
from torchfix_codemods.delivery.pulls import notes
from torchfix_codemods.delivery.pulls.acts import Act, Change, Delete, Label, Open, Push, Say
from torchfix_codemods.delivery.pulls.marker import Marker, hash_of, read_marker, with_marker, without_marker
from torchfix_codemods.source.errors import TorchfixError

#: The end of the title of a pull request that we closed ourselves.
AUTOCLOSED = " - autoclosed"


class BranchTaken(TorchfixError):
    """A branch of our name is somebody else's; nothing was changed."""


@dataclass(frozen=True)
class Draft:
    """A proposal in the words of git and the forge.

    `sha` is the last of its commits, which stand on `base_sha`, a commit of the branch `base`. `text` is the body with
    any mark at its end. `labels` and `draft` count for a new pull request; labels that are new to it are added later.
    """

    branch: str
    sha: str
    base: str
    base_sha: str
    title: str
    text: str = field(repr=False)
    fingerprints: tuple[str, ...]
    labels: tuple[str, ...] = ()
    draft: bool = False

    def marker(self, labels: tuple[str, ...]) -> Marker:
        """The mark for a pull request that has ever been given these labels."""
        body = hash_of(without_marker(self.text))
        return Marker(self.base_sha, self.sha, self.fingerprints, hash_of(self.title), body, labels)

    def body(self, labels: tuple[str, ...]) -> str:
        """The whole body."""
        return with_marker(self.text, self.marker(labels))


@dataclass(frozen=True)
class Seen:
    """What stands on the forge: the head of the branch (None: no branch) and its pull requests, the best first.

    `ours` says that nobody else has a commit on the branch.
    """

    branch: str
    head: str | None = None
    pulls: tuple[Pull, ...] = ()
    ours: bool = True

    @property
    def open(self) -> Pull | None:
        """The open pull request, the first where there are several."""
        return next((pull for pull in self.pulls if pull.open), None)


@dataclass(frozen=True)
class Decision:
    """The acts in their order, and what they come to. `pull` is the pull request that is open before them."""

    branch: str
    operation: Operation
    acts: tuple[Act, ...] = ()
    pull: Pull | None = None
    draft: Draft | None = None
    detail: str = ""


def declined(pulls: Iterable[Pull]) -> frozenset[str]:
    """The ids of the findings that somebody said no to, by closing a pull request without merging it."""
    closed = (pull for pull in pulls if not pull.open and not pull.merged and not pull.title.endswith(AUTOCLOSED))
    markers = (read_marker(pull.body) for pull in closed)
    return frozenset(name for marker in markers if marker is not None for name in marker.fingerprints)


def decide(seen: Seen, draft: Draft) -> Decision:
    """What to do for a proposal. Raises `BranchTaken` where its branch is not ours and has no open pull request."""
    pull = seen.open
    if not seen.ours and seen.head != draft.sha:
        if pull is None:
            raise BranchTaken(
                f"the branch {seen.branch} holds commits that torchfix did not make, and has no open pull request; "
                "delete or rename it, or choose another name with --branch"
            )
        return _edited(seen, pull, notes.edited(pull))
    push = () if seen.head == draft.sha else (Push(draft.sha, seen.branch, seen.head),)
    if pull is None:
        labels = (Label(None, draft.labels),) if draft.labels else ()
        made = Open(draft.title, draft.body(draft.labels), seen.branch, draft.base, draft.draft)
        return Decision(seen.branch, Operation.CREATED, (*push, made, *labels), draft=draft)
    acts = (*push, *_updates(seen, pull, draft))
    operation = Operation.UPDATED if acts else Operation.UNCHANGED
    return Decision(seen.branch, operation, acts, pull, draft)


def decide_end(seen: Seen, reason: str) -> Decision:
    """What to do where nothing is left to propose; `reason` is a sentence for the people who read there."""
    pull = seen.open
    if pull is None or seen.head is None:
        return Decision(seen.branch, Operation.NONE)
    if not seen.ours:
        return _edited(seen, pull, notes.autoclosing_skipped(pull, reason))
    title = pull.title.removesuffix(AUTOCLOSED) + AUTOCLOSED
    acts = (
        notes.closed(pull, reason, seen.head),
        Change(pull.number, title=title, state="closed"),
        Delete(seen.branch, seen.head),
    )
    return Decision(seen.branch, Operation.CLOSED, acts, replace(pull, title=title), detail=reason)


def _edited(seen: Seen, pull: Pull, note: Say) -> Decision:
    detail = f"somebody has pushed to {seen.branch}: the branch and its pull request are left as they are"
    return Decision(seen.branch, Operation.SKIPPED_EDITED, (note,), pull, detail=detail)


def _updates(seen: Seen, pull: Pull, draft: Draft) -> tuple[Act, ...]:
    old = read_marker(pull.body)
    # Without a mark nobody knows which labels were taken off by hand.
    ever = old.labels if old else draft.labels
    new = _without(draft.labels, ever)
    marker = draft.marker((*ever, *new))
    change = Change(
        pull.number,
        title=_title(pull, draft, old, marker),
        body=_body(seen, pull, draft, old, marker),
        base=None if pull.base_ref == draft.base else draft.base,
    )
    changes = (change,) if change != Change(pull.number) else ()
    missing = _without(new, pull.labels)
    return (*changes, Label(pull.number, missing)) if missing else changes


def _title(pull: Pull, draft: Draft, old: Marker | None, marker: Marker) -> str | None:
    """The title, where it has to change; what somebody made of it stays until ours is another one."""
    unchanged = old is not None and old.title == marker.title and not pull.title.endswith(AUTOCLOSED)
    return None if unchanged or pull.title == draft.title else draft.title


def _body(seen: Seen, pull: Pull, draft: Draft, old: Marker | None, marker: Marker) -> str | None:
    """The body, where it has to change; what somebody made of it stays until ours is another one."""
    is_other = old.body != marker.body if old is not None else seen.head != draft.sha
    if is_other:
        return draft.body(marker.labels)
    return None if old == marker else with_marker(pull.body, marker)


def _without(labels: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `labels` that are not `known`; GitHub knows no capitals in labels."""
    names = {label.casefold() for label in known}
    return tuple(label for label in labels if label.casefold() not in names)
