"""Where the sources of a notebook's cells stand in its JSON text: `json` gives the values, this gives their places.

Only for text that `json.loads` has accepted. What is of no interest (outputs, images) is passed over unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from json import JSONDecoder

_DECODER = JSONDecoder()
_MARK = re.compile(r'["\[\]{}]')
_OTHER = re.compile(r"[^\s,\]}]+")
_BLANK = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Literal:
    """A JSON string: its quotes stand at `start` and at `end - 1`."""

    start: int
    end: int
    value: str


@dataclass(frozen=True)
class SourcePlace:
    """The `source` of a cell: one string, or a list of strings whose bracket opens at `start`."""

    start: int
    literals: tuple[Literal, ...]
    is_list: bool


def cell_sources(text: str) -> list[SourcePlace | None]:
    """The places of all cells' sources, None for a cell without one. Where a key stands twice the last one counts."""
    found: list[SourcePlace | None] = []
    for key, position in _members(text, _after_blanks(text, 0)):
        if key == "cells":
            found = [_source_of(text, cell) for cell in _items(text, position)]
    return found


def _source_of(text: str, cell: int) -> SourcePlace | None:
    places = [position for key, position in _members(text, cell) if key == "source"]
    if not places:
        return None
    if text[places[-1]] == '"':
        return SourcePlace(places[-1], (_literal(text, places[-1]),), is_list=False)
    literals = tuple(_literal(text, position) for position in _items(text, places[-1]))
    return SourcePlace(places[-1], literals, is_list=True)


def _literal(text: str, position: int) -> Literal:
    value, end = _DECODER.raw_decode(text, position)
    return Literal(position, end, value)


def _members(text: str, position: int) -> Iterator[tuple[str, int]]:
    """Keys of the object that opens there, and where their values stand."""
    position = _after_blanks(text, position + 1)
    while text[position] != "}":
        key, position = _DECODER.raw_decode(text, position)
        position = _after_blanks(text, _after_blanks(text, position) + 1)  # behind the colon
        yield key, position
        position = _next(text, position)


def _items(text: str, position: int) -> Iterator[int]:
    """Where the values of the array that opens there stand."""
    position = _after_blanks(text, position + 1)
    while text[position] != "]":
        yield position
        position = _next(text, position)


def _next(text: str, position: int) -> int:
    """The first thing behind the value there, and behind its comma."""
    position = _after_blanks(text, _end_of_value(text, position))
    return _after_blanks(text, position + 1) if text[position] == "," else position


def _end_of_value(text: str, position: int) -> int:
    if text[position] == '"':
        return _end_of_string(text, position)
    if text[position] not in "{[":
        match = _OTHER.match(text, position)
        assert match is not None, "a value stands there"
        return match.end()
    depth = 0
    while True:
        match = _MARK.search(text, position)
        assert match is not None, "what was opened is closed"
        if match[0] == '"':
            position = _end_of_string(text, match.start())
            continue
        depth += 1 if match[0] in "{[" else -1
        position = match.end()
        if not depth:
            return position


def _end_of_string(text: str, position: int) -> int:
    """The end of the string that opens there. A picture is one of millions of characters: no look at each of them."""
    end = text.index('"', position + 1)
    return end + 1 if text[end - 1] != "\\" else _DECODER.raw_decode(text, position)[1]


def _after_blanks(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    assert match is not None, "the pattern matches the empty text too"
    return match.end()
