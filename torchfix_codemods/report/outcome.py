"""What became of each finding, in the words that people read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from torchfix_codemods.findings import Edit, Finding, Level
from torchfix_codemods.report.model import Report

if TYPE_CHECKING:
    from torchfix_codemods.rewrite.plan import Plan
    from torchfix_codemods.verify.model import Verdict


class Status(Enum):
    """The state of one finding at the end of a run."""

    FIXED = "fixed"
    FIXABLE = "fixable"
    HELD_BACK = "held back"
    DECLINED = "declined"
    WITHHELD = "withheld"
    WAITING = "waiting"
    DROPPED = "dropped"
    SOLVED = "solved by another fix"
    NO_FIX = "no fix"


#: Why a fix was dropped, by the reason that the plan gives.
DROPPED_BECAUSE = {
    "would-not-parse": "with it the file would not parse",
    "does-not-converge": "it does not make its own finding vanish",
    "invalid-edits": "its edits do not fit the file",
}


@dataclass(frozen=True)
class Outcome:
    """A finding, where it stands in the unchanged files, and what became of it.

    `place` is `path:line:column` (in a notebook `path, cell 3:line:column`), only the path where the finding showed up
    in a text that a fix had changed already.
    `steps` are pairs of place and text, `edits` are those of the unchanged files; `shown` is what runs showed.
    """

    finding: Finding
    status: Status
    why: str
    path: str
    place: str
    steps: tuple[tuple[str, str], ...]
    edits: tuple[Edit, ...]
    shown: Verdict | None = None


def outcomes(report: Report, declined: Iterable[str] = ()) -> list[Outcome]:
    """Every finding with what became of it, in the order of the files; then those that only a fix uncovered.

    `declined` are the ids of fixes that a review said no to.
    """
    verdicts = _verdicts(report.plan) if report.plan else {}
    verdicts |= dict.fromkeys(declined, (Status.DECLINED, ""))
    verdicts |= _withheld(report, verdicts)
    edits = _planned_edits(report.plan) if report.plan else {}
    originals = {finding.id for finding in report.findings}
    result = [
        _original(report, finding, *verdicts.get(finding.id, _unplanned(finding)), edits.get(finding.id))
        for finding in report.findings
    ]
    for finding in _later(report.plan, originals) if report.plan else ():
        status, why = verdicts[finding.id]
        path = finding.location.path
        steps = tuple((step.location.path, step.text) for step in finding.steps)
        result.append(Outcome(finding, status, why, path, path, steps, edits.get(finding.id, ())))
    return result


def unwritten(results: Iterable[Outcome]) -> list[Outcome]:
    """The outcomes of a run that writes nothing: a planned fix is only fixable, or withheld where the runs say so."""
    return [_unwritten(outcome) for outcome in results]


def _unwritten(outcome: Outcome) -> Outcome:
    if outcome.status is not Status.FIXED:
        return outcome
    if outcome.shown is not None and outcome.shown.withheld:
        return replace(outcome, status=Status.WITHHELD, why=because(outcome.shown))
    return replace(outcome, status=Status.FIXABLE)


def _original(report: Report, finding: Finding, status: Status, why: str, planned: tuple[Edit, ...] | None) -> Outcome:
    line, column = report.start(finding.location)
    path = finding.location.path
    steps = tuple((f"{report.file(s.location)}:{report.start(s.location)[0]}", s.text) for s in finding.steps)
    own = finding.fix.edits if finding.fix else ()
    shown = report.verdict(finding)
    place = f"{report.file(finding.location)}:{line}:{column}"
    return Outcome(finding, status, why, path, place, steps, planned or own, shown)


def _withheld(report: Report, verdicts: Mapping[str, tuple[Status, str]]) -> dict[str, tuple[Status, str]]:
    """Fixes that were run and are not made: the runs spoke against them, or did not confirm them."""
    shown = report.verification.verdicts if report.verification else {}
    return {
        name: (Status.WITHHELD, because(verdict))
        for name, verdict in shown.items()
        if verdicts.get(name, (Status.HELD_BACK, ""))[0] is Status.HELD_BACK
    }


def because(verdict: Verdict) -> str:
    """Why runs withhold a fix, in one line."""
    return f"{verdict.name.value}, {verdict.reason}"


def _unplanned(finding: Finding) -> tuple[Status, str]:
    """What can be said without a plan, and of findings that a plan has nothing to do with."""
    if finding.fix is None:
        return Status.NO_FIX, finding.no_fix_reason or ""
    if finding.level is Level.SUGGESTION:
        return Status.HELD_BACK, _needs(finding)
    return Status.FIXABLE, ""


def _needs(finding: Finding) -> str:
    return f"needs --up-to {finding.level.label}, or a yes in the review"


def _verdicts(plan: Plan) -> dict[str, tuple[Status, str]]:
    names = {item.finding.id: item.finding.rule for item in plan.accepted}
    verdicts = {item.finding.id: (Status.FIXED, "") for item in plan.accepted}
    for finding in plan.held_back:
        verdicts.setdefault(finding.id, (Status.HELD_BACK, _needs(finding)))
    for waiting in plan.blocked:
        verdicts[waiting.finding.id] = Status.WAITING, f"for {names.get(waiting.by, 'another fix')}"
    for waiting in plan.superseded:
        verdicts[waiting.finding.id] = Status.SOLVED, names.get(waiting.by, "")
    for dropped in plan.dropped:
        verdicts[dropped.finding.id] = Status.DROPPED, DROPPED_BECAUSE.get(dropped.reason, dropped.reason)
    return verdicts


def _planned_edits(plan: Plan) -> Mapping[str, tuple[Edit, ...]]:
    """The edits of the unchanged texts behind each fix; fixes that built on one another share theirs."""
    edits: dict[str, tuple[Edit, ...]] = {}
    for item in plan.edits:
        for fix in item.fixes:
            edits[fix] = (*edits.get(fix, ()), item.edit)
    return edits


def _later(plan: Plan, originals: set[str]) -> Iterator[Finding]:
    seen = set(originals)
    groups = (
        (item.finding for item in plan.accepted),
        (item.finding for item in plan.blocked),
        (item.finding for item in plan.superseded),
        (item.finding for item in plan.dropped),
        plan.held_back,
    )
    for finding in (finding for group in groups for finding in group):
        if finding.id not in seen:
            seen.add(finding.id)
            yield finding
