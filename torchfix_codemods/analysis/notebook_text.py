"""What the Python text of a notebook says about its cells (see `source.notebooks`, which makes it)."""

from __future__ import annotations

import ast
import re

from torchfix_codemods.analysis.parsed import ParsedFile

_END_OF_CELL = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n))*(?:# _ipython_+cell_\d+|\Z)")


def is_displayed(file: ParsedFile, statement: ast.Expr) -> bool:
    """Whether a notebook shows the value: that of the expression which ends a cell."""
    if statement.col_offset or not file.path.endswith(".ipynb"):
        return False
    return _END_OF_CELL.match(file.text, file.span(statement)[1]) is not None
