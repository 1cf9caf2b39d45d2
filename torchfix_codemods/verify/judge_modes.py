"""Training and evaluation mode: TFC301, TFC302 and TFC303."""

from __future__ import annotations

from collections.abc import Sequence

from torchfix_codemods.verify.comparison import Comparison, share
from torchfix_codemods.verify.invariants import Judgement, both, changed_training, doubted, less_training, not_seen
from torchfix_codemods.verify.model import Evidence, VerdictName
from torchfix_codemods.verify.runs import Call, Forward, RunReport


def evaluation_mode(comparison: Comparison) -> Judgement:
    """TFC301: evaluations run in evaluation mode; training stays in training mode, and bit for bit."""
    before, after = comparison.evaluations()
    evidence = (
        Evidence("evaluations in training mode", *(share(_training(f), len(f)) for f in (before, after))),
        Evidence("that moved running statistics", *(str(sum(f.statistics > 0 for f in x)) for x in (before, after))),
        Evidence("that dropped values", *(str(sum(f.dropped > 0 for f in x)) for x in (before, after))),
        _modes_of_training(comparison),
        Evidence("parameters", "", comparison.trajectory()),
    )
    if _train_share(comparison.after) < _train_share(comparison.before):
        return Judgement(VerdictName.REGRESSED, "training runs in evaluation mode now", evidence)
    steered = _is_steered(comparison)
    if broken := (less_training if steered else changed_training)(comparison, evidence):
        # First it is asked whether training is the same while the parameters are held.
        return broken if comparison.held is None else doubted(comparison, broken)
    if not before:
        return not_seen("nothing is evaluated in the run", evidence)
    if not _training(before):
        return Judgement(VerdictName.PREMISE_ABSENT, "no evaluation ran in training mode", evidence)
    if _training(after) >= _training(before):
        return Judgement(VerdictName.NOT_FIXED, "evaluations run in training mode as before", evidence)
    if not any(f.dependent or f.dropped for f in before) and not comparison.other_outputs():
        return Judgement(VerdictName.EQUIVALENT, "no layer of the model depends on the mode", evidence)
    steers = ", and their results steer the training" if steered else ""
    return Judgement(VerdictName.CHANGED_AS_INTENDED, f"evaluations run in evaluation mode{steers}", evidence)


def _is_steered(comparison: Comparison) -> bool:
    """Whether training changed only by what evaluations gave, as a learning rate that follows them does.

    Then it is the same, loss by loss, as long as optimizers move nothing.
    """
    if comparison.same_training or comparison.held is None or not comparison.countable:
        return False
    before, after = comparison.held
    moved = before.checksums != comparison.before.checksums  # else there is nothing that could be held
    return moved and len(before.losses) > 1 and before.losses == after.losses and _same_modes(before, after)


def _same_modes(one: RunReport, other: RunReport) -> bool:
    return [f.trains for f in one.trainings] == [f.trains for f in other.trainings]


def training_mode(comparison: Comparison) -> Judgement:
    """TFC302: training runs in training mode again; evaluations stay in evaluation mode."""
    shares = _train_share(comparison.before), _train_share(comparison.after)
    before, after = ([f for f in run.forwards if not f.used or f.learns is False] for run in both(comparison))
    evidence = (
        _modes_of_training(comparison),
        Evidence("evaluations in training mode", *(share(_training(f), len(f)) for f in (before, after))),
        Evidence("parameters", "", comparison.trajectory()),
    )
    if broken := less_training(comparison, evidence):
        return broken
    if comparison.countable and _training(after) > _training(before):
        return Judgement(VerdictName.REGRESSED, "evaluations run in training mode now", evidence)
    if not _learning(comparison.before):
        return not_seen("nothing is trained in the run", evidence)
    if shares[0] == 1.0:
        return Judgement(VerdictName.PREMISE_ABSENT, "all training already ran in training mode", evidence)
    if all(f.trains or f.mode == "train" for f in _learning(comparison.before)):
        reason = "the model is in training mode, and layers of it were put into evaluation mode one by one"
        return Judgement(VerdictName.PREMISE_ABSENT, reason, evidence)
    if shares[1] <= shares[0]:
        return Judgement(VerdictName.NOT_FIXED, "training stays in evaluation mode", evidence)
    if comparison.same_training and comparison.before.checksums:
        return Judgement(VerdictName.EQUIVALENT, "no layer of the model depends on the mode", evidence)
    return Judgement(VerdictName.CHANGED_AS_INTENDED, "training runs in training mode", evidence)


def _training(forwards: Sequence[Forward]) -> int:
    return sum(forward.trains for forward in forwards)


def _train_share(run: RunReport) -> float:
    found = _learning(run)
    return _training(found) / len(found) if found else 1.0


def _learning(run: RunReport) -> list[Forward]:
    """The forwards that train the module itself: a teacher on the way of a gradient stays as it is."""
    return [forward for forward in run.trainings if forward.learns is not False]


def _modes_of_training(comparison: Comparison) -> Evidence:
    runs = _learning(comparison.before), _learning(comparison.after)
    return Evidence("training forwards in training mode", *(share(_training(f), len(f)) for f in runs))


def functional_dropout(comparison: Comparison) -> Judgement:
    """TFC303: dropout follows the mode. Alpha dropout, off unless told, drops in training afterwards."""
    before, after = comparison.calls("dropout")
    wrong = [_count(calls, active=True, training=False) for calls in (before, after)]
    active = [_count(calls, active=True, training=True) for calls in (before, after)]
    repeats = [
        [f.repeats for f in run.evaluations if not f.trains and f.repeats is not None]
        for run in (comparison.before, comparison.after)
    ]
    evidence = (
        Evidence("dropout active in evaluation mode", *map(str, wrong)),
        Evidence("dropout active in training mode", *map(str, active)),
        Evidence("evaluations that repeat themselves", *(share(sum(map(bool, r)), len(r)) for r in repeats)),
        Evidence("parameters", "", comparison.trajectory()),
    )
    if comparison.countable and active[1] < active[0]:
        return Judgement(VerdictName.REGRESSED, "dropout no longer drops in training", evidence)
    if comparison.countable and active[1] > active[0]:
        if broken := less_training(comparison, evidence):
            return broken
        return Judgement(VerdictName.CHANGED_AS_INTENDED, "dropout drops in training", evidence)
    if broken := changed_training(comparison, evidence):
        return broken
    if not any(call.facts["training"] is False and call.facts["active"] is not None for call in before):
        return not_seen("no dropout could have dropped anything in evaluation mode in this run", evidence)
    if not wrong[0]:
        return Judgement(VerdictName.PREMISE_ABSENT, "no dropout was active in evaluation mode in this run", evidence)
    if wrong[1] >= wrong[0]:
        return Judgement(VerdictName.NOT_FIXED, "dropout is active in evaluation mode as before", evidence)
    same = ", training is the same" if comparison.before.backwards else ""
    return Judgement(VerdictName.CHANGED_AS_INTENDED, f"dropout follows the mode{same}", evidence)


def _count(calls: Sequence[Call], **facts: bool) -> int:
    found = (call for call in calls if all(call.facts.get(name) is value for name, value in facts.items()))
    return sum(call.facts["n"] for call in found)
