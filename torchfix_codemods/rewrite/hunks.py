"""Unified patches computed from the spans of the edits, without comparing texts.

So every hunk knows the fixes that caused it, and `git apply` and `patch -p1` reproduce the new file byte for byte.
As for both of them a line ends at LF only: CR, form feed and U+2028 belong to the line in which they stand.
"""

from __future__ import annotations

import posixpath
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from torchfix_codemods.rewrite.byte_edits import ByteEdit, splice

_ESCAPES = {9: b"\\t", 10: b"\\n", 13: b"\\r", 34: b'\\"', 92: b"\\\\"}


@dataclass(frozen=True)
class Change:
    """Old lines `[start, end)` (counted from 0) become the lines `new`, because of the fixes with these ids."""

    start: int
    end: int
    new: tuple[bytes, ...]
    fixes: frozenset[str]


@dataclass(frozen=True)
class HunkLine:
    """One line of a hunk: `tag` is " ", "-" or "+"; its numbers in the two files count from 1."""

    tag: str
    content: bytes
    old_number: int | None
    new_number: int | None


@dataclass(frozen=True)
class Hunk:
    """A piece of a patch. `old_start` and `new_start` are the numbers of lines before it in the two files."""

    old_start: int
    new_start: int
    lines: tuple[HunkLine, ...]
    fixes: frozenset[str]

    def header(self) -> str:
        """The line that says where the hunk stands, without its line end."""
        old = _range(self.old_start, sum(line.old_number is not None for line in self.lines))
        new = _range(self.new_start, sum(line.new_number is not None for line in self.lines))
        return f"@@ -{old} +{new} @@"

    def render(self) -> bytes:
        """The hunk as a patch holds it."""
        pieces = [self.header().encode() + b"\n"]
        for line in self.lines:
            pieces.append(line.tag.encode() + line.content)
            if not line.content.endswith(b"\n"):
                pieces.append(b"\n\\ No newline at end of file\n")
        return b"".join(pieces)


def split_lines(raw: bytes) -> list[bytes]:
    """Lines with their ends, as git and patch see them."""
    *lines, rest = raw.split(b"\n")
    return [line + b"\n" for line in lines] + ([rest] if rest else [])


def changes(raw: bytes, edits: Sequence[ByteEdit]) -> Iterator[Change]:
    """The line ranges that the edits (sorted, free of overlaps) change, with their new lines."""
    lines = split_lines(raw)
    starts = [0, *accumulate(len(line) for line in lines)]
    for first, last, group in _grouped(_touched(edit, lines, starts) for edit in _joined(edits)):
        new = split_lines(splice(raw[starts[first] : starts[last]], group, base=starts[first]))
        head, tail = _common(lines[first:last], new)
        change = Change(
            first + head,
            last - tail,
            tuple(new[head : len(new) - tail]),
            frozenset[str]().union(*(edit.fixes for edit in group)),
        )
        if change.new or change.start < change.end:
            yield change


def hunks(raw: bytes, edits: Sequence[ByteEdit], context: int = 3) -> Iterator[Hunk]:
    """The hunks of a patch with so many unchanged lines around each change."""
    lines, shift = split_lines(raw), 0
    for group in _near(changes(raw, edits), context):
        hunk = _hunk(lines, group, shift, context)
        yield hunk
        shift += sum(len(change.new) - (change.end - change.start) for change in group)


def file_patch(path: str, raw: bytes, edits: Sequence[ByteEdit], context: int = 3, prefix: str = "") -> bytes:
    """The patch of one file, empty where nothing changes.

    `prefix` leads from the folder where the patch will be applied (the root of the git repository) to the one
    that `path` is relative to.
    """
    body = b"".join(hunk.render() for hunk in hunks(raw, edits, context))
    if not body:
        return b""
    name = posixpath.normpath(posixpath.join(prefix, path)).lstrip("/")
    old, new = quote(f"a/{name}"), quote(f"b/{name}")
    # Both tools take what follows a space in an unquoted name for a time stamp unless a tab ends the name.
    end = b"\t\n" if b" " in old and not old.startswith(b'"') else b"\n"
    return b"diff --git " + old + b" " + new + b"\n--- " + old + end + b"+++ " + new + end + body


def quote(name: str) -> bytes:
    """A file name as git writes it in a patch: odd characters make it a C string literal."""
    raw = name.encode("utf-8", "surrogateescape")
    if all(32 <= byte < 127 and byte not in b'"\\' for byte in raw):
        return raw
    return b'"' + b"".join(_escape(byte) for byte in raw) + b'"'


def _escape(byte: int) -> bytes:
    if byte in _ESCAPES:
        return _ESCAPES[byte]
    return bytes([byte]) if 32 <= byte < 127 else b"\\%03o" % byte


def _range(start: int, length: int) -> str:
    # An empty side is numbered by the line before it.
    first = start + 1 if length else start
    return str(first) if length == 1 else f"{first},{length}"


def _joined(edits: Iterable[ByteEdit]) -> Iterator[ByteEdit]:
    """Edits that touch made one: what precedes any of them in the new file is then a byte that was kept."""
    current: ByteEdit | None = None
    for edit in edits:
        if current and edit.start == current.end:
            current = ByteEdit(current.start, edit.end, current.new + edit.new, current.fixes | edit.fixes)
            continue
        if current:
            yield current
        current = edit
    if current:
        yield current


def _touched(edit: ByteEdit, lines: list[bytes], starts: list[int]) -> tuple[int, int, ByteEdit]:
    """The old lines that an edit changes: the line after it too where the new text would run into it."""
    count = len(lines)
    first = bisect_right(starts, edit.start) - 1
    if lines and first == count and not lines[-1].endswith(b"\n"):
        first -= 1
    last = bisect_right(starts, edit.end) - 1
    whole = edit.new.endswith(b"\n") or (not edit.new and starts[first] == edit.start)
    ends_line = starts[last] == edit.end and whole
    return first, last if ends_line else min(last + 1, count), edit


def _grouped(touched: Iterable[tuple[int, int, ByteEdit]]) -> Iterator[tuple[int, int, list[ByteEdit]]]:
    """Edits whose lines overlap or adjoin, together with the range of all their lines."""
    current: tuple[int, int, list[ByteEdit]] | None = None
    for first, last, edit in touched:
        if current and first <= current[1]:
            current[2].append(edit)
            current = (current[0], max(last, current[1]), current[2])
            continue
        if current:
            yield current
        current = (first, last, [edit])
    if current:
        yield current


def _common(old: Sequence[bytes], new: Sequence[bytes]) -> tuple[int, int]:
    """How many lines at the beginning and how many of the others at the end are equal."""
    shorter = min(len(old), len(new))
    head = next((index for index in range(shorter) if old[index] != new[index]), shorter)
    rest = shorter - head
    return head, next((index for index in range(rest) if old[-1 - index] != new[-1 - index]), rest)


def _near(items: Iterable[Change], context: int) -> Iterator[list[Change]]:
    group: list[Change] = []
    for change in items:
        if group and change.start - group[-1].end > 2 * context:
            yield group
            group = []
        group.append(change)
    if group:
        yield group


def _hunk(lines: list[bytes], group: list[Change], shift: int, context: int) -> Hunk:
    first = max(group[0].start - context, 0)
    last = min(group[-1].end + context, len(lines))
    tagged: list[tuple[str, bytes]] = []
    position = first
    for change in group:
        tagged += [(" ", line) for line in lines[position : change.start]]
        tagged += [("-", line) for line in lines[change.start : change.end]]
        tagged += [("+", line) for line in change.new]
        position = change.end
    tagged += [(" ", line) for line in lines[position:last]]
    fixes = frozenset[str]().union(*(change.fixes for change in group))
    return Hunk(first, first + shift, tuple(_numbered(tagged, first, first + shift)), fixes)


def _numbered(tagged: Iterable[tuple[str, bytes]], old: int, new: int) -> Iterator[HunkLine]:
    for tag, content in tagged:
        old, new = old + (tag != "+"), new + (tag != "-")
        yield HunkLine(tag, content, old if tag != "+" else None, new if tag != "-" else None)
