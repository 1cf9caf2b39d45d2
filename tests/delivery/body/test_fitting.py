"""Parts within a limit: what is dropped, in which order, and that it is counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.delivery.body.fitting import Part, fitted, size

ORDER = ("first", "second")
PARTS = st.lists(
    st.tuples(*[st.integers(0, 30)] * 3).map(sorted).map(lambda n: Part(("c" * n[2], "b" * n[1], "a" * n[0]), ORDER)),
    max_size=6,
)


@given(PARTS, st.integers(0, 150))
def test_parts_fit_where_their_shortest_forms_do(parts: list[Part], room: int):
    texts, lost = fitted(parts, room, ORDER)
    assert all(text in part.forms for text, part in zip(texts, parts, strict=True))
    if sum(size(part.forms[-1]) for part in parts) <= room:
        assert sum(map(size, texts)) <= room
    if sum(size(part.forms[0]) for part in parts) <= room:
        assert texts == [part.forms[0] for part in parts] and not lost.total()


@given(PARTS, st.integers(0, 150))
def test_nothing_of_the_second_kind_goes_while_there_is_some_of_the_first(parts: list[Part], room: int):
    texts, lost = fitted(parts, room, ORDER)
    if lost["second"]:
        assert all(
            text != part.forms[0] or part.forms[0] == part.forms[1] for text, part in zip(texts, parts, strict=True)
        )


def test_the_last_part_is_shortened_first_and_what_has_one_form_stays():
    parts = [Part(("long", "l"), ("first",)), Part(("whole",)), Part(("longer", "r"), ("first",))]
    assert fitted(parts, 10, ORDER) == (["long", "whole", "r"], {"first": 1})
    assert fitted(parts, 0, ORDER) == (["l", "whole", "r"], {"first": 2})
