"""Trees whose functions have no bodies until somebody looks into them.

Of the files around the one that is checked, the interpreter runs a few functions; parsing the others costs more than
all that it does with these. So the bodies are cut out of the text before it is parsed (found by their lines alone), and
each is parsed when its `body` is asked for. From then on the function is an ordinary node.

Cutting trusts that the text parses. What is left of it then parses too and has every function in its place; else the
text is parsed as a whole. A body that does not parse alone is taken from the whole tree.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from torchfix_codemods.analysis.outline import TOKEN
from torchfix_codemods.analysis.trees import Cut, statements
from torchfix_codemods.analysis.unparsable import quietly_parsed

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
MIN_BODY = 60  # characters; parsing less by itself costs as much as parsing it at once
UNREADABLE = "<unreadable>"  # the name whose value a body that cannot be parsed gives back
_DEFINITION = re.compile(r"\n( *)(?:async +)?def +\w+")
_HEADER_PART = re.compile(r"[()\[\]{}:]")
_LINE_REST = re.compile(r" *\n")
_TAB = re.compile(r"\n *\t")
_FILLER = "pass"


@dataclass
class Gaps:
    """What the cut-out bodies of one text share. It holds none of the nodes that hold it: trees go by reference count.

    `filled` are the functions whose bodies were parsed, in that order; `unreadable` is told why one can't be.
    """

    code: str
    unreadable: Callable[[Exception], None]
    filled: list[FunctionNode] = field(default_factory=list)
    weight: int = 0


@dataclass(frozen=True)
class Gap:
    """One body that was cut out: its lines (from 1), its characters, and where its last statement ends (in bytes)."""

    first: int
    last: int
    start: int
    end: int
    column: int


class _Hollow(Cut):
    """Gives a function its body on demand."""

    __slots__ = ()

    def __getattr__(self, name: str) -> list[ast.stmt]:
        if name != "body" or "_gap" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return _fill(self)  # type: ignore[arg-type]


class FunctionDef(ast.FunctionDef, _Hollow):
    """A function whose body was not looked at yet (visitors go by the name of the class)."""

    __slots__ = ()


class AsyncFunctionDef(ast.AsyncFunctionDef, _Hollow):
    """The same for a coroutine."""

    __slots__ = ()


class HollowTree:
    """A tree, and the functions in it that were cut, by their lines."""

    def __init__(self, tree: ast.Module, functions: list[tuple[Gap, FunctionNode]], gaps: Gaps) -> None:
        self.tree = tree
        self.gaps = gaps
        self._functions = functions
        self._firsts = [gap.first for gap, _ in functions]

    @property
    def filled(self) -> list[FunctionNode]:
        """The functions whose bodies were parsed since, in that order."""
        return self.gaps.filled

    def fill(self) -> None:
        """Parse all bodies."""
        for _, function in self._functions:
            _ = function.body

    def fill_line(self, line: int) -> None:
        """Parse the body that a line stands in."""
        index = bisect_right(self._firsts, line) - 1
        if index >= 0 and line <= self._functions[index][0].last:
            _ = self._functions[index][1].body

    def fill_those_with(self, word: str) -> None:
        """Parse the bodies that say a word."""
        for gap, function in self._functions:
            if self.gaps.code.find(word, gap.start, gap.end) >= 0:
                _ = function.body


def hollow_tree(text: str, unreadable: Callable[[Exception], None]) -> HollowTree | None:
    """The tree of a text without the bodies of its functions; None where it has to be parsed as a whole."""
    code = text.replace("\r\n", "\n")
    if "\r" in code or "\f" in code or "\0" in code:
        return None
    cut = dict(_gaps(code))
    shell = _without(code, list(cut.values())) if cut else ""
    if not shell:
        return None
    try:
        tree = quietly_parsed(shell)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found = [s for s in statements(tree.body) if isinstance(s, FunctionNode) and s.lineno in cut]
    functions = sorted(((cut[node.lineno], node) for node in found), key=lambda pair: pair[0].first)
    if len(functions) < len(cut) or not all(_is_filler(node, gap) for gap, node in functions):
        return None
    gaps = Gaps(code, unreadable, weight=len(shell) - shell.count("\n"))
    for gap, node in functions:
        _hollow_out(node, gap, gaps)
    return HollowTree(tree, functions, gaps)


# --- cutting ---------------------------------------------------------------------------------------------------------


def _gaps(code: str) -> Iterator[tuple[int, Gap]]:
    """The bodies to cut out, by the line of their `def`: those of outermost functions, on lines of their own."""
    masked = _masked(code)
    if "\t" in masked and _TAB.search(masked):
        return
    starts = [0, *(match.end() for match in re.finditer("\n", code))]
    done = 0
    for match in _DEFINITION.finditer(masked):
        if match.start() < done or (start := _header_end(masked, match.end())) is None:
            continue
        indent = len(match[1])
        dedent = _dedent(indent).search(masked, start - 1)
        end = start + len(masked[start : dedent.start() if dedent else len(masked)].rstrip())
        first, last = bisect_right(starts, start), bisect_right(starts, end - 1)
        column = len(code[starts[last - 1] : end].encode("utf-8", "surrogatepass"))
        if end - start >= MIN_BODY and column - len(_FILLER) > indent:
            yield bisect_right(starts, match.start() + 1), Gap(first, last, start, end, column)
            done = end


def _masked(code: str) -> str:
    """The text with blanks for comments, one word for each string, and a null for each line end that ends no line."""
    return TOKEN.sub(_blank, code).replace("\\\n", "\\\0")


def _blank(match: re.Match[str]) -> str:
    token = match[0]
    if token[0] == "#":
        return " " * len(token)
    if "\n" not in token:
        return "_" * len(token)
    return "\0".join("_" * len(line) for line in token.split("\n"))


def _header_end(masked: str, position: int) -> int | None:
    """Where the line behind the colon of a `def` begins; None where something stands behind the colon."""
    depth = 0
    for match in _HEADER_PART.finditer(masked, position):
        if match[0] in "([{":
            depth += 1
        elif match[0] in ")]}":
            depth -= 1
        elif depth == 0:
            rest = _LINE_REST.match(masked, match.end())
            return rest.end() if rest else None
    return None


@lru_cache(maxsize=64)
def _dedent(indent: int) -> re.Pattern[str]:
    """The next line that is not indented further, those aside that only close a bracket."""
    return re.compile(rf"\n {{0,{indent}}}[^ \n)\]}}]")


def _without(code: str, gaps: list[Gap]) -> str:
    """The text with a filler, which ends where the body ends, for each body: every other node keeps its place."""
    pieces, position = [], 0
    for gap in gaps:
        line_end = code.find("\n", gap.end)
        pieces += [code[position : gap.start], "\n" * (gap.last - gap.first)]
        pieces.append(" " * (gap.column - len(_FILLER)) + _FILLER)
        position = line_end if line_end >= 0 else len(code)
    return "".join((*pieces, code[position:]))


def _is_filler(node: FunctionNode, gap: Gap) -> bool:
    match node.body:
        case [ast.Pass(end_lineno=line, end_col_offset=column)]:
            return (line, column) == (gap.last, gap.column)
        case _:
            return False


# --- filling ---------------------------------------------------------------------------------------------------------


def _hollow_out(node: FunctionNode, gap: Gap, gaps: Gaps) -> None:
    node.__class__ = FunctionDef if isinstance(node, ast.FunctionDef) else AsyncFunctionDef
    node._gap = gap, gaps  # type: ignore[union-attr]
    del node.body


def _fill(node: FunctionNode) -> list[ast.stmt]:
    gap, gaps = node.__dict__.pop("_gap")
    node.body = _body(node, gap, gaps)
    node.__class__ = ast.FunctionDef if isinstance(node, ast.FunctionDef) else ast.AsyncFunctionDef
    gaps.filled.append(node)
    gaps.weight += gap.end - gap.start
    return node.body


def _body(node: FunctionNode, gap: Gap, gaps: Gaps) -> list[ast.stmt]:
    # The lines before it are left empty, so that every node has its line and column.
    code = "\n" * (gap.first - 2) + "if 1:\n" + gaps.code[gap.start : gap.end] + "\n"
    try:
        around = quietly_parsed(code).body[0]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _body_in_whole(node, gap, gaps)
    match around:
        case ast.If(body=[*_, ast.stmt(end_lineno=gap.last, end_col_offset=gap.column)]):
            return around.body
        case _:
            return _body_in_whole(node, gap, gaps)


def _body_in_whole(node: FunctionNode, gap: Gap, gaps: Gaps) -> list[ast.stmt]:
    try:
        whole = quietly_parsed(gaps.code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        gaps.unreadable(error)
        place = {"lineno": gap.last, "col_offset": 0, "end_lineno": gap.last, "end_col_offset": gap.column}
        return [ast.Return(ast.Name(UNREADABLE, ast.Load(), **place), **place)]
    return next(s.body for s in statements(whole.body) if isinstance(s, FunctionNode) and s.lineno == node.lineno)
