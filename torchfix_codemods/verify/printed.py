"""What two runs printed, compared as far as it is the program's business: without times, addresses and progress bars.

What the unchanged program prints differently from run to run says nothing, and numbers are the same up to rounding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\b(?:nan|inf)\b)")
#: What only says that there is a graph. Where a line would be too long for it, torch begins a new one.
_GRAPH = re.compile(r",?\s*\b(?:grad_fn=<[^>]*>|requires_grad=\w+)")
#: What changes from run to run, and lines of the text, which a fix moves.
_PASSING = re.compile(r"\b[\w./-]+\.py:\d+|0x[0-9a-fA-F]+|\d{4}-\d\d-\d\d|\d+:\d\d(?::\d\d)?(?:[.,]\d+)?")
#: Lines about time, speed and memory.
_MEASURED = re.compile(
    r"it/s|s/it|\d ?(?:ms|us|s|secs?|seconds?|min|[KMG]i?B)\b"
    r"|\b(?:time|took|elapsed|eta|speed|sec|seconds|memory|mem)\b",
    re.IGNORECASE,
)
_TAIL = 19_000  # bytes from which on an output may have lost its beginning
_CLOSE = 1e-3  # part by which numbers may differ
_ROUGH = 0.5  # the same, where single answers of a model may turn


def difference(
    before: str, again: str, after: str, twice: str | None = None, *, rough: bool = False
) -> tuple[str, str] | None:
    """The first line that the changed program prints differently, before and after; None where there is none to see.

    `again` is what the unchanged program printed a second time, `twice` the changed one, where it was run twice.
    `rough`: only numbers of another size count, in the same words.
    """
    olds, twins, news = _lines(before), _lines(again), _lines(after)
    repeated = news if twice is None else _lines(twice)
    if _words(olds) != _words(twins) or _words(news) != _words(repeated):
        return None  # words by chance: which lines belong together cannot be said
    if rough and _words(olds) != _words(news):
        return None
    if len(olds) != len(news):
        cut = _may_be_cut(before) or _may_be_cut(after)
        return None if cut else (f"{len(olds)} lines", f"{len(news)} lines")
    for old, twin, new, other in zip(olds, twins, news, repeated, strict=True):
        if not _is_alike(old, twin, new, other, _is_near if rough else _is_close):
            return old, new
    return None


def _words(lines: Sequence[str]) -> list[str]:
    return [_NUMBER.sub("#", line) for line in lines]


def _lines(output: str) -> list[str]:
    """Lines as a terminal shows them in the end: of what a carriage return overwrites, the last.

    Where the beginning may be lost, the first line is a part of one, and how much of it is left is chance.
    """
    lines = _GRAPH.sub("", output).split("\n")[1 if _may_be_cut(output) else 0 :]
    shown = (line.rstrip("\r").rpartition("\r")[2] for line in _without_stacks(lines))
    return [_PASSING.sub("", line).strip() for line in shown if not _MEASURED.search(line) and line.strip()]


def _without_stacks(lines: Sequence[str]) -> Iterator[str]:
    """Without the stacks of tracebacks: a decorator puts a call of its own in between."""
    inside = False
    for line in lines:
        inside = line.startswith("Traceback (") or (inside and line.startswith(" "))
        if not inside:
            yield line


def _may_be_cut(output: str) -> bool:
    return len(output.encode("utf-8", "replace")) >= _TAIL


def _is_alike(old: str, twin: str, new: str, other: str, same: Callable[[str, str], bool]) -> bool:
    """Whether a line is the same, but for numbers that differ between two runs of one program."""
    if _NUMBER.sub("#", old) != _NUMBER.sub("#", new):
        return False
    rows: Sequence[list[str]] = [_NUMBER.findall(line) for line in (old, twin, new, other)]
    return all(a != b or c != d or same(a, c) for a, b, c, d in zip(*rows, strict=True))


def _is_close(one: str, other: str) -> bool:
    """Equal up to rounding: to a part, or to one in the last place that is printed."""
    if one == other:
        return True
    first, second = float(one), float(other)
    digits = min(_digits(one), _digits(other))
    place = 10.0**-digits if digits else 0.0
    return abs(first - second) <= max(_CLOSE * max(abs(first), abs(second)) if digits else 0.0, place * 1.01)


def _is_near(one: str, other: str) -> bool:
    """Of one size, or apart by one in the last place that is printed."""
    if one == other:
        return True
    first, second = float(one), float(other)
    place = 10.0 ** -min(_digits(one), _digits(other))
    return abs(first - second) <= max(_ROUGH * max(abs(first), abs(second)), place * 1.01)


def _digits(number: str) -> int:
    """Places after the point; many for an exponent, whose last place is small against the number."""
    mantissa, _, exponent = number.lower().partition("e")
    return 12 if exponent else len(mantissa.partition(".")[2])


def has_no_number(output: str) -> bool:
    """Whether NaN or infinity was printed."""
    return re.search(r"\b(?:nan|inf)\b", output) is not None
