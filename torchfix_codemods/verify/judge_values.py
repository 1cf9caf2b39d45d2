"""What values are: TFC101 (probabilities and logits) and TFC401 (images and batches)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torchfix_codemods.verify.comparison import Comparison, are_close, share
from torchfix_codemods.verify.invariants import Judgement, both, less_training, not_seen
from torchfix_codemods.verify.model import Evidence, VerdictName
from torchfix_codemods.verify.runs import Call, Place, RunReport

_ENOUGH = 20  # losses of a run, before anything is said of where they end
_SYNTHETIC = "dataset"  # the kind of note that stands for synthetic data


def logits(comparison: Comparison) -> Judgement:
    """TFC101: the loss gets logits. Its floor goes, its gradients grow; nothing becomes NaN."""
    kinds = [comparison.calls(kind) for kind in ("ce", "nll", "log_softmax")]
    found = [[call for before_and_after in kinds for call in before_and_after[side]] for side in (0, 1)]
    wrong = [sum(map(_is_probable, calls)) for calls in found]
    norms = [next((s.norm for s in run.steps if s.norm is not None), None) for run in both(comparison)]
    evidence = (
        Evidence("losses that get probabilities", *(share(w, len(c)) for w, c in zip(wrong, found, strict=True))),
        *_floor(comparison, [call for call in found[0] if call.kind == "ce"]),
        Evidence("gradient norm of the first step", *(_number(norm) for norm in norms)),
    )
    if not found[0] and not comparison.before.backwards:
        return not_seen("no loss was computed in this run", evidence)
    if not wrong[0]:
        return Judgement(VerdictName.PREMISE_ABSENT, "no loss got probabilities in this run", evidence)
    if broken := less_training(comparison, evidence):
        return broken
    if wrong[1] >= wrong[0]:
        return Judgement(VerdictName.NOT_FIXED, "the loss gets probabilities as before", evidence)
    if other := _other_model(comparison, evidence):
        return other
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
    if place := wrong_reader(comparison):
        reason = f"{place[0]}:{place[1]} wants probabilities, and gets logits"
        return Judgement(VerdictName.REGRESSED, reason, evidence)
    return None


def _first_losses(comparison: Comparison) -> tuple[float | None, float | None]:
    """The first loss as it must be with logits, and as it is: before any backward, with the very same parameters."""
    rows = [[c for c in run.calls if c.kind in ("ce", "nll") and not c.facts["backs"]] for run in both(comparison)]
    pairs = zip(*rows, strict=False)
    cured = ((b.facts["meant"], a.facts["loss"]) for b, a in pairs if _is_probable(b) and not _is_probable(a))
    return next(((meant, loss) for meant, loss in cured if meant is not None and math.isfinite(meant)), (None, None))


def _is_probable(call: Call) -> bool:
    return call.facts["activation"] in ("softmax", "sigmoid")


def wrong_reader(comparison: Comparison) -> Place | None:
    """A place that compares probabilities (or takes their logarithm), and gets something else now.

    With parameters that stay as they are, so that training does not change what is read. A program that moves its
    parameters without an optimizer says nothing.
    """
    if comparison.held is None or comparison.noisy:
        return None
    before, after = comparison.held
    if not before.checksums or before.checksums != after.checksums:
        return None
    read = _readings(before, comparison.front), _readings(after, comparison.back)
    return next((place for place, values in read[0].items() if _is_other(values, read[1].get(place, []))), None)


def _readings(run: RunReport, back: Callable[[Place], Place]) -> dict[Place, list[Call]]:
    found: dict[Place, list[Call]] = {}
    for call in run.calls:
        if call.kind == "value" and call.facts["digest"]:
            found.setdefault(back(call.place), []).append(call)
    return found


def _is_other(before: Sequence[Call], after: Sequence[Call]) -> bool:
    """Whether values between 0 and 1 are others afterwards."""
    if not all(call.facts["unit"] for call in before):
        return False
    return any(not are_close(b.facts["digest"], a.facts["digest"]) for b, a in zip(before, after, strict=False))


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


def batched(comparison: Comparison) -> Judgement:
    """TFC401: the image has a batch dimension for the call, and all of it is resized."""
    before, after = comparison.calls("interpolate", of_fix=True)
    shapes = [_shapes(calls) for calls in (before, after)]
    evidence = (Evidence("interpolate", *shapes),)
    if not any(_is_unbatched(call) or call.facts["error"] for call in before):
        return Judgement(VerdictName.PREMISE_ABSENT, "no image without a batch was resized in this run", evidence)
    if broken := less_training(comparison, evidence):
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
    if not comparison.before.ended_well:  # it came to the first images only, and others have other sizes
        after = after[: len(before)]
    images = [call.facts["shape"] for call in before if _is_unbatched(call)]
    refused = [call.facts["shape"] for call in before if call.facts["error"]]  # for whole numbers, say
    if not all(call.facts["shape"] in refused or _is_batch_of(call.facts["shape"], images) for call in after):
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
