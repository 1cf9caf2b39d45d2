"""Curves: any numbers give a picture within its frame, and what it shows is said in words as well."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.report.html.axis import FARTHEST, index_axis, number, value_axis
from torchfix_codemods.report.html.chart import chart, described
from torchfix_codemods.report.html.curves import size
from torchfix_codemods.verify.model import Series

FINITE = st.floats(allow_nan=False, allow_infinity=False)
SIDE = st.lists(FINITE | st.none(), max_size=60).map(tuple)
UNITS = st.sampled_from(["", "bytes"])
DRAWN = st.lists(st.floats(-FARTHEST, FARTHEST), max_size=20)


def loss(before: tuple, after: tuple, unit: str = "", count: int = 0) -> Series:
    return Series("loss", unit, "backward pass", before, after, count)


def picture(series: Series) -> ElementTree.Element:
    return ElementTree.fromstring(chart(series, "name"))


def classes(element: ElementTree.Element) -> list[str]:
    return [e.get("class", "") for e in element.iter()]


def coordinates(element: ElementTree.Element) -> list[tuple[float, float]]:
    """The points of lines, marks and crosses."""
    paths = [part.get("d", "") for part in element.iter("path")]
    return [(float(x), float(y)) for path in paths for x, y in re.findall(r"[ML](\S+) ([-\d.e]+)", path)]


@given(SIDE, SIDE, UNITS, st.integers(0, 2000))
def test_any_numbers_give_a_picture_within_its_frame(before: tuple, after: tuple, unit: str, more: int):
    series = loss(before, after, unit, max(len(before), len(after)) + more)
    element = picture(series)
    width, height = size()
    points = coordinates(element)
    assert points and all(0 <= x <= width and 0 <= y <= height for x, y in points)
    assert "nan" not in ElementTree.tostring(element, encoding="unicode")


@given(DRAWN, UNITS)
def test_an_axis_holds_its_values_and_its_ticks_are_told_apart(values: list[float], unit: str):
    axis = value_axis(map(abs, values) if unit else values, unit)
    assert axis.low < axis.high
    places = [axis.place(abs(value) if unit else value) for value in values]
    assert all(-1e-6 <= place <= 1 + 1e-6 for place in places)
    ticks = [value for value, _ in axis.ticks]
    labels = [label for _, label in axis.ticks]
    assert ticks == sorted(set(ticks)) and 2 <= len(ticks) <= 8
    assert len(set(labels)) == len(labels)


@given(st.integers(0, 5000))
def test_an_index_has_whole_numbers_from_the_first_on(count: int):
    axis = index_axis(count)
    ticks = [value for value, _ in axis.ticks]
    assert ticks[0] == 1 and all(value == int(value) and value <= max(count, 1) for value in ticks)
    assert len(ticks) <= 8 and ticks == sorted(set(ticks))


@pytest.mark.parametrize(
    ("values", "unit", "labels"),
    [
        ([2.3, 0.7], "", ["0", "1", "2", "3"]),
        ([2.3, 2.1], "", ["2.1", "2.15", "2.2", "2.25", "2.3"]),
        ([850_200.0, 0.0], "bytes", ["0", "0.5 MB", "1 MB"]),
        ([1e-5, 3e4], "", ["1e-05", "0.001", "0.1", "10", "1000", "100000"]),
        ([123456.0, 123556.0], "", ["123450", "123500", "123550", "123600"]),
        ([0.5, 0.4999994], "", ["0", "0.5", "1"]),
        ([], "", ["0", "0.5", "1"]),
    ],
)
def test_ticks(values: list[float], unit: str, labels: list[str]):
    assert [label for _, label in value_axis(values, unit).ticks] == labels


def test_numbers_as_people_read_them():
    assert [number(value, "bytes") for value in (0, 999, 850_200, 3.4e9)] == ["0 B", "999 B", "850.2 kB", "3.4 GB"]
    assert [number(value, "") for value in (0.123456, 1234567.0)] == ["0.1235", "1.235e+06"]


def test_sides_that_are_the_same_are_one_curve_and_said_to_be_the_same():
    same = picture(loss((1.0, 0.5), (1.0, 0.5), count=2))
    assert "the same, bit for bit" in "".join(same.itertext())
    assert [kind for kind in classes(same) if kind.startswith("line")] == ["line after"]
    assert [e.text for e in same.iter("text") if "label" in e.get("class", "")] == ["both"]


def test_of_thinned_curves_only_the_points_are_said_to_be_the_same():
    assert described(loss((1.0, 0.5), (1.0, 0.5), count=9)).endswith("the same at all 2 points shown.")


def test_sides_that_differ_have_lines_marks_and_labels_of_their_own():
    element = picture(loss((1.0, 0.9), (1.0, 0.2), count=2))
    kinds = classes(element)
    assert all(kind in kinds for kind in ("line before", "line after", "mark before", "mark after"))
    labels = {e.text: float(e.get("y", "nan")) for e in element.iter("text") if "label" in e.get("class", "")}
    assert labels["before"] < labels["after"]


def test_a_run_that_came_less_far_is_labelled_so():
    element = picture(loss((1.0, 0.9), (1.0, 0.9, 0.8, 0.7), count=4))
    labels = {e.text: e.get("class", "").split() for e in element.iter("text") if "label" in e.get("class", "")}
    assert set(labels) == {"after", "before ends"} and "leftwards" not in labels["before ends"]
    assert classes(element).count("end before") == 1
    late = picture(loss((1.0, 0.9, 0.8, 0.7), (1.0, 0.9, 0.8), count=4))
    (label,) = (e for e in late.iter("text") if e.text == "after ends")
    assert "leftwards" in label.get("class", "").split(), "there is no room at the right"


@given(st.floats(0.1, 1), st.floats(0.1, 1))
def test_labels_of_ends_that_are_close_do_not_cover_each_other(one: float, other: float):
    element = picture(loss((1.0, one), (1.0, other), count=2))
    heights = [float(e.get("y", "nan")) for e in element.iter("text") if "label" in e.get("class", "")]
    assert len(heights) == 1 or abs(heights[0] - heights[1]) >= 14.5


def test_what_is_no_finite_number_breaks_the_line_and_is_marked():
    element = picture(loss((1.0, None, 0.5, 0.4), (1.0, 0.9, 0.8, 0.7), count=4))
    (line,) = (e for e in element.iter("path") if e.get("class") == "line before")
    assert line.get("d", "").count("M") == 2
    assert classes(element).count("missing before") == 1
    assert "× not a finite number" in "".join(element.itertext())
    assert "1 of 4 not a finite number" in described(loss((1.0, None, 0.5, 0.4), (), count=4))


def test_a_picture_is_told_in_words():
    series = loss((2.0, 1.5, 1.75), (2.0, 1.0, 0.25), count=3)
    element = picture(series)
    svg = element.find("svg")
    assert svg is not None
    names = [e.get("id") for e in (svg.find("title"), svg.find("desc")) if e is not None]
    assert svg.get("aria-labelledby", "").split() == names
    assert described(series) == (
        "3 values, one per backward pass. Before the fix: from 2 to 1.75, lowest 1.5, highest 2. "
        "After the fix: from 2 to 0.25, lowest 0.25, highest 2."
    )
    assert [e.text for e in element.iter("p")] == ["before 2 → 1.75, after 2 → 0.25"]


def test_nothing_on_one_side_is_said():
    told = described(loss((), (1.0, math.pi), count=2))
    assert "Before the fix: nothing recorded." in told
    assert "Before the fix: no finite number." in described(loss((None,), (1.0,), count=1))
