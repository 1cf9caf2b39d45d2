"""A reader of SARIF that carries out a fix: written against the standard, with nothing of ours in it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

_NEWLINE = re.compile("\r\n|\n|\r")
_ENCODING = re.compile(rb"coding[:=]\s*([-\w.]+)")


def path_of(artifact: Mapping[str, str]) -> str:
    """The file of an `artifactLocation` below the root."""
    assert artifact["uriBaseId"] == "%SRCROOT%"
    return unquote_to_bytes(artifact["uri"]).decode("utf-8", "surrogateescape")


def text_at(raw: bytes, region: Mapping[str, int]) -> str:
    """The text of a region."""
    text, _ = _decoded(raw)
    return text[_offset(text, region["startLine"], region["startColumn"]) : _end(text, region)]


def fixed(folder: Path, fix: Mapping[str, Any]) -> dict[str, bytes]:
    """The files that a fix changes, as they are with it."""
    files = {}
    for change in fix["artifactChanges"]:
        path = path_of(change["artifactLocation"])
        raw = (folder / path).read_bytes()
        text, encoding = _decoded(raw)
        spans = [
            (
                _offset(text, at["deletedRegion"]["startLine"], at["deletedRegion"]["startColumn"]),
                _end(text, at["deletedRegion"]),
                at.get("insertedContent", {"text": ""})["text"],
            )
            for at in change["replacements"]
        ]
        for start, end, new in sorted(spans, reverse=True):
            text = text[:start] + new + text[end:]
        bom = codecs.BOM_UTF8 if raw.startswith(codecs.BOM_UTF8) else b""
        files[path] = bom + text.encode(encoding)
    return files


def _decoded(raw: bytes) -> tuple[str, str]:
    named = _ENCODING.search(raw[:100])
    encoding = named[1].decode() if named else "utf-8"
    return raw.removeprefix(codecs.BOM_UTF8).decode(encoding), encoding


def _end(text: str, region: Mapping[str, int]) -> int:
    return _offset(text, region["endLine"], region["endColumn"])


def _offset(text: str, line: int, column: int) -> int:
    """A place by its line and its column in UTF-16 code units."""
    start = [0, *(match.end() for match in _NEWLINE.finditer(text))][line - 1]
    units = text[start:].encode("utf-16-le", "surrogatepass")[: 2 * (column - 1)]
    return start + len(units.decode("utf-16-le", "surrogatepass"))
