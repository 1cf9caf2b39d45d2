"""Mistakes about backward and step: TFC203 to TFC205."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evaluate_parts.spots import Mutation, Spots


def needless_graph(spots: Spots) -> Iterator[Mutation]:
    """`backward()` that keeps a graph nobody goes through again, and the argument's old name."""
    for call in _called(spots, "backward"):
        if not call.args and not call.keywords:
            for operator, word in (("needless retain_graph", "retain_graph"), ("retain_variables", "retain_variables")):
                new = f"{spots.source(call.func)}({word}=True)"
                yield Mutation("TFC203", operator, call.lineno, (spots.replaced(call, new),))


def graph_kept_for_a_second_step(spots: Spots) -> Iterator[Mutation]:
    """The backward of D goes through G: no `detach()`, `retain_graph=True`; and D's step after G's forward."""
    for call in _called(spots, "detach"):
        backward = _next_backward(spots, spots.statement(call))
        if backward is None or call.args:
            continue
        assert isinstance(call.func, ast.Attribute) and isinstance(backward.value, ast.Call)
        edits = (
            spots.replaced(call, spots.source(call.func.value)),
            spots.replaced(backward, f"{spots.source(backward.value.func)}(retain_graph=True)"),
        )
        yield Mutation("TFC203", "retain_graph for detach", backward.lineno, edits)
        yield from _late_step(spots, backward, edits)


def _late_step(spots: Spots, backward: ast.Expr, edits: tuple[tuple[int, int, str], ...]) -> Iterator[Mutation]:
    """The step after the backward moves to before the next backward: what that goes through has changed by then."""
    block = spots.block(backward)
    place = block.index(backward)
    later = _next_backward(spots, backward)
    if later is not None and place + 1 < len(block) and _is_call(spots, block[place + 1], "step"):
        moved = spots.before(later, spots.source(block[place + 1]))
        both = (*edits, spots.without(block[place + 1]), moved)
        yield Mutation("TFC203", "step between forward and backward", backward.lineno, both, unsure=True)


def _next_backward(spots: Spots, statement: ast.stmt) -> ast.Expr | None:
    block = spots.block(statement)
    for later in block[block.index(statement) + 1 :]:
        if isinstance(later, ast.Expr) and _is_call(spots, later, "backward"):
            return later
    return None


def uncleared(spots: Spots) -> Iterator[Mutation]:
    """`zero_grad()` is gone, stands between backward and step, or before the loop over the batches."""
    for call in _called(spots, "zero_grad"):
        statement = spots.statement(call)
        if not isinstance(statement, ast.Expr):
            continue
        gone, text = spots.without(statement), spots.source(statement)
        if _clears_for_a_loop(spots, statement):
            continue  # what is left of an epoch gets into the next: the rest of a window, no missing clearing
        yield Mutation("TFC204", "no zero_grad", call.lineno, (gone,), unsure=True)
        block = spots.block(statement)
        backward = _next_backward(spots, statement)
        if backward is not None:
            yield Mutation(
                "TFC204", "zero_grad after backward", call.lineno, (gone, spots.after(backward, text)), unsure=True
            )
        loop = spots.parents[statement]
        if isinstance(loop, ast.For) and statement in loop.body and len(block) > 1:
            yield Mutation(
                "TFC204", "zero_grad before the loop", call.lineno, (gone, spots.before(loop, text)), unsure=True
            )


def _clears_for_a_loop(spots: Spots, statement: ast.stmt) -> bool:
    """Whether a loop that follows does the same again."""
    block, text = spots.block(statement), spots.source(statement)
    loops = (later for later in block[block.index(statement) + 1 :] if isinstance(later, ast.For | ast.While))
    return any(text in spots.source(loop) for loop in loops)


def accumulation(spots: Spots) -> Iterator[Mutation]:
    """A loss that is added up over a window undivided; gradients cleared in every batch of the window, or lost."""
    yield from _undivided(spots)
    for call in _called(spots, "zero_grad"):
        branch = spots.parents[spots.statement(call)]
        loop = next(spots.above(branch, ast.For), None) if isinstance(branch, ast.If) else None
        if isinstance(branch, ast.If) and isinstance(loop, ast.For) and _is_window(branch):
            cleared = spots.before(loop.body[0], spots.source(call))
            edits = (spots.without(spots.statement(call)), cleared)
            yield Mutation("TFC205", "window cleared in every batch", call.lineno, edits, unsure=True)
            yield Mutation("TFC205", "cleared in every batch too", call.lineno, (cleared,), unsure=True)
            if isinstance(branch.test, ast.BoolOp) and isinstance(branch.test.op, ast.Or):
                window = next(value for value in branch.test.values if "%" in spots.source(value))
                alone = (spots.replaced(branch.test, spots.source(window)),)
                yield Mutation("TFC205", "rest of the window lost", branch.lineno, alone, unsure=True)


def _undivided(spots: Spots) -> Iterator[Mutation]:
    for statement in spots.nodes(ast.AugAssign):
        assert isinstance(statement, ast.AugAssign)
        named = "loss" in spots.source(statement.target).lower()
        if isinstance(statement.op, ast.Div) and named and _steps_by_window(spots, statement):
            edits = (spots.without(statement),)
            yield Mutation("TFC205", "undivided loss", statement.lineno, edits, unsure=True)
    for node in spots.nodes(ast.BinOp):
        assert isinstance(node, ast.BinOp)
        if isinstance(node.op, ast.Div) and _steps_by_window(spots, node) and _is_loss(spots, node):
            statement = spots.statement(node)
            edit = spots.replaced(node, spots.source(node.left))
            if isinstance(statement, ast.Assign) and statement.value is node and len(statement.targets) == 1:
                same = spots.source(statement.targets[0]) == spots.source(node.left)
                edit = spots.without(statement) if same else edit
            yield Mutation("TFC205", "undivided loss", node.lineno, (edit,), unsure=True)


def _is_window(branch: ast.If) -> bool:
    return any(isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) for node in ast.walk(branch.test))


def _steps_by_window(spots: Spots, node: ast.AST) -> bool:
    """Whether the loop around has an `if (i + 1) % k == 0:` with a step."""
    loop = next(spots.above(node, ast.For), None)
    return loop is not None and any(
        isinstance(part, ast.If) and _is_window(part) and ".step(" in spots.source(part) for part in ast.walk(loop)
    )


def _is_loss(spots: Spots, node: ast.BinOp) -> bool:
    return "loss" in spots.source(node.left).lower()


def _called(spots: Spots, method: str) -> Iterator[ast.Call]:
    return (call for call in spots.calls() if spots.method(call) == method)


def _is_call(spots: Spots, statement: ast.stmt, method: str) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(call := statement.value, ast.Call)
        and spots.method(call) == method
    )


MUTATORS = (needless_graph, graph_kept_for_a_second_step, uncleared, accumulation)
