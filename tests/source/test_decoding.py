"""Bytes to text and back: nothing is lost, and what would be is refused with its reason."""

from __future__ import annotations

import ast
import codecs
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.findings import Skipped
from torchfix_codemods.source import text as text_module
from torchfix_codemods.source.discovery import FoundFile
from torchfix_codemods.source.text import MAX_BYTES, Source, decode, read, read_bytes

NEWLINES = ("\n", "\r\n", "\r", "\f\n", "\x0b", "\u2028", "\x85", "\t\n", "")


def decoded(raw: bytes) -> Source:
    source = decode("a.py", raw)
    assert isinstance(source, Source), source
    return source


def reason(raw: bytes) -> str:
    skipped = decode("a.py", raw)
    assert isinstance(skipped, Skipped)
    assert skipped.path == "a.py"
    return skipped.reason


@given(
    encoding=st.sampled_from(["utf-8", "latin-1", "cp1252", "iso-8859-15", "shift_jis", "gbk", "koi8-r", "big5"]),
    bom=st.booleans(),
    parts=st.lists(st.tuples(st.text(max_size=8), st.sampled_from(NEWLINES)), max_size=6),
)
def test_every_text_comes_back_byte_for_byte(encoding: str, bom: bool, parts: list[tuple[str, str]]) -> None:
    body = "".join(line + newline for line, newline in parts).replace("\0", "")
    raw = f"# -*- coding: {encoding} -*-\n{body}".encode(encoding, "ignore")
    if bom:
        raw = codecs.BOM_UTF8 + raw
    source = decode("a.py", raw)
    if bom and encoding != "utf-8":
        assert isinstance(source, Skipped) and source.reason == "unknown-encoding"
    elif isinstance(source, Source):
        assert source.encode(source.text) == source.raw == raw
        assert not source.text.startswith("\ufeff") or raw.startswith(codecs.BOM_UTF8 * 2)
        assert source.text == raw.removeprefix(source.bom).decode(encoding)
    else:  # multi-byte encodings that write some text in more than one way
        assert source.reason == "does-not-round-trip" and encoding in ("shift_jis", "gbk", "big5")


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_without_loss_or_skipped(raw: bytes) -> None:
    source = decode("a.py", raw)
    if isinstance(source, Source):
        assert source.encode(source.text) == raw
    else:
        assert source.reason in {"nul-byte", "undecodable", "unknown-encoding", "does-not-round-trip"}


@pytest.mark.filterwarnings("ignore:invalid escape")  # of the unicode_escape codec
@given(
    name=st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.", min_size=1, max_size=12)
    | st.sampled_from(["utf-7", "unicode_escape", "raw_unicode_escape", "punycode", "idna", "undefined", "utf-16"])
    | st.sampled_from(["rot13", "hex", "zlib", "utf_8_sig", "mbcs", "cp037", "iso2022_jp", "__init__", "aliases"]),
    body=st.binary(max_size=30),
)
def test_any_declared_name_is_decoded_without_loss_or_skipped(name: str, body: bytes) -> None:
    raw = f"# coding: {name}\n".encode() + body
    source = decode("a.py", raw)
    assert isinstance(source, Skipped) or source.encode(source.text) == raw


@pytest.mark.parametrize(
    "raw",
    [
        b"# \xe9\n# coding: latin-1\nx = '\xe9'\n",  # bytes before the declaration
        b"#!/usr/bin/env python\r\n# vim: set fileencoding=latin-1 :\r\nx = '\xe9'\r\n",
        b"# coding: latin-1\rx = '\xe9'\r",
        b"\x0c# coding=latin-1\nx = '\xe9'\n",
        b"\n# coding: latin-1\nx = '\xe9'\n",
        b"\xef\xbb\xbf# coding: utf-8\nx = '\xc3\xa9'\n",
        b"# coding: utf-8-sig\nx = '\xc3\xa9'\n",
        b"x = 1\n# coding: latin-1\ny = '\xc3\xa9'\n",  # too late: below code
        b"'''\n# coding: latin-1\n'''\ny = '\xc3\xa9'\n",
        b"",
        b"x = 1",
    ],
)
def test_the_encoding_is_the_one_that_python_uses(raw: bytes) -> None:
    assert ast.dump(ast.parse(decoded(raw).text)) == ast.dump(ast.parse(raw))


def test_newlines_are_not_translated() -> None:
    raw = b"a\r\nb\rc\nd\x0c\n\te"
    assert decoded(raw).text == "a\r\nb\rc\nd\x0c\n\te"


def test_the_byte_order_mark_is_kept_apart() -> None:
    source = decoded(codecs.BOM_UTF8 + b"x = 1\r\n")
    assert (source.text, source.bom, source.encoding) == ("x = 1\r\n", codecs.BOM_UTF8, "utf-8")
    assert source.encode("y = 2\r\n") == codecs.BOM_UTF8 + b"y = 2\r\n"


def test_new_text_that_the_encoding_cannot_hold_raises() -> None:
    with pytest.raises(UnicodeEncodeError):
        decoded(b"# coding: ascii\n").encode("\N{SNOWMAN}")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"x = 1\0\n", "nul-byte"),
        ("x = 1".encode("utf-16"), "nul-byte"),
        (b"x = '\xe9'\n", "undecodable"),
        (b"# coding: ascii\nx = '\xe9'\n", "undecodable"),
        (b"# coding: klingon\n", "unknown-encoding"),
        (b"# coding: rot13\n", "unknown-encoding"),
        (b"# coding: hex\n", "unknown-encoding"),
        (b"\xef\xbb\xbf# coding: latin-1\n", "unknown-encoding"),
        (b"# coding: utf-7\nx = '+AGE-'\n", "does-not-round-trip"),
        (b" " * (MAX_BYTES + 1), "too-large"),
    ],
)
def test_what_cannot_be_kept_is_skipped_with_its_reason(raw: bytes, expected: str) -> None:
    assert reason(raw) == expected


def found(path: Path) -> FoundFile:
    return FoundFile(path.name, path)


def test_reading_gives_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a b.py"
    path.write_bytes(b"x = 1\r\n" * 100_000)
    assert read_bytes(found(path)) == path.read_bytes()
    source = read(found(path))
    assert isinstance(source, Source) and source.path == "a b.py" and source.text.endswith("\r\n")


def test_a_file_over_the_limit_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    with path.open("wb") as stream:
        stream.truncate(MAX_BYTES * 1000)
    assert read(found(path)) == Skipped("a.py", "too-large", "10,000,000,000 bytes, the limit is 10,000,000")


@pytest.mark.parametrize("make", [lambda p: None, Path.mkdir, os.mkfifo])
def test_what_is_no_readable_file_is_skipped(tmp_path: Path, make: object) -> None:
    path = tmp_path / "a.py"
    make(path)  # type: ignore[operator]
    skipped = read(found(path))
    assert isinstance(skipped, Skipped) and skipped.reason == "unreadable" and skipped.detail


def test_a_file_without_permission_is_skipped(
    tmp_path: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"x = 1\n")
    path.chmod(0)
    with unprivileged():
        assert read(found(path)) == Skipped("a.py", "unreadable", "Permission denied")


@pytest.mark.parametrize("change", [b"longer than before", b"x", b""])
def test_a_file_that_changes_while_it_is_read_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: bytes
) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"x = 1\n")
    real_read = os.read

    def read_late(descriptor: int, size: int) -> bytes:
        path.write_bytes(change)  # truncates and rewrites between the look at the size and the reading
        return real_read(descriptor, size)

    monkeypatch.setattr(text_module.os, "read", read_late)
    assert read(found(path)) == Skipped("a.py", "changed-while-reading")


def test_a_file_that_is_rewritten_all_the_time_is_never_read_in_halves(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    versions = (b"a" * 300_000, b"b" * 200_000)
    path.write_bytes(versions[0])
    stop = threading.Event()

    def rewrite() -> None:
        while not stop.is_set():
            for version in versions:
                path.write_bytes(version)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        for _ in range(50):
            raw = read_bytes(found(path))
            assert isinstance(raw, Skipped) or len(set(raw)) <= 1
    finally:
        stop.set()
        writer.join()
