"""One parsed file: its text, its `ast`, and the way between the two.

`ast` counts columns in UTF-8 bytes and lines as the tokenizer does (LF, CRLF and lone CR end a line; form feed and
U+2028 do not). Everything else in the project counts characters of the text, so the translation lives here.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property

from torchfix_codemods.analysis.hollow import FunctionNode as FunctionNode
from torchfix_codemods.analysis.hollow import hollow_tree
from torchfix_codemods.analysis.index import Index
from torchfix_codemods.analysis.trees import parents
from torchfix_codemods.analysis.unparsable import quietly_parsed
from torchfix_codemods.findings import Location

_Positioned = ast.expr | ast.stmt | ast.arg | ast.keyword | ast.alias | ast.excepthandler
_LINE_END = re.compile(r"\r\n|\r|\n")


class ParsedFile:
    """Text and syntax tree of one file. Raises `SyntaxError`, `ValueError` or `RecursionError` as `ast.parse` does.

    `path` is the path that reports show (posix, relative to the working folder). With `unreadable` the bodies of
    functions are parsed when they are asked for, and it is told why one can't be.
    """

    def __init__(self, path: str, text: str, unreadable: Callable[[Exception], None] | None = None) -> None:
        self.path = path
        self.text = text
        self._hollow = None if unreadable is None else hollow_tree(text, unreadable)
        self.tree = quietly_parsed(text) if self._hollow is None else self._hollow.tree
        self._index = Index(self.tree, self._hollow)

    @property
    def whole(self) -> bool:
        """Whether all of the text was parsed at once: then all of it is sound."""
        return self._hollow is None

    @property
    def weight(self) -> int:
        """How many characters of it were parsed so far."""
        return len(self.text) if self._hollow is None else self._hollow.gaps.weight

    @cached_property
    def line_starts(self) -> list[int]:
        """Offset of the first character of each line, as the tokenizer counts lines."""
        # One pass: looking for each kind of line end from each line on is quadratic where a file has one kind only.
        return [0, *(found.end() for found in _LINE_END.finditer(self.text))]

    def offset(self, line: int, column: int) -> int:
        """Character offset of an `ast` position (line from 1, column in UTF-8 bytes)."""
        start = self.line_starts[line - 1]
        if self.text.isascii():  # known to Python without a look; the lines of generated files are long
            return start + column
        end = self.line_starts[line] if line < len(self.line_starts) else len(self.text)
        content = self.text[start:end]
        if content.isascii():
            return start + column
        return start + len(content.encode("utf-8")[:column].decode("utf-8", "ignore"))

    def span(self, node: _Positioned) -> tuple[int, int]:
        """Character range of a node (decorators of a definition excluded, as `ast` has it)."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)

    def location(self, node: _Positioned) -> Location:
        """Where a node stands, in the form that findings carry."""
        return Location(self.path, *self.span(node))

    def source(self, node: _Positioned) -> str:
        """The text of a node, exactly as written."""
        start, end = self.span(node)
        return self.text[start:end]

    def line_column(self, offset: int) -> tuple[int, int]:
        """Line and column (both from 1, columns in characters) of an offset."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The parent of every node, computed once and only for files that a rule looks at closely."""
        self.fill()
        return parents(self.tree)

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The parent of one node; None for the whole tree."""
        return self._index.parents.get(node)

    def function_at(self, line: int, column: int) -> FunctionNode | ast.Lambda:
        """The function or lambda there. Raises `KeyError` where there is none."""
        return self._index.function_at(line, column)

    def class_at(self, line: int, name: str) -> ast.ClassDef | None:
        """The class of that name whose `class` stands in that line, nested ones too."""
        return self._index.class_at(line, name)

    def node_at(self, position: tuple[int, int, int, int], kind: type[ast.AST] = ast.AST) -> ast.AST | None:
        """The outermost node of a kind at (line, column, end line, end column), as `ast` counts them."""
        return next((node for node in self._index.nodes_at(position) if isinstance(node, kind)), None)

    def fill_functions_with(self, word: str) -> None:
        """Parse the functions that say a word, if they weren't yet."""
        if self._hollow is not None:
            self._hollow.fill_those_with(word)

    def fill(self) -> None:
        """Parse all functions that weren't yet."""
        if self._hollow is not None:
            self._hollow.fill()

    def enclosing_statement(self, node: ast.AST) -> ast.stmt:
        """The innermost statement that holds `node` (the node itself if it is one)."""
        known = self._index.parents
        while not isinstance(node, ast.stmt):
            node = known[node]
        return node

    def enclosing_function(self, node: ast.AST) -> FunctionNode | None:
        """The innermost `def` around `node`, not counting `node` itself; None at module or class level."""
        known = self._index.parents
        current = known.get(node)
        while current is not None and not isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef):
            current = known.get(current)
        return current

    def enclosing_class(self, node: ast.AST) -> ast.ClassDef | None:
        """The innermost class around `node`, looking through functions."""
        known = self._index.parents
        current = known.get(node)
        while current is not None and not isinstance(current, ast.ClassDef):
            current = known.get(current)
        return current

    def block_of(self, statement: ast.stmt) -> list[ast.stmt]:
        """The list of statements (a body, an `else`, a `finally`) in which `statement` stands."""
        parent = self._index.parents[statement]
        for _, value in ast.iter_fields(parent):
            if isinstance(value, list) and any(item is statement for item in value):
                return value
        raise LookupError(f"{self.path}: statement at line {statement.lineno} has no block")
