"""From what some edits made of a file to what others would have made of it, without comparing the two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.byte_edits import ByteEdit, splice
from torchfix_codemods.rewrite.compose import PlannedEdit, compose


def between(raw: bytes, earlier: Iterable[ByteEdit], later: Iterable[ByteEdit]) -> list[ByteEdit]:
    """The edits that turn `raw` with `earlier` made into `raw` with `later` made, sorted by place.

    Both are lists of edits of `raw` by place, free of overlaps. What both want alike leaves no edit.
    """
    earlier = list(earlier)
    current = splice(raw, earlier)
    # Latin-1 has a character for every byte, so what is known of composing edits of texts holds for those of bytes.
    there = [PlannedEdit(Edit("", e.start, e.end, e.new.decode("latin-1")), e.fixes) for e in later]
    composed = compose(_inverse(raw, earlier), there)
    edits = [ByteEdit(i.edit.start, i.edit.end, i.edit.new.encode("latin-1"), i.fixes) for i in composed]
    return [edit for edit in edits if current[edit.start : edit.end] != edit.new]


def _inverse(raw: bytes, edits: Iterable[ByteEdit]) -> Iterator[PlannedEdit]:
    """The edits of the edited bytes that take `edits` back."""
    shift = 0
    for edit in edits:
        start = edit.start + shift
        old = raw[edit.start : edit.end].decode("latin-1")
        yield PlannedEdit(Edit("", start, start + len(edit.new), old), frozenset())
        shift += len(edit.new) - (edit.end - edit.start)
