"""How blocks are written: which statements share a line, how a block is indented, where a line may be added."""

from __future__ import annotations

import ast

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.rewrite.proof import is_compound, line_end, line_start, start_of
from torchfix_codemods.rewrite.scan import tokens_of


def indent_at(file: ParsedFile, offset: int) -> str:
    """The blanks and tabs that open a line, as far as they count (a form feed sets the column back to 0)."""
    line = file.text[line_start(file, offset) : line_end(file, offset)]
    return line[: len(line) - len(line.lstrip(" \t\f"))].rpartition("\f")[2]


def begins_line(file: ParsedFile, statement: ast.stmt) -> bool:
    """Whether only blanks stand before the statement on its line, and the line continues no other."""
    start = start_of(file, statement)
    first = line_start(file, start)
    if file.text[first:start].strip(" \t\f"):
        return False
    above = file.text[:first].rstrip("\r\n")
    continued = above.endswith("\\") and file.line_column(len(above))[0] == file.line_column(first)[0] - 1
    return not continued or bool(tokens_of(file.text).comments(line_start(file, len(above)), first))


def is_one_liner(file: ParsedFile, block: list[ast.stmt]) -> bool:
    """Whether the block stands behind the colon of its header: `if x: a; b`."""
    before = tokens_of(file.text).before(start_of(file, block[0]))
    return before is not None and before.text == ":" and not begins_line(file, block[0])


def block_indent(file: ParsedFile, block: list[ast.stmt]) -> str:
    """The indentation of a block's lines; for a one-liner the one they would have."""
    if isinstance(file.parents[block[0]], ast.Module):
        return ""
    if is_one_liner(file, block):
        return _header_indent(file, block) + indent_unit(file, block)
    return indent_at(file, start_of(file, block[0]))


def _header_indent(file: ParsedFile, block: list[ast.stmt]) -> str:
    """The indentation of the line that opens a block."""
    parent = file.parents[block[0]]
    if isinstance(parent, ast.match_case):
        return indent_at(file, file.offset(parent.pattern.lineno, parent.pattern.col_offset))
    assert isinstance(parent, ast.stmt | ast.excepthandler)
    start = start_of(file, parent) if isinstance(parent, ast.stmt) else file.span(parent)[0]
    return indent_at(file, start)


def indent_unit(file: ParsedFile, block: list[ast.stmt]) -> str:
    """What one level of indentation is made of around a block: measured there, else anywhere in the file."""
    nearest: list[ast.stmt] = block
    while not isinstance(parent := file.parents[nearest[0]], ast.Module):
        if unit := _measured(file, nearest):
            return unit
        nearest = file.block_of(file.enclosing_statement(parent))
    nodes = (node for statement in (*block, *file.tree.body) for node in ast.walk(statement))
    for node in nodes:
        body = getattr(node, "body", None) if isinstance(node, ast.stmt) and is_compound(node) else None
        if body and (unit := _measured(file, body)):
            return unit
    return "    "


def _measured(file: ParsedFile, block: list[ast.stmt]) -> str:
    """The indentation of a block without that of its header; empty for a one-liner or mixed indentation."""
    if is_one_liner(file, block):
        return ""
    inner, outer = indent_at(file, start_of(file, block[0])), _header_indent(file, block)
    return inner.removeprefix(outer) if inner.startswith(outer) else ""


def next_line(file: ParsedFile, offset: int) -> int:
    """Offset of the first character of the line after the one that holds `offset` (or the end of the text)."""
    line = file.line_column(offset)[0]
    return file.line_starts[line] if line < len(file.line_starts) else len(file.text)


def end_of_lines(file: ParsedFile, statement: ast.stmt) -> int:
    """Offset of the first line below a statement and the deeper indented comments that end its last block."""
    end = next_line(file, file.span(statement)[1])
    if not is_compound(statement):
        return end
    indent, position = indent_at(file, start_of(file, statement)), end
    while position < len(file.text):
        line = file.text[position : line_end(file, position)]
        if line.strip(" \t\f"):
            own = indent_at(file, position)
            if not line.lstrip(" \t\f").startswith("#") or own == indent or not own.startswith(indent):
                break
            end = next_line(file, position)
        position = next_line(file, position)
    return end


def above_comments(file: ParsedFile, statement: ast.stmt) -> int:
    """Offset of the line of a statement, or of the first of the comment lines that stand directly above it.

    Comments with another indentation or beyond a blank line don't belong to it, nor do those that open a file.
    """
    start = start_of(file, statement)
    position, indent = line_start(file, start), indent_at(file, start)
    before = tokens_of(file.text).before(start)
    if before is None:
        return position
    while position > before.end:
        above = line_start(file, position - 1)
        line = file.text[above:position]
        if above < before.end or not line.lstrip(" \t\f").startswith("#") or indent_at(file, above) != indent:
            break
        position = above
    return position
