"""What the Python text of a notebook says about its cells (see `source.notebooks`, which makes it)."""

from __future__ import annotations

import ast
import re

from torchfix_codemods.analysis.parsed import ParsedFile

_BORDER = re.compile(r"^# _ipython_+cell_\d+$", re.M)
_END_OF_CELL = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n))*(?:# _ipython_+cell_\d+|\Z)")


def is_displayed(file: ParsedFile, statement: ast.Expr) -> bool:
    """Whether a notebook shows the value: that of the expression which ends a cell."""
    if not file.path.endswith(".ipynb") or not isinstance(file.parent(statement), ast.Module):
        return False
    return _END_OF_CELL.match(file.text, file.span(statement)[1]) is not None


def in_one_cell(file: ParsedFile, first: ast.stmt, last: ast.stmt) -> bool:
    """Whether no border of a cell stands between two statements."""
    if not file.path.endswith(".ipynb"):
        return True
    return _BORDER.search(file.text, file.span(first)[1], file.span(last)[0]) is None


def cell_at(file: ParsedFile, offset: int) -> int:
    """The number of the cell of a notebook in which a character of its text stands; 0 in any other file."""
    return sum(1 for border in _BORDER.finditer(file.text, 0, offset)) if file.path.endswith(".ipynb") else 0
