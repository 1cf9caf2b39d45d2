"""Evaluations between two batches of an epoch, and the places behind them where training goes on."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.trace import Context, ModeSet
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules._block_order import node_in
from torchfix_codemods.rules._shared import node_of

_JUMPS = ast.Continue | ast.Break | ast.Return | ast.Raise


def evaluating_call(file: ParsedFile, change: ModeSet, loop: Context) -> ast.Call | None:
    """What brings the `eval()` about in the batch loop's own frame: itself, or the call of a function."""
    node = node_in(file, change, loop.frame(), ast.Call)
    return node if isinstance(node, ast.Call) else None


def resume_behind(file: ParsedFile, evals: Sequence[ModeSet], loop: Context, receiver: str) -> list[Edit]:
    """`model.train()` behind the last evaluation of every block of the batch loop that has one."""
    node = node_of(file, loop.place)
    if not isinstance(node, ast.For | ast.While):
        raise verbs.CannotRewrite("the loop over the batches was not found")
    found = list(_ends(file, node, evals, loop))
    blocks = {id(file.block_of(end)) for end in found}
    last: dict[int, ast.stmt] = {}
    for end in (_lifted(file, node, end, blocks) for end in found):
        block = id(file.block_of(end))
        last[block] = max(last.get(block, end), end, key=lambda statement: statement.lineno)
    return [edit for end in last.values() for edit in verbs.insert_after(file, end, [f"{receiver}.train()"])]


def _ends(file: ParsedFile, node: ast.For | ast.While, evals: Sequence[ModeSet], loop: Context) -> Iterator[ast.stmt]:
    """The statements behind which an evaluation is over. A function is followed once for equal arguments: every call
    of it counts."""
    names = {}
    for change in evals:
        call = evaluating_call(file, change, loop)
        if call is None:
            raise verbs.CannotRewrite("an evaluation between two batches was not found")
        names[file.source(call.func)] = change.context.frame() is loop.frame()
    for call in (child for child in ast.walk(node) if isinstance(child, ast.Call)):
        if (inline := names.get(file.source(call.func))) is not None:
            statement = file.enclosing_statement(call)
            yield _last_of_block(file, node, statement) if inline else statement


def _last_of_block(file: ParsedFile, node: ast.For | ast.While, statement: ast.stmt) -> ast.stmt:
    """Where an evaluation ends that begins with a bare `model.eval()`."""
    block = file.block_of(statement)
    if block is node.body:
        raise verbs.CannotRewrite("the evaluation between two batches has no block of its own")
    return next(s for s in reversed(block) if s is statement or not isinstance(s, _JUMPS))


def _lifted(file: ParsedFile, node: ast.For | ast.While, statement: ast.stmt, blocks: set[int]) -> ast.stmt:
    """The outermost statement around an evaluation, or itself, that stands in a block with evaluations of its own."""
    found, current = statement, file.parents[statement]
    while current is not node:
        if isinstance(current, ast.stmt) and id(file.block_of(current)) in blocks:
            found = current
        current = file.parents[current]
    return found
