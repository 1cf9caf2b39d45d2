"""What optimizer steps use: TFC204 (gradients that were not cleared) and TFC205 (gradients that are added up)."""

from __future__ import annotations

import math
from collections.abc import Callable

from torchfix_codemods.verify.comparison import Comparison, share
from torchfix_codemods.verify.invariants import Judgement, both, less_training, not_seen
from torchfix_codemods.verify.model import Evidence, VerdictName
from torchfix_codemods.verify.runs import RunReport, Step


def cleared(comparison: Comparison) -> Judgement:
    """TFC204: each step uses the gradients since the step before, all of them and no older ones."""
    evidence = (
        _count(comparison, "steps that use gradients of older steps", lambda step: step.stale),
        _count(comparison, "steps without a gradient", lambda step: step.empty),
        Evidence("backward passes whose gradients are lost", *(str(_lost(run)) for run in both(comparison))),
        Evidence("gradient norm of the last step", *map(_last_norm, both(comparison))),
        Evidence("parameters", "", comparison.trajectory()),
    )
    wrong = [sum(s.stale or s.empty for s in run.steps) for run in both(comparison)]
    if not comparison.before.steps or not comparison.before.backwards:
        return not_seen("nothing is trained in the run", evidence)
    if not wrong[0]:
        return Judgement(VerdictName.PREMISE_ABSENT, "every step used its own gradients already", evidence)
    if broken := less_training(comparison, evidence):
        return broken
    if comparison.countable and _lost(comparison.after) > _lost(comparison.before):
        return Judgement(VerdictName.REGRESSED, "gradients that were added up are thrown away now", evidence)
    if wrong[1] >= wrong[0] or comparison.same_training:
        return Judgement(VerdictName.NOT_FIXED, "steps use old gradients, or none, as before", evidence)
    if any(s.empty for s in comparison.before.steps):
        return Judgement(VerdictName.CHANGED_AS_INTENDED, "steps get the gradients that they lacked", evidence)
    return Judgement(VerdictName.CHANGED_AS_INTENDED, "steps use their own gradients only", evidence)


def accumulated(comparison: Comparison) -> Judgement:
    """TFC205: a window's gradients are divided by its size, all of them are used, or the last window is."""
    lost = [_lost(run) for run in both(comparison)]
    rest = [_rest(run) for run in both(comparison)]
    norms = [_first_norm(run) for run in both(comparison)]
    evidence = (
        Evidence("backward passes for the first step", *(str(_window(run)) for run in both(comparison))),
        Evidence("backward passes whose gradients are lost", *map(str, lost)),
        Evidence("backward passes behind the last step", *map(str, rest)),
        Evidence("gradient norm of the first step", *(_number(norm) for norm in norms)),
        Evidence("parameters", "", comparison.trajectory()),
    )
    if not comparison.before.steps:
        return not_seen("no optimizer step was taken in this run", evidence)
    if max((step.since or 0 for step in comparison.before.steps), default=0) < 2:
        return Judgement(VerdictName.PREMISE_ABSENT, "every backward pass had a step of its own", evidence)
    if broken := less_training(comparison, evidence):
        return broken
    if comparison.countable and (lost[1] > lost[0] or rest[1] > rest[0]):
        return Judgement(VerdictName.REGRESSED, "more gradients are computed and not used", evidence)
    if lost[1] < lost[0]:
        return Judgement(VerdictName.CHANGED_AS_INTENDED, "steps use the whole window", evidence)
    if rest[1] < rest[0]:
        return Judgement(VerdictName.CHANGED_AS_INTENDED, "the last window is used too", evidence)
    if norms[0] is not None and norms[1] is not None and _is_divided(norms[0], norms[1], _window(comparison.before)):
        return Judgement(VerdictName.CHANGED_AS_INTENDED, "the gradient is the mean over the window", evidence)
    return Judgement(VerdictName.NOT_FIXED, "what is added up is used as before", evidence)


def _is_divided(before: float, after: float, window: int) -> bool:
    return window > 1 and math.isclose(before, after * window, rel_tol=1e-2)


def _lost(run: RunReport) -> int:
    """Backward passes whose gradients nobody used.

    Where several optimizers step, a loss for one leaves gradients in the others, which are rightly cleared: only what
    is lost at a place whose other gradients are used counts.
    """
    several = len({step.optimizer for step in run.steps}) > 1
    return sum((step.again if several else step.lost) or 0 for step in run.steps)


def _rest(run: RunReport) -> int:
    return len(run.backwards) - sum(step.backwards for step in run.steps)


def _window(run: RunReport) -> int:
    return run.steps[0].fresh or 0 if run.steps else 0


def _count(comparison: Comparison, name: str, holds: Callable[[Step], bool]) -> Evidence:
    return Evidence(name, *(share(sum(map(holds, run.steps)), len(run.steps)) for run in both(comparison)))


def _first_norm(run: RunReport) -> float | None:
    return next((step.norm for step in run.steps if step.norm is not None), None)


def _last_norm(run: RunReport) -> str:
    return _number(next((step.norm for step in reversed(run.steps) if step.norm is not None), None))


def _number(value: float | None) -> str:
    return "not seen" if value is None else f"{value:.4g}"
