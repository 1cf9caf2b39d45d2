"""Gradients in evaluation: TFC201 and TFC202."""

from __future__ import annotations

import math

from torchfix_codemods.verify.comparison import Comparison, share, size
from torchfix_codemods.verify.invariants import (
    Judgement,
    both,
    building,
    changed_results,
    changed_training,
    less_training,
    not_seen,
)
from torchfix_codemods.verify.model import Evidence, VerdictName


def no_graph(comparison: Comparison) -> Judgement:
    """TFC202: evaluations build no graph; training stays bit for bit."""
    before, _ = comparison.evaluations()
    evidence = _graphs(comparison)
    if broken := changed_training(comparison, evidence) or changed_results(comparison, evidence):
        return broken
    if not before:
        return not_seen("nothing is evaluated in the run", evidence)
    if not any(f.graph for f in before):
        reason = "no evaluation that the change is about built a graph"
        return Judgement(VerdictName.PREMISE_ABSENT, reason, evidence)
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
    # What other fixes of the same run have done is not to this one's credit, and no evidence for it.
    is_own = comparison.alone or comparison.has_own_evaluations()
    evidence = evidence if is_own else evidence[-2:]
    if any(f.graph for f in before) and is_own:
        found = _fewer_graphs(comparison, evidence)
        if found.name is not VerdictName.NOT_FIXED or (warned[0] and comparison.has_own_evaluations()):
            return found
    if warned[0] and warned[1] >= warned[0]:
        return Judgement(VerdictName.NOT_FIXED, "as many warnings about volatile as before", evidence)
    if warned[1] < warned[0]:
        return Judgement(VerdictName.EQUIVALENT, "the same numbers, without the warning", evidence)
    missing = "nothing volatile reached a model in this run" if is_own else "no evaluation was seen to be its own"
    return Judgement(VerdictName.EQUIVALENT, f"the same numbers; {missing}", evidence)


def _targets_are_released(comparison: Comparison) -> bool:
    """Whether training changed because a volatile forward, a target by the model that learns, feeds it no longer.

    A model that no optimizer holds does not learn, so its release changes nothing; and no release changes the first
    loss, which is computed before any step.
    """
    if comparison.same_training or comparison.noisy or less_training(comparison) is not None:
        return False
    first = [run.losses[:1] for run in both(comparison)]
    if not all(math.isclose(one, other, rel_tol=1e-6) for one, other in zip(*first, strict=True)):
        return False
    released = (before for before, after in comparison.of_fix() if before.used and before.graph and not after.graph)
    return any(before.learns is not False for before in released)


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
        same = f"training is the same {comparison.exactly}"
        trained = same if comparison.before.backwards else "nothing is trained in the run"
        return Judgement(VerdictName.IMPROVED, f"evaluations build {what}, {trained}", evidence)
    return Judgement(VerdictName.CHANGED_AS_INTENDED, f"evaluations build {what}", evidence)
