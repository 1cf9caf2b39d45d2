"""Does the output of an activation leave the function that applies it? Asked of single functions, nothing is run.

Most softmaxes are attention weights: multiplied, summed, gone. Where all of a file's are, no loss can get one of them,
and the file need not be interpreted. Whatever isn't understood leaves.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from torchfix_codemods.analysis.activation_names import EXACT, NEEDLE, names_an_activation
from torchfix_codemods.analysis.outline import without_comments
from torchfix_codemods.analysis.taint import Departures, Leaves

_MADE = re.compile(r"S(?:oftmax(?:2d)?|igmoid)\(")
_INTO_AN_ATTRIBUTE = re.compile(r"\.(\w+)[ \t]*(?::[^=\n]*)?=[ \t]*(?:\w+\.)*\Z")
_DEFINITION = re.compile(r"[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+\w+\Z")
_WORD = re.compile(r"\w+")
_BLANK = re.compile(r"[ \t]*")
_IMPORTED = re.compile(r"import[ \t]*(?:\([^)]*|[^\n(]*)(?:oftmax|igmoid|expit)")


def activations_leave(text: str) -> bool:
    """Whether the output of some softmax or sigmoid may go on from the function in which it is applied."""
    if "\r" in text or "\f" in text:
        return True
    return _some_leave(text) and _some_leave(without_comments(text))


def _some_leave(text: str) -> bool:
    try:
        named = frozenset(_kept_by_name(text))
        return any(_leaves(chunk, text, named) for chunk in _chunks(text, named))
    except Leaves:
        return True


def _kept_by_name(text: str) -> Iterator[str]:
    """The attributes into which an activation is put where it is made."""
    for made in _MADE.finditer(text):
        kept = _INTO_AN_ATTRIBUTE.search(text, text.rfind("\n", 0, made.start()) + 1, made.start())
        if kept is not None:
            yield kept[1]


def _chunks(text: str, named: frozenset[str]) -> Iterator[str]:
    """The innermost functions around the mentions of an activation, each once."""
    bare = _IMPORTED.search(text) is not None
    done = 0
    for position in _positions(text, named):
        if position < done:
            continue
        start = text.rfind("\n", 0, position) + 1
        end = text.find("\n", position)
        line = text[start : end if end >= 0 else len(text)]
        content = line.lstrip()
        if not _is_mention(line, position - start, bare, text):
            continue
        if _DEFINITION.match(line, 0, position - start + 1):
            continue  # the name of a function or class; its body and its users are looked at
        if not line[:1].isspace() and content.startswith(("import ", "from ", ")")) and " as " not in content:
            continue
        found = _function_around(text, position, len(line) - len(content))
        if found is None or content.startswith(("def ", "async def ", "class ")):
            raise Leaves
        first, done = found
        yield text[first:done]


def _positions(text: str, named: frozenset[str]) -> list[int]:
    found = [match.start() for match in NEEDLE.finditer(text)]
    if others := [name for name in named if not NEEDLE.search(name)]:
        found += [m.start() for m in re.finditer(r"\.(?:" + "|".join(map(re.escape, others)) + r")\b", text)]
        found.sort()
    return found


def _is_mention(line: str, position: int, bare: bool, text: str) -> bool:
    """Whether a word is called, an attribute, imported, or asked for by its name: not prose."""
    if line[position] == ".":
        return True
    word = next(found for found in _WORD.finditer(line) if found.end() > position)
    if not names_an_activation(word[0], text):
        return False
    if line[word.end() : word.end() + 1] == "(" or line[word.start() - 1 : word.start()] == ".":
        return True
    return (bare and word[0] in EXACT) or "getattr(" in line


def _function_around(text: str, position: int, indent: int) -> tuple[int, int] | None:
    """From where to where the innermost function around a place goes; its lines are indented less than the place's."""
    start = position
    while True:
        start = text.rfind("def ", 0, start)
        if start < 0:
            return None
        first = text.rfind("\n", 0, start) + 1
        blank = _BLANK.match(text, first, start)
        if blank and len(blank[0]) < indent and text[blank.end() : start].strip() in ("", "async"):
            break
    end = re.compile(rf"\n[ \t]{{0,{len(blank[0])}}}[^\s)\]}}#]").search(text, position)
    return first, end.start() + 1 if end else len(text)


def _leaves(chunk: str, text: str, named: frozenset[str]) -> bool:
    """Whether a function lets the output of an activation out. Raises `Leaves` when it does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(f"if 1:\n{chunk}" if chunk[:1].isspace() else chunk).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    inner = body[0].body if isinstance(body[0], ast.If) else body
    if len(inner) != 1 or not isinstance(inner[0], ast.FunctionDef | ast.AsyncFunctionDef):
        return True
    Departures(text, named).function(inner[0])
    return False
