"""Edits of a text as edits of the bytes on disk, in any encoding that Python source files come in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.compose import PlannedEdit, compose
from torchfix_codemods.rewrite.edits import apply_edits, place
from torchfix_codemods.rewrite.notebook_edits import json_edits
from torchfix_codemods.source.notebooks import Notebook, read_notebook
from torchfix_codemods.source.text import Source


@dataclass(frozen=True)
class ByteEdit:
    """Replace `[start, end)` of the bytes of a file by `new`, because of the fixes with these ids."""

    start: int
    end: int
    new: bytes
    fixes: frozenset[str] = frozenset()


def splice(raw: bytes, edits: Iterable[ByteEdit], base: int = 0) -> bytes:
    """The bytes, which stand at `base` in the file, with the edits made. Raises `ValueError` on overlap."""
    pieces: list[bytes] = []
    position = base
    for edit in edits:
        if not position <= edit.start <= edit.end <= base + len(raw):
            raise ValueError(f"edit {edit.start}..{edit.end} overlaps another or leaves the bytes")
        pieces += (raw[position - base : edit.start - base], edit.new)
        position = edit.end
    pieces.append(raw[position - base :])
    return b"".join(pieces)


def byte_edits(source: Source, edits: Iterable[PlannedEdit]) -> list[ByteEdit]:
    """The same edits on the bytes of the file (its byte order mark included), sorted by place.

    Raises `ValueError` where the edits overlap, and `UnicodeEncodeError` where the file's encoding cannot
    hold a new text. In most encodings a text can be encoded piece by piece; where it cannot (ISO-2022-JP
    switches alphabets within a line, UTF-7 packs characters) whole lines are replaced, or the whole file.
    """
    exact = sorted(edits, key=lambda item: place(item.edit))
    changed = apply_edits(source.text, [item.edit for item in exact])
    if source.notebook is not None:
        return _in_json(source, source.notebook, exact, changed)
    after = source.encode(changed)
    for candidate in (exact, _whole_lines(source.text, exact)):
        encoded = _piecewise(source, candidate)
        if encoded is not None and splice(source.raw, encoded) == after:
            return encoded
    fixes = frozenset[str]().union(*(item.fixes for item in exact))
    return [ByteEdit(0, len(source.raw), after, fixes)]


def _in_json(source: Source, notebook: Notebook, edits: Sequence[PlannedEdit], after: str) -> list[ByteEdit]:
    """The edits on the JSON of a notebook, once it is certain that they make the notebook with the text `after`."""
    encoded, position, offset = [], 0, len(source.bom)
    for start, end, new, fixes in json_edits(notebook, edits):
        first = offset + len(notebook.json[position:start].encode("utf-8"))
        offset = first + len(notebook.json[start:end].encode("utf-8"))
        encoded.append(ByteEdit(first, offset, new.encode("utf-8"), fixes))
        position = end
    found = read_notebook(source.path, splice(source.raw, encoded)[len(source.bom) :])
    if not isinstance(found, Notebook) or found.text != after:
        raise ValueError(f"{source.path}: the edits would not make the notebook that was meant")
    return encoded


def _piecewise(source: Source, edits: Sequence[PlannedEdit]) -> list[ByteEdit] | None:
    """The edits with each piece of text encoded alone, None if the pieces do not add up to the file."""
    pieces: list[bytes] = [source.bom]
    encoded, position, offset = [], 0, len(source.bom)
    for item in edits:
        kept = _encode(source, source.text[position : item.edit.start])
        old = _encode(source, source.text[item.edit.start : item.edit.end])
        pieces += (kept, old)
        start, offset = offset + len(kept), offset + len(kept) + len(old)
        encoded.append(ByteEdit(start, offset, _encode(source, item.edit.new), item.fixes))
        position = item.edit.end
    pieces.append(_encode(source, source.text[position:]))
    return encoded if b"".join(pieces) == source.raw else None


def _encode(source: Source, piece: str) -> bytes:
    return source.encode(piece)[len(source.bom) :]


def _whole_lines(text: str, edits: Sequence[PlannedEdit]) -> list[PlannedEdit]:
    # Each touched line is replaced by itself: composed with the edits, this widens them to whole lines.
    lines = [PlannedEdit(line, frozenset()) for line in _touched_lines(text, edits)]
    return compose(lines, edits)


def _touched_lines(text: str, edits: Sequence[PlannedEdit]) -> Iterator[Edit]:
    done = 0
    for item in edits:
        start = max(done, text.rfind("\n", 0, item.edit.start) + 1)
        done = (text.find("\n", item.edit.end) + 1) or len(text)
        if start < done:
            yield Edit(item.edit.path, start, done, text[start:done])
