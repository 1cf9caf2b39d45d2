"""The functions around words of a text, found by lines alone and parsed one by one: what every closer look reads.

Parsing a whole file costs more than all that a look does with it.
"""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from torchfix_codemods.analysis.project import Project

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_HEADER = re.compile(r"([ \t]*)(async[ \t]+def|def|class)[ \t]+(\w+)")
# At a line that is not indented more, unless it closes a bracket or a text, or is a comment.
_ENDS = {indent: re.compile(rf"\n[ \t]{{0,{indent}}}(?![ \t\r\n\f)\]}}#]|[\"']{{3}})") for indent in (0, 4, 8)}
_QUOTES = ('"""', "'''")


class Unclear(Exception):
    """The text around a word is not understood: a look that hears this leaves the file in."""


@dataclass(frozen=True)
class Function:
    """A top-level function or a method, with all that is defined in it: its text from its `def` on, and its class.

    Decorators are not among it. Of a method in a class in a class, `owner` is the innermost class.
    """

    name: str
    owner: str
    start: int
    end: int
    text: str

    def parsed(self) -> FunctionNode:
        """Its syntax tree, with positions within `text`. Raises `Unclear` where it cannot be parsed alone."""
        node = _parsed(self.text)
        if not isinstance(node, FunctionNode):
            raise Unclear
        return node


def _parsed(text: str) -> ast.stmt:
    """The one statement of a text, which may be indented. Raises `Unclear` where it is none, or more than one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(f"if 1:\n{text}" if text[:1].isspace() else text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unclear from None
    inner = body[0].body if text[:1].isspace() and body and isinstance(body[0], ast.If) else body
    if len(inner) != 1:
        raise Unclear
    return inner[0]


class Functions:
    """The functions of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._found: list[Function] = []

    def around(self, position: int) -> Function | None:
        """The outermost function that holds a position; None at the top level of the file or of a class.

        A position in the first lines of a `def` (its name, defaults, annotations) is held by it. Raises `Unclear` where
        lines do not tell where a function before the position ends.
        """
        for function in self._found:
            if function.start <= position < function.end:
                return function
        found = self._function_around(position)
        if found is not None:
            self._found.append(found)
        return found

    def holding(self, positions: Iterable[int]) -> Iterator[tuple[Function | None, list[int]]]:
        """The functions around positions (which ascend), each once with its positions; None holds those outside."""
        together: dict[Function | None, list[int]] = {}
        for position in positions:
            together.setdefault(self.around(position), []).append(position)
        yield from together.items()

    def named(self, name: str) -> Iterator[Function]:
        """Every top-level function and method of this name."""
        for match in re.finditer(rf"\bdef[ \t]+{re.escape(name)}\b", self.text):
            found = self.around(match.start())
            if found is not None and found.name == name:
                yield found

    def _function_around(self, position: int) -> Function | None:
        name, owner, first, end = "", "", -1, -1
        for line, indent, kind, called in self._headers_around(position):
            held = self._end(line, indent)
            if held <= position:
                if kind != "class" or name:
                    _parsed(self.text[line:held])  # where this is no whole statement, it has not ended
            elif kind != "class":
                name, owner, first, end = called, "", line, held
            elif name and not owner:
                owner = called
        if not name and self._may_be_continued(position):
            raise Unclear
        return Function(name, owner, first, end, self.text[first:end]) if name else None

    def _may_be_continued(self, position: int) -> bool:
        """Whether a line goes on with a statement of the function before it, less indented than that."""
        line = self.text.rfind("\n", 0, position) + 1
        if not self.text[:line].rstrip().endswith(("(", "[", "{", ",", "\\")):
            return False
        before = max(0, self._header_before(line))
        header = _HEADER.match(self.text, before)
        if header is None or not 0 < len(header[1]) >= self._indent(line, position):
            return False
        end = self._end(before, len(header[1]))
        if end <= line:
            _parsed(self.text[before:end])  # where this is no whole statement, it has not ended
        return end > line

    def _headers_around(self, position: int) -> Iterator[tuple[int, int, str, str]]:
        """The headers that may be those around a position, innermost first: line, indent, kind, name."""
        line = self.text.rfind("\n", 0, position) + 1
        indent = self._indent(line, position) + (_HEADER.match(self.text, line) is not None)
        while indent > 0 and line >= 0:
            header = _HEADER.match(self.text, line)
            if header is not None and len(header[1]) < indent:
                if self._stands_in_a_text(line, position):
                    raise Unclear
                indent = len(header[1])
                yield line, indent, header[2], header[3]
            line = self._header_before(line)

    def _stands_in_a_text(self, line: int, position: int) -> bool:
        """Whether a line is that of a text in triple quotes which ends before the position."""
        return any(
            bisect_left(places, line) % 2 and bisect_left(places, line) < bisect_left(places, position)
            for places in self._triples
        )

    @cached_property
    def _triples(self) -> tuple[list[int], ...]:
        """Where triple quotes of each kind stand."""
        return tuple([found.start() for found in re.finditer(quotes, self.text)] for quotes in _QUOTES)

    def _indent(self, start: int, position: int) -> int:
        """How far the line of a position is indented: of a line within brackets, more than its statement."""
        line = self.text[start : position + 1]
        return len(line) - len(line.lstrip(" \t"))

    def _header_before(self, line: int) -> int:
        """Where the line of the last `def` or `class` before a line begins; -1 where there is none."""
        position = line
        while True:
            position = max(self.text.rfind("def ", 0, position), self.text.rfind("class ", 0, position))
            if position < 0:
                return -1
            first = self.text.rfind("\n", 0, position) + 1
            if self.text[first:position].strip() in ("", "async"):
                return first

    def _end(self, first: int, indent: int) -> int:
        """Where a definition ends: at a line that is not indented more, unless that stands in a text."""
        pattern = _ENDS.get(indent) or re.compile(_ENDS[0].pattern.replace("{0,0}", f"{{0,{indent}}}"))
        start = max(first, self.text.find(":", first))
        while (found := pattern.search(self.text, start)) is not None:
            start = found.start() + 1
            if not any(self.text.count(quotes, first, start) % 2 for quotes in _QUOTES):
                return start
        return len(self.text)


def functions_of(project: Project, path: str) -> Functions:
    """The functions of a file, remembered while the looks are at that file."""
    known: tuple[str, Functions] | None = project.memory.get("functions")
    if known is None or known[0] != path:
        known = (path, Functions(project.read(path) or ""))
        project.memory["functions"] = known
    return known[1]
