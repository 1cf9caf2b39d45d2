"""A plan as a row of commits, one a rule: each state parses, each patch applies to the state before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from torchfix_codemods.delivery.model import Chapter
from torchfix_codemods.delivery.proposing.choice import Committable, plan_units
from torchfix_codemods.pipeline import Analysis, is_sound
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.rewrite.between import between
from torchfix_codemods.rewrite.byte_edits import ByteEdit, byte_edits, splice
from torchfix_codemods.rewrite.compose import PlannedEdit, planned_by_path
from torchfix_codemods.rewrite.edits import apply_edits
from torchfix_codemods.rewrite.hunks import file_patch
from torchfix_codemods.rewrite.plan import Plan
from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.verify.units import Unit

#: The edits of the bytes of each file, all of the unchanged ones.
_State = Mapping[str, Sequence[ByteEdit]]


def chapters_of(
    analysis: Analysis, plan: Plan, outcomes: Iterable[Outcome], committable: Committable
) -> tuple[Chapter, ...]:
    """The chapters of a plan in the order of the rules; after the last one the files are as the plan makes them.

    The state after a chapter is the unchanged files with the fixes of the rules so far, as verification runs them too.
    Fixes whose edits became one stand in the chapter of the last rule among them.
    """
    by_id = {outcome.finding.id: outcome for outcome in outcomes}
    chapters: list[Chapter] = []
    earlier: _State = {}
    waiting: list[Outcome] = []
    for rule, fresh, edits in _stages(analysis, plan):
        waiting += [by_id[finding.id] for unit in fresh for finding in unit.findings]
        if not _parses(analysis, edits):
            continue  # the next chapter brings it
        later = _state(analysis, edits)
        files, patch = _changes(analysis, earlier, later, committable)
        if files:
            chapters.append(Chapter(rule, tuple(waiting), files, patch))
            earlier, waiting = later, []
    if waiting and chapters:  # an earlier rule wanted the very same edits
        chapters[-1] = replace(chapters[-1], fixes=(*chapters[-1].fixes, *waiting))
    return tuple(chapters)


def _stages(analysis: Analysis, plan: Plan) -> Iterator[tuple[Rule, list[Unit], list[PlannedEdit]]]:
    """Rule by rule: the units that come with it, and the edits of these and of all units before."""
    ranked = [(_rank(analysis, plan, unit), unit) for unit in plan_units(plan)]
    for number in sorted({rank for rank, _ in ranked}):
        done = {edit for rank, unit in ranked if rank <= number for edit in unit.edits}
        fresh = [unit for rank, unit in ranked if rank == number]
        yield analysis.request.rules[number], fresh, [item for item in plan.edits if item.edit in done]


def _rank(analysis: Analysis, plan: Plan, unit: Unit) -> int:
    """The number of the rule in whose chapter a unit stands.

    What came up only once other fixes were made stands with the last of those that were made before it.
    """
    numbers = {rule.name: number for number, rule in enumerate(analysis.request.rules)}
    found = {finding.id for finding in analysis.findings}
    later = {finding.id for finding in unit.findings} - found
    passes = [item.in_pass for item in plan.accepted if item.finding.id in later]
    before = [item.finding for item in plan.accepted if item.in_pass < max(passes, default=0)]
    return max(numbers[finding.rule] for finding in (*unit.findings, *before))


def _parses(analysis: Analysis, edits: Iterable[PlannedEdit]) -> bool:
    """Whether every file is sound with these edits alone."""
    return all(
        is_sound(analysis.sources[path], apply_edits(analysis.text(path), [item.edit for item in items]))
        for path, items in planned_by_path(edits).items()
    )


def _state(analysis: Analysis, edits: Iterable[PlannedEdit]) -> _State:
    files = planned_by_path(edits)
    return {path: byte_edits(analysis.sources[path], items) for path, items in files.items()}


def _changes(
    analysis: Analysis, earlier: _State, later: _State, committable: Committable
) -> tuple[dict[str, bytes], bytes]:
    """The new bytes of the files that differ between two states, and the patch that leads from one to the other."""
    files: dict[str, bytes] = {}
    patches: list[bytes] = []
    for path in sorted({*earlier, *later}):
        raw = analysis.sources[path].raw
        before, after = earlier.get(path, ()), later.get(path, ())
        edits = between(raw, before, after)
        if not edits:
            continue
        new = committable(path, raw, splice(raw, after))
        assert new is not None, "files that cannot be committed were left out before"
        files[path] = new
        patch = file_patch(path, splice(raw, before), edits)
        # Where git holds the file with other line ends than the work tree, the patch is for what git holds.
        if b"\r\n" in patch and committable(path, raw, raw) != raw:
            patch = patch.replace(b"\r\n", b"\n")
        patches.append(patch)
    return files, b"".join(patches)
