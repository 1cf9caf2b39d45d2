"""Which fixes are made, which are not and why, and the edits of the original files that follow.

Fixes that get on with one another are made in one pass; the others wait for the next one, which looks at the
new texts. This goes on until nothing is left to do. Each text is parsed again after each pass, and a fix that
breaks it goes alone. A fix that does not make its own finding vanish, or fights with another one for ever, is
not made at all.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from torchfix_codemods.findings import Edit, Finding
from torchfix_codemods.rewrite.compose import PlannedEdit, blame, compose, planned_by_path
from torchfix_codemods.rewrite.edits import Claims, apply_edits, by_path, fit
from torchfix_codemods.rewrite.identity import Identities, at_origin

WOULD_NOT_PARSE = "would-not-parse"
DOES_NOT_CONVERGE = "does-not-converge"
INVALID_EDITS = "invalid-edits"


@dataclass(frozen=True)
class Accepted:
    """A fix that is made, in which pass (from 1). Places are those of the text which it saw."""

    finding: Finding
    in_pass: int


@dataclass(frozen=True)
class Waiting:
    """A fix that could not be made because the fix with the id `by` came first."""

    finding: Finding
    by: str


@dataclass(frozen=True)
class Dropped:
    """A fix that must not be made; `reason` is a stable kebab-case word."""

    finding: Finding
    reason: str


@dataclass(frozen=True)
class Plan:
    """What will be done to the files.

    Each finding has an id of its own here; one that took two steps to repair stands twice in `accepted`, and what is
    still wished for at its place afterwards is not held back. `superseded` are fixes that had to wait and whose finding
    was gone once the other fix was made; `blocked` are those still waiting when the passes ran out. `texts` holds
    (before, after) of each file that changes, `edits` are edits of the texts before, by place, no two of which touch.
    """

    accepted: tuple[Accepted, ...]
    blocked: tuple[Waiting, ...]
    superseded: tuple[Waiting, ...]
    held_back: tuple[Finding, ...]
    dropped: tuple[Dropped, ...]
    passes: int
    texts: Mapping[str, tuple[str, str]]
    edits: tuple[PlannedEdit, ...]


@dataclass(frozen=True)
class _World:
    texts: Callable[[str], str]
    refind: Callable[[Mapping[str, str]], Sequence[Finding]]
    accepts: Callable[[Finding], bool]
    parses: Callable[[str, str], bool]
    admits: Callable[[Finding], bool] | None


def make_plan(
    findings: Sequence[Finding],
    texts: Callable[[str], str],
    refind: Callable[[Mapping[str, str]], Sequence[Finding]],
    accepts: Callable[[Finding], bool],
    parses: Callable[[str, str], bool],
    limit: int = 10,
    admits: Callable[[Finding], bool] | None = None,
) -> Plan:
    """The plan for these findings, to a fixed point.

    `texts` reads the original text of a path; `refind` looks again, given every text that differs from the
    original by now; `accepts` says whether a fix is wished (else it is held back); `parses(path, text)`
    whether a new text is sound; `admits` whether what was found again counts (None: all of it), by its places
    in the original texts. After `limit` passes a chain of fixes that feed one another counts as endless, and
    none of it is made.
    """
    world = _World(texts, refind, accepts, parses, admits)
    banned: frozenset[str] = frozenset()
    for attempt in count(1):
        run = _Run(world, banned)
        endless = run.go(findings, limit)
        if not endless:
            break
        # Starting again without the culprits is rare and dear, but leaves nothing of them behind.
        banned |= endless if attempt < limit else run.first_ids
    return run.plan()


def parses_as_python(path: str, text: str) -> bool:
    """Whether `ast` accepts the text. The path plays no part."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an odd escape in somebody's string is not our business
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


class _Run:
    """One attempt, from the original texts to a fixed point or to the first sign that there is none."""

    def __init__(self, world: _World, banned: frozenset[str]) -> None:
        self._world = world
        self._banned = banned
        self._identities = Identities()
        self._passes = 0
        self._current: dict[str, str] = {}
        self._edits: list[PlannedEdit] = []
        self._first: dict[str, Finding] = {}
        self._accepted: dict[tuple[str, tuple[str, ...]], Accepted] = {}
        self._waiting: dict[str, Waiting] = {}
        self._blocked: set[str] = set()
        self._held: dict[str, Finding] = {}
        self._dropped: dict[str, Dropped] = {}

    def go(self, findings: Sequence[Finding], limit: int) -> frozenset[str]:
        """Run to the end. Returns the ids of fixes that never come to one, empty when all is well."""
        while ready := self._sort_out(findings):
            again = frozenset(finding.id for finding in ready if _deed(finding) in self._accepted)
            if again:
                return again
            if self._passes == limit:
                self._blocked = {finding.id for finding in ready if finding.id in self._waiting}
                return frozenset() if len(self._blocked) == len(ready) else self._last_chain()
            if self._make(ready):
                findings = self._find_again()
        return frozenset()

    def _find_again(self) -> Sequence[Finding]:
        found, admits = self._world.refind(dict(self._current)), self._world.admits
        if admits is None:
            return found
        return [finding for finding, origin in zip(found, at_origin(found, self._edits), strict=True) if admits(origin)]

    @property
    def first_ids(self) -> frozenset[str]:
        """Ids of everything that was found in any pass."""
        return frozenset(self._first)

    def _sort_out(self, findings: Sequence[Finding]) -> list[Finding]:
        """The fixes that may be made now, in their order. Notes why the others may not."""
        self._held.clear()
        ready = []
        for finding in sorted(self._identities.name(findings, self._edits), key=_rank):
            self._first.setdefault(finding.id, finding)
            if finding.fix is None or finding.id in self._dropped:
                continue
            if finding.id in self._banned:
                self._drop(finding, DOES_NOT_CONVERGE)
            elif not self._world.accepts(finding):
                self._held[finding.id] = self._first[finding.id]
            elif not self._possible(finding):
                self._drop(finding, INVALID_EDITS)
            else:
                ready.append(finding)
        return ready

    def _make(self, ready: list[Finding]) -> bool:
        """One pass: make all that get on with one another. Returns whether any text has changed."""
        claims, batch = Claims(), []
        for finding in ready:
            holder = claims.holder(_edits(finding))
            if holder is None:
                claims.add(_edits(finding), finding.id)
                batch.append(finding)
            else:
                self._wait(finding, holder)
        admitted = self._admit([], batch)
        if admitted:
            self._passes += 1
            self._apply(admitted)
        return bool(admitted)

    def _admit(self, kept: list[Finding], group: list[Finding]) -> list[Finding]:
        """`kept` and those of `group` that leave every text sound; halves the group to find the offender."""
        if self._parse([*kept, *group], _paths(group)):
            return [*kept, *group]
        if len(group) > 1:
            half = len(group) // 2
            return self._admit(self._admit(kept, group[:half]), group[half:])
        (offender,) = group
        rivals = [finding for finding in kept if _paths([finding]) & _paths(group)]
        if rivals and self._parse(group, _paths(group)):
            self._wait(offender, rivals[-1].id)
        else:
            self._drop(offender, WOULD_NOT_PARSE)
        return kept

    def _parse(self, fixes: list[Finding], paths: Iterable[str]) -> bool:
        edits = by_path(edit for finding in fixes for edit in _edits(finding))
        return all(self._world.parses(path, apply_edits(self._text(path), edits[path])) for path in paths)

    def _apply(self, admitted: list[Finding]) -> None:
        layer = blame((finding.id, _edits(finding)) for finding in admitted)
        for path, items in planned_by_path(layer).items():
            self._current[path] = apply_edits(self._text(path), [item.edit for item in items])
        self._edits = compose(self._edits, layer)
        for finding in admitted:
            self._accepted[_deed(finding)] = Accepted(finding, self._passes)
            self._waiting.pop(finding.id, None)

    def _possible(self, finding: Finding) -> bool:
        return all(fit(edits, len(self._text(path))) for path, edits in by_path(_edits(finding)).items())

    def _last_chain(self) -> frozenset[str]:
        """The fixes of the last pass, and all that share an edit of the original with one of them."""
        last = {accepted.finding.id for accepted in self._accepted.values() if accepted.in_pass == self._passes}
        chained = [item.fixes for item in self._edits if item.fixes & last]
        return frozenset(last).union(*chained)

    def _text(self, path: str) -> str:
        return self._current[path] if path in self._current else self._world.texts(path)

    def _wait(self, finding: Finding, by: str) -> None:
        self._waiting[finding.id] = Waiting(self._first[finding.id], by)

    def _drop(self, finding: Finding, reason: str) -> None:
        self._waiting.pop(finding.id, None)
        self._dropped[finding.id] = Dropped(self._first[finding.id], reason)

    def plan(self) -> Plan:
        """What has come of it."""
        before = {path: self._world.texts(path) for path in sorted(self._current)}
        waiting = self._waiting.items()
        made = {accepted.finding.id for accepted in self._accepted.values()}
        return Plan(
            accepted=tuple(self._accepted.values()),
            blocked=tuple(item for id_, item in waiting if id_ in self._blocked),
            superseded=tuple(item for id_, item in waiting if id_ not in self._blocked),
            held_back=tuple(finding for id_, finding in self._held.items() if id_ not in made),
            dropped=tuple(self._dropped.values()),
            passes=self._passes,
            texts={p: (text, self._current[p]) for p, text in before.items() if text != self._current[p]},
            edits=tuple(item for item in self._edits if _changes(item.edit, before[item.edit.path])),
        )


def _rank(finding: Finding) -> tuple[str, int, str]:
    return finding.location.path, finding.location.start, finding.code


def _edits(finding: Finding) -> tuple[Edit, ...]:
    return finding.fix.edits if finding.fix else ()


def _deed(finding: Finding) -> tuple[str, tuple[str, ...]]:
    """How a fix is known again: the same finding (so the same place of the original), the same new texts."""
    return finding.id, tuple(edit.new for edit in _edits(finding))


def _paths(findings: Iterable[Finding]) -> set[str]:
    return {edit.path for finding in findings for edit in _edits(finding)}


def _changes(edit: Edit, text: str) -> bool:
    return text[edit.start : edit.end] != edit.new
