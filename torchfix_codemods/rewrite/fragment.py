"""The smallest piece of a file that a verb gives to libcst, and the way back from its changed node to an `Edit`.

An expression is parsed alone inside a pair of parentheses, the header of a `def` alone with an empty body: no
line has to be dedented, so multi-line strings, tabs and form feeds never pass through libcst's idea of blocks,
and the offsets come from `ast`. libcst is imported only when a fix is built; it needs time and memory that grow
with the square of the nesting and dies on very deep code, therefore the bounds.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.proof import refuse_inside_string, start_of
from torchfix_codemods.rewrite.scan import CannotRewrite, newline_of, tokens_of

if TYPE_CHECKING:
    import libcst as cst

MAX_CHARACTERS = 40_000  # libcst needs about 0.5 s for it at worst
MAX_DEPTH = 100  # of nested brackets and of the tree: below libcst's and Python's recursion limits
_PASS = " pass"


@dataclass(frozen=True)
class Fragment:
    """One libcst node and the characters `[start, end)` of the file that it was parsed from."""

    file: ParsedFile
    start: int
    end: int
    node: cst.CSTNode
    newline: str

    def edits(self, node: cst.CSTNode) -> list[Edit]:
        """The smallest edit that turns the text of the fragment into the code of `node`."""
        old = self.file.text[self.start : self.end]
        return minimal_edit(self.file, self.start, old, _code(node, self.newline))

    def whitespace(self, text: str) -> cst.BaseParenthesizableWhitespace:
        """Whitespace (with line ends and comments) inside of brackets as libcst has it."""
        import libcst as cst

        node = _parse_expression(f"({text}x)", self.newline)
        assert isinstance(node, cst.Name)
        return node.lpar[0].whitespace_after

    def expression(self, code: str) -> cst.BaseExpression:
        """The libcst node of a piece of code. Raises `CannotRewrite` where it isn't an expression."""
        return _parse_expression(code, self.newline)


def expression_fragment(file: ParsedFile, node: ast.expr) -> Fragment:
    """The libcst node of an expression. Raises `CannotRewrite` beyond the bounds or where libcst can't read it."""
    refuse_inside_string(file, node)
    start, end = file.span(node)
    text = file.text[start:end]
    _check_bounds(node, text)
    newline = newline_of(text)
    parsed = _parse_expression(f"({text})", newline)
    if _code(parsed, newline) != text:
        raise CannotRewrite("libcst does not give this code back as it is written")
    return Fragment(file, start, end, parsed, newline)


def header_fragment(file: ParsedFile, function: FunctionNode) -> Fragment:
    """The libcst node of a `def` without decorators and body. Raises `CannotRewrite` as `expression_fragment`."""
    import libcst as cst

    colon = tokens_of(file.text).before(start_of(file, function.body[0]))
    assert colon is not None
    start, end = file.span(function)[0], colon.end
    text = file.text[start:end]
    _check_bounds(function.args, text)
    newline = newline_of(text)
    config = cst.PartialParserConfig(default_newline=newline)
    try:
        parsed = cst.parse_statement(text + _PASS, config)
    except (cst.ParserSyntaxError, RecursionError) as error:
        raise CannotRewrite("libcst cannot read this code") from error
    if _code(parsed, newline) != text:
        raise CannotRewrite("libcst does not give this code back as it is written")
    return Fragment(file, start, end, parsed, newline)


def _parse_expression(text: str, newline: str) -> cst.BaseExpression:
    import libcst as cst

    try:
        return cst.parse_expression(text, cst.PartialParserConfig(default_newline=newline))
    except (cst.ParserSyntaxError, RecursionError) as error:
        raise CannotRewrite("libcst cannot read this code") from error


def _code(node: cst.CSTNode, newline: str) -> str:
    """The code of a fragment's node, without the parentheses or the body that were put around it."""
    import libcst as cst

    try:
        code = cst.Module([], default_newline=newline).code_for_node(node)
    except RecursionError as error:
        raise CannotRewrite("the code is nested too deeply") from error
    return code.rstrip("\r\n").removesuffix(_PASS) if isinstance(node, cst.FunctionDef) else code[1:-1]


def _check_bounds(node: ast.AST, text: str) -> None:
    """Refuse what libcst would need too much time or memory for. Raises `CannotRewrite`."""
    if len(text) > MAX_CHARACTERS:
        raise CannotRewrite(f"the expression is longer than {MAX_CHARACTERS} characters")
    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    level: list[ast.AST] = [node]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in ast.iter_child_nodes(parent)]
    if level or deepest > MAX_DEPTH:
        raise CannotRewrite("the code is nested too deeply")


def minimal_edit(file: ParsedFile, start: int, old: str, new: str) -> list[Edit]:
    """The edit of `[start, start + len(old))` to `new` without what both have in common; none if they are equal.

    A word that changes in part is replaced as a whole.
    """
    if old == new:
        return []
    limit = min(len(old), len(new))
    head = next((i for i in range(limit) if old[i] != new[i]), limit)
    while head and _is_word(old[head - 1]) and any(_is_word(code[head : head + 1]) for code in (old, new)):
        head -= 1
    limit -= head
    tail = next((i for i in range(limit) if old[-1 - i] != new[-1 - i]), limit)
    ends = (old[: len(old) - tail], new[: len(new) - tail])
    while tail and _is_word(old[len(old) - tail]) and any(_is_word(code[-1:]) for code in ends):
        tail -= 1
        ends = (old[: len(old) - tail], new[: len(new) - tail])
    return [Edit(file.path, start + head, start + len(old) - tail, new[head : len(new) - tail])]


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
