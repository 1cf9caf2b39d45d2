"""The verb that puts statements under a `with`: one new line, and more indentation on the lines below it."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.layout import (
    begins_line,
    block_indent,
    end_of_lines,
    indent_unit,
    is_one_liner,
)
from torchfix_codemods.rewrite.proof import line_end, parsed_quietly, prove_block, start_of
from torchfix_codemods.rewrite.scan import CannotRewrite, newline_of, tokens_of
from torchfix_codemods.rewrite.statements import is_docstring, is_future, refuse_elif, replace_gap


def wrap_in_with(file: ParsedFile, statements: Sequence[ast.stmt], context: str) -> list[Edit]:
    """Put consecutive statements of one block under `with context:`.

    Comments between them move along, those above the first stay above the `with`; blank lines and the inside of
    strings are left alone. Raises `CannotRewrite` where that can't be done.
    """
    block = file.block_of(statements[0])
    first, last = block.index(statements[0]), block.index(statements[0]) + len(statements)
    if any(a is not b for a, b in zip(block[first:last], statements, strict=False)) or last > len(block):
        raise CannotRewrite("the statements do not follow one another in one block")
    refuse_elif(file, statements[0])
    if is_docstring(file, statements[0]) or any(map(is_future, statements)):
        raise CannotRewrite("a docstring or a `__future__` import cannot stand under a `with`")
    header = f"with {context}:"
    [wrapper] = parsed_quietly(f"{header}\n    pass")
    assert isinstance(wrapper, ast.With)
    wrapper.body = list(statements)
    new = [*block[:first], wrapper, *block[last:]]
    return prove_block(file, block, new, _edits(file, block, first, last, header))


def _edits(file: ParsedFile, block: list[ast.stmt], first: int, last: int, header: str) -> list[Edit]:
    indent, unit = block_indent(file, block), indent_unit(file, block)
    start = start_of(file, block[first])
    newline = newline_of(file.text, start)
    opening = f"{header}{newline}{indent}{unit}"
    edits = []
    if is_one_liner(file, block):
        if last - first < len(block):
            raise CannotRewrite("only a part of a one-line block would go under the `with`")
        return [replace_gap(file, block, 0, newline + indent + opening)]
    if begins_line(file, block[first]):
        edits.append(Edit(file.path, start, start, opening))
    else:
        edits.append(replace_gap(file, block, first, newline + indent + opening))
    edits += _indentation(file, start, end_of_lines(file, block[last - 1]), indent, unit)
    if last < len(block) and not begins_line(file, block[last]):
        edits.append(replace_gap(file, block, last, newline + indent))
    return edits


def _indentation(file: ParsedFile, start: int, end: int, indent: str, unit: str) -> list[Edit]:
    """One more level for each line that begins after `start` and before `end`.

    Left alone: blank lines, the inside of strings, and lines that are indented less than the block (comments
    at the margin, continuations).
    """
    inside = tokens_of(file.text).string_lines(file.line_starts)
    edits = []
    for number, position in enumerate(file.line_starts):
        if not start < position < end or number in inside:
            continue
        line = file.text[position : line_end(file, position)]
        shift = line.rpartition("\f")[2] if not line.rpartition("\f")[0].strip(" \t\f") else line
        if shift.strip(" \t") and shift.startswith(indent):
            place = position + len(line) - len(shift) + len(indent)
            edits.append(Edit(file.path, place, place, unit))
    return edits
