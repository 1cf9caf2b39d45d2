"""What to do about a branch and its pull request: decided on data alone, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from torchfix_codemods.delivery.forge.github import Pull
from torchfix_codemods.delivery.model import Operation
from torchfix_codemods.delivery.pulls import notes
from torchfix_codemods.delivery.pulls.acts import Act, Change, Delete, Label, Open, Push, Say
from torchfix_codemods.delivery.pulls.marker import (
    MOST_IDS,
    MOST_LABELS,
    Marker,
    hash_of,
    read_marker,
    with_marker,
    without_marker,
)
from torchfix_codemods.delivery.pulls.ownership import NOTHING, Ours
from torchfix_codemods.source.errors import printable

#: The end of the title of a pull request that we closed ourselves.
AUTOCLOSED = " - autoclosed"
#: What is told of a run that was asked to look at a part only.
NARROW = (
    "this run did not look at all that is proposed already (one over the whole repository, with all rules or those that"
    " the settings select, brings it up to date)"
)
_CURE = "choose another name with --branch (in the Action: the input branch)"


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
        """The mark for a pull request that has ever been given these labels, of which the newest count."""
        body, labels = hash_of(without_marker(self.text)), labels[-MOST_LABELS:]
        return Marker(self.base_sha, self.sha, self.fingerprints[:MOST_IDS], hash_of(self.title), body, labels)

    def body(self, labels: tuple[str, ...]) -> str:
        """The whole body."""
        return with_marker(self.text, self.marker(labels))


@dataclass(frozen=True)
class Seen:
    """What stands on the forge: the head of the branch (None: no branch) and its pull requests, the best first.

    `ours` is what we have on the branch; None where anybody else has a commit there. `newer` says that it stands on a
    later commit than ours. `in_the_way` is a branch beside which git has no room for this one, `theirs` are open pull
    requests that somebody else has made from it to another base.
    """

    branch: str
    head: str | None = None
    pulls: tuple[Pull, ...] = ()
    ours: Ours | None = NOTHING
    newer: bool = False
    in_the_way: str = ""
    theirs: tuple[Pull, ...] = ()

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
    warnings: tuple[str, ...] = ()


def declined(pulls: Iterable[Pull]) -> frozenset[str]:
    """The ids of the findings that somebody said no to, by closing a pull request without merging it."""
    closed = (pull for pull in pulls if not pull.open and not pull.merged and not pull.title.endswith(AUTOCLOSED))
    markers = (read_marker(pull.body) for pull in closed)
    return frozenset(name for marker in markers if marker is not None for name in marker.fingerprints)


def decide(seen: Seen, draft: Draft) -> Decision:
    """What to do for a proposal."""
    pull = seen.open
    if seen.in_the_way:
        return _taken(seen, f"beside the branch {printable(seen.in_the_way)} git has no room for {seen.branch}")
    if seen.ours is None and seen.head != draft.sha:
        if pull is not None and read_marker(pull.body) is not None:
            return _edited(seen, pull, notes.edited(pull))
        return _taken(seen, f"the branch {seen.branch} is not one that torchfix made, or not any more")
    if seen.newer:
        return _passed(seen)
    if pull is None and seen.theirs:
        return _taken(seen, f"somebody has opened {seen.theirs[0].url} from the branch {seen.branch}")
    push = () if seen.head == draft.sha else (Push(draft.sha, seen.branch, seen.head),)
    if pull is None:
        labels = (Label(None, draft.labels),) if draft.labels else ()
        made = Open(draft.title, draft.body(draft.labels), seen.branch, draft.base, draft.draft)
        return Decision(seen.branch, Operation.CREATED, (*push, made, *labels), draft=draft)
    acts = (*(_announced(pull, draft) if push else ()), *push, *_updates(seen, pull, draft))
    operation = Operation.UPDATED if acts else Operation.UNCHANGED
    return Decision(seen.branch, operation, acts, pull, draft)


def decide_end(seen: Seen, reason: str) -> Decision:
    """What to do where nothing is left to propose; `reason` is a sentence for the people who read there."""
    pull = seen.open
    if pull is None or seen.head is None:
        return Decision(seen.branch, Operation.NONE)
    if seen.ours is None and read_marker(pull.body) is None:
        return Decision(seen.branch, Operation.NONE)
    if seen.ours is None:
        return _edited(seen, pull, notes.autoclosing_skipped(pull, reason))
    if seen.newer:
        return _passed(seen)
    title = pull.title.removesuffix(AUTOCLOSED) + AUTOCLOSED
    closing = (notes.closed(pull, reason, seen.head), Change(pull.number, title=title, state="closed"))
    acts = closing if seen.theirs else (*closing, Delete(seen.branch, seen.head))
    return Decision(seen.branch, Operation.CLOSED, acts, replace(pull, title=title), detail=reason)


def narrowed(decision: Decision, missed: str) -> Decision:
    """What to do in place of `decision` where the run did not look at all that is in the open pull request.

    `missed` says in words what it did not look at.
    """
    if decision.operation not in (Operation.UPDATED, Operation.CLOSED):
        return decision
    detail = f"{missed}: the pull request of {decision.branch} is left as it is"
    return Decision(decision.branch, Operation.SKIPPED_NARROWED, (), decision.pull, detail=detail)


def overtaken(decision: Decision, base: str, path: str) -> Decision:
    """What to do in place of `decision` where the base branch has another version of one of its files by now."""
    detail = f"{printable(path)} is another one on {base} by now: what is left to propose is for a run on that"
    return Decision(decision.branch, Operation.SKIPPED_NEWER, (), decision.pull, detail=detail)


def _taken(seen: Seen, why: str) -> Decision:
    warning = f"{why}: delete or rename it, or {_CURE}"
    return Decision(seen.branch, Operation.SKIPPED_TAKEN, (), seen.open, warnings=(warning,))


def _passed(seen: Seen) -> Decision:
    detail = f"{seen.branch} stands on a later commit than the one that is checked out: a newer run was here"
    return Decision(seen.branch, Operation.SKIPPED_NEWER, (), seen.open, detail=detail)


def _announced(pull: Pull, draft: Draft) -> tuple[Act, ...]:
    """The mark, before a push after which it could take our own commits for a state that somebody made.

    That is so where the commits stand where the old ones did, and what follows the push fails.
    """
    old = read_marker(pull.body)
    if old is None or old.base != draft.base_sha or draft.sha in (old.head, *old.tried):
        return ()
    return (Change(pull.number, body=with_marker(pull.body, old.trying(draft.sha))),)


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
