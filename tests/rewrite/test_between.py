"""From one edited state of a file to another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.rewrite.between import between
from torchfix_codemods.rewrite.byte_edits import ByteEdit, splice


@st.composite
def byte_edits(draw: st.DrawFn, raw: bytes) -> list[ByteEdit]:
    """Edits that do not touch one another, as those of a plan."""
    bounds = sorted(draw(st.sets(st.integers(0, len(raw)), max_size=8)))
    pairs = zip(bounds[::2], bounds[1::2], strict=False)
    kept = draw(st.sampled_from((0, 1)))  # 0: insertions only
    return [ByteEdit(a, b if kept else a, draw(st.binary(max_size=4)), frozenset({f"{a}"})) for a, b in pairs]


cases = st.binary(max_size=24).flatmap(lambda raw: st.tuples(st.just(raw), byte_edits(raw), byte_edits(raw)))


@given(cases)
def test_the_edits_lead_from_one_state_to_the_other(case: tuple[bytes, list[ByteEdit], list[ByteEdit]]) -> None:
    raw, one, other = case
    assert splice(splice(raw, one), between(raw, one, other)) == splice(raw, other)


@given(cases)
def test_what_both_want_alike_leaves_no_edit(case: tuple[bytes, list[ByteEdit], list[ByteEdit]]) -> None:
    raw, one, _ = case
    assert between(raw, one, one) == []


def test_only_what_is_new_is_edited():
    raw = b"one\ntwo\nthree\nfour\n"
    first = ByteEdit(4, 7, b"zwei")
    second = ByteEdit(8, 13, b"drei", frozenset({"b"}))
    assert between(raw, [first], [first, second]) == [ByteEdit(9, 14, b"drei", frozenset({"b"}))]
    assert between(raw, [first, second], [second]) == [ByteEdit(4, 8, b"two", frozenset())]
