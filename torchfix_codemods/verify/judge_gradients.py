"""Gradients in evaluation: TFC201 and TFC202."""

from __future__ import annotations

from torchfix_codemods.verify.comparison import Comparison, share, size
from torchfix_codemods.verify.invariants import (
    UNSEEN,
    Judgement,
    building,
    changed_results,
    changed_training,
    less_training,
)
from torchfix_codemods.verify.model import Evidence, VerdictName


def no_graph(comparison: Comparison) -> Judgement:
    """TFC202: evaluations build no graph; training stays bit for bit."""
    before, _ = comparison.evaluations()
    evidence = _graphs(comparison)
    if broken := changed_training(comparison, evidence) or changed_results(comparison, evidence):
        return broken
    if not any(f.graph for f in before):
        if not before:
            return Judgement(VerdictName.INCONCLUSIVE, UNSEEN, evidence)
        return Judgement(VerdictName.PREMISE_ABSENT, "no evaluation that the change is about built a graph", evidence)
    return _fewer_graphs(comparison, evidence)


def volatile(comparison: Comparison) -> Judgement:
    """TFC201: as above where the volatile input reaches a model; elsewhere the clean-up changes no number."""
    before, _ = comparison.evaluations()
    warned = [sum(w[4] for w in run.warnings if "volatile" in w[1]) for run in (comparison.before, comparison.after)]
    evidence = (*_graphs(comparison), Evidence("warnings about volatile", *map(str, warned)))
    if warned[1] < warned[0] and _targets_are_released(comparison):
        reason = "what was meant to be volatile no longer learns, all parameters still do"
        return Judgement(VerdictName.CHANGED_AS_INTENDED, reason, evidence)
    if broken := changed_training(comparison, evidence) or changed_results(comparison, evidence):
        return broken
    # What other fixes of the same run have done is not to this one's credit.
    if any(f.graph for f in before) and (comparison.alone or comparison.has_own_evaluations()):
        found = _fewer_graphs(comparison, evidence)
        if found.name is not VerdictName.NOT_FIXED or (warned[0] and comparison.has_own_evaluations()):
            return found
    if warned[0] and warned[1] >= warned[0]:
        return Judgement(VerdictName.NOT_FIXED, "as many warnings about volatile as before", evidence)
    if warned[1] < warned[0]:
        return Judgement(VerdictName.EQUIVALENT, "the same numbers, without the warning", evidence)
    return Judgement(VerdictName.EQUIVALENT, "the same numbers; nothing volatile reached a model in this run", evidence)


def _targets_are_released(comparison: Comparison) -> bool:
    """Whether training changed because a volatile forward, a target by the model that learns, feeds it no longer.

    The target itself has to be the same: with the parameters of the beginning the loss is what it was.
    """
    first = [run.losses[:1] for run in (comparison.before, comparison.after)]
    if first[0] != first[1]:
        return False
    if comparison.same_training or comparison.noisy or less_training(comparison) is not None:
        return False
    return any(before.used and before.graph and not after.graph for before, after in comparison.of_fix())


def _graphs(comparison: Comparison) -> tuple[Evidence, ...]:
    before, after = comparison.evaluations()
    kept = [sum(f.saved or 0 for f in found) for found in (before, after)]
    return (
        Evidence(
            "evaluations that build a graph",
            share(building(before), len(before)),
            share(building(after), len(after)),
        ),
        Evidence("saved for a backward that never comes", size(kept[0]), size(kept[1])),
        Evidence("most that graphs hold at once", size(comparison.before.peak), size(comparison.after.peak)),
        *_gpu_memory(comparison),
        Evidence("parameters", "", comparison.trajectory()),
    )


def _gpu_memory(comparison: Comparison) -> tuple[Evidence, ...]:
    before, after = comparison.before.memory, comparison.after.memory
    if before is None or after is None:
        return ()
    return (Evidence("most memory on the GPU", size(before), size(after)),)


def _fewer_graphs(comparison: Comparison, evidence: tuple[Evidence, ...]) -> Judgement:
    before, after = comparison.evaluations()
    if building(after) >= building(before):
        return Judgement(VerdictName.NOT_FIXED, "evaluations build graphs as before", evidence)
    kept = [sum(f.saved or 0 for f in found) for found in (before, after)]
    what = "fewer graphs" if building(after) else "no graph"
    if kept[1] < kept[0]:
        reason = f"evaluations build {what}, training is the same bit for bit"
        return Judgement(VerdictName.IMPROVED, reason, evidence)
    return Judgement(VerdictName.CHANGED_AS_INTENDED, f"evaluations build {what}", evidence)
