"""Rows of a diff: numbers, signs and the characters that were edited."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.findings import Edit
from torchfix_codemods.report.diff import Row, diff_rows
from torchfix_codemods.rewrite.edits import apply_edits


def test_a_replacement_is_emphasised_on_both_sides():
    text = "a\nb = softmax(x)\nc\n"
    start = text.index("softmax")
    (rows,) = diff_rows(text, [Edit("p", start, start + 8, ""), Edit("p", start + 9, start + 10, "")], context=1)
    assert rows == [
        Row(" ", 1, 1, "a"),
        Row("-", 2, None, "b = softmax(x)", ((4, 12), (13, 14))),
        Row("+", None, 2, "b = x"),
        Row(" ", 3, 3, "c"),
    ]


def test_new_lines_are_not_emphasised_as_a_whole():
    (rows,) = diff_rows("a\nb\n", [Edit("p", 2, 2, "    model.eval()\n")], context=0)
    assert rows == [Row("+", None, 2, "    model.eval()")]


def test_carriage_returns_and_form_feeds_belong_to_their_line():
    (rows,) = diff_rows("a\r\n\x0cb\r\n", [Edit("p", 4, 5, "c")], context=0)
    assert [row.text for row in rows] == ["\x0cb\r", "\x0cc\r"]


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    text = draw(st.text("ab\n\r\u2028é", max_size=40))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6, unique=True)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    return text, [Edit("p", a, b, draw(st.text("xy\n", max_size=5))) for a, b in pairs]


@given(edited())
def test_the_rows_are_the_lines_of_both_texts(case: tuple[str, list[Edit]]):
    text, edits = case
    old, new = text.split("\n"), apply_edits(text, edits).split("\n")
    for rows in diff_rows(text, edits):
        for row in rows:
            if row.old_number is not None:
                assert old[row.old_number - 1] == row.text
            if row.new_number is not None:
                assert new[row.new_number - 1] == row.text
            assert (row.tag == " ") == (row.old_number is not None and row.new_number is not None)
            assert all(0 <= a < b <= len(row.text) for a, b in row.emphasis)
