"""Bytes to text and back, without loss: no newline is ever translated, the byte order mark is kept apart.

A file that would not come back byte for byte is skipped with its reason; nothing here raises for bad input.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from dataclasses import dataclass

from torchfix_codemods.findings import Skipped
from torchfix_codemods.source import notebooks
from torchfix_codemods.source.discovery import FoundFile
from torchfix_codemods.source.notebooks import Notebook

MAX_BYTES = 10_000_000

# O_NONBLOCK: opening a named pipe must not wait for a writer. O_BINARY exists on Windows only.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
# PEP 263, on bytes: unlike `tokenize.detect_encoding` the compiler accepts any bytes before the declaration.
_COOKIE = re.compile(rb"[ \t\f]*#[^\r\n]*?coding[:=][ \t]*([-\w.]+)")
_BLANK_OR_COMMENT = re.compile(rb"[ \t\f]*(?:#[^\r\n]*)?(?:\r\n|\r|\n)")
# Every valid text in these comes back as it was, so the second half of the round trip can be saved.
_BIJECTIVE = frozenset({"utf-8", "ascii", "iso8859-1"})


@dataclass(frozen=True)
class Source:
    """One file as read. `text` has no byte order mark and exactly the newlines of the file.

    Of a notebook `text` is the Python text of its cells, and `raw` its JSON.
    """

    path: str
    raw: bytes
    text: str
    encoding: str
    bom: bytes
    notebook: Notebook | None = None

    @property
    def code(self) -> bytes:
        """What the gates look at: the bytes of the Python code."""
        return self.raw if self.notebook is None else self.text.encode("utf-8", "surrogatepass")

    def encode(self, text: str) -> bytes:
        """The bytes of `text` in this file's encoding. Raises `UnicodeEncodeError` if it can't hold them."""
        assert self.notebook is None, "the bytes of a notebook come from its edits"
        return self.bom + text.encode(self.encoding)


def read(file: FoundFile) -> Source | Skipped:
    """The decoded file, or why it is skipped."""
    raw = read_bytes(file)
    return raw if isinstance(raw, Skipped) else decode(file.path, raw)


def read_bytes(file: FoundFile) -> bytes | Skipped:
    """The bytes of a file, or why there are none: `unreadable`, `too-large`, `changed-while-reading`."""
    try:
        descriptor = os.open(file.real, _OPEN_FLAGS)
    except OSError as error:
        return Skipped(file.path, "unreadable", error.strerror or str(error))
    try:
        return _read_open(file.path, descriptor)
    except OSError as error:
        return Skipped(file.path, "unreadable", error.strerror or str(error))
    finally:
        os.close(descriptor)


def decode(path: str, raw: bytes) -> Source | Skipped:
    """Text of `raw` by its declared encoding, or why there is none.

    Reasons: `too-large`, `nul-byte`, `unknown-encoding`, `undecodable`, `does-not-round-trip`; see also
    `read_notebook`.
    """
    if len(raw) > _limit(path):
        return _too_large(path, len(raw))
    if path.endswith(notebooks.SUFFIX):
        return _decode_notebook(path, raw)
    if b"\0" in raw:
        return Skipped(path, "nul-byte", f"at byte {raw.index(0)}")
    bom = codecs.BOM_UTF8 if raw.startswith(codecs.BOM_UTF8) else b""
    body = raw[len(bom) :] if bom else raw
    declared = _declared_encoding(body)
    encoding = _canonical(declared)
    if encoding is None or (bom and encoding != "utf-8"):
        return Skipped(path, "unknown-encoding", declared + (" with a UTF-8 byte order mark" if bom else ""))
    return _decode_body(path, raw, body, encoding, bom)


def _read_open(path: str, descriptor: int) -> bytes | Skipped:
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        return Skipped(path, "unreadable", "not a regular file")
    if before.st_size > _limit(path):
        return _too_large(path, before.st_size)
    raw = os.read(descriptor, before.st_size + 1)
    while len(raw) < before.st_size and (more := os.read(descriptor, before.st_size + 1 - len(raw))):
        raw += more
    after = os.fstat(descriptor)
    if len(raw) != before.st_size or (before.st_size, before.st_mtime_ns) != (
        after.st_size,
        after.st_mtime_ns,
    ):
        return Skipped(path, "changed-while-reading")
    return raw


def _too_large(path: str, size: int) -> Skipped:
    return Skipped(path, "too-large", f"{size:,} bytes, the limit is {_limit(path):,}")


def _limit(path: str) -> int:
    return notebooks.MAX_BYTES if path.endswith(notebooks.SUFFIX) else MAX_BYTES


def _decode_notebook(path: str, raw: bytes) -> Source | Skipped:
    bom = codecs.BOM_UTF8 if raw.startswith(codecs.BOM_UTF8) else b""
    found = notebooks.read_notebook(path, raw.removeprefix(bom))
    return found if isinstance(found, Skipped) else Source(path, raw, found.text, "utf-8", bom, found)


def _declared_encoding(body: bytes) -> str:
    """The encoding named in the first two lines (the second only below a blank line or a comment)."""
    second = _BLANK_OR_COMMENT.match(body)
    cookie = _COOKIE.match(body) or (second and _COOKIE.match(body, second.end()))
    return cookie[1].decode("ascii", "replace") if cookie else "utf-8"


def _canonical(name: str) -> str | None:
    """Python's own name of an encoding, None if it knows none of this name."""
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return "utf-8" if found == "utf-8-sig" else found


def _decode_body(path: str, raw: bytes, body: bytes, encoding: str, bom: bytes) -> Source | Skipped:
    try:
        text = body.decode(encoding)
    except LookupError:  # hex, rot13, ...: codecs, but no text encodings
        return Skipped(path, "unknown-encoding", encoding)
    except ValueError as error:
        return Skipped(path, "undecodable", str(error))
    if encoding not in _BIJECTIVE and not _comes_back(text, body, encoding):
        return Skipped(path, "does-not-round-trip", f"in {encoding}")
    return Source(path, raw, text, encoding, bom)


def _comes_back(text: str, body: bytes, encoding: str) -> bool:
    try:
        return text.encode(encoding) == body
    except ValueError:
        return False
