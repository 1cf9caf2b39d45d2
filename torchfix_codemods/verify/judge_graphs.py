"""Graphs that a backward pass keeps: TFC203."""

from __future__ import annotations

import math

from torchfix_codemods.verify.comparison import Comparison, size
from torchfix_codemods.verify.invariants import Judgement, both, changed_results, changed_training
from torchfix_codemods.verify.model import Evidence, VerdictName
from torchfix_codemods.verify.runs import RunReport, Step

_ENOUGH = 3  # rounds that must run before a crash is called gone


def kept_graph(comparison: Comparison) -> Judgement:
    """TFC203: fewer passes keep their graph, less memory is held after them; training stays bit for bit."""
    evidence = _evidence(comparison)
    keeping = [_keeping(run) for run in both(comparison)]
    if not keeping[0]:
        return Judgement(VerdictName.PREMISE_ABSENT, "no backward pass of the run keeps its graph", evidence)
    if stray := _stray_gradients(comparison, evidence):
        return stray
    if broken := changed_training(comparison, evidence) or changed_results(comparison, evidence):
        return broken
    if keeping[1] >= keeping[0]:
        return Judgement(VerdictName.NOT_FIXED, "as many backward passes keep their graph", evidence)
    if _held(comparison.after) < _held(comparison.before):
        reason = f"less memory is held after the backward passes, training is the same {comparison.exactly}"
        return Judgement(VerdictName.IMPROVED, reason, evidence)
    return Judgement(
        VerdictName.EQUIVALENT, f"fewer graphs are kept, training is the same {comparison.exactly}", evidence
    )


def _stray_gradients(comparison: Comparison, evidence: tuple[Evidence, ...]) -> Judgement | None:
    """Training that changes first in the gradients of a step, and in no loss before it.

    So it does where the gradients that no longer flow were added to those of another net; whether they were wanted
    there is nothing that a run can show.
    """
    pairs = list(zip(comparison.before.steps, comparison.after.steps, strict=False))
    first = next((number for number, (a, b) in enumerate(pairs) if a.crc != b.crc), None)
    if first is None or comparison.same_training or len(comparison.before.steps) != len(comparison.after.steps):
        return None
    used = sum(step.backwards for step, _ in pairs[: first + 1])
    losses = [[backward.loss for backward in run.backwards[:used]] for run in both(comparison)]
    before, after = pairs[first]
    if used < 2 or losses[0] != losses[1] or before.norm == after.norm or before.gradients != after.gradients:
        return None
    reason = "another net learns without the gradients of this pass; whether they were wanted no run can show"
    return Judgement(VerdictName.INCONCLUSIVE, reason, evidence)


def net_by_net(comparison: Comparison) -> Judgement | None:
    """None where every optimizer moves what it holds after a crash is gone; else what is wrong."""
    evidence = _evidence(comparison)
    before, after = (_by_optimizer(run) for run in both(comparison))
    if len(after) < len(before):
        return Judgement(VerdictName.REGRESSED, "an optimizer no longer steps", evidence)
    if after and max(map(len, after.values())) < _ENOUGH and not comparison.after.timed_out:
        return Judgement(VerdictName.INCONCLUSIVE, f"fewer than {_ENOUGH} rounds were seen without an error", evidence)
    for steps in after.values():
        if any(step.gradients == 0 for step in steps) or len({step.crc for step in steps}) == 1 < len(steps):
            return Judgement(VerdictName.REGRESSED, "a net gets no gradients, and does not learn", evidence)
    if comparison.before.steps and not _has_step_of(comparison.before.steps[0], after):
        reason = "the first step before the crash used gradients that no first step uses now"
        return Judgement(VerdictName.INCONCLUSIVE, reason, evidence)
    return None


def _has_step_of(first: Step, after: dict[int, list[Step]]) -> bool:
    """Whether some optimizer begins with the gradients of a step: up to a crash a right fix changes no gradient."""
    norms = [steps[0].norm for steps in after.values()]
    return first.norm is None or any(norm is None or math.isclose(first.norm, norm, rel_tol=1e-4) for norm in norms)


def _by_optimizer(run: RunReport) -> dict[int, list[Step]]:
    found: dict[int, list[Step]] = {}
    for step in run.steps:
        found.setdefault(step.optimizer, []).append(step)
    return found


def _keeping(run: RunReport) -> int:
    return sum(backward.retain for backward in run.backwards)


def _held(run: RunReport) -> int:
    """The most that graphs hold after a backward pass."""
    return max((backward.live for backward in run.backwards), default=0)


def _evidence(comparison: Comparison) -> tuple[Evidence, ...]:
    before, after = both(comparison)
    return (
        Evidence("backward passes that keep their graph", str(_keeping(before)), str(_keeping(after))),
        Evidence("most held after a backward pass", size(_held(before)), size(_held(after))),
        Evidence("parameters", "", comparison.trajectory()),
    )
