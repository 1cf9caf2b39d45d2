"""What losses get: TFC102 (log-probabilities twice), TFC103 (probabilities for logits), TFC104 (scores for either)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from torchfix_codemods.verify.comparison import Comparison, has_nan, share
from torchfix_codemods.verify.invariants import Judgement, both, less_training, not_seen
from torchfix_codemods.verify.judge_values import wrong_reader
from torchfix_codemods.verify.model import Evidence, VerdictName
from torchfix_codemods.verify.runs import Call, RunReport

_LIKELIHOODS = ("nll", "ce", "bce", "bce_logits")


def is_unfit(call: Call) -> bool:
    """Whether a loss gets something else than it wants."""
    match call.kind:
        case "ce":
            return bool(call.facts["activation"] in ("softmax", "sigmoid"))
        case "nll":
            return not call.facts["logs"]
        case "bce":
            return bool(call.facts["outside"])
        case _:
            return bool(call.facts["activation"] == "sigmoid")


def logits_for_two(comparison: Comparison) -> Judgement:
    """TFC103: the loss gets logits, and what reads the probabilities still gets them."""
    return _fitting(comparison, ("bce_logits", "bce"))


def likelihoods(comparison: Comparison) -> Judgement:
    """TFC104: the loss gets what it wants; where that was so before, it gets the same in one step."""
    if any(map(is_unfit, _calls(comparison.before, ("nll", "bce")))):
        return _fitting(comparison, _LIKELIHOODS)
    return _once(comparison, "log", VerdictName.EQUIVALENT, "log_softmax in one step gives the same losses")


def not_twice(comparison: Comparison) -> Judgement:
    """TFC102: cross entropy gets the scores themselves, which gives the same losses."""
    judgement = _once(comparison, "log_softmax", VerdictName.EQUIVALENT, "the losses are the same without it", ("ce",))
    if judgement.name is VerdictName.EQUIVALENT and (lines := comparison.other_prints()):
        evidence = (*judgement.evidence, Evidence("printed", *lines))
        return Judgement(VerdictName.REGRESSED, "something else is printed", evidence)
    return judgement


def _fitting(comparison: Comparison, kinds: Sequence[str]) -> Judgement:
    found = [_calls(run, kinds) for run in both(comparison)]
    unfit = [sum(map(is_unfit, calls)) for calls in found]
    counts = (share(w, len(c)) for w, c in zip(unfit, found, strict=True))
    evidence = (Evidence("losses that get something else than they want", *counts),)
    if not found[0] and not comparison.before.backwards:
        return not_seen("no loss was computed in this run", evidence)
    if not unfit[0]:
        return Judgement(VerdictName.PREMISE_ABSENT, "every loss got what it wants in this run", evidence)
    if broken := less_training(comparison, evidence):
        return broken
    if unfit[1] >= unfit[0]:
        return Judgement(VerdictName.NOT_FIXED, "the loss still gets something else", evidence)
    return _other_numbers(comparison, kinds, evidence) or Judgement(
        VerdictName.CHANGED_AS_INTENDED, "the loss gets what it wants", evidence
    )


def _other_numbers(comparison: Comparison, kinds: Sequence[str], evidence: tuple[Evidence, ...]) -> Judgement | None:
    """The first loss has to be the one that was meant, and what reads probabilities has to get them."""
    if wrong := _wrong_loss(comparison, kinds, evidence):
        return wrong
    if shapes := comparison.other_shapes():
        return Judgement(VerdictName.REGRESSED, f"other shapes: {shapes}", evidence)
    if place := wrong_reader(comparison):
        reason = f"{place[0]}:{place[1]} wants probabilities, and gets something else"
        return Judgement(VerdictName.REGRESSED, reason, evidence)
    return None


def _wrong_loss(comparison: Comparison, kinds: Sequence[str], evidence: tuple[Evidence, ...]) -> Judgement | None:
    """None where the first loss, before any backward, is what it must be for the same scores."""
    rows = [[call for call in _calls(run, kinds) if not call.facts["backs"]] for run in both(comparison)]
    for before, after in zip(*rows, strict=False):
        meant, loss = before.facts["meant"], after.facts["loss"]
        if not is_unfit(before) or meant is None or loss is None or not math.isfinite(meant):
            continue
        if is_unfit(after) or math.isclose(meant, loss, rel_tol=1e-3, abs_tol=1e-4):
            return None
        reason = f"the first loss is {loss:.4g}, and would be {meant:.4g} for the same scores"
        return Judgement(VerdictName.REGRESSED, reason, evidence)
    return None


def sigmoid_in_the_loss(comparison: Comparison) -> Judgement | None:
    """None where a loss that refused scores takes them now; else what is wrong with it."""
    kinds = ("bce", "bce_logits")
    calls = _calls(comparison.after, kinds)
    evidence = (Evidence("losses on two classes", *(str(len(_calls(run, kinds))) for run in both(comparison))),)
    if not calls:
        return Judgement(VerdictName.REGRESSED, "no such loss is computed any more", evidence)
    failure = comparison.before.failure
    if failure is not None and failure.asserted and not any(map(is_unfit, _calls(comparison.before, kinds))):
        return Judgement(
            VerdictName.INCONCLUSIVE, "a GPU refused something, and it was not seen to be scores", evidence
        )
    return _wrong_loss(comparison, kinds, evidence)


def _once(
    comparison: Comparison, activation: str, name: VerdictName, reason: str, kinds: Sequence[str] = _LIKELIHOODS
) -> Judgement:
    """An activation before the loss goes, and the losses stay as they are."""
    found = [_calls(run, kinds) for run in both(comparison)]
    counts = [sum(call.facts["activation"] == activation for call in calls) for calls in found]
    evidence = (Evidence(f"losses with a {activation} before them", *map(str, counts)),)
    if not found[0] and not comparison.before.backwards:
        return not_seen("no loss was computed in this run", evidence)
    if not counts[0]:
        return Judgement(VerdictName.PREMISE_ABSENT, f"no {activation} came before a loss in this run", evidence)
    if broken := less_training(comparison, evidence):
        return broken
    if counts[1] >= counts[0]:
        return Judgement(VerdictName.NOT_FIXED, "it is applied as before", evidence)
    if shapes := comparison.other_shapes():
        return Judgement(VerdictName.REGRESSED, f"other shapes: {shapes}", evidence)
    if has_nan(comparison.before) and not has_nan(comparison.after):
        return Judgement(VerdictName.CHANGED_AS_INTENDED, "the loss was infinite or NaN, and is a number now", evidence)
    if any(map(is_unfit, found[1])) or not _are_the_same(*map(_first, found)):
        return Judgement(VerdictName.REGRESSED, "the first losses are others", evidence)
    return Judgement(name, reason, evidence)


def _first(calls: Iterable[Call]) -> list[float | None]:
    """The losses before any backward: of the very same parameters."""
    return [call.facts["loss"] for call in calls if not call.facts["backs"]]


def _are_the_same(before: Sequence[float | None], after: Sequence[float | None]) -> bool:
    pairs = list(zip(before, after, strict=False))
    return bool(pairs) and all(
        a == b or (a is not None and b is not None and math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-5)) for a, b in pairs
    )


def _calls(run: RunReport, kinds: Sequence[str]) -> list[Call]:
    return [call for call in run.calls if call.kind in kinds]


__all__ = ["is_unfit", "likelihoods", "logits_for_two", "not_twice", "sigmoid_in_the_loss"]
