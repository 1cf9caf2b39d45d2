"""What a run recorded over time, before and after a fix: for pictures, never for judgements."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from torchfix_codemods.verify.model import Series
from torchfix_codemods.verify.runs import RunReport

#: So many points at most: a curve has no more pixels, and a report stays small.
POINTS = 256
#: Norms are told apart for so many optimizers at most.
_OPTIMIZERS = 4

Values = Sequence[float | None]


def series_of(before: RunReport, after: RunReport) -> tuple[Series, ...]:
    """The quantities that both runs recorded; left out is what neither did, and memory that tells nothing.

    Nothing is told by memory of zero bytes throughout, nor by bytes held after a backward that are the same.
    """
    found = [_series("loss", "", "backward pass", before, after, _losses), *_norms(before, after)]
    saved = _series("saved for backward", "bytes", "evaluation", before, after, _saved)
    held = _series("held after backward", "bytes", "backward pass", before, after, _held)
    found += [saved] if any(saved.before) or any(saved.after) else []
    found += [held] if any(a != b for a, b in zip(held.before, held.after, strict=False)) else []
    return tuple(series for series in found if series.before or series.after)


def _norms(before: RunReport, after: RunReport) -> Iterator[Series]:
    """The gradient norm of each optimizer: those of two nets are two curves, not one that jumps between them."""
    numbers = sorted({step.optimizer for run in (before, after) for step in run.steps})
    for place, number in enumerate(numbers[:_OPTIMIZERS], 1):
        what = f"gradient norm, optimizer {place}" if len(numbers) > 1 else "gradient norm"
        yield _series(what, "", "optimizer step", before, after, partial(_norms_of, optimizer=number))


def _losses(run: RunReport) -> Values:
    return [backward.loss for backward in run.backwards]


def _norms_of(run: RunReport, optimizer: int) -> Values:
    """As far as they were taken: of long runs only the first steps are looked at."""
    return [step.norm for step in run.steps if step.optimizer == optimizer and step.norm is not None]


def _saved(run: RunReport) -> Values:
    return [forward.saved for forward in run.evaluations if forward.saved is not None]


def _held(run: RunReport) -> Values:
    return [backward.live for backward in run.backwards]


def _series(
    what: str, unit: str, over: str, before: RunReport, after: RunReport, values: Callable[[RunReport], Values]
) -> Series:
    sides = [[_finite(value) for value in values(run)] for run in (before, after)]
    length = max(map(len, sides))
    places = _places(length)
    thin_before, thin_after = (tuple(side[place] for place in places if place < len(side)) for side in sides)
    return Series(what, unit, over, thin_before, thin_after, length)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _places(length: int) -> list[int]:
    """Which of `length` values are kept: all, or evenly spread ones with the first and the last."""
    if length <= POINTS:
        return list(range(length))
    return [round(number * (length - 1) / (POINTS - 1)) for number in range(POINTS)]
