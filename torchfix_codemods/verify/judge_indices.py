"""Which rows an index names: TFC402."""

from __future__ import annotations

from collections.abc import Sequence

from torchfix_codemods.verify.comparison import Comparison
from torchfix_codemods.verify.invariants import Judgement, less_training
from torchfix_codemods.verify.model import Evidence, VerdictName
from torchfix_codemods.verify.runs import Call


def indexed(comparison: Comparison) -> Judgement:
    """TFC402 where nothing raised, or what raised was caught: no rule's mistake was seen."""
    evidence = (_evidence(comparison),)
    if broken := less_training(comparison, evidence) or chosen(comparison):
        return broken
    return Judgement(VerdictName.PREMISE_ABSENT, "no index was refused in this run", evidence)


def chosen(comparison: Comparison) -> Judgement | None:
    """None where the same rows are chosen now that were meant before; else what is wrong with them."""
    before, after = comparison.calls("index", of_fix=True)
    for meant, found in zip(before, after, strict=False):
        if meant.facts["rows"] is None and found.facts["rows"] is not None:
            return Judgement(
                VerdictName.REGRESSED, "the index had fractions, which are cut off", (_evidence(comparison),)
            )
        if _rows(meant) != _rows(found):
            return Judgement(VerdictName.REGRESSED, "other rows are chosen", (_evidence(comparison),))
    return None


def _rows(call: Call) -> tuple[object, object]:
    return call.facts["rows"], call.facts["count"]


def _evidence(comparison: Comparison) -> Evidence:
    return Evidence("index", *map(_ranges, comparison.calls("index", of_fix=True)))


def _ranges(calls: Sequence[Call]) -> str:
    """`torch.int16 from 0 to 3, of 4`, for each that is different."""
    texts = {
        f"{c.facts['dtype']} from {_number(c.facts['low'])} to {_number(c.facts['high'])}, of {c.facts['size']}"
        for c in calls
    }
    return "; ".join(sorted(texts)[:3]) or "not called"


def _number(value: float | None) -> str:
    return "nothing" if value is None else f"{value:g}"
