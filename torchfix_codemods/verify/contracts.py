"""What each rule promises, as a question to two runs: premise, observable, invariants, magnitude.

A contract is asked only when both runs ended well and the changed lines ran. *Neutral* fixes must leave training bit
for bit as it is, so many of them can be judged in one run; the others are run alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from torchfix_codemods.verify.comparison import Comparison, has_nan, share, size
from torchfix_codemods.verify.model import Evidence, VerdictName
from torchfix_codemods.verify.printed import has_no_number
from torchfix_codemods.verify.runs import Call, Forward, Place, RunReport

_ENOUGH = 20  # losses of a run, before anything is said of where they end
_SYNTHETIC = "dataset"  # the kind of note that stands for synthetic data


@dataclass(frozen=True)
class Judgement:
    """A verdict without its circumstances."""

    name: VerdictName
    reason: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Contract:
    """How a rule's fixes are judged. `crashes` are the exceptions that the rule's mistake raises on current torch;
    `cured` says what else must be seen before one that is gone counts as fixed.

    `keeps`: evaluations give the same as before. `seeds`: a claim about a loss needs further pairs of runs. `repeats`: evaluations are asked twice.
    """

    judge: Callable[[Comparison], Judgement]
    neutral: bool
    keeps: bool = False
    crashes: tuple[str, ...] = ()
    cured: Callable[[Comparison], Judgement | None] = lambda comparison: None
    seeds: bool = False
    repeats: bool = False


# --- gradients in evaluation -----------------------------------------------------------------------------------------


def no_graph(comparison: Comparison) -> Judgement:
    """TFC202: evaluations build no graph; training stays bit for bit."""
    before, _ = comparison.evaluations()
    evidence = _graphs(comparison)
    if broken := _broken(comparison, evidence) or _given(comparison, evidence):
        return broken
    if not any(f.graph for f in before):
        reason = "no evaluation that the change is about built a graph" if before else "nothing is evaluated in the run"
        return Judgement(VerdictName.PREMISE_ABSENT, reason, evidence)
    return _fewer_graphs(comparison, evidence)


def volatile(comparison: Comparison) -> Judgement:
    """TFC201: as above where the volatile input reaches a model; elsewhere the clean-up changes no number."""
    before, _ = comparison.evaluations()
    warned = [sum(w[4] for w in run.warnings if "volatile" in w[1]) for run in (comparison.before, comparison.after)]
    evidence = (*_graphs(comparison), Evidence("warnings about volatile", *map(str, warned)))
    if broken := _broken(comparison, evidence) or _given(comparison, evidence):
        return broken
    if any(f.graph for f in before):
        found = _fewer_graphs(comparison, evidence)
        if found.name is not VerdictName.NOT_FIXED or comparison.has_own_evaluations():
            return found
    if warned[1] < warned[0]:
        return Judgement(VerdictName.EQUIVALENT, "the same numbers, without the warning", evidence)
    return Judgement(VerdictName.EQUIVALENT, "the same numbers; nothing volatile reached a model in this run", evidence)


def _graphs(comparison: Comparison) -> tuple[Evidence, ...]:
    before, after = comparison.evaluations()
    kept = [sum(f.saved or 0 for f in found) for found in (before, after)]
    return (
        Evidence(
            "evaluations that build a graph",
            share(_building(before), len(before)),
            share(_building(after), len(after)),
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
    if _building(after) >= _building(before):
        return Judgement(VerdictName.NOT_FIXED, "evaluations build graphs as before", evidence)
    kept = [sum(f.saved or 0 for f in found) for found in (before, after)]
    what = "fewer graphs" if _building(after) else "no graph"
    if kept[1] < kept[0]:
        reason = f"evaluations build {what}, training is the same bit for bit"
        return Judgement(VerdictName.IMPROVED, reason, evidence)
    return Judgement(VerdictName.CHANGED_AS_INTENDED, f"evaluations build {what}", evidence)


def _building(forwards: Sequence[Forward]) -> int:
    return sum(forward.graph for forward in forwards)


def _broken(comparison: Comparison, evidence: tuple[Evidence, ...]) -> Judgement | None:
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
    more = comparison.elsewhere(_building)
    if more[1] > more[0]:
        return Judgement(VerdictName.REGRESSED, "other evaluations build graphs that built none", evidence)
    return None


def _given(comparison: Comparison, evidence: tuple[Evidence, ...]) -> Judgement | None:
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


# --- modes -----------------------------------------------------------------------------------------------------------


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
    if broken := _broken(comparison, evidence):
        return broken
    if not _training(before):
        reason = "no evaluation ran in training mode" if before else "nothing is evaluated in the run"
        return Judgement(VerdictName.PREMISE_ABSENT, reason, evidence)
    if _training(after) >= _training(before):
        return Judgement(VerdictName.NOT_FIXED, "evaluations run in training mode as before", evidence)
    if not any(f.dependent or f.dropped for f in before) and not comparison.other_outputs():
        return Judgement(VerdictName.EQUIVALENT, "no layer of the model depends on the mode", evidence)
    return Judgement(VerdictName.CHANGED_AS_INTENDED, "evaluations run in evaluation mode", evidence)


def training_mode(comparison: Comparison) -> Judgement:
    """TFC302: training runs in training mode again; evaluations stay in evaluation mode."""
    shares = _train_share(comparison.before), _train_share(comparison.after)
    before, after = comparison.before.evaluations, comparison.after.evaluations
    evidence = (
        _modes_of_training(comparison),
        Evidence("evaluations in training mode", *(share(_training(f), len(f)) for f in (before, after))),
        Evidence("parameters", "", comparison.trajectory()),
    )
    if broken := _shorter(comparison, evidence):
        return broken
    if _training(after) > _training(before):
        return Judgement(VerdictName.REGRESSED, "evaluations run in training mode now", evidence)
    if shares[0] == 1.0:
        return Judgement(VerdictName.PREMISE_ABSENT, "all training already ran in training mode", evidence)
    if all(f.trains or f.mode == "train" for f in comparison.before.trainings):
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
    found = run.trainings
    return _training(found) / len(found) if found else 1.0


def _modes_of_training(comparison: Comparison) -> Evidence:
    runs = comparison.before.trainings, comparison.after.trainings
    return Evidence("training forwards in training mode", *(share(_training(f), len(f)) for f in runs))


# --- dropout ---------------------------------------------------------------------------------------------------------


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
    if active[1] > active[0]:
        if broken := _shorter(comparison, evidence):
            return broken
        return Judgement(VerdictName.CHANGED_AS_INTENDED, "dropout drops in training", evidence)
    if broken := _broken(comparison, evidence):
        return broken
    if not wrong[0]:
        return Judgement(VerdictName.PREMISE_ABSENT, "no dropout was active in evaluation mode in this run", evidence)
    if wrong[1] >= wrong[0]:
        return Judgement(VerdictName.NOT_FIXED, "dropout is active in evaluation mode as before", evidence)
    return Judgement(VerdictName.CHANGED_AS_INTENDED, "dropout follows the mode, training is the same", evidence)


def _count(calls: Sequence[Call], **facts: bool) -> int:
    return sum(all(call.facts.get(name) is value for name, value in facts.items()) for call in calls)


# --- losses ----------------------------------------------------------------------------------------------------------


def logits(comparison: Comparison) -> Judgement:
    """TFC101: the loss gets logits. Its floor goes, its gradients grow; nothing becomes NaN."""
    found = [[*a, *b] for a, b in zip(comparison.calls("ce"), comparison.calls("nll"), strict=True)]
    wrong = [sum(call.facts["activation"] in ("softmax", "sigmoid") for call in calls) for calls in found]
    norms = [next((s.norm for s in run.steps if s.norm is not None), None) for run in _runs(comparison)]
    evidence = (
        Evidence("losses that get probabilities", *(share(w, len(c)) for w, c in zip(wrong, found, strict=True))),
        *_floor(comparison, found[0]),
        Evidence("gradient norm of the first step", *(_number(norm) for norm in norms)),
    )
    if not wrong[0]:
        return Judgement(VerdictName.PREMISE_ABSENT, "no loss got probabilities in this run", evidence)
    if broken := _shorter(comparison, evidence) or _other_model(comparison, evidence):
        return broken
    if wrong[1] >= wrong[0]:
        return Judgement(VerdictName.NOT_FIXED, "the loss gets probabilities as before", evidence)
    if _is_lower(comparison):
        return Judgement(VerdictName.IMPROVED, "the loss gets logits, and falls further under every seed", evidence)
    return Judgement(VerdictName.CHANGED_AS_INTENDED, "the loss gets logits", evidence)


def _other_model(comparison: Comparison, evidence: tuple[Evidence, ...]) -> Judgement | None:
    """The model has to stay what it was before its softmax, and what reads its probabilities has to get them."""
    expected, got = _first_losses(comparison)
    if expected is not None and got is not None and not math.isclose(expected, got, rel_tol=1e-3, abs_tol=1e-4):
        reason = f"the first loss is {got:.4g}, and {expected:.4g} for the logits of the same probabilities"
        return Judgement(VerdictName.REGRESSED, reason, evidence)
    if shapes := comparison.other_shapes():
        return Judgement(VerdictName.REGRESSED, f"other shapes: {shapes}", evidence)
    if place := _wrong_reader(comparison):
        reason = f"{place[0]}:{place[1]} wants probabilities, and gets logits"
        return Judgement(VerdictName.REGRESSED, reason, evidence)
    return None


def _first_losses(comparison: Comparison) -> tuple[float | None, float | None]:
    """The first loss as it must be with logits, and as it is: before any backward, with the very same parameters."""
    rows = [[c for c in run.calls if c.kind in ("ce", "nll") and not c.facts["backs"]] for run in _runs(comparison)]
    pairs = zip(*rows, strict=False)
    return next(((b.facts["meant"], a.facts["loss"]) for b, a in pairs if _is_probable(b)), (None, None))


def _is_probable(call: Call) -> bool:
    meant = call.facts["meant"]
    return call.facts["activation"] in ("softmax", "sigmoid") and meant is not None and math.isfinite(meant)


def _wrong_reader(comparison: Comparison) -> Place | None:
    """A place that compared (or took the logarithm of) values between 0 and 1 alone, and never gets those now."""
    before, after = (_readers(calls, back) for calls, back in _readings(comparison))
    return next((place for place, was in before.items() if was == {True} and after.get(place) == {False}), None)


def _readings(comparison: Comparison) -> Iterable[tuple[Sequence[Call], Callable[[Place], Place]]]:
    return zip(comparison.calls("value"), (comparison.front, comparison.back), strict=True)


def _readers(calls: Sequence[Call], back: Callable[[Place], Place]) -> dict[Place, set[bool]]:
    found: dict[Place, set[bool]] = {}
    for call in calls:
        found.setdefault(back(call.place), set()).add(call.facts["unit"])
    return found


def _runs(comparison: Comparison) -> tuple[RunReport, RunReport]:
    return comparison.before, comparison.after


def _floor(comparison: Comparison, calls: Sequence[Call]) -> tuple[Evidence, ...]:
    """The least that cross entropy of probabilities can be: ln(e + C - 1) - 1; and the least that was seen."""
    classes = {c.facts["classes"] for c in calls if c.facts["hard"] and c.facts["activation"] == "softmax"}
    if len(classes) != 1:
        return ()
    floor = math.log(math.e + next(iter(classes)) - 1) - 1
    least = [
        min((c.facts["loss"] for c in found if c.facts["loss"] is not None), default=None)
        for found in comparison.calls("ce")
    ]
    return (Evidence(f"least loss (of probabilities it cannot be under {floor:.3f})", *map(_number, least)),)


def _is_lower(comparison: Comparison) -> bool:
    """Whether the loss ends lower under at least three seeds, by more than they differ among themselves."""
    pairs = [(comparison.before, comparison.after), *comparison.seeds]
    if len(pairs) < 3 or any(kind == _SYNTHETIC for kind, _, _ in comparison.before.notes):
        return False
    ends = [(_end(before), _end(after)) for before, after in pairs]
    if any(value is None for pair in ends for value in pair):
        return False
    gaps = [before - after for before, after in ends if before is not None and after is not None]
    spread = max(b for b, _ in ends if b is not None) - min(b for b, _ in ends if b is not None)
    return min(gaps) > spread


def _end(run: RunReport) -> float | None:
    """The mean of the last fifth of the losses."""
    losses = run.losses
    last = losses[-max(1, len(losses) // 5) :]
    return sum(last) / len(last) if len(losses) >= _ENOUGH else None


def _number(value: float | None) -> str:
    return "not seen" if value is None else f"{value:.4g}"


# --- shapes ----------------------------------------------------------------------------------------------------------


def batched(comparison: Comparison) -> Judgement:
    """TFC401: the image has a batch dimension for the call, and all of it is resized."""
    before, after = comparison.calls("interpolate", of_fix=True)
    shapes = [_shapes(calls) for calls in (before, after)]
    evidence = (Evidence("interpolate", *shapes),)
    if not any(_is_unbatched(call) for call in before):
        return Judgement(VerdictName.PREMISE_ABSENT, "no image without a batch was resized in this run", evidence)
    if broken := _shorter(comparison, evidence):
        return broken
    if shapes[0] == shapes[1]:
        return Judgement(VerdictName.NO_EFFECT, "the same images go in and come out", evidence)
    if uncured := resized(comparison):
        return uncured
    return Judgement(VerdictName.CHANGED_AS_INTENDED, "height and width are resized", evidence)


def resized(comparison: Comparison) -> Judgement | None:
    """None where the images of before are resized in a batch now; else what is wrong with them."""
    before, after = comparison.calls("interpolate", of_fix=True)
    evidence = (Evidence("interpolate", _shapes(before), _shapes(after)),)
    if not after:
        return Judgement(VerdictName.REGRESSED, "nothing is resized any more", evidence)
    if any(call.facts["error"] for call in after):
        return Judgement(VerdictName.NOT_FIXED, "the call raises as before, and the program goes on", evidence)
    images = [call.facts["shape"] for call in before if _is_unbatched(call)]
    if not all(_is_batch_of(call.facts["shape"], images) for call in after):
        return Judgement(VerdictName.REGRESSED, "other images are resized", evidence)
    return None


def _is_unbatched(call: Call) -> bool:
    return len(call.facts.get("shape") or ()) in (2, 3)


def _is_batch_of(shape: Sequence[int], images: Sequence[Sequence[int]]) -> bool:
    """Whether a shape with a batch and channels is that of one of the images, height and width being its last two."""
    return len(shape) == 4 and any(
        list(shape[-2:]) == list(image[-2:]) and math.prod(shape) == math.prod(image) for image in images
    )


def _shapes(calls: Sequence[Call]) -> str:
    texts = {f"{c.facts.get('shape')} -> {c.facts.get('error') or c.facts.get('out')}" for c in calls}
    return "; ".join(sorted(texts)[:3]) or "not called"


# --- all -------------------------------------------------------------------------------------------------------------


def _shorter(comparison: Comparison, evidence: tuple[Evidence, ...]) -> Judgement | None:
    """What must stay even where training changes: as many steps, and losses that are numbers."""
    before, after = comparison.before, comparison.after
    if has_nan(after) and not has_nan(before):
        return Judgement(VerdictName.REGRESSED, "the loss becomes NaN or infinite", evidence)
    if comparison.fewer(_steps) or comparison.fewer(_backwards):
        counts = f"{len(before.steps)} -> {len(after.steps)} steps"
        return Judgement(VerdictName.REGRESSED, f"less training happens: {counts}", evidence)
    if comparison.fewer(_forwards):
        counts = f"{len(before.forwards)} -> {len(after.forwards)}"
        return Judgement(VerdictName.REGRESSED, f"the model is asked less often: {counts} forwards", evidence)
    if _gradients(after) < _gradients(before):
        counts = f"{_gradients(before)} -> {_gradients(after)}"
        return Judgement(VerdictName.REGRESSED, f"fewer parameters get gradients: {counts}", evidence)
    if has_no_number(after.output) and not has_no_number(before.output):
        return Judgement(VerdictName.REGRESSED, "NaN or infinity is printed", evidence)
    return None


def advances(comparison: Comparison) -> Judgement | None:
    """What must hold where an error is gone: the program comes at least as far as it came."""
    return _shorter(comparison, ())


def _steps(run: RunReport) -> int:
    return len(run.steps)


def _forwards(run: RunReport) -> int:
    return len(run.forwards)


def _gradients(run: RunReport) -> int:
    """Parameters that had a gradient in the first step of an optimizer that had any."""
    return next((step.gradients for step in run.steps if step.gradients), 0)


def unchanged(comparison: Comparison) -> Judgement:
    """For a rule without a contract of its own: the same numbers or nothing that can be said."""
    evidence = (Evidence("parameters", "", comparison.trajectory()),)
    if broken := _shorter(comparison, evidence):
        return broken
    same = comparison.same_training and not comparison.other_outputs() and not comparison.other_prints()
    if comparison.before.checksums and same and not comparison.noisy:
        return Judgement(VerdictName.EQUIVALENT, "the same numbers", evidence)
    return Judgement(VerdictName.INCONCLUSIVE, "the run changed, and nothing says what this rule promises", evidence)


CONTRACTS: dict[str, Contract] = {
    "TFC101": Contract(logits, neutral=False, seeds=True),
    "TFC201": Contract(volatile, neutral=True, keeps=True, crashes=("ValueError", "TypeError", "RuntimeError")),
    "TFC202": Contract(no_graph, neutral=True, keeps=True, crashes=("RuntimeError", "OutOfMemoryError")),
    "TFC301": Contract(evaluation_mode, neutral=True, crashes=("ValueError",)),
    "TFC302": Contract(training_mode, neutral=False),
    "TFC303": Contract(functional_dropout, neutral=True, repeats=True),
    "TFC401": Contract(
        batched, neutral=False, crashes=("ValueError", "NotImplementedError", "RuntimeError"), cured=resized
    ),
}


def contract_of(code: str) -> Contract:
    """The contract of a rule, by its code."""
    return CONTRACTS.get(code, Contract(unchanged, neutral=False))
