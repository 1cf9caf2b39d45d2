"""Mistakes about statistics that should stay: TFC304."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from evaluate_parts.spots import Mutation, Spots
from evaluate_parts.targets import FREEZES

_NORM = re.compile(r"[Bb]atch_?[Nn]orm|(?:^|[_.])bn(?:\d|[_.]|\b)|norms?\b")


def kept_part(spots: Spots) -> Iterator[Mutation]:
    """What stands behind `model.train()` and keeps statistics of a part is gone, or stands before it.

    It is `model.part.eval()`, a loop over modules, `model.freeze_bn()` or `model.apply(freeze)`. A whole model that is
    not frozen otherwise may well learn its statistics: where such a call is gone, nobody can say that it is missing.
    Nor of another model that is frozen nowhere: one that an optimizer trained before may go on learning.
    """
    freezes = FREEZES.search(spots.text) is not None
    for train in _trains(spots):
        block = spots.block(train)
        receiver = spots.source(train).removesuffix(".train()")
        for statement in block[block.index(train) + 1 :]:
            kept, part = _keeps(spots, statement, receiver)
            if not kept:
                break
            gone = spots.without(statement)
            own = part.startswith(f"{receiver}.")
            if own or (part != receiver and freezes):
                yield Mutation("TFC304", "frozen part stays in train()", statement.lineno, (gone,), unsure=True)
            if own or part == receiver:
                moved = spots.before(train, spots.source(statement))
                yield Mutation("TFC304", "evaluation before train()", statement.lineno, (gone, moved), unsure=True)


def _trains(spots: Spots) -> Iterator[ast.Expr]:
    for node in spots.nodes(ast.Expr):
        assert isinstance(node, ast.Expr)
        if spots.source(node).endswith(".train()"):
            yield node


def _keeps(spots: Spots, statement: ast.stmt, receiver: str) -> tuple[bool, str]:
    """Whether a statement puts something into evaluation mode, and what: a part, the model itself, another model."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="eval", value=part), args=[])):
            return spots.source(part) != receiver, spots.source(part)
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name, value=owner))):
            says = name if name != "apply" else spots.source(statement)
            return spots.source(owner) == receiver and _NORM.search(says) is not None, receiver
        case ast.For(iter=ast.Call(func=ast.Attribute(attr="modules", value=owner))):
            return ".eval()" in spots.source(statement), spots.source(owner)
        case _:
            return False, ""


def kept_by_the_class(spots: Spots) -> Iterator[Mutation]:
    """The `train()` of a class that keeps a part in evaluation mode is gone."""
    for node in spots.nodes(ast.FunctionDef):
        assert isinstance(node, ast.FunctionDef)
        if node.name == "train" and ".eval()" in spots.source(node) and len(spots.block(node)) > 1:
            inside = isinstance(spots.parents[node], ast.ClassDef)
            if inside and not node.decorator_list:
                yield Mutation("TFC304", "no train() of its own", node.lineno, (spots.without(node),), unsure=True)


MUTATORS = (kept_part, kept_by_the_class)
