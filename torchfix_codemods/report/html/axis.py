"""Axes of a chart: which values they span, where their ticks stand, and how a number is written on them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: Values that are further from zero are not drawn: they leave no room for any other.
FARTHEST = 1e30
#: Nothing is told apart that is nearer to zero.
_NEAREST = 1e-25
#: Values that differ by no more than this part of them are a flat line.
_FLAT = 1e-4
#: From this ratio of the largest to the smallest value on, an axis is logarithmic.
_MANY_MAGNITUDES = 1000
_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, which are never the same. `ticks` are pairs of value and text; `log`: to the base of 10."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value stands: 0 at `low`, 1 at `high`."""
        if self.log:
            value, low, high = math.log10(value), math.log10(self.low), math.log10(self.high)
        else:
            low, high = self.low, self.high
        return (value - low) / (high - low)


def value_axis(values: Iterable[float], unit: str) -> Axis:
    """The axis for values of a series; `values` are finite, none is further from zero than `FARTHEST`."""
    found = list(values) or [0.0]
    low, high = min(found), max(found)
    if unit != "bytes" and low > _NEAREST and high / low >= _MANY_MAGNITUDES:
        return _log_axis(low, high)
    if low >= 0 and (unit == "bytes" or low <= high / 2):
        low = 0.0
    largest = max(abs(low), abs(high))
    if largest <= _NEAREST:
        low, high = 0.0, 1.0
    elif high - low <= _FLAT * largest:  # in the middle, or rounding would look like news
        low, high = min(0.0, 2 * low), max(0.0, 2 * high)
    marks = _marks(low, high)
    return Axis(marks[0], marks[-1], tuple(zip(marks, _labels(marks, unit), strict=True)))


def index_axis(count: int) -> Axis:
    """The axis for the first to the last of `count` values, with whole numbers."""
    if count < 2:
        return Axis(0.0, 2.0, ((1.0, "1"),))
    step = max(1, round(_step((count - 1) / 5)))
    marks = [1, *(mark for mark in range(step, count + 1, step) if mark > 1 + step / 2)]
    return Axis(1.0, float(count), tuple((float(mark), f"{mark:,}") for mark in marks))


def shown(value: float, unit: str) -> str:
    """A value as people read it, with its unit: bytes in powers of 1000."""
    if unit != "bytes":
        return f"{value:.4g}"
    factor, name = _byte_unit(abs(value))
    return f"{value / factor:.4g} {name}"


def _log_axis(low: float, high: float) -> Axis:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    step = max(1, math.ceil((last - first) / 5))
    marks = [10.0**power for power in range(first, last + step, step)]
    return Axis(marks[0], marks[-1], tuple((mark, f"{mark:g}") for mark in marks), log=True)


def _marks(low: float, high: float) -> list[float]:
    """Round numbers, about five, of which the first is not over `low` and the last not under `high`."""
    step = _step((high - low) / 4)
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    return [number * step for number in range(first, last + 1)]


def _step(rough: float) -> float:
    """The next of 1, 2 and 5 (times a power of ten)."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= rough * (1 - 1e-9)), 10 * power)


def _labels(marks: Sequence[float], unit: str) -> list[str]:
    """The numbers of one axis, with as many digits as tell them apart, bytes all in the same unit."""
    factor, name = _byte_unit(max(map(abs, marks))) if unit == "bytes" else (1.0, "")
    whole = len(str(int(max(map(abs, marks)) / factor)))
    for digits in range(whole if 3 < whole < 8 else 3, 18):
        labels = [f"{mark / factor:.{digits}g} {name}".strip() for mark in marks]
        if len(set(labels)) == len(labels):
            break
    return ["0" if mark == 0 else label for mark, label in zip(marks, labels, strict=True)]


def _byte_unit(size: float) -> tuple[float, str]:
    return next(((factor, name) for factor, name in _BYTES if size >= factor), (1.0, "B"))
