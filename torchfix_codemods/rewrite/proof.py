"""The proof that every verb ends with: the edited text parses to exactly the intended tree, with every comment.

The text is made by one means (libcst, or edits of lines), the expectation by another (a changed copy of the
`ast`), and they must agree on the smallest piece of the file that can be parsed alone.
"""

from __future__ import annotations

import ast
import copy
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.edits import apply_edits
from torchfix_codemods.rewrite.scan import CannotRewrite, comment_counts

LOST_COMMENT = "a comment inside the removed code would be lost"
_COMPOUND = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.If, ast.For, ast.AsyncFor, ast.While),
    *(ast.With, ast.AsyncWith, ast.Try, ast.Match),
    *((ast.TryStar,) if hasattr(ast, "TryStar") else ()),
)
_STRINGS = (ast.JoinedStr, *((ast.TemplateStr,) if hasattr(ast, "TemplateStr") else ()))


@dataclass(frozen=True)
class Region:
    """A range of the text that parses alone to `statements` once `prefix` stands before it."""

    start: int
    end: int
    prefix: str
    statements: Sequence[ast.stmt]


def is_compound(statement: ast.stmt) -> bool:
    """Whether the statement has blocks, and so a line of its own."""
    return isinstance(statement, _COMPOUND)


def is_elif(file: ParsedFile, statement: ast.AST) -> bool:
    """Whether an `If` is written as the `elif` of another one."""
    return isinstance(statement, ast.If) and file.text.startswith("elif", file.span(statement)[0])


def start_of(file: ParsedFile, statement: ast.stmt) -> int:
    """Offset of the first character of a statement, decorators included."""
    decorators = getattr(statement, "decorator_list", [])
    if not decorators:
        return file.span(statement)[0]
    return file.text.rindex("@", 0, file.span(decorators[0])[0])


def line_start(file: ParsedFile, offset: int) -> int:
    """Offset of the first character of the line that holds `offset`."""
    return offset - file.line_column(offset)[1] + 1


def line_end(file: ParsedFile, offset: int) -> int:
    """Offset of the end of the line that holds `offset`, its line ending left out."""
    line = file.line_column(offset)[0]
    end = file.line_starts[line] if line < len(file.line_starts) else len(file.text)
    while end > offset and file.text[end - 1] in "\r\n":
        end -= 1
    return end


def refuse_inside_string(file: ParsedFile, node: ast.AST) -> None:
    """Raise `CannotRewrite` for code inside of an f-string, where positions are wrong before Python 3.12."""
    parent = file.parents.get(node)
    while parent is not None and not isinstance(parent, ast.stmt):
        if isinstance(parent, _STRINGS):
            raise CannotRewrite("it stands inside an f-string")
        parent = file.parents.get(parent)


def region_around(file: ParsedFile, node: ast.AST) -> Region:
    """The innermost statement around `node` that can be parsed without the rest of the file."""
    statement = file.enclosing_statement(node)
    while is_elif(file, statement):
        statement = file.enclosing_statement(file.parents[statement])
    start, end = start_of(file, statement), file.span(statement)[1]
    if not is_compound(statement):
        return Region(start, end, "", (statement,))
    first = line_start(file, start)
    indent = file.text[first:start].rpartition("\f")[2]
    return Region(first, line_end(file, end), "if 1:\n" if indent else "", (statement,))


def _block_region(file: ParsedFile, block: list[ast.stmt], new: list[ast.stmt], edits: list[Edit]) -> Region:
    """The region of a changed block: the compound statement around it, at module level only the neighbours."""
    parent = file.parents[block[0]] if block else file.tree
    if not isinstance(parent, ast.Module):
        region = region_around(file, parent)
        return Region(region.start, max(region.end, *(e.end for e in edits)), region.prefix, region.statements)
    same = [first is second for first, second in zip(block, new, strict=False)]
    low = max((same.index(False) if False in same else len(same)) - 1, 0)
    tail = [first is second for first, second in zip(reversed(block[low:]), reversed(new[low:]), strict=False)]
    high = len(block) - max((tail.index(False) if False in tail else len(tail)) - 1, 0)
    start = start_of(file, block[low]) if low else 0
    end = start_of(file, block[high]) if high < len(block) else len(file.text)
    return Region(start, end, "", block[low:high])


def prove_block(file: ParsedFile, block: list[ast.stmt], new: list[ast.stmt], edits: list[Edit]) -> list[Edit]:
    """The edits, once it is certain that they turn the statements of `block` into `new` and do nothing else.

    `new` may hold nodes of the file and new ones. Raises `CannotRewrite` otherwise.
    """
    region = _block_region(file, block, new, edits)
    if not block or isinstance(file.parents[block[0]], ast.Module):
        low = block.index(region.statements[0]) if region.statements else 0
        expected = new[low : len(new) - (len(block) - low - len(region.statements))]
        return prove(file, region, edits, expected)
    memo: dict[int, object] = {}
    clone = _deep_copy(region.statements, memo)
    twin = memo[id(block)]
    assert isinstance(twin, list)
    twin[:] = new
    return prove(file, region, edits, clone)


def prove_expression(
    file: ParsedFile, node: ast.expr | ast.stmt, edits: list[Edit], change: Callable[[Twin], None]
) -> list[Edit]:
    """The edits, once it is certain that they do to the text what `change` does to a copy of the tree.

    Raises `CannotRewrite` otherwise.
    """
    region = region_around(file, node)
    memo: dict[int, object] = {}
    clone = _deep_copy(region.statements, memo)
    change(Twin(file, memo))
    return prove(file, region, edits, clone)


class Twin:
    """The copy of the tree that a verb changes to say what it means to do."""

    def __init__(self, file: ParsedFile, memo: dict[int, object]) -> None:
        self._file, self._memo = file, memo

    def of(self, node: ast.AST) -> ast.AST:
        """The copy of a node of the file."""
        twin = self._memo[id(node)]
        assert isinstance(twin, ast.AST)
        return twin

    def replace(self, node: ast.AST, new: ast.AST) -> None:
        """Put `new` where the copy of `node` stands."""
        parent, twin = self.of(self._file.parents[node]), self.of(node)
        for name, value in ast.iter_fields(parent):
            if value is twin:
                setattr(parent, name, new)
            elif isinstance(value, list):
                value[:] = [new if item is twin else item for item in value]


def _deep_copy(statements: Iterable[ast.stmt], memo: dict[int, object]) -> list[ast.stmt]:
    try:
        return copy.deepcopy(list(statements), memo)
    except RecursionError as error:
        raise CannotRewrite("the code is nested too deeply") from error


def prove(file: ParsedFile, region: Region, edits: list[Edit], expected: Sequence[ast.stmt]) -> list[Edit]:
    """The edits, if they turn the region into the `expected` statements and lose no comment.

    Raises `CannotRewrite` with the reason otherwise.
    """
    if any(edit.start < region.start or edit.end > region.end for edit in edits):
        raise CannotRewrite("the change would reach beyond its statement")
    old = file.text[region.start : region.end]
    moved = [Edit(e.path, e.start - region.start, e.end - region.start, e.new) for e in edits]
    new = region.prefix + apply_edits(old, moved)
    try:
        body = parsed_quietly(new)
        actual = body[0].body if region.prefix and isinstance(body[0], ast.If) else body
        same = list(map(ast.dump, actual)) == list(map(ast.dump, expected))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CannotRewrite("the rewritten code would not parse") from error
    if not same:
        raise CannotRewrite("the rewritten code would mean something else than intended")
    if comment_counts(region.prefix + old) - comment_counts(new):
        raise CannotRewrite(LOST_COMMENT)
    return edits


def parsed_quietly(code: str) -> list[ast.stmt]:
    """The statements of a text, without the warnings (invalid escapes) that belong to the user's own runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(code).body


def first_proved(attempts: Iterable[Callable[[], list[Edit]]]) -> list[Edit]:
    """The edits of the first attempt that can be proved. Raises the last one's `CannotRewrite` if none can."""
    failure = CannotRewrite("there is no way to write this")
    for attempt in attempts:
        try:
            return attempt()
        except CannotRewrite as error:
            failure = error
    raise failure
