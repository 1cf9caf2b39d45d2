"""Sets of edits: applied, joined, and asked whether they get on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.edits import Claims, apply_edits, by_path, conflicts, fit, merge

NEW = st.sampled_from(["", "x", "yy\n", ")", "import a\n", "import b\n", "é\u2028"])


def edit(start: int, end: int, new: str, path: str = "a.py") -> Edit:
    return Edit(path, start, end, new)


@st.composite
def edit_lists(draw: st.DrawFn, length: int = 12, size: int = 6) -> list[Edit]:
    """Any edits of one text, overlapping or not."""
    ends = st.tuples(st.integers(0, length), st.integers(0, length))
    pairs = draw(st.lists(ends, max_size=size))
    return [edit(min(pair), max(pair), draw(NEW)) for pair in pairs]


@st.composite
def texts_and_edits(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    """A text and edits of it that do not overlap."""
    text = draw(st.text("ab\r\n\f é", max_size=30))
    bounds = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return text, merge(edit(a, b, draw(NEW)) for a, b in zip(bounds[::2], bounds[1::2], strict=False))


def test_edits_are_made_at_their_places() -> None:
    assert apply_edits("abcdef", [edit(4, 5, "E"), edit(0, 1, ""), edit(6, 6, "!")]) == "bcdEf!"


def test_an_insertion_stays_outside_of_the_ranges_it_touches() -> None:
    edits = [edit(1, 3, "X"), edit(1, 1, "<"), edit(3, 3, ">")]
    assert apply_edits("abcd", edits) == "a<X>d"
    assert not conflicts(edits[:1], edits[1:])


def test_identical_edits_count_once() -> None:
    both = [edit(0, 0, "import torch\n"), edit(0, 0, "import torch\n"), edit(0, 1, "A"), edit(0, 1, "A")]
    assert apply_edits("ab", both) == "import torch\nAb"


def test_insertions_at_one_offset_keep_the_order_of_the_fixes() -> None:
    assert apply_edits("", [edit(0, 0, "2"), edit(0, 0, "1"), edit(0, 0, "3")]) == "213"


@pytest.mark.parametrize(
    "edits", [[edit(0, 2, "x"), edit(1, 3, "y")], [edit(0, 2, "x"), edit(1, 1, "y")], [edit(3, 4, "x")]]
)
def test_overlap_and_places_outside_of_the_text_are_errors(edits: list[Edit]) -> None:
    assert not fit(edits, 3)
    with pytest.raises(ValueError):
        apply_edits("abc", edits)


def test_a_backward_range_is_an_error() -> None:
    with pytest.raises(ValueError):
        apply_edits("abc", [edit(2, 1, "x")])


def test_by_path_keeps_the_order() -> None:
    first, second, third = edit(5, 5, ""), edit(0, 0, "", "b.py"), edit(1, 1, "")
    assert by_path([first, second, third]) == {"a.py": [first, third], "b.py": [second]}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (edit(0, 4, "x"), edit(2, 2, "y"), True),
        (edit(0, 4, "x"), edit(3, 6, "y"), True),
        (edit(0, 4, "x"), edit(0, 4, "y"), True),
        (edit(0, 4, "x"), edit(4, 6, "y"), False),
        (edit(0, 4, "x"), edit(4, 4, "y"), False),
        (edit(0, 4, "x"), edit(0, 4, "x"), False),
        (edit(2, 2, "model.eval()\n"), edit(2, 2, "with torch.no_grad():\n"), True),
        (edit(2, 2, "import a\n"), edit(2, 2, "import b\n"), False),
        (edit(2, 2, "\nfrom a import b"), edit(2, 2, "import c\nimport d\n"), False),
        (edit(2, 2, "import a\n"), edit(2, 2, "import a\n"), False),
        (edit(2, 2, ")"), edit(2, 2, ")"), True),
        (edit(0, 4, "x"), edit(2, 3, "y", "b.py"), False),
    ],
)
def test_conflicts(one: Edit, other: Edit, expected: bool) -> None:
    assert conflicts([one], [other]) is expected
    assert conflicts([other], [one]) is expected


def test_a_claim_is_named() -> None:
    claims = Claims()
    claims.add([edit(0, 3, "a"), edit(9, 9, "b")], "first")
    claims.add([edit(3, 9, "c")], "second")
    assert claims.holder([edit(20, 20, "z"), edit(5, 6, "z")]) == "second"
    assert claims.holder([edit(9, 9, "z")]) == "first"
    assert claims.holder([edit(3, 3, "z")]) is None


@given(texts_and_edits(), edit_lists())
def test_what_does_not_conflict_can_be_made_together(case: tuple[str, list[Edit]], others: list[Edit]) -> None:
    text, edits = case
    others = [other for other in others if fit([other], len(text))]
    if fit(others, len(text)) and not conflicts(edits, others):
        together = apply_edits(text, merge(edits, others))
        grown = sum(len(e.new) - (e.end - e.start) for e in {*edits, *others})
        assert len(together) == len(text) + grown


@given(edit_lists(), edit_lists())
def test_conflict_is_symmetric_and_agrees_with_all_pairs(one: list[Edit], other: list[Edit]) -> None:
    if fit(one, 12) and fit(other, 12):
        one, other = merge(one), merge(other)
        pairs = any(conflicts([a], [b]) for a in one for b in other)
        assert conflicts(one, other) is conflicts(other, one) is pairs


@given(texts_and_edits())
def test_edits_do_not_touch_anything_else(case: tuple[str, list[Edit]]) -> None:
    text, edits = case
    pieces, position = "", 0
    for made in edits:
        pieces += text[position : made.start] + made.new
        position = made.end
    assert apply_edits(text, edits) == pieces + text[position:]
