"""Edits of several passes as one list of edits of the original."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.compose import Origins, PlannedEdit, blame, compose
from torchfix_codemods.rewrite.edits import apply_edits

LAYERS = 4


def apply_planned(text: str, planned: Iterable[PlannedEdit]) -> str:
    return apply_edits(text, [item.edit for item in planned])


@st.composite
def layers(draw: st.DrawFn, text: str, count: int = LAYERS) -> list[list[PlannedEdit]]:
    """Edits in several passes, each on the text that the one before left."""
    made = []
    for number in range(count):
        bounds = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
        pairs = zip(bounds[::2], bounds[1::2], strict=False)
        news = st.text("xy\n", max_size=4)
        made.append(blame((f"{number}.{a}", [Edit("a.py", a, b, draw(news))]) for a, b in pairs))
        text = apply_planned(text, made[-1])
    return made


texts = st.text("abcdefgh\n", max_size=24)
cases = texts.flatmap(lambda text: st.tuples(st.just(text), layers(text)))


@given(cases)
def test_the_composed_edits_do_what_the_passes_did(case: tuple[str, list[list[PlannedEdit]]]) -> None:
    text, passes = case
    composed: list[PlannedEdit] = []
    expected = text
    for layer in passes:
        composed, expected = compose(composed, layer), apply_planned(expected, layer)
        assert apply_planned(text, composed) == expected


@given(cases)
def test_composed_edits_stand_apart_and_in_order(case: tuple[str, list[list[PlannedEdit]]]) -> None:
    _, (first, second, *_) = case
    edits = [item.edit for item in compose(first, second)]
    assert all(one.end < other.start for one, other in pairwise(edits))


@given(cases)
def test_no_fix_is_forgotten(case: tuple[str, list[list[PlannedEdit]]]) -> None:
    _, (first, second, *_) = case
    causes = frozenset[str]().union(*(item.fixes for item in [*first, *second]))
    assert causes == frozenset().union(*(item.fixes for item in compose(first, second)))


@given(cases)
def test_passes_can_be_composed_in_any_grouping(case: tuple[str, list[list[PlannedEdit]]]) -> None:
    text, (first, second, third, _) = case
    left = compose(compose(first, second), third)
    assert apply_planned(text, left) == apply_planned(text, compose(first, compose(second, third)))


@given(cases)
def test_characters_that_were_kept_know_where_they_come_from(
    case: tuple[str, list[list[PlannedEdit]]],
) -> None:
    # Each character occurs once and no edit writes it, so it tells its own origin.
    _, (first, *_) = case
    text = "".join(chr(0x4E00 + index) for index in range(24))
    first = [item for item in first if item.edit.end <= len(text)]
    origins = Origins(first)
    for offset, character in enumerate(apply_planned(text, first)):
        start, end = origins.span(offset, offset + 1)
        assert 0 <= start <= end <= len(text)
        assert character in "xy\n" or text[start:end] == character


def test_edits_far_apart_stay_apart_and_keep_their_fixes() -> None:
    first = blame([("one", [Edit("a.py", 0, 1, "AAA")]), ("two", [Edit("a.py", 6, 8, "")])])
    second = blame([("three", [Edit("a.py", 10, 11, "Z")]), ("one", [Edit("b.py", 0, 0, "new")])])
    assert compose(first, second) == [
        PlannedEdit(Edit("a.py", 0, 1, "AAA"), frozenset({"one"})),
        PlannedEdit(Edit("a.py", 6, 8, ""), frozenset({"two"})),
        PlannedEdit(Edit("a.py", 10, 11, "Z"), frozenset({"three"})),
        PlannedEdit(Edit("b.py", 0, 0, "new"), frozenset({"one"})),
    ]


def test_a_later_edit_inside_new_text_joins_its_edit() -> None:
    first = blame([("one", [Edit("a.py", 2, 4, "abcdef")])])
    second = blame([("two", [Edit("a.py", 4, 10, "!")])])
    assert compose(first, second) == [PlannedEdit(Edit("a.py", 2, 6, "ab!"), frozenset({"one", "two"}))]


def test_an_edit_of_two_fixes_stands_once_with_both() -> None:
    wanted = Edit("a.py", 0, 0, "import torch\n")
    assert blame([("one", [wanted]), ("two", [wanted])]) == [PlannedEdit(wanted, frozenset({"one", "two"}))]


def test_new_text_comes_from_what_it_replaced() -> None:
    origins = Origins(blame([("one", [Edit("a.py", 2, 4, "abcdef"), Edit("a.py", 5, 6, "")])]))
    assert origins.span(0, 2) == (0, 2)
    assert origins.span(3, 5) == (2, 4)
    assert origins.span(8, 9) == (4, 5)
    assert origins.span(9, 10) == (6, 7)
    assert origins.span(1, 9) == (1, 5)
