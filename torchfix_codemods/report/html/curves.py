"""The picture of a series: two curves that colour, dashes, the form of the marks and labels tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torchfix_codemods.report.html.axis import FARTHEST, Axis, index_axis, value_axis
from torchfix_codemods.report.html.markup import Markup, tag
from torchfix_codemods.verify.model import Series

_WIDTH, _HEIGHT = 380, 218
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 318, 18, 176
#: Each value gets a mark where so many at most are drawn.
_FEW = 32
_LABEL_HEIGHT = 15.0
Point = tuple[float, float]


@dataclass(frozen=True)
class _Curve:
    """One side: its name, and its values as pairs of x and y; y is None for what cannot be drawn.

    `early`: its run came less far than the other.
    """

    side: str
    values: tuple[tuple[float, float | None], ...]
    early: bool = False

    @property
    def points(self) -> list[Point]:
        """What can be drawn."""
        return [(x, y) for x, height in self.values if (y := height) is not None]


def size() -> tuple[int, int]:
    """Width and height of a picture."""
    return _WIDTH, _HEIGHT


def axis_of(series: Series) -> Axis:
    """The axis for the values of a series."""
    drawn = (value for value in (*series.before, *series.after) if value is not None and _is_drawn(value))
    return value_axis(drawn, series.unit)


def picture(series: Series) -> Iterator[Markup]:
    """The elements of the picture: grid, axes, curves, labels. Sides that are the same are one curve."""
    values, index = axis_of(series), index_axis(max(series.count, series.points))
    yield from _grid(values, index)
    yield tag("text", series.over, x=(_LEFT + _RIGHT) // 2, y=_HEIGHT - 6, class_="over")
    short = len(series.before) - len(series.after)
    after = _Curve("after", _placed(series.after, series, values, index), short > 0)
    before = _Curve("before", _placed(series.before, series, values, index), short < 0)
    # Dashes over a solid line: where they meet, both can be seen.
    curves = [after] if series.same else [after, before]
    for curve in curves:
        yield from _drawn(curve)
    yield from _labels(curves, "both" if series.same else "")


def _is_drawn(value: float) -> bool:
    return abs(value) <= FARTHEST


def _placed(
    side: Sequence[float | None], series: Series, values: Axis, index: Axis
) -> tuple[tuple[float, float | None], ...]:
    stride = (max(series.count, series.points) - 1) / max(series.points - 1, 1)
    return tuple(
        (_x(index, 1 + number * stride), _y(values, value) if value is not None and _is_drawn(value) else None)
        for number, value in enumerate(side)
    )


def _x(index: Axis, value: float) -> float:
    return round(_LEFT + index.place(value) * (_RIGHT - _LEFT), 1)


def _y(values: Axis, value: float) -> float:
    return round(_BOTTOM - values.place(value) * (_BOTTOM - _TOP), 1)


def _grid(values: Axis, index: Axis) -> Iterator[Markup]:
    """Lines and ticks are one path each: a page holds thousands of pictures."""
    heights = [_y(values, value) for value, _ in values.ticks]
    places = [_x(index, value) for value, _ in index.ticks]
    yield tag("path", d="".join(f"M{_LEFT} {y}H{_RIGHT}" for y in heights), class_="grid")
    ticks = "".join(f"M{x} {_BOTTOM}v4" for x in places)
    yield tag("path", d=f"M{_LEFT} {_BOTTOM}H{_RIGHT}{ticks}", class_="axis")
    for y, (_, label) in zip(heights, values.ticks, strict=True):
        yield tag("text", label, x=_LEFT - 7, y=round(y + 4, 1), class_="value")
    for x, (_, label) in zip(places, index.ticks, strict=True):
        yield tag("text", label, x=x, y=_BOTTOM + 17, class_="index")


def _drawn(curve: _Curve) -> Iterator[Markup]:
    """The line, broken where a value cannot be drawn, and the marks."""
    strokes, pen = [], "M"
    for x, y in curve.values:
        if y is not None:
            strokes.append(f"{pen}{x} {y}")
        pen = "M" if y is None else "L"
    points = curve.points if len(curve.values) <= _FEW else _alone(curve)
    # At the top, where a value that grows beyond all bounds goes.
    missing = (f"M{x - 3:g} {_TOP - 3}l6 6m0 -6l-6 6" for x, y in curve.values if y is None)
    marks = (_mark(curve.side, x, y) for x, y in points)
    for kind, parts in (("line", strokes), ("mark", marks), ("missing", missing)):
        if path := "".join(parts):
            yield tag("path", d=path, class_=f"{kind} {curve.side}")


def _alone(curve: _Curve) -> Iterator[Point]:
    """The points that no line leads to."""
    heights = [None, *(y for _, y in curve.values), None]
    for number, (x, y) in enumerate(curve.values):
        if y is not None and heights[number] is None and heights[number + 2] is None:
            yield x, y


def _mark(side: str, x: float, y: float) -> str:
    """A square for before, a disc for after."""
    if side == "before":
        return f"M{x - 3:.1f} {y - 3:.1f}h6v6h-6z"
    return f"M{x - 3:.1f} {y}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z"


def _labels(curves: Sequence[_Curve], name: str) -> Iterator[Markup]:
    """The name of each curve at its end, moved apart where two ends are close."""
    for curve in curves:
        if curve.early and curve.points:
            yield from _early_end(curve.side, curve.points[-1][0])
    late = [(*curve.points[-1], curve.side) for curve in curves if curve.points and not curve.early]
    late.sort(key=lambda end: end[1])
    room = max(0.0, _LABEL_HEIGHT - (late[1][1] - late[0][1])) / 2 if len(late) == 2 else 0.0
    for (x, y, side), shift in zip(late, (-room, room), strict=False):
        yield tag("text", name or side, x=x + 9, y=round(y + 4 + shift, 1), class_=f"label {side}")


def _early_end(side: str, x: float) -> Iterator[Markup]:
    """A mark from top to bottom, with its label above the picture and on the side where there is more room."""
    leftwards, shift = ("", 4) if x < (_LEFT + _RIGHT) / 2 else (" leftwards", -4)
    yield tag("path", d=f"M{x} {_TOP}V{_BOTTOM}", class_=f"end {side}")
    yield tag("text", f"{side} ends", x=x + shift, y=_TOP - 4, class_=f"label {side}{leftwards}")
