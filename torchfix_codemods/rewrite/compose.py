"""Edits made in several passes, told as one list of edits on the original text.

A pass works on the text that the passes before it left behind. What is written, shown and reported are edits
of the file as its author knows it, and each of them remembers the fixes that caused it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.edits import apply_edits, place


@dataclass(frozen=True)
class PlannedEdit:
    """An edit of the original text and the ids of the fixes that it comes from."""

    edit: Edit
    fixes: frozenset[str]


def blame(wishes: Iterable[tuple[str, Iterable[Edit]]]) -> list[PlannedEdit]:
    """The edits of several fixes (id, edits) sorted by place; an edit that several fixes want stands once."""
    owners: dict[Edit, set[str]] = {}
    for fix, edits in wishes:
        for edit in edits:
            owners.setdefault(edit, set()).add(fix)
    return [PlannedEdit(edit, frozenset(owners[edit])) for edit in sorted(owners, key=place)]


def planned_by_path(planned: Iterable[PlannedEdit]) -> dict[str, list[PlannedEdit]]:
    """The planned edits of each file, in the order in which they came."""
    files: dict[str, list[PlannedEdit]] = {}
    for item in planned:
        files.setdefault(item.edit.path, []).append(item)
    return files


def compose(first: Iterable[PlannedEdit], second: Iterable[PlannedEdit]) -> list[PlannedEdit]:
    """Edits of the original that do what `first`, and then `second` on the text which `first` makes, would
    do.

    Both lists must be free of overlaps. Edits that touch become one, so no two of the result stand at one
    offset.
    """
    earlier, later = planned_by_path(first), planned_by_path(second)
    return [
        item
        for path in sorted({*earlier, *later})
        for item in _compose_file(earlier.get(path, []), later.get(path, []))
    ]


@dataclass(frozen=True)
class _Touch:
    """A range of the text between the passes: made by an edit of the first, or taken by one of the second."""

    start: int
    end: int
    item: PlannedEdit
    is_first: bool

    @property
    def growth(self) -> int:
        """By how many characters the text after this range has moved away from its place in the original."""
        edit = self.item.edit
        return len(edit.new) - (edit.end - edit.start) if self.is_first else 0


def _compose_file(first: Sequence[PlannedEdit], second: Sequence[PlannedEdit]) -> Iterator[PlannedEdit]:
    shift = 0
    for group in _touching([*_landed(first), *_taken(second)]):
        start, end = group[0].start, max(touch.end for touch in group)
        original_start = start - shift
        shift += sum(touch.growth for touch in group)
        edit = Edit(group[0].item.edit.path, original_start, end - shift, _rewritten(group, start, end))
        yield PlannedEdit(edit, frozenset().union(*(touch.item.fixes for touch in group)))


def _landed(first: Sequence[PlannedEdit]) -> Iterator[_Touch]:
    shift = 0
    for item in sorted(first, key=lambda item: place(item.edit)):
        start = item.edit.start + shift
        touch = _Touch(start, start + len(item.edit.new), item, is_first=True)
        shift += touch.growth
        yield touch


def _taken(second: Sequence[PlannedEdit]) -> Iterator[_Touch]:
    for item in sorted(second, key=lambda item: place(item.edit)):
        yield _Touch(item.edit.start, item.edit.end, item, is_first=False)


def _touching(touches: list[_Touch]) -> Iterator[list[_Touch]]:
    group: list[_Touch] = []
    end = 0
    # Only by start: edits that left nothing behind share it with their successor and must stay before it.
    for touch in sorted(touches, key=lambda touch: touch.start):
        if group and touch.start > end:
            yield group
            group = []
        end = max(end, touch.end) if group else touch.end
        group.append(touch)
    if group:
        yield group


def _rewritten(group: list[_Touch], start: int, end: int) -> str:
    # What the first pass kept inside the group is replaced by the second pass entirely, or it would part the
    # group: so any filling does for it.
    between = ""
    for touch in group:
        if touch.is_first:
            between = between.ljust(touch.start - start, "\0") + touch.item.edit.new
    edits = [touch.item.edit for touch in group if not touch.is_first]
    local = [replace(edit, start=edit.start - start, end=edit.end - start) for edit in edits]
    return apply_edits(between.ljust(end - start, "\0"), local)


class Origins:
    """Where the characters of one edited text come from."""

    def __init__(self, edits: Sequence[PlannedEdit]) -> None:
        self._landed = list(_landed(edits))
        self._starts = [touch.start for touch in self._landed]
        self._shifts = [0]
        for touch in self._landed:
            self._shifts.append(self._shifts[-1] + touch.growth)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The range of the original behind one of the edited text; new text stands for all it replaced."""
        first = self._character(start)[0]
        return first, self._character(end - 1)[1] if end > start else first

    def _character(self, offset: int) -> tuple[int, int]:
        index = bisect_right(self._starts, offset)
        if index and offset < self._landed[index - 1].end:
            edit = self._landed[index - 1].item.edit
            return edit.start, edit.end
        original = offset - self._shifts[index]
        return original, original + 1
