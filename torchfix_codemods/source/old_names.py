"""Texts from before Python 3.7, where `async` was a name like any other: `x.cuda(async=True)`.

Today's parser refuses the whole file for it. To be analysed, such a text gets another name of the same length there, so
that every offset stays what it was; what is shown and written has the author's word again.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from torchfix_codemods.findings import Edit, Finding, Fix

WORD = "async"
STAND_IN = "a5ync"
#: Methods of tensors (and modules) whose argument it was. Another function's own is not ours to rename.
METHODS = frozenset(["cuda", "to", "copy_", "type"])
_ARGUMENT = re.compile(rf"\b{WORD}(?=[ \t]*=(?!=))")


def readable(text: str) -> str:
    """The text with `async` as an argument of torch's methods under a name that today's Python accepts.

    Any other text, and one that even then is no Python, is given back as it is.
    """
    return _renamed(text) if WORD in text and STAND_IN not in text and _ARGUMENT.search(text) else text


@lru_cache(maxsize=16)  # several stages ask for the text of a file
def _renamed(text: str) -> str:
    renamed = _ARGUMENT.sub(STAND_IN, text)
    return renamed if _is_understood(renamed) else text


def as_written(finding: Finding) -> Finding:
    """A finding in a readable text, with the author's word in its edits and in what it says."""
    if finding.fix is None:
        return replace(
            finding, message=_back(finding.message), no_fix_reason=_back(finding.no_fix_reason or "") or None
        )
    edits = tuple(Edit(e.path, e.start, e.end, _back(e.new)) for e in finding.fix.edits)
    return replace(finding, message=_back(finding.message), fix=Fix(_back(finding.fix.title), edits))


def _back(text: str) -> str:
    return text.replace(STAND_IN, WORD)


def _is_understood(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    nodes = list(ast.walk(tree))
    ours = {id(keyword) for node in nodes for keyword in _arguments(node)}
    return all(id(node) in ours for node in nodes if STAND_IN in _names(node))


def _arguments(node: ast.AST) -> Iterator[ast.keyword]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
        yield from node.keywords


def _names(node: ast.AST) -> Iterator[str]:
    """The names that a node itself holds; what strings say is none."""
    if not isinstance(node, ast.Constant):
        yield from (value for _, value in ast.iter_fields(node) if isinstance(value, str))


__all__ = ["METHODS", "STAND_IN", "WORD", "as_written", "readable"]
