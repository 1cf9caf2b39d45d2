"""Mistakes about the targets of losses: TFC105."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from evaluate_parts.spots import Mutation, Spots

FREEZES = re.compile(r"\.requires_grad_\(False\)|\.requires_grad = False")


def target_with_graph(spots: Spots) -> Iterator[Mutation]:
    """A target that carries gradients: no `.detach()`, no `no_grad` around the net that makes it or on its function."""
    for call in spots.calls():
        if spots.method(call) == "detach" and not call.args:
            assert isinstance(call.func, ast.Attribute)
            new = spots.source(call.func.value)
            yield Mutation("TFC105", "no detach", call.lineno, (spots.replaced(call, new),), unsure=True)
    for node in spots.nodes(ast.With):
        assert isinstance(node, ast.With)
        if [spots.source(item.context_expr) for item in node.items] == ["torch.no_grad()"]:
            yield Mutation("TFC105", "no no_grad at the target", node.lineno, spots.unwrapped(node), unsure=True)
    for function in spots.nodes(ast.FunctionDef):
        assert isinstance(function, ast.FunctionDef)
        for decorator in function.decorator_list:
            if spots.source(decorator) == "torch.no_grad()":
                line = spots.offset(decorator.lineno, 0), spots.offset(decorator.lineno + 1, 0)
                yield Mutation("TFC105", "no @no_grad", function.body[-1].lineno, ((*line, ""),), unsure=True)


def teacher_that_learns(spots: Spots) -> Iterator[Mutation]:
    """A network whose parameters are not frozen: the loop that does it, or the call, is gone."""
    for node in spots.nodes(ast.For, ast.Expr):
        assert isinstance(node, ast.For | ast.Expr)
        body = node.body if isinstance(node, ast.For) else [node]
        if isinstance(node, ast.Expr) and isinstance(spots.parents[node], ast.For):
            continue
        if len(body) == 1 and FREEZES.search(spots.source(body[0])):
            yield Mutation("TFC105", "not frozen", node.lineno, (spots.without(node),), unsure=True)


MUTATORS = (target_with_graph, teacher_that_learns)
