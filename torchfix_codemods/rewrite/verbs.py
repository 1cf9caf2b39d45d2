"""The verbs that rules build their fixes with, in one place.

Each takes a `ParsedFile` and a node of its tree and gives back edits that were proved: the edited text parses to
the intended tree and keeps every comment. Where that is not certain it raises `CannotRewrite`, whose message is
the reason for people. No verb changes anything; edits of different verbs go together as long as they don't overlap
(where two insert at one offset, the first in the list comes first in the text: new lines before a `with`).
"""

from __future__ import annotations

from torchfix_codemods.rewrite.arguments import (
    add_keyword,
    remove_call_argument_element,
    remove_keyword,
    remove_positional,
    rename_keyword,
)
from torchfix_codemods.rewrite.blocks import wrap_in_with
from torchfix_codemods.rewrite.expressions import (
    rename_method,
    replace_expression,
    replace_with_argument,
    replace_with_receiver,
    suffix_expression,
    wrap_expression,
)
from torchfix_codemods.rewrite.imports import ensure_import, rename_imported
from torchfix_codemods.rewrite.parameters import remove_parameter
from torchfix_codemods.rewrite.scan import CannotRewrite
from torchfix_codemods.rewrite.statements import (
    add_decorator,
    delete_statement,
    insert_after,
    insert_before,
    insert_first,
    replace_statement,
)

__all__ = [
    "CannotRewrite",
    "add_decorator",
    "add_keyword",
    "delete_statement",
    "ensure_import",
    "insert_after",
    "insert_before",
    "insert_first",
    "remove_call_argument_element",
    "remove_keyword",
    "remove_parameter",
    "remove_positional",
    "rename_imported",
    "rename_keyword",
    "rename_method",
    "replace_expression",
    "replace_statement",
    "replace_with_argument",
    "replace_with_receiver",
    "suffix_expression",
    "wrap_expression",
    "wrap_in_with",
]
