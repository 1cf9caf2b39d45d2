"""What the tests of the verbs share: do it, and check what must hold for every rewrite."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections import Counter
from collections.abc import Callable

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.edits import apply_edits, fit


def comments(text: str) -> Counter[str]:
    """All comments of a text, read by `tokenize` without any help of ours."""
    text = re.sub(r"\r\n?", "\n", text)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)


def applied(file: ParsedFile, edits: list[Edit]) -> str:
    """The text after the edits, which compiles and holds every comment of the text before."""
    assert fit(edits, len(file.text)), "edits of one verb overlap"
    assert all(edit.new or edit.start < edit.end for edit in edits), "an edit does nothing"
    new = apply_edits(file.text, edits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(new, "new.py", "exec", dont_inherit=True)
    assert not comments(file.text) - comments(new)
    return new


def expression(file: ParsedFile, source: str) -> ast.expr:
    """The outermost expression that is written so."""
    return next(n for n in ast.walk(file.tree) if isinstance(n, ast.expr) and file.source(n) == source)


def statement(file: ParsedFile, source: str) -> ast.stmt:
    """The first statement whose text begins so."""
    statements = (node for node in ast.walk(file.tree) if isinstance(node, ast.stmt))
    return next(node for node in statements if file.source(node).startswith(source))


def call_of(file: ParsedFile, name: str) -> ast.Call:
    """The first call of a function that is written so."""
    calls = (node for node in ast.walk(file.tree) if isinstance(node, ast.Call))
    return next(node for node in calls if ast.unparse(node.func).endswith(name))


def rewrite(text: str, verb: Callable[[ParsedFile], list[Edit]]) -> str:
    """The text after a verb."""
    file = ParsedFile("a.py", text)
    return applied(file, verb(file))
