"""Which fixes of a plan go into a pull request, and why the others do not."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from torchfix_codemods.delivery.git.repository import is_forbidden
from torchfix_codemods.delivery.model import Reason
from torchfix_codemods.delivery.proposing.verdicts import Told, ToldEdit, ToldVerdict
from torchfix_codemods.findings import Edit, Finding
from torchfix_codemods.pipeline import Analysis, rewritten
from torchfix_codemods.report.outcome import because
from torchfix_codemods.rewrite.notebook_edits import cell_edit
from torchfix_codemods.rewrite.plan import Plan
from torchfix_codemods.verify.model import Verdict
from torchfix_codemods.verify.units import Unit, units_of

#: What `require` may be: only what a run confirmed; all that no run speaks against; everything.
REQUIRE = ("verified", "not-regressed", "any")
GROUP_BY = ("all", "rule")

#: What is to be committed for a path, given its bytes on disk and those that it shall get; None where git does not hold
#: the file as a plain one with these bytes (which depends on the path and the bytes on disk alone).
Committable = Callable[[str, bytes, bytes], "bytes | None"]
_Left = tuple[Reason, str]


@dataclass(frozen=True)
class Options:
    """How pull requests are made: what of the fixes (`require`), how many (`group_by`), and how large they may be."""

    require: str = "not-regressed"
    group_by: str = "all"
    max_fixes: int = 50
    max_files: int = 30


@dataclass(frozen=True)
class Choice:
    """The ids of the fixes that go in, and of the others each with its reason and one line for people."""

    ids: frozenset[str] = frozenset()
    left: Mapping[str, _Left] = field(default_factory=dict)


def verdicts_for(analysis: Analysis, told: Told) -> dict[str, Verdict]:
    """The verdicts that are about our findings, and about exactly the edits that we would make, by id."""
    return {name: said.verdict for name, said, is_ours in _heard(analysis, told) if is_ours}


def estranged(analysis: Analysis, told: Told) -> frozenset[str]:
    """The ids of our findings which runs spoke against, but with other edits than ours.

    Such a run was not of our fix, yet of one in that place: nobody has seen that ours does better.
    """
    return frozenset(name for name, said, is_ours in _heard(analysis, told) if said.verdict.withheld and not is_ours)


def _heard(analysis: Analysis, told: Told) -> Iterator[tuple[str, ToldVerdict, bool]]:
    """What was told of each of our findings by its id, and whether it is about exactly our edits."""
    for finding in analysis.findings:
        said = told.verdicts.get(finding.id)
        if said is not None and finding.fix is not None:
            ours = tuple(_as_told(edit, analysis) for edit in finding.fix.edits)
            yield finding.id, said, said.edits in (ours, _seen_from(told.made_in, analysis.request.cwd, ours))


def _seen_from(folder: Path | None, top: Path, edits: tuple[ToldEdit, ...]) -> tuple[ToldEdit, ...]:
    """Edits with paths from the top as a run in a folder below or above it names them."""
    try:
        return tuple((Path(os.path.relpath(top / edit[0], folder or top)).as_posix(), *edit[1:]) for edit in edits)
    except ValueError:  # the folder is on another drive
        return edits


def for_units(units: Iterable[Unit], verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """The same verdicts, and those of fixes that were run as one with a fix that has a verdict."""
    spread = dict(verdicts)
    for unit in units:
        known = [verdicts[finding.id] for finding in unit.findings if finding.id in verdicts]
        for finding in unit.findings:
            if known:
                spread.setdefault(finding.id, replace(known[0], finding=finding.id))
    return spread


def choose(
    analysis: Analysis,
    plan: Plan,
    verdicts: Mapping[str, Verdict],
    options: Options,
    committable: Committable,
    left_out: Mapping[str, _Left],
) -> Choice:
    """What of a plan goes into one pull request, in the order of the rules and the files, up to the caps.

    `left_out` are the ids of fixes that stay out whatever the verdicts say, with the reason. Fixes whose edits
    became one go in or stay out together.
    """
    units = plan_units(plan)
    blocked = dict(_blocked(analysis, plan, committable))
    ids: set[str] = set()
    paths: set[str] = set()
    left: dict[str, _Left] = {}
    for unit in sorted(units, key=_order(analysis)):
        own = {edit.path for edit in unit.edits}
        why = _against(unit, verdicts, options.require, left_out) or _of_files(own, blocked)
        if why is None and (len(ids) + len(unit.findings) > options.max_fixes or len(paths | own) > options.max_files):
            limits = f"{options.max_fixes} fixes in {options.max_files} files"
            why = Reason.OVER_THE_CAP, f"one pull request holds at most {limits}"
        if why is not None:
            left.update((finding.id, why) for finding in unit.findings)
            continue
        ids.update(finding.id for finding in unit.findings)
        paths |= own
    return Choice(frozenset(ids), left)


def plan_units(plan: Plan) -> list[Unit]:
    """The fixes of a plan, those together whose edits became one."""
    findings = {item.finding.id: item.finding for item in plan.accepted}
    return units_of(findings.values(), plan.edits)


def _order(analysis: Analysis) -> Callable[[Unit], tuple[int, str, int, str]]:
    ranks = {rule.name: rank for rank, rule in enumerate(analysis.request.rules)}

    def first(finding: Finding) -> tuple[int, str, int, str]:
        return ranks[finding.rule], finding.location.path, finding.location.start, finding.id

    return lambda unit: min(map(first, unit.findings))


def barred(declined: Iterable[str], strange: Iterable[str], require: str) -> dict[str, _Left]:
    """The ids of fixes that stay out, with the reason: somebody declined them, or a run of other edits failed."""
    other = Reason.WITHHELD, "the runs that speak against it were of another state of the file"
    no = Reason.DECLINED, "it was in a pull request that was closed without merging"
    return {**dict.fromkeys(strange if require != "any" else (), other), **dict.fromkeys(declined, no)}


def _against(unit: Unit, verdicts: Mapping[str, Verdict], require: str, left_out: Mapping[str, _Left]) -> _Left | None:
    """What speaks against the fixes of a unit, None where nothing does."""
    for finding in unit.findings:
        if finding.id in left_out:
            return left_out[finding.id]
    shown = [verdicts.get(finding.id) for finding in unit.findings]
    for verdict in shown:
        if verdict is not None and verdict.withheld and require != "any":
            return Reason.WITHHELD, because(verdict)
    for verdict in shown:
        if require == "verified" and (verdict is None or not verdict.verified):
            return Reason.NOT_VERIFIED, because(verdict) if verdict else "nothing was run for it"
    return None


def _of_files(paths: Collection[str], blocked: Mapping[str, str]) -> _Left | None:
    for path in sorted(paths):
        if path in blocked:
            return Reason.NOT_TRACKED, blocked[path]
    return None


def _blocked(analysis: Analysis, plan: Plan, committable: Committable) -> Iterator[tuple[str, str]]:
    """The files of a plan that no commit may change, each with the reason."""
    for path in plan.texts:
        if is_forbidden(path):
            yield path, f"{path}: files of .github are never changed"
            continue
        new = rewritten(analysis, plan, path)
        if new is None or committable(path, analysis.sources[path].raw, new) is None:
            yield path, f"{path}: git does not hold it as a plain file with these bytes"


def _as_told(edit: Edit, analysis: Analysis) -> ToldEdit:
    """An edit as reports write it: in a notebook one of the source of its cell."""
    notebook = analysis.notebooks.get(edit.path)
    if notebook is None:
        return edit.path, None, edit.start, edit.end, edit.new
    cell, inner = cell_edit(notebook, edit)
    return inner.path, cell.number, inner.start, inner.end, inner.new


def made(plan: Plan) -> Sequence[str]:
    """The ids of the fixes that a plan makes, in their order."""
    return list(dict.fromkeys(item.finding.id for item in plan.accepted))
