"""What is said outside of functions: in imports, lists and dictionaries, bodies of classes."""

from __future__ import annotations

import re

ASSIGNED = re.compile(r"([ \t]*)(\w+)[ \t]*(?::[^=\n]*)?=(?!=)")


def is_quoted(before: str, after: str) -> bool:
    """Whether a word stands in quotes between these parts of its line."""
    return before[-1:] in ("'", '"') and after[:1] == before[-1:]


def is_imported(text: str, start: int, line: str) -> bool:
    """Whether a line is, or belongs to, an import."""
    if re.match(r"[ \t]*(?:from|import)\b", line):
        return True
    opened = text.rfind("import (", 0, start)
    return opened >= 0 and ")" not in text[opened:start]


def is_listed(before: str, after: str) -> bool:
    """Whether a name is assigned as it is, or is an item of a list or a dictionary: nothing is done with it there."""
    return (
        re.fullmatch(r"[\s\w\"'{\[(,:.-]*", before) is not None
        and re.search(r"\w\(", before) is None
        and (re.match(r"\s*(?:[,})\]#]|\Z)", after) is not None)
    )


def in_a_class(text: str, assigned: re.Match[str]) -> bool:
    """Whether an assignment outside of functions stands at the very top, or in a class."""
    indent = len(assigned[1])
    if not indent:
        return True
    for line in reversed(text[: assigned.start()].split("\n")):
        if line.strip() and len(line) - len(line.lstrip()) < indent and line.lstrip()[:1] not in ")]}":
            return line.lstrip().startswith("class ")
    return False


def statement_of(text: str, start: int) -> re.Match[str] | None:
    """The assignment that a line belongs to."""
    while True:
        found = ASSIGNED.match(text, start)
        if found is not None:
            return found
        if text[start : start + 1] not in (" ", "\t", ")", "]", "}") or start == 0:
            return None
        start = text.rfind("\n", 0, start - 1) + 1
