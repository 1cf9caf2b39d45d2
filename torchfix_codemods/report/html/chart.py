"""A series as a figure: the picture, and the same in words and in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torchfix_codemods.report.html.axis import shown
from torchfix_codemods.report.html.curves import axis_of, picture, size
from torchfix_codemods.report.html.markup import Markup, tag
from torchfix_codemods.verify.model import Series


def chart(series: Series, name: str) -> Markup:
    """The figure of a series. `name` is an id of its own on the page."""
    width, height = size()
    svg = tag(
        "svg",
        tag("title", f"{series.what}, before and after the fix", id=f"{name}-title"),
        tag("desc", described(series), id=f"{name}-text"),
        *picture(series),
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_labelledby=f"{name}-title {name}-text",
    )
    return tag("figure", tag("figcaption", *_caption(series)), svg, _ends(series), class_="chart")


def described(series: Series) -> str:
    """A series in words, with its ends and its extremes."""
    count = max(series.count, series.points)
    whole = f"{count} {'value' if count == 1 else 'values'}, one per {series.over}. "
    if series.same:
        return f"{whole}Before and after the fix: {_course(series.before, series.unit)}; {sameness(series)}."
    sides = (("Before", series.before), ("After", series.after))
    return whole + " ".join(f"{side} the fix: {_course(values, series.unit)}." for side, values in sides)


def sameness(series: Series) -> str:
    """In which way the two sides are the same: of thinned curves only the points are known."""
    if series.count > series.points:
        return f"the same at all {series.points} points shown"
    return "the same, bit for bit"


def _course(values: Sequence[float | None], unit: str) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "no finite number" if values else "nothing recorded"
    missing = len(values) - len(known)
    gaps = f", {missing} of {len(values)} not a finite number" if missing else ""
    first, last, low, high = (shown(value, unit) for value in _telling(known))
    return f"from {first} to {last}, lowest {low}, highest {high}{gaps}"


def _telling(known: Sequence[float]) -> tuple[float, float, float, float]:
    """The first, the last, the lowest and the highest."""
    return known[0], known[-1], min(known), max(known)


def _caption(series: Series) -> Iterator[Markup]:
    yield tag("strong", series.what)
    if series.same:
        yield tag("span", sameness(series), class_="note equal")
    if axis_of(series).log:
        yield tag("span", "logarithmic", class_="note")
    if None in (*series.before, *series.after):
        yield tag("span", "× not a finite number", class_="note")


def _ends(series: Series) -> Markup:
    """The first and the last number of each side, as far as there are some."""
    sides = (("both", series.after),) if series.same else (("before", series.before), ("after", series.after))
    told = []
    for name, values in sides:
        known = [shown(value, series.unit) for value in values if value is not None]
        if known:
            told.append(f"{name} {known[0]} → {known[-1]}" if len(known) > 1 else f"{name} {known[0]}")
    return tag("p", ", ".join(told), class_="ends")
