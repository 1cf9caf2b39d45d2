"""A plan as a row of commits, one a rule: each state parses, each patch applies to the state before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from torchfix_codemods.delivery.choice import Committable, made
from torchfix_codemods.delivery.model import Chapter
from torchfix_codemods.pipeline import Analysis, make_plan
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.rewrite.between import between
from torchfix_codemods.rewrite.byte_edits import ByteEdit, byte_edits, splice
from torchfix_codemods.rewrite.compose import planned_by_path
from torchfix_codemods.rewrite.hunks import file_patch
from torchfix_codemods.rewrite.plan import Plan
from torchfix_codemods.rules.rule import Rule

#: The edits of the bytes of each file, all of the unchanged ones.
_State = Mapping[str, Sequence[ByteEdit]]


def chapters_of(
    analysis: Analysis, plan: Plan, outcomes: Iterable[Outcome], committable: Committable
) -> tuple[Chapter, ...]:
    """The chapters of a plan in the order of the rules; after the last one the files are as the plan makes them.

    A chapter is what the plan for the rules up to its own adds to that for the rules before. A fix that shows only once
    a later rule has changed its file stands in the chapter of that rule.
    """
    by_id = {outcome.finding.id: outcome for outcome in outcomes}
    chapters: list[Chapter] = []
    earlier: _State = {}
    told: set[str] = set()
    rules = _rules(analysis, plan)
    for number, rule in enumerate(rules, 1):
        stage = plan if number == len(rules) else _up_to(analysis, plan, rules[:number])
        fixes = tuple(by_id[name] for name in made(plan) if name in made(stage) and name not in told)
        later = _state(analysis, stage)
        files, patch = _changes(analysis, earlier, later, committable)
        if fixes and files:
            chapters.append(Chapter(rule, fixes, files, patch))
            earlier = later
        elif fixes and chapters:  # another rule wanted the very same edits
            chapters[-1] = replace(chapters[-1], fixes=(*chapters[-1].fixes, *fixes))
        else:  # the next chapter brings it
            continue
        told.update(outcome.finding.id for outcome in fixes)
    return tuple(chapters)


def _rules(analysis: Analysis, plan: Plan) -> list[Rule]:
    """The rules whose fixes a plan makes, in their order."""
    names = {item.finding.rule for item in plan.accepted}
    return [rule for rule in analysis.request.rules if rule.name in names]


def _up_to(analysis: Analysis, plan: Plan, rules: Iterable[Rule]) -> Plan:
    ids, names = set(made(plan)), {rule.name for rule in rules}
    return make_plan(analysis, lambda finding: finding.id in ids and finding.rule in names)


def _state(analysis: Analysis, plan: Plan) -> _State:
    files = planned_by_path(plan.edits)
    return {path: byte_edits(analysis.sources[path], edits) for path, edits in files.items()}


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
