"""Another name for something, given by a lambda that hands everything on."""

from __future__ import annotations

import ast

_MOVES = frozenset(["cuda", "cpu", "to"])


def handed_on(node: ast.expr) -> ast.expr | None:
    """`f` of `lambda *args, **kwargs: f(*args, **kwargs)`; None for any other expression.

    Old code gives `Variable` a device like this, with `.cuda()` behind the call, or a choice between with and without.
    """
    match node:
        case ast.Lambda(
            args=ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], vararg=some, kwarg=named), body=body
        ):
            return _called(body, some.arg, named.arg) if some is not None and named is not None else None
        case _:
            return None


def _called(body: ast.expr, some: str, named: str) -> ast.expr | None:
    """The function that every way through an expression calls with all arguments."""
    match body:
        case ast.IfExp(body=one, orelse=other):
            first, second = _called(one, some, named), _called(other, some, named)
            same = first is not None and second is not None and ast.dump(first) == ast.dump(second)
            return first if same else None
        case ast.Call(func=ast.Attribute(value=ast.Call() as inner, attr=moved)) if moved in _MOVES:
            return _called(inner, some, named)
        case ast.Call(
            func=function,
            args=[ast.Starred(value=ast.Name(id=rest))],
            keywords=[ast.keyword(arg=None, value=ast.Name(id=others))],
        ) if (rest, others) == (some, named):
            return function
        case _:
            return None
