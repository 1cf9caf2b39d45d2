"""Where the characters of a cell stand in the JSON of the notebook."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from notebooks import code, notebook

from torchfix_codemods.rewrite.notebook_edits import json_range
from torchfix_codemods.source.notebooks import Notebook, read_notebook

CELLS = st.lists(st.text('ab"\\\n\t\r é\U0001d400#=1', max_size=20), min_size=1, max_size=3)


def read(cells: list[str], lists: bool, ascii_only: bool) -> Notebook:
    raw = notebook(*(code(cell, as_list=lists) for cell in cells), ensure_ascii=ascii_only)
    found = read_notebook("a.ipynb", raw)
    assert isinstance(found, Notebook)
    return found


def decoded(piece: str) -> str:
    value = json.loads(f'"{piece}"')
    assert isinstance(value, str)
    return value


@given(CELLS, st.booleans(), st.booleans())
def test_each_character_is_found_where_it_is_written(cells: list[str], lists: bool, ascii_only: bool):
    found = read(cells, lists, ascii_only)
    for cell in found.cells:
        if cell.text != cell.source:  # what stands for a piece of IPython has no characters of its own
            continue
        for index, character in enumerate(cell.source):
            start, end = json_range(found, cell.start + index, cell.start + index + 1)
            assert decoded(found.json[start:end]) == character


@given(CELLS, st.booleans(), st.data())
def test_a_range_holds_all_that_is_between_its_ends(cells: list[str], ascii_only: bool, data: st.DataObject):
    found = read(cells, False, ascii_only)
    cell = data.draw(st.sampled_from([cell for cell in found.cells if cell.text == cell.source] or [None]))
    if cell is None:
        return
    first = data.draw(st.integers(0, len(cell.source)))
    last = data.draw(st.integers(first, len(cell.source)))
    start, end = json_range(found, cell.start + first, cell.start + last)
    assert decoded(found.json[start:end]) == cell.source[first:last]


def test_an_empty_cell_has_a_place_too():
    found = read(["", "x"], True, False)
    start, end = json_range(found, 0, 0)
    assert start == end and found.json[start - 1] == "["


def test_a_magic_is_found_where_its_name_stands_for_it():
    found = read(["%time old_word"], True, True)
    start = found.text.index("old_word")
    assert found.json[slice(*json_range(found, start, start + 8))] == "old_word"
