"""Sets of edits: applied to a text, joined, and asked whether two of them get on.

All offsets are characters of the decoded text. Where an insertion stands at the edge of a replaced range it
stays outside of it, so the two never disturb one another.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable
from itertools import chain

from torchfix_codemods.findings import Edit

_Held = tuple[Edit, str]


def by_path(edits: Iterable[Edit]) -> dict[str, list[Edit]]:
    """The edits of each file, in the order in which they came."""
    files: dict[str, list[Edit]] = {}
    for edit in edits:
        files.setdefault(edit.path, []).append(edit)
    return files


def place(edit: Edit) -> tuple[str, int, int]:
    """Where an edit stands. Sorting by it leaves insertions at one offset in the order of their fixes."""
    return edit.path, edit.start, edit.end


def merge(*groups: Iterable[Edit]) -> list[Edit]:
    """All edits of all groups sorted by place, identical ones once (two rules may add the same import)."""
    return sorted(dict.fromkeys(chain(*groups)), key=place)


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text with the edits of one file made. Raises `ValueError` where they do not `fit`."""
    pieces: list[str] = []
    position, merged = 0, merge(edits)
    if not fit(merged, len(text)):
        raise ValueError("edits overlap or leave the text")
    for edit in merged:
        pieces += (text[position : edit.start], edit.new)
        position = edit.end
    pieces.append(text[position:])
    return "".join(pieces)


def fit(edits: Iterable[Edit], length: int) -> bool:
    """Whether the edits of one file do not overlap and stay within a text of so many characters."""
    position = 0
    for edit in merge(edits):
        if not position <= edit.start <= edit.end <= length:
            return False
        position = edit.end
    return True


def conflicts(first: Iterable[Edit], second: Iterable[Edit]) -> bool:
    """Whether two fixes cannot be made together.

    They can where both want the very same replacement or the same whole new lines. Two different insertions
    at one offset are ambiguous (which comes first?) unless both add nothing but imports, and so is one
    fragment that both insert, such as the parenthesis that closes two different calls.
    """
    claims = Claims()
    claims.add(first, "first")
    return claims.holder(second) is not None


class Claims:
    """Which fix holds which places. The edits that were added must not conflict with one another."""

    def __init__(self) -> None:
        self._held: dict[str, list[_Held]] = {}

    def add(self, edits: Iterable[Edit], fix: str) -> None:
        """Give the places of these edits to a fix."""
        for edit in edits:
            insort(self._held.setdefault(edit.path, []), (edit, fix), key=_order)

    def holder(self, edits: Iterable[Edit]) -> str | None:
        """The fix whose claim one of these edits would disturb, or None when all places are free."""
        for edit in edits:
            held = self._held.get(edit.path, [])
            index = bisect_right(held, (edit.end, edit.end), key=_order)
            # What is held is disjoint, hence sorted by its ends too: only the neighbours that touch are
            # looked at.
            while index and held[index - 1][0].end >= edit.start:
                index -= 1
                if _clash(edit, held[index][0]):
                    return held[index][1]
        return None


def _order(held: _Held) -> tuple[int, int]:
    return held[0].start, held[0].end


def _clash(one: Edit, other: Edit) -> bool:
    if one == other:
        return one.start == one.end and not _whole_lines(one.new)
    if one.start == one.end == other.start == other.end:
        return not (_only_imports(one.new) and _only_imports(other.new))
    return one.start < other.end and other.start < one.end


def _whole_lines(new: str) -> bool:
    return new.startswith(("\n", "\r")) or new.endswith(("\n", "\r"))


def _only_imports(new: str) -> bool:
    lines = [line for line in new.splitlines() if line.strip()]
    return _whole_lines(new) and all(line.startswith(("import ", "from ")) for line in lines)
