"""What a word of a text is, as far as its line tells: defined, imported, or in prose."""

from __future__ import annotations

import re

from torchfix_codemods.analysis.looks.functions import Unclear

_IMPORT = re.compile(r"[ \t]*(?:from|import)[ \t]")
_LISTED = re.compile(r"[\w, \t]+(?:#.*)?")


def is_definition(text: str, start: int) -> bool:
    """Whether a word is the name of a function or class where that is defined."""
    return text[max(0, start - 6) : start].rstrip(" \t").endswith(("def", "class"))


def is_import(text: str, match: re.Match[str]) -> bool:
    """Whether a word stands in an import. One that gives it another name isn't followed."""
    first = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", match.end())
    line = text[first : end if end >= 0 else len(text)]
    if not _IMPORT.match(line):
        opening = text.rfind("(", 0, first)
        start = text.rfind("\n", 0, max(0, opening)) + 1
        if not _LISTED.fullmatch(line) or not _IMPORT.match(text, start) or ")" in text[opening:first]:
            return False
    if re.match(r"[ \t]+as\b", text[match.end() : match.end() + 6]):
        raise Unclear
    return True


def is_prose(text: str, match: re.Match[str]) -> bool:
    """Whether a word at the top level of a file stands in a comment, or in a text in quotes."""
    first = text.rfind("\n", 0, match.start()) + 1
    return "#" in text[first : match.start()] or text.count('"""', 0, match.start()) % 2 == 1
