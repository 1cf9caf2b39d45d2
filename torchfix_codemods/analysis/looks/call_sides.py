"""What the calls of losses, and of functions around them, are given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice

from torchfix_codemods.analysis.looks.functions import Function, Unclear

_SIDES = (("input", "target"), ("x1", "x2"), ("input1", "input2"))


def last_name(node: ast.expr) -> str:
    """The last part of a name or attribute; "" for anything else."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def sides_of(call: ast.Call) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The two sides of what may be a loss, as far as they are written."""
    keywords = {k.arg: k.value for k in call.keywords}
    found = set()
    for first, second in _SIDES:
        one = call.args[0] if call.args else keywords.get(first)
        other = call.args[1] if len(call.args) > 1 else keywords.get(second)
        starred = any(isinstance(a, ast.Starred) for a in call.args[:2])
        if (
            one is None
            or other is None
            or starred
            or any(isinstance(s, ast.Constant | ast.JoinedStr) for s in (one, other))
        ):
            continue
        if (id(one), id(other)) not in found:
            found.add((id(one), id(other)))
            yield one, other


def given_to(call: ast.Call, function: Function, parameter: str) -> ast.expr | None:
    """What a call gives a parameter; None for nothing. Raises `Unclear` behind a star."""
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        raise Unclear
    arguments = function.parsed().args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    if function.owner and names[:1] == ["self"]:
        names = names[1:]
    position = names.index(parameter) if parameter in names else len(call.args)
    keyword = next((k.value for k in call.keywords if k.arg == parameter), None)
    if parameter not in names and keyword is None and (arguments.vararg or arguments.kwarg):
        raise Unclear
    return keyword if keyword is not None else next(islice(call.args, position, None), None)
