"""Where things that happen stand in the text of one function, and which of two comes first there."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.trace import Context, ModelCall, ModeSet
from torchfix_codemods.rules._shared import node_of


def node_in(
    file: ParsedFile, event: ModelCall | ModeSet, frame: Context, kind: type[ast.AST] = ast.AST
) -> ast.AST | None:
    """The event as the text of a function around it has it: the call that leads to it."""
    place = event.place
    for context in event.context.chain():
        if context is frame:
            return node_of(file, place, kind) if place.path == file.path else None
        if context.kind == "function":
            if context.call is None:
                return None
            place = context.call
    return None


def in_one_block(file: ParsedFile, one: ast.AST, other: ast.AST) -> tuple[ast.stmt, ast.stmt]:
    """The statements of the innermost block around both nodes that hold the one and the other."""
    blocks = {id(file.block_of(statement)): statement for statement in statements_around(file, other)}
    return next(
        (statement, blocks[block])
        for statement in statements_around(file, one)
        if (block := id(file.block_of(statement))) in blocks
    )


def statements_around(file: ParsedFile, node: ast.AST) -> Iterator[ast.stmt]:
    """The statements around a node, innermost first."""
    current: ast.AST | None = node
    while current is not None:
        if isinstance(current, ast.stmt):
            yield current
        current = file.parent(current)


def are_branches(file: ParsedFile, around: ast.stmt, one: ast.AST, other: ast.AST) -> bool:
    """Whether two nodes of one statement stand in two of its branches, of which one is run."""
    return isinstance(around, ast.If | ast.Match) and around not in (
        file.enclosing_statement(one),
        file.enclosing_statement(other),
    )
