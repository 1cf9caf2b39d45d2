"""Running statistics of batch normalisation: TFC304."""

from __future__ import annotations

from collections.abc import Sequence

from torchfix_codemods.verify.comparison import Comparison
from torchfix_codemods.verify.invariants import Judgement, both, less_training, not_seen
from torchfix_codemods.verify.model import Evidence, VerdictName
from torchfix_codemods.verify.runs import Forward


def frozen_statistics(comparison: Comparison) -> Judgement:
    """TFC304: statistics of frozen normalisations stay in training; those of others, and other layers, go on."""
    before, after = (run.trainings for run in both(comparison))
    evidence = _evidence(before, after)
    if broken := less_training(comparison, evidence):
        return broken
    if not before:
        return not_seen("nothing is trained in the run", evidence)
    if not _moved(before):
        return Judgement(VerdictName.PREMISE_ABSENT, "no running statistics moved in training", evidence)
    if broken := _others_stopped(before, after, evidence) or _in_evaluation(comparison, evidence):
        return broken
    if _frozen(after) >= _frozen(before) and (_frozen(before) or _moved(after) >= _moved(before)):
        return Judgement(VerdictName.NOT_FIXED, "the running statistics move as before", evidence)
    what = "those of frozen layers" if _frozen(before) else "those of the named layers"
    return Judgement(
        VerdictName.CHANGED_AS_INTENDED, f"fewer running statistics move in training: not {what}", evidence
    )


def still_normalised(comparison: Comparison) -> Judgement | None:
    """None where training normalises its batches as before the error; else what is wrong."""
    before, after = (run.trainings for run in both(comparison))
    evidence = _evidence(before, after)
    if before and after and any(f.statistics < before[0].statistics for f in after):
        return Judgement(VerdictName.REGRESSED, "training runs in evaluation mode now", evidence)
    return None


def _others_stopped(
    before: Sequence[Forward], after: Sequence[Forward], evidence: tuple[Evidence, ...]
) -> Judgement | None:
    """Normalisations that learn keep their statistics now, or other layers (a dropout) changed their mode too."""
    if _frozen(before) and _moved(after) - _frozen(after) < _moved(before) - _frozen(before):
        return Judgement(VerdictName.REGRESSED, "statistics of normalisations that learn stay now", evidence)
    pairs = zip(before, after, strict=False)
    if any(b.training - a.training > b.statistics - a.statistics for b, a in pairs):
        return Judgement(VerdictName.REGRESSED, "other layers run in evaluation mode now", evidence)
    return None


def _in_evaluation(comparison: Comparison, evidence: tuple[Evidence, ...]) -> Judgement | None:
    counts = [sum(f.trains for f in run.forwards if not f.used) for run in both(comparison)]
    if comparison.countable and counts[1] > counts[0]:
        return Judgement(VerdictName.REGRESSED, "evaluations run in training mode now", evidence)
    return None


def _moved(forwards: Sequence[Forward]) -> int:
    return sum(forward.statistics for forward in forwards)


def _frozen(forwards: Sequence[Forward]) -> int:
    return sum(forward.frozen for forward in forwards)


def _evidence(before: Sequence[Forward], after: Sequence[Forward]) -> tuple[Evidence, ...]:
    return (
        Evidence("statistics of frozen layers that moved in training", str(_frozen(before)), str(_frozen(after))),
        Evidence("of others", *(str(_moved(found) - _frozen(found)) for found in (before, after))),
    )
