"""Graphs that a function puts into what it was given: `results["out"] = net(x)`, `t.add_(net(x))`. They go on there."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torchfix_codemods.analysis.interpreter.state import Frame
from torchfix_codemods.analysis.trace import Escape, place_of
from torchfix_codemods.analysis.values import FunctionRef, Value, calls_of

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.machine import Machine

# Of a list or a dictionary, and what changes a tensor in place.
_PUTS = re.compile(r"(?:append|appendleft|extend|insert|setdefault|[a-z]\w*[a-z]_)\Z")


def note_stored(m: Machine, target: ast.expr, value: Value, frame: Frame) -> None:
    """`t += value`, `t[0] = value`, where `t` isn't the function's own."""
    if not frame.silent and _is_foreign(m, target, frame):
        _emit(m, calls_of(value), target, frame)


def note_put(m: Machine, node: ast.Call, args: Sequence[Value], frame: Frame) -> None:
    """`t.add_(value)`, `results.append(value)`, where `t` isn't the function's own."""
    match node.func:
        case ast.Attribute(value=receiver, attr=attr) if not frame.silent and _PUTS.match(attr):
            calls = frozenset[int]().union(*map(calls_of, args))
            if calls and _is_foreign(m, receiver, frame):
                _emit(m, calls, node, frame)
        case _:
            pass


def _emit(m: Machine, calls: frozenset[int], node: ast.AST, frame: Frame) -> None:
    if calls:
        m.emit(Escape(place_of(frame.file.path, node), frame.context, calls, "argument"), frame)


def _is_foreign(m: Machine, target: ast.expr, frame: Frame) -> bool:
    """Whether a name, or an item of it, is a parameter of the function that runs, or not its own. Attributes aside."""
    while isinstance(target, ast.Subscript):
        target = target.value
    if not isinstance(target, ast.Name) or frame.function is None or target.id == frame.self_name:
        return False
    return target.id in _parameters(m, frame.function) or target.id not in frame.env


def _parameters(m: Machine, ref: FunctionRef) -> set[str]:
    spec = m.node_of(ref).args
    return {a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)}


__all__ = ["note_put", "note_stored"]
