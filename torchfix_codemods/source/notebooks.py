"""Notebooks (`.ipynb`, nbformat 4) as one Python text over their code cells, and the way back.

Between two cells stands a line that names the border, for each piece of IPython's own a name (see `ipython`). Both are
words that the notebook itself does not hold, so from an edited text the sources of the cells can be read again.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torchfix_codemods.findings import LeftOut, Skipped
from torchfix_codemods.source.ipython import CellReading, read_cell, whole_cell, with_names
from torchfix_codemods.source.json_places import SourcePlace, cell_sources

SUFFIX = ".ipynb"
#: Pictures count too: a notebook is far larger than its code.
MAX_BYTES = 100_000_000
_NEWLINE = re.compile(r"\r\n|\r|\n")
_PYTHON = re.compile(r"i?python", re.IGNORECASE)


@dataclass(frozen=True)
class Cell:
    """A code cell: `number` counts all cells from 1, `text` is its part of the Python text and begins at `start`.

    `named` are the ranges of `text` that stand for something else, with the ranges of `source` that they stand for.
    """

    number: int
    source: str
    text: str
    start: int
    named: tuple[tuple[int, int, int, int], ...]
    place: SourcePlace

    def source_offset(self, offset: int) -> int:
        """The offset in `source` of one in `text`; within a name that of what it stands for."""
        shift = 0
        for start, end, source_start, source_end in self.named:
            if offset < start:
                break
            if offset < end:
                return source_start
            shift = source_end - end
        return min(offset + shift, len(self.source))


@dataclass(frozen=True)
class Notebook:
    """A notebook as read: its JSON text, its Python text, and its code cells.

    `left_out` are the cells of which something is not analysed that may be Python.
    """

    json: str
    text: str
    cells: tuple[Cell, ...]
    left_out: tuple[LeftOut, ...]
    newline: str
    word: str
    foreign: frozenset[int]

    def cell_at(self, offset: int) -> Cell:
        """The cell that an offset of the text lies in; of a border the cell before it."""
        return self.cells[max(0, bisect_right(self._starts, offset) - 1)]

    def place(self, path: str, line: int) -> str:
        """Where a line of the text stands: the cell, and the line in it."""
        starts = [0, *(match.end() for match in _NEWLINE.finditer(self.text))]
        offset = starts[min(line, len(starts)) - 1]
        cell = self.cell_at(offset)
        before = cell.source[: cell.source_offset(offset - cell.start)]
        return f"{path}, cell {cell.number}:{1 + len(_NEWLINE.findall(before))}"

    def sources_in(self, text: str) -> list[str] | None:
        """The sources of the cells in an edited text, None where a border or a name in it is not as it was."""
        texts = self.texts_in(text)
        return None if texts is None else [self.original(piece) for piece in texts]

    def texts_in(self, text: str) -> list[str] | None:
        """The parts of the cells in an edited text, None where a border or a name in it is not as it was."""
        if not self.cells:
            return [] if text == self.text else None
        pieces = self._border.split(text.removesuffix(self.newline))
        borders = [int(match[1]) for match in self._border.finditer(text)]
        names = [int(match[1]) for match in self._name.finditer(text)]
        known = text.endswith(self.newline) and names == list(range(len(self._originals)))
        if not known or borders != [cell.number for cell in self.cells[1:]]:
            return None
        return pieces[::2]

    def holds(self, text: str) -> bool:
        """Whether an edited text is that of a notebook again: whole cells which parse, and what is not Python as it
        was."""
        sources = self.sources_in(text)
        if sources is None:
            return False
        numbers = [cell.number for cell in self.cells]
        readings = list(_readings(numbers, sources, self.foreign))
        return _joined(numbers, sources, readings, self.newline, self.word)[0] == text

    def original(self, piece: str) -> str:
        """A piece of the text as it stands in the notebook."""
        return self._name.sub(lambda match: self._originals[int(match[1])], piece)

    @cached_property
    def _originals(self) -> list[str]:
        return [cell.source[start:end] for cell in self.cells for _, _, start, end in cell.named]

    @cached_property
    def _starts(self) -> list[int]:
        return [cell.start for cell in self.cells]

    @property
    def _border(self) -> re.Pattern[str]:
        newline = re.escape(self.newline)
        return re.compile(rf"{newline}# {self.word}_cell_(\d+){newline}{newline}")

    @property
    def _name(self) -> re.Pattern[str]:
        return re.compile(rf"{self.word}_(\d+)_(?:; )?")


def read_notebook(path: str, raw: bytes) -> Notebook | Skipped:
    """The notebook in these bytes (a byte order mark left out), or why it is skipped.

    Reasons: `undecodable`, `not-json`, `not-nbformat-4`, `not-python`.
    """
    try:
        text = raw.decode("utf-8")
    except ValueError as error:
        return Skipped(path, "undecodable", str(error))
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Skipped(path, "not-json", str(error) or "nested too deeply")
    return _refused(path, whole) or _read(path, text, whole)


def _refused(path: str, whole: Any) -> Skipped | None:
    """Why a JSON value is no notebook that can be read."""
    if not isinstance(whole, dict) or whole.get("nbformat") != 4:
        version = whole.get("nbformat") if isinstance(whole, dict) else None
        return Skipped(path, "not-nbformat-4", f"its nbformat is {version}" if version else "it is no notebook")
    cells = whole.get("cells")
    if not isinstance(cells, list) or not all(map(_is_cell, cells)):
        return Skipped(path, "not-nbformat-4", "its cells are not those of a notebook")
    language = _language(whole.get("metadata"))
    if language and not _PYTHON.match(language):
        return Skipped(path, "not-python", f"its language is {language}")
    return None


def _is_cell(cell: Any) -> bool:
    match cell:
        case {"cell_type": str(), "source": str()}:
            return True
        case {"cell_type": str(), "source": list(lines)}:
            return all(isinstance(line, str) for line in lines)
        case _:
            return False


def _language(metadata: Any) -> str:
    match metadata:
        case {"language_info": {"name": str(name)}} | {"kernelspec": {"language": str(name)}}:
            return name
        case _:
            return ""


def _read(path: str, text: str, whole: Mapping[str, Any]) -> Notebook | Skipped:
    places = cell_sources(text)
    sources = ["".join(cell["source"]) for cell in whole["cells"]]
    if sources != [None if place is None else "".join(s.value for s in place.literals) for place in places]:
        return Skipped(path, "not-json", "a key stands twice in it")
    code = [number for number, cell in enumerate(whole["cells"], 1) if cell["cell_type"] == "code"]
    foreign = frozenset(number for number in code if _is_foreign(whole["cells"][number - 1]))
    chosen = [sources[number - 1] for number in code]
    newline = next((match[0] for source in chosen if (match := _NEWLINE.search(source))), "\n")
    word = "_ipython"
    while any(word in source for source in chosen):
        word += "_"
    readings = list(_readings(code, chosen, foreign))
    joined, cells = _joined(code, chosen, readings, newline, word)
    return Notebook(
        json=text,
        text=joined,
        cells=tuple(
            Cell(number, source, piece, start, tuple(_named(piece, source, reading, word)), place)
            for (number, source, reading), (piece, start) in zip(
                zip(code, chosen, readings, strict=True), cells, strict=True
            )
            if (place := places[number - 1])
        ),
        left_out=tuple(
            LeftOut(path, number, *reading.hidden)
            for number, reading in zip(code, readings, strict=True)
            if reading.hidden
        ),
        newline=newline,
        word=word,
        foreign=foreign,
    )


def _is_foreign(cell: Mapping[str, Any]) -> bool:
    match cell.get("metadata"):
        case {"vscode": {"languageId": str(name)}}:
            return _PYTHON.match(name) is None
        case _:
            return False


def _readings(numbers: Sequence[int], sources: Sequence[str], foreign: frozenset[int]) -> Iterator[CellReading]:
    for number, source in zip(numbers, sources, strict=True):
        yield whole_cell(source) if number in foreign else read_cell(source)


def _joined(
    numbers: Sequence[int], sources: Sequence[str], readings: Sequence[CellReading], newline: str, word: str
) -> tuple[str, list[tuple[str, int]]]:
    """The Python text, and the part of each cell with its offset."""
    pieces: list[str] = []
    cells: list[tuple[str, int]] = []
    position, named = 0, 0
    for number, source, reading in zip(numbers, sources, readings, strict=True):
        if cells:
            border = f"{newline}# {word}_cell_{number}{newline}{newline}"
            pieces.append(border)
            position += len(border)
        names = [f"{word}_{named + index}_" for index in range(len(reading.spans))]
        piece = with_names(source, reading.spans, names)
        named += len(reading.spans)
        cells.append((piece, position))
        pieces.append(piece)
        position += len(piece)
    return "".join(pieces) + newline, cells


def _named(piece: str, source: str, reading: CellReading, word: str) -> Iterator[tuple[int, int, int, int]]:
    for match, span in zip(re.finditer(rf"{word}_\d+_(?:; )?", piece), reading.spans, strict=True):
        yield match.start(), match.end(), span.start, span.end
