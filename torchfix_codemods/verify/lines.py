"""Lines of a text before and after edits: which an edit touches, and where a changed line came from."""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.edits import apply_edits
from torchfix_codemods.source.old_names import readable
from torchfix_codemods.verify.comparison import Lines

FUNCTIONS: tuple[type[ast.stmt], ...] = (ast.FunctionDef, ast.AsyncFunctionDef)
#: What is done under the header of these is what a change of the header is about.
REGIONS: tuple[type[ast.stmt], ...] = (*FUNCTIONS, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith)
_LINE_END = re.compile(r"\r\n|\r|\n")


class Block(NamedTuple):
    """The lines of a statement with a block: from its first decorator, to its end, and the last line of its header."""

    first: int
    last: int
    header: int


def lines_of(text: str, start: int, end: int) -> Lines:
    """The lines (from 1) of a range of characters; an insertion at the start of a line is about that line."""
    starts = _starts(text)
    return bisect_right(starts, start), bisect_right(starts, max(start, end - 1))


def lines_written(before: str, edits: Sequence[Edit], wanted: Edit) -> Lines:
    """The lines of what one edit wrote, in the text with all of them (which are sorted by place)."""
    earlier = [edit for edit in edits if edit != wanted and edit.end <= wanted.start]
    start = wanted.start + sum(len(edit.new) - (edit.end - edit.start) for edit in earlier)
    return lines_of(apply_edits(before, edits), start, start + len(wanted.new))


def blocks(text: str, kinds: tuple[type[ast.stmt], ...]) -> list[Block]:
    """Every statement of some kinds (which have a block) of a text; none where the text is not accepted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(readable(text))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return []
    return [
        Block(
            min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))]),
            node.end_lineno or node.lineno,
            max(node.lineno, _body(node)[0].lineno - 1),
        )
        for node in ast.walk(tree)
        if isinstance(node, kinds)
    ]


def _body(node: ast.stmt) -> list[ast.stmt]:
    """The block under the header of a statement that has one."""
    found: list[ast.stmt] = vars(node)["body"]
    return found


def line_map(before: str, after: str, edits: Sequence[Edit]) -> list[int]:
    """For each line of the changed text, the line of the unchanged one that it was, or stands at.

    Inside of what an edit wrote, lines are paired with the replaced ones by what they say, in their order.
    """
    starts = _starts(before)
    return [_origin(before, starts, start, edits) for start in _starts(after)]


def _starts(text: str) -> list[int]:
    return [0, *(found.end() for found in _LINE_END.finditer(text))]


def _origin(before: str, starts: Sequence[int], offset: int, edits: Sequence[Edit]) -> int:
    shift = 0
    for edit in edits:
        begin = edit.start + shift
        if offset < begin:
            break
        if offset < begin + len(edit.new):
            return _replaced_line(before, starts, edit, offset - begin)
        shift += len(edit.new) - (edit.end - edit.start)
    return bisect_right(starts, offset - shift)


def _replaced_line(before: str, starts: Sequence[int], edit: Edit, position: int) -> int:
    """The line that says the same among those that an edit replaced, else the one that stands as far down."""
    written: list[str] = _LINE_END.split(edit.new)
    index = len(_LINE_END.findall(edit.new[:position]))
    said = written[index].strip()
    first, last = lines_of(before, edit.start, edit.end)
    ends = [*starts[1:], len(before)]
    alike = [line for line in range(first, last + 1) if before[starts[line - 1] : ends[line - 1]].strip() == said]
    if said and alike:
        earlier: int = sum(line.strip() == said for line in written[:index])
        return alike[min(earlier, len(alike) - 1)]
    return min(first + index, last)
