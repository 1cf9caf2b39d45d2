"""In which lines of a file itself a range of its text stands: as git counts them, in notebooks those of the JSON."""

from __future__ import annotations

from torchfix_codemods.source.notebooks import Notebook
from torchfix_codemods.source.text import Source


def raw_lines(source: Source, start: int, end: int) -> tuple[int, int]:
    """The first and the last line (from 1, ended by LF) of the characters from `start` to before `end`."""
    last = max(start, end - 1)
    if source.notebook is not None:
        return _line_in_json(source.notebook, start), _line_in_json(source.notebook, last)
    return _line(source.text, start), _line(source.text, last)


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _line_in_json(notebook: Notebook, offset: int) -> int:
    """The line of the string that holds a character: a JSON string never goes over several lines."""
    cell = notebook.cell_at(offset)
    left = cell.source_offset(offset - cell.start)
    place = cell.place.start
    for literal in cell.place.literals:
        place = literal.start
        if left < len(literal.value):
            break
        left -= len(literal.value)
    return _line(notebook.json, place)
