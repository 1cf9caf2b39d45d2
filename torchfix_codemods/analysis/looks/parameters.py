"""What the parameters of a function get in a call."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torchfix_codemods.analysis.looks.bodies import ITEM, SOMEWHERE, Keys, Scope


def arguments_of(scope: Scope, name: str, node: ast.Call, bound: bool) -> Iterator[tuple[ast.expr, Keys]]:
    """The expressions that a parameter gets in a call."""
    spec = scope.args
    names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    for keyword in node.keywords:
        if keyword.arg == name:
            yield keyword.value, ()
        elif keyword.arg is None:
            yield keyword.value, (name,)
        elif spec.kwarg is not None and spec.kwarg.arg == name:
            yield keyword.value, (SOMEWHERE,)
    rest = spec.vararg is not None and spec.vararg.arg == name
    for shift in (0, 1) if bound or names[:1] in (["self"], ["cls"]) else (0,):
        position = names.index(name) - shift if name in names else None
        for index, argument in enumerate(node.args):
            if isinstance(argument, ast.Starred):
                yield argument.value, (ITEM,)
            elif index == position:
                yield argument, ()
            elif rest and index >= len(names) - shift:
                yield argument, (SOMEWHERE,)


def default_of(scope: Scope, name: str) -> ast.expr | None:
    """The expression that a parameter is where a call leaves it out."""
    spec = scope.args
    names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    found = dict(zip(reversed(names), reversed(spec.defaults), strict=False))
    found |= {a.arg: d for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None}
    return found.get(name)


def annotation_of(scope: Scope, name: str) -> ast.expr | None:
    """The class that a parameter is said to be of."""
    spec = scope.args
    found = next((a.annotation for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs) if a.arg == name), None)
    return found if isinstance(found, ast.Name | ast.Attribute) else None
