"""The diff of some edits as rows for a screen: two line numbers, a sign, and which characters were edited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.byte_edits import byte_edits
from torchfix_codemods.rewrite.compose import PlannedEdit
from torchfix_codemods.rewrite.edits import apply_edits, merge
from torchfix_codemods.rewrite.hunks import hunks
from torchfix_codemods.source.text import Source

Span = tuple[int, int]


@dataclass(frozen=True)
class Row:
    """One line of a diff. `tag` is " ", "-" or "+"; `emphasis` are the ranges of the line that an edit touched."""

    tag: str
    old_number: int | None
    new_number: int | None
    text: str
    emphasis: tuple[Span, ...] = ()


def diff_rows(text: str, edits: Iterable[Edit], context: int = 3) -> Iterator[list[Row]]:
    """The rows of each hunk that these edits of one text make."""
    # What is shown is the text, not the bytes: any encoding of it serves as well as that of the file.
    source = Source("", text.encode("utf-8", "surrogatepass"), text, "utf-8", b"")
    exact = merge(edits)
    changed = byte_edits(source, [PlannedEdit(edit, frozenset()) for edit in exact])
    old = _Marked(text, [(edit.start, edit.end) for edit in exact])
    new = _Marked(apply_edits(text, exact), list(_landed(exact)))
    for hunk in hunks(source.raw, changed, context):
        yield [_row(line.tag, line.old_number, line.new_number, old, new) for line in hunk.lines]


def _row(tag: str, old_number: int | None, new_number: int | None, old: _Marked, new: _Marked) -> Row:
    side, number = (new, new_number) if old_number is None else (old, old_number)
    assert number is not None, "a line of a hunk stands in one of the two files"
    emphasis = side.emphasis(number) if tag != " " else ()
    return Row(tag, old_number, new_number, side.line(number), emphasis)


def _landed(edits: Sequence[Edit]) -> Iterator[Span]:
    """Where the new texts stand after the edits."""
    shift = 0
    for edit in edits:
        start = edit.start + shift
        yield start, start + len(edit.new)
        shift += len(edit.new) - (edit.end - edit.start)


class _Marked:
    """A text with marked ranges, looked at line by line (as in a patch, only LF ends a line)."""

    def __init__(self, text: str, spans: Sequence[Span]) -> None:
        self._lines = text.split("\n")
        self._spans = spans
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def line(self, number: int) -> str:
        """A line (from 1) without its end."""
        return self._lines[number - 1]

    def emphasis(self, number: int) -> tuple[Span, ...]:
        """The marked ranges within a line; none where all of it is marked, since the sign says that already."""
        start, line = self._starts[number - 1], self.line(number)
        cut = [(max(a - start, 0), min(b - start, len(line))) for a, b in self._spans]
        marked = tuple((a, b) for a, b in cut if a < b)
        left = "".join(line[a:b] for a, b in _gaps(marked, len(line)))
        return marked if left.strip() else ()


def _gaps(spans: Iterable[Span], length: int) -> Iterator[Span]:
    position = 0
    for start, end in spans:
        yield position, start
        position = end
    yield position, length
