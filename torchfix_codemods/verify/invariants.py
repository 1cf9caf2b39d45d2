"""What every fix must leave as it is, and what one that must not change training must leave besides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torchfix_codemods.verify.comparison import Comparison, has_nan
from torchfix_codemods.verify.model import Evidence, VerdictName
from torchfix_codemods.verify.printed import has_no_number
from torchfix_codemods.verify.runs import Forward, RunReport

#: The changed lines ran, but no module was called there: `model.forward(x)`, a model made of functions.


@dataclass(frozen=True)
class Judgement:
    """A verdict without its circumstances."""

    name: VerdictName
    reason: str
    evidence: tuple[Evidence, ...] = ()


def changed_training(comparison: Comparison, evidence: tuple[Evidence, ...]) -> Judgement | None:
    """What must stay for every neutral fix: the training, the number of forwards, and the shapes that they give."""
    before, after = comparison.before, comparison.after
    if comparison.fewer(_backwards) or (comparison.fewer(_trainings) and not _shows_training(before)):
        counts = f"{len(before.trainings)} -> {len(after.trainings)}"
        return Judgement(VerdictName.REGRESSED, f"fewer forwards are trained on: {counts}", evidence)
    if not comparison.same_training:
        return Judgement(VerdictName.REGRESSED, f"training changed: {comparison.trajectory()}", evidence)
    if comparison.countable and len(before.forwards) != len(after.forwards):
        counts = f"{len(before.forwards)} -> {len(after.forwards)}"
        return Judgement(VerdictName.REGRESSED, f"the model is not asked as often: {counts} forwards", evidence)
    if shapes := comparison.other_shapes():
        return Judgement(VerdictName.REGRESSED, f"other shapes: {shapes}", evidence)
    more = comparison.elsewhere(building)
    if more[1] > more[0]:
        return Judgement(VerdictName.REGRESSED, "other evaluations build graphs that built none", evidence)
    return None


def doubted(comparison: Comparison, broken: Judgement) -> Judgement:
    """A change of training after which evaluations give something else, as they should: it may follow from that."""
    if not comparison.steered:
        return broken
    reason = f"what is evaluated steers the training (a schedule, an early stop): {broken.reason}"
    return replace(broken, name=VerdictName.INCONCLUSIVE, reason=reason)


def changed_results(comparison: Comparison, evidence: tuple[Evidence, ...]) -> Judgement | None:
    """What must stay where evaluations may not change either: what they give, and what is printed of it."""
    if outputs := comparison.other_outputs():
        return Judgement(VerdictName.REGRESSED, outputs, evidence)
    if lines := comparison.other_prints():
        return Judgement(VerdictName.REGRESSED, "something else is printed", (*evidence, Evidence("printed", *lines)))
    return None


def _backwards(run: RunReport) -> int:
    return len(run.backwards)


def _trainings(run: RunReport) -> int:
    return len(run.trainings)


def _shows_training(run: RunReport) -> bool:
    """Whether a parameter that gets no gradient any more would be seen: by its value, or by the next loss."""
    return bool(run.checksums) or len(run.losses) > 1


def less_training(comparison: Comparison, evidence: tuple[Evidence, ...] = ()) -> Judgement | None:
    """What must stay even where training changes: as many steps, and losses that are numbers."""
    before, after = comparison.before, comparison.after
    if has_nan(after) and not has_nan(before):
        return Judgement(VerdictName.REGRESSED, "the loss becomes NaN or infinite", evidence)
    if comparison.fewer(_steps) or comparison.fewer(_backwards):
        counts = f"{len(before.steps)} -> {len(after.steps)} steps"
        return Judgement(VerdictName.REGRESSED, f"less training happens: {counts}", evidence)
    # Where time ran out before the first step, none were asked for.
    if after.steps and _gradients(after) < _gradients(before):
        counts = f"{_gradients(before)} -> {_gradients(after)}"
        return Judgement(VerdictName.REGRESSED, f"fewer parameters get gradients: {counts}", evidence)
    if has_no_number(after.output) and not has_no_number(before.output):
        return Judgement(VerdictName.REGRESSED, "NaN or infinity is printed", evidence)
    return None


def _steps(run: RunReport) -> int:
    return len(run.steps)


def _gradients(run: RunReport) -> int:
    """Parameters that had a gradient in the first step of an optimizer that had any."""
    return next((step.gradients for step in run.steps if step.gradients), 0)


def not_seen(reason: str, evidence: tuple[Evidence, ...]) -> Judgement:
    """The changed lines ran, but never in the situation that the rule is about: that speaks neither for nor against."""
    return Judgement(VerdictName.NOT_EXERCISED, reason, evidence)


def building(forwards: Sequence[Forward]) -> int:
    """How many built a graph."""
    return sum(forward.graph for forward in forwards)


def both(comparison: Comparison) -> tuple[RunReport, RunReport]:
    """The run without the fix, and the run with it."""
    return comparison.before, comparison.after
