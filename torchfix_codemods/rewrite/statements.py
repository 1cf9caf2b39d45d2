"""Verbs on statements: delete one, add lines around one or at the start of a block, add a decorator.

They edit lines, so that what stays is not written again, and prove the result against the `ast`. All raise
`CannotRewrite`, with the reason, where the result would not be certain.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.layout import (
    above_comments,
    begins_line,
    block_indent,
    end_of_lines,
    indent_at,
    indent_unit,
    is_one_liner,
    next_line,
)
from torchfix_codemods.rewrite.proof import (
    Twin,
    is_elif,
    line_end,
    line_start,
    parsed_quietly,
    prove_block,
    prove_expression,
    start_of,
)
from torchfix_codemods.rewrite.scan import CannotRewrite, newline_of, tokens_of

_Loop = ast.For | ast.AsyncFor | ast.While
OpensBlock = FunctionNode | ast.ClassDef | _Loop | ast.If | ast.With | ast.AsyncWith | ast.Try | ast.ExceptHandler


def delete_statement(file: ParsedFile, statement: ast.stmt) -> list[Edit]:
    """Take a statement out. Comments above and behind it stay; a block that would be empty gets `pass`."""
    refuse_elif(file, statement)
    block = file.block_of(statement)
    if len(block) == 1 and not isinstance(file.parents[statement], ast.Module):
        start, end = start_of(file, statement), file.span(statement)[1]
        return prove_block(file, block, [ast.Pass()], [Edit(file.path, start, end, "pass")])
    new = [other for other in block if other is not statement]
    first, last = _range_to_delete(file, block, block.index(statement))
    return prove_block(file, block, new, [Edit(file.path, first, last, "")])


def _range_to_delete(file: ParsedFile, block: list[ast.stmt], index: int) -> tuple[int, int]:
    """The characters that go with a statement: its lines, or its share of a line."""
    statement, tokens = block[index], tokens_of(file.text)
    start, end = start_of(file, statement), file.span(statement)[1]
    following = block[index + 1] if index + 1 < len(block) else None
    if following and not begins_line(file, following):
        return start, start_of(file, following)
    if not begins_line(file, statement):
        return (file.span(block[index - 1])[1], end) if index else (start, end)
    if comments := tokens.comments(end, line_end(file, end)):
        return start, comments[0].start
    first, last = line_start(file, start), next_line(file, end)
    if last == len(file.text) and not file.text.endswith(("\n", "\r")):
        first = len(file.text[:first].removesuffix("\n").removesuffix("\r"))
    return first, last


def refuse_elif(file: ParsedFile, statement: ast.stmt) -> None:
    """Raise `CannotRewrite` for an `if` that is written as an `elif`: no line can stand before it."""
    if is_elif(file, statement):
        raise CannotRewrite("an `elif` cannot be taken from its `if`")


def insert_before(file: ParsedFile, statement: ast.stmt, lines: Sequence[str]) -> list[Edit]:
    """Add lines before a statement, above the comments that stand directly on it.

    A comment that a blank line separates from the statement stays above the new lines. `lines` are complete
    statements, indented among themselves by four blanks.
    """
    block = file.block_of(statement)
    return _inserted(file, block, block.index(statement), lines)


def insert_after(file: ParsedFile, statement: ast.stmt, lines: Sequence[str]) -> list[Edit]:
    """Add lines (as in `insert_before`) directly below a statement and its last block's comments."""
    block = file.block_of(statement)
    return _inserted(file, block, block.index(statement) + 1, lines, below=True)


def insert_first(file: ParsedFile, node: OpensBlock, lines: Sequence[str]) -> list[Edit]:
    """Add lines (as in `insert_before`) at the start of a body, below a docstring."""
    if is_docstring(file, node.body[0]):
        return insert_after(file, node.body[0], lines)
    return insert_before(file, node.body[0], lines)


def is_docstring(file: ParsedFile, statement: ast.stmt) -> bool:
    """Whether the statement is the docstring of what it opens."""
    parent = file.parents[statement]
    owners = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    if not isinstance(parent, owners) or parent.body[0] is not statement:
        return False
    return isinstance(statement, ast.Expr) and isinstance(getattr(statement.value, "value", None), str)


def is_future(statement: ast.stmt) -> bool:
    """Whether the statement is `from __future__ import ...`."""
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _inserted(
    file: ParsedFile, block: list[ast.stmt], index: int, lines: Sequence[str], *, below: bool = False
) -> list[Edit]:
    """Add lines before `block[index]`; `below` says that they belong to the statement above."""
    following = block[index] if index < len(block) else None
    refuse_elif(file, block[0])
    if following and (is_docstring(file, following) or is_future(following)):
        raise CannotRewrite("nothing may stand before a docstring or a `__future__` import")
    new = [*block[:index], *parsed_quietly("\n".join(lines)), *block[index:]]
    place = end_of_lines(file, block[index - 1]) if below or not following else above_comments(file, following)
    return prove_block(file, block, new, insertion(file, block, index, lines, place))


def insertion(file: ParsedFile, block: list[ast.stmt], index: int, lines: Sequence[str], place: int) -> list[Edit]:
    """The edits that add lines before `block[index]`: at the line start `place`, or on the line that is shared."""
    indent, unit = block_indent(file, block), indent_unit(file, block)
    newline = newline_of(file.text, start_of(file, block[max(index - 1, 0)]))
    written = [_indented(line, indent, unit) for line in lines]
    inner = newline.join(["", *written, indent])
    unfolds = is_one_liner(file, block) and index
    edits = [replace_gap(file, block, 0, newline + indent)] if unfolds else []
    if index < len(block) and not begins_line(file, block[index]):
        return [*edits, replace_gap(file, block, index, inner)]
    text = "".join(line + newline for line in written)
    if place == len(file.text) and not file.text.endswith(("\n", "\r")):
        text = newline + newline.join(written)
    return [*edits, Edit(file.path, place, place, text)]


def _indented(line: str, indent: str, unit: str) -> str:
    """A line given with four blanks for each level, in the indentation of the file."""
    content = line.lstrip(" ")
    levels, rest = divmod(len(line) - len(content), 4)
    return indent + unit * levels + " " * rest + content if content else ""


def _gap_before(file: ParsedFile, block: list[ast.stmt], index: int) -> tuple[int, int]:
    """What separates a statement from what stands before it on its line: a colon's blanks, or a semicolon."""
    start = start_of(file, block[index])
    if index:
        return file.span(block[index - 1])[1], start
    colon = tokens_of(file.text).before(start)
    assert colon is not None
    return colon.end, start


def replace_gap(file: ParsedFile, block: list[ast.stmt], index: int, text: str) -> Edit:
    """Put `text` in place of what separates `block[index]` from its neighbour on the same line."""
    return Edit(file.path, *_gap_before(file, block, index), text)


def replace_statement(file: ParsedFile, statement: ast.stmt, code: str) -> list[Edit]:
    """Put another simple statement in its place; what else stands on the line stays."""
    block = file.block_of(statement)
    index = block.index(statement)
    new = [*block[:index], *parsed_quietly(code), *block[index + 1 :]]
    return prove_block(file, block, new, [Edit(file.path, *file.span(statement), code)])


def add_decorator(file: ParsedFile, function: FunctionNode, code: str) -> list[Edit]:
    """Add `@code` directly above the `def`, and so below `@staticmethod`, `@classmethod` and the like."""
    start = file.span(function)[0]
    newline = newline_of(file.text, start)
    edits = [Edit(file.path, start, start, f"@{code}{newline}{indent_at(file, start)}")]
    decorator = ast.parse(code, mode="eval").body

    def change(twin: Twin) -> None:
        copied = twin.of(function)
        assert isinstance(copied, ast.FunctionDef | ast.AsyncFunctionDef)
        copied.decorator_list.append(decorator)

    return prove_expression(file, function, edits, change)
