"""Where a missing `zero_grad()` belongs: before the forward of its step, or directly before the backward pass."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Backward, Context, ModelCall
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.rules._shared import node_of
from torchfix_codemods.rules._updates import Update, statement_in

_Loop = ast.For | ast.AsyncFor | ast.While


def shared_frame(update: Update, backward: Backward) -> Context | None:
    """The innermost function (or top level) that leads to both the backward pass and the step."""
    around = [c for c in update.step.context.chain() if c.kind in ("function", "module")]
    closure = backward.context.frame()
    if any(c.call == update.step.place for c in backward.context.chain()):
        return closure  # `step(closure)`: the closure clears
    for context in backward.context.chain():
        if context.kind in ("function", "module") and any(context.place == c.place for c in around):
            return context
    return None


def loop_statement(project: Project, update: Update) -> tuple[ParsedFile, ast.stmt] | None:
    """The loop as a node, and its file."""
    file = project.parse(update.loop.place.path)
    node = node_of(file, update.loop.place) if file is not None else None
    return (file, node) if file is not None and isinstance(node, _Loop) else None


def ends_after_one_round(loop: ast.stmt) -> bool:
    """Whether the body ends with `break` or `return`: then there is no second backward pass."""
    assert isinstance(loop, _Loop)
    return isinstance(loop.body[-1], ast.Break | ast.Return | ast.Raise)


def is_bound_in(loop: ast.stmt, receiver: str) -> bool:
    """Whether the name (or its first part) is assigned inside the loop."""
    first = receiver.partition(".")[0]
    return any(isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.id == first for n in walk(loop)) or any(
        isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store) and ast.unparse(n) == receiver for n in walk(loop)
    )


def choice(file: ParsedFile, statement: ast.stmt, lines: Sequence[int]) -> ast.stmt:
    """The `if` around a statement that has some of these lines in its body, the others in its `else`; or itself."""
    found: ast.AST | None = statement
    while isinstance(found, ast.stmt) and not isinstance(found, _Loop | ast.FunctionDef | ast.AsyncFunctionDef):
        if isinstance(found, ast.If) and found.orelse and _has_both(found, lines):
            return found
        found = file.parent(found)
    return statement


def _has_both(node: ast.If, lines: Sequence[int]) -> bool:
    inside = [line for line in lines if node.lineno <= line <= (node.end_lineno or node.lineno)]
    first = [line for line in inside if line < node.orelse[0].lineno]
    return 0 < len(first) < len(inside)


def target(file: ParsedFile, phases: Phases, update: Update, backward: Backward, statement: ast.stmt) -> ast.stmt:
    """The statement before which to clear: the forward where one step is the whole body, else the backward pass."""
    last = statement.end_lineno or statement.lineno
    apart = [b for b in update.backwards if not statement.lineno <= b.place.line <= last]
    if apart or len(update.same_steps()) < len(update.steps):
        return statement
    block = file.block_of(statement)
    index = block.index(statement)
    before = [s for s in block[:index] if isinstance(s, ast.Assign | ast.AnnAssign | ast.With)]
    runs = {id(s) for s in _forwards(file, phases, update, backward)}
    return next((s for s in before if any(id(n) in runs for n in ast.walk(s))), statement)


def _forwards(file: ParsedFile, phases: Phases, update: Update, backward: Backward) -> list[ast.stmt]:
    """The statements of the file that run the models whose graph the backward pass goes through."""
    frame = backward.context.frame()
    calls = (e for e in update.trace.events if isinstance(e, ModelCall) and e.id in backward.calls)
    found = [statement_in(phases.program.project, call, frame) for call in calls if frame.place.path == file.path]
    return [statement for statement in found if statement is not None]
