"""Edits of a notebook's Python text as edits of the sources of its cells, and as edits of the bytes of its JSON.

Only the strings of `source` that an edit touches are written anew, and in these every character that was there keeps
the way in which it was written.
"""

from __future__ import annotations

import ast
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby, pairwise

from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.compose import PlannedEdit
from torchfix_codemods.rewrite.edits import apply_edits, fit, place
from torchfix_codemods.source.json_places import Literal, SourcePlace
from torchfix_codemods.source.notebooks import Cell, Notebook

_CHARACTER = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]", re.S)

#: Replace characters `[start, end)` of the JSON text by a new text, because of the fixes with these ids.
JsonEdit = tuple[int, int, str, frozenset[str]]
_Unit = tuple[bool, str]  # whether a character ends a line, and how it is written


def refusal(notebook: Notebook, text: str, edits: Sequence[Edit]) -> str | None:
    """Why the edits of the text, as it is by now, cannot be made in the notebook; None where they can."""
    if not fit(edits, len(text)):
        return None  # these are dropped elsewhere
    after = apply_edits(text, edits)
    cells, before = notebook.texts_in(after), notebook.texts_in(text)
    if cells is None or before is None:
        return "the change would reach over the border of a cell, or into a line of IPython"
    if not notebook.holds(after):
        return "the change would touch a line of IPython, or leave a cell that does not parse alone"
    if any(old != new and _shows(old) and not _shows(new) for old, new in zip(before, cells, strict=True)):
        return "the value that ends the cell would not be shown below it any more"
    return None


def _shows(cell: str) -> bool:
    """Whether the last statement of a cell is an expression, whose value is shown unless it is None."""
    body = ast.parse(cell).body
    match body[-1] if body else None:
        case ast.Expr(value=ast.Call(func=ast.Name(id="print" | "display"))):
            return False
        case ast.Expr():
            return not cell.rstrip().endswith(";")
        case _:
            return False


def cell_edit(notebook: Notebook, edit: Edit) -> tuple[Cell, Edit]:
    """The cell that an edit of the text is in, and the same edit of that cell's source.

    Raises `ValueError` for an edit that reaches beyond its cell.
    """
    cell = notebook.cell_at(edit.start)
    start, end, new = edit.start - cell.start, edit.end - cell.start, edit.new
    size, newline = len(cell.text), notebook.newline
    if end == size + len(newline):  # the line end that only the text has
        start, new = _above_border(cell, start, new, newline)
        end = size
    if end > size:
        raise ValueError(f"an edit reaches over the border of cell {cell.number}")
    first = cell.source_offset(start)
    last = first if start == end else cell.source_offset(end)
    return cell, Edit(edit.path, first, last, notebook.original(new))


def _above_border(cell: Cell, start: int, new: str, newline: str) -> tuple[int, str]:
    """An edit up to the line of a border, as one up to the end of the cell, which has no line end there."""
    size = len(cell.text)
    if new.endswith(newline):
        kept = new.removesuffix(newline)
        return (size, newline + kept) if start > size else (start, kept)
    if not new and start <= size and cell.text.endswith(newline, 0, start):
        return start - len(newline), ""
    raise ValueError(f"an edit reaches over the border of cell {cell.number}")


def json_range(notebook: Notebook, start: int, end: int) -> tuple[int, int]:
    """Where characters `[start, end)` of the text stand in the JSON text: within the quotes of the strings.

    Both offsets are of the cell that `start` lies in; what is between two strings belongs to neither of them.
    """
    cell = notebook.cell_at(start)
    first, last = cell.source_offset(start - cell.start), cell.source_offset(end - cell.start)
    begin = _written_at(notebook.json, cell.place, first)
    # The end belongs to the last character: what follows it may stand on another line of the file.
    return begin, begin if last <= first else _written_at(notebook.json, cell.place, last - 1, behind=1)


def _written_at(text: str, source: SourcePlace, offset: int, behind: int = 0) -> int:
    """Where the character at this offset of a source is written, or what is `behind` it."""
    if not source.literals:
        return source.start + 1
    starts = [0, *accumulate(len(literal.value) for literal in source.literals)][:-1]
    index = bisect_right(starts, offset) - 1
    literal = source.literals[index]
    before = _units(text, literal)[: offset - starts[index] + behind]
    return literal.start + 1 + sum(len(written) for _, written in before)


def json_edits(notebook: Notebook, edits: Iterable[PlannedEdit]) -> Iterator[JsonEdit]:
    """The same edits of the JSON text, by place."""
    moved = [(*cell_edit(notebook, item.edit), item.fixes) for item in sorted(edits, key=lambda i: place(i.edit))]
    for _, group in groupby(moved, key=lambda item: item[0].number):
        items = list(group)
        planned = [PlannedEdit(edit, fixes) for _, edit, fixes in items]
        yield from _of_cell(notebook.json, items[0][0].place, planned, ensure_ascii=notebook.json.isascii())


def _of_cell(text: str, source: SourcePlace, edits: list[PlannedEdit], *, ensure_ascii: bool) -> Iterator[JsonEdit]:
    fixes = frozenset[str]().union(*(item.fixes for item in edits))
    if not source.literals:
        new = _written("".join(item.edit.new for item in edits), ensure_ascii=ensure_ascii)
        yield source.start + 1, source.start + 1, ", ".join(_strings(new, source)), fixes
        return
    starts = [0, *accumulate(len(literal.value) for literal in source.literals)][:-1]
    groups = list(_groups(starts, edits))
    found = [_of_strings(text, source, starts, group, ensure_ascii=ensure_ascii) for group in groups]
    if any(one[1] > other[0] for one, other in pairwise(found)):  # strings that are no lines
        whole = groups[0][0], groups[-1][1], edits
        found = [_of_strings(text, source, starts, whole, ensure_ascii=ensure_ascii)]
    yield from found


_Group = tuple[int, int, list[PlannedEdit]]  # the first and the last string that the edits touch


def _of_strings(
    text: str, source: SourcePlace, starts: Sequence[int], group: _Group, *, ensure_ascii: bool
) -> JsonEdit:
    """The strings of a group written anew, with the one before them where nothing is left of them."""
    first, last, items = group
    strings: list[str] = []
    while not strings:
        strings, end = _rewritten(text, source, starts, first, last, [item.edit for item in items], ensure_ascii)
        if not first:
            break
        first -= not strings
    new = _separator(text, source).join(strings) or '""'
    why = frozenset[str]().union(*(item.fixes for item in items))
    return source.literals[first].start, source.literals[end].end, new, why


def _groups(starts: Sequence[int], edits: Iterable[PlannedEdit]) -> Iterator[_Group]:
    """The edits that touch the same or adjoining strings, together."""
    current: _Group | None = None
    for item in edits:
        first = bisect_right(starts, item.edit.start) - 1
        last = max(first, bisect_right(starts, item.edit.end - 1) - 1)
        if current and first <= current[1] + 1:
            current = current[0], max(last, current[1]), [*current[2], item]
            continue
        if current:
            yield current
        current = first, last, [item]
    if current:
        yield current


def _rewritten(
    text: str,
    source: SourcePlace,
    starts: Sequence[int],
    first: int,
    last: int,
    edits: Sequence[Edit],
    ensure_ascii: bool,
) -> tuple[list[str], int]:
    """The strings instead of those from `first` to `last`, and the last one that they stand for: one further where a
    line would else end in the middle."""
    while True:
        units = [unit for literal in source.literals[first : last + 1] for unit in _units(text, literal)]
        for edit in reversed(edits):
            start, end = edit.start - starts[first], edit.end - starts[first]
            units[start:end] = _written(edit.new, ensure_ascii=ensure_ascii)
        if last + 1 == len(source.literals) or (units and units[-1][0]):
            return list(_strings(units, source)), last
        last += 1


def _units(text: str, literal: Literal) -> list[_Unit]:
    """The characters of a string as they are written."""
    written = _CHARACTER.findall(text, literal.start + 1, literal.end - 1)
    return [(value == "\n", each) for value, each in zip(literal.value, written, strict=True)]


def _written(new: str, *, ensure_ascii: bool) -> list[_Unit]:
    return [(each == "\n", json.dumps(each, ensure_ascii=ensure_ascii)[1:-1]) for each in new]


def _strings(units: Iterable[_Unit], source: SourcePlace) -> Iterator[str]:
    """JSON strings of these characters: one for each line where the source is a list."""
    line: list[str] = []
    for ends_line, written in units:
        line.append(written)
        if ends_line and source.is_list:
            yield '"' + "".join(line) + '"'
            line = []
    if line or not source.is_list:
        yield '"' + "".join(line) + '"'


def _separator(text: str, source: SourcePlace) -> str:
    """What stands between two strings of the list."""
    if len(source.literals) > 1:
        return text[source.literals[0].end : source.literals[1].start]
    return "," + text[source.start + 1 : source.literals[0].start]
