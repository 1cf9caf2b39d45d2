"""Targets of losses: TFC105."""

from __future__ import annotations

import math

from torchfix_codemods.verify.comparison import Comparison
from torchfix_codemods.verify.invariants import (
    Judgement,
    both,
    changed_results,
    changed_training,
    less_training,
    not_seen,
)
from torchfix_codemods.verify.model import Evidence, VerdictName
from torchfix_codemods.verify.runs import Call


def released(comparison: Comparison) -> Judgement:
    """TFC105: no gradient is computed for the target any more; training stays bit for bit."""
    before, after = _needing(comparison)
    evidence = (
        Evidence("losses whose target needs gradients", str(len(before)), str(len(after))),
        Evidence("forwards that backwards go through", *(str(len(run.trainings)) for run in both(comparison))),
        Evidence("parameters", "", comparison.trajectory()),
    )
    if not before and not comparison.before.backwards:
        return not_seen("nothing was trained in this run", evidence)
    if not before:
        return Judgement(VerdictName.PREMISE_ABSENT, "no target needed gradients in this run", evidence)
    if broken := changed_training(comparison, evidence) or changed_results(comparison, evidence):
        return _other_algorithm(comparison, evidence) or broken
    if len(after) >= len(before):
        return Judgement(VerdictName.NOT_FIXED, "as many targets need gradients as before", evidence)
    if not any(call.kind == "ce" or call.facts["graph"] for call in before):
        reason = f"the same training {comparison.exactly}, without gradients for the target"
        return Judgement(VerdictName.EQUIVALENT, reason, evidence)
    reason = f"no gradient flows into the target, training is the same {comparison.exactly}"
    return Judgement(VerdictName.CHANGED_AS_INTENDED, reason, evidence)


def _needing(comparison: Comparison) -> tuple[list[Call], list[Call]]:
    """The losses whose target needs gradients, before and after: those of the fix where there are some."""
    plain, classes = comparison.calls("target", of_fix=True), comparison.calls("ce", of_fix=True)
    soft = [[call for call in calls if call.facts["target_grad"]] for calls in classes]
    return [*plain[0], *soft[0]], [*plain[1], *soft[1]]


def _other_algorithm(comparison: Comparison, evidence: tuple[Evidence, ...]) -> Judgement | None:
    """A target that comes from what learns: without its gradient the loss is the same, and training another one.

    Runs can't say which of the two was meant.
    """
    if comparison.noisy or less_training(comparison) is not None:
        return None
    first = [run.losses[:1] for run in both(comparison)]
    if not all(math.isclose(one, other, rel_tol=1e-6) for one, other in zip(*first, strict=True)):
        return None
    let_go = [b for b, a in zip(comparison.before.forwards, comparison.after.forwards, strict=False) if b.used > a.used]
    if not let_go or not any(forward.learns for forward in let_go):
        return None
    reason = "the target came from a network that learns: without its gradient this is another algorithm"
    return Judgement(VerdictName.INCONCLUSIVE, reason, evidence)
