"""Losses on logits, log-probabilities or probabilities: what their first argument was."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING

from torchfix_codemods.analysis.interpreter import expressions
from torchfix_codemods.analysis.interpreter.state import Frame
from torchfix_codemods.analysis.interpreter.tensors import all_volatile
from torchfix_codemods.analysis.trace import LossCall, place_of
from torchfix_codemods.analysis.values import NO_ACTIVATION, Site, Tensor, Unknown, Value, calls_of, options, tensors_in

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.core import Kwargs
    from torchfix_codemods.analysis.interpreter.machine import Machine


def call_loss(
    m: Machine,
    kind: str,
    made_at: Site | None,
    args: Seq[Value],
    kwargs: Kwargs,
    node: ast.Call,
    frame: Frame,
) -> Value:
    """A call of a loss on logits. Its target position accepts probabilities, so only the first argument counts."""
    note_first(m, kind, made_at, args, kwargs, node, frame)
    for position, other in enumerate(args[1:], 1):
        look_at_argument(m, other, node, position, "", frame, "loss", "target of a loss")
    calls = frozenset[int]().union(*map(calls_of, args), *map(calls_of, kwargs.values()))
    return Tensor(rank=0, calls=calls, volatile=all_volatile(args, kwargs))


def look_at_argument(
    m: Machine, value: Value, node: ast.AST, position: int, name: str, frame: Frame, kind: str, why: str
) -> None:
    """Somebody looks at an argument of a call. One that is not written on its own leaves what can be followed."""
    operand = argument_node(node, position, name) if isinstance(node, ast.Call) else None
    if operand is None:
        expressions.look(m, value, node, frame, "escape", "handed over by a star")
    else:
        expressions.look(m, value, operand, frame, kind, why)


def argument_node(node: ast.Call, position: int, name: str) -> ast.expr | None:
    """The expression of an argument by position or keyword; None behind a star."""
    for keyword in node.keywords:
        if keyword.arg == name:
            return keyword.value
    if position < len(node.args) and not any(isinstance(a, ast.Starred) for a in node.args[: position + 1]):
        return node.args[position]
    return None


def note_loss(
    m: Machine, kind: str, made_at: Site | None, value: Value, operand: ast.AST, node: ast.AST, frame: Frame
) -> None:
    """Write down what a loss gets: which activations were applied to it, or which layer's scores it is."""
    if not m.follows_activations:
        return
    tensors = list(tensors_in(value))
    activations = frozenset().union(*(t.activations or {NO_ACTIVATION} for t in tensors)) if tensors else frozenset()
    if kind == "log_softmax" and not any(a.kind != "none" for a in activations):
        return
    m.emit(
        LossCall(
            place_of(frame.file.path, node),
            frame.context,
            kind,
            made_at,
            place_of(frame.file.path, operand),
            activations,
            tensors[0].rank if len(tensors) == 1 else None,
            raw_in(value),
        ),
        frame,
    )


def raw_in(value: Value) -> frozenset[Site]:
    """The layers whose very scores a value is; empty where it is, or may be, anything else."""
    found = [option.raw if isinstance(option, Tensor) else frozenset() for option in options(value)]
    return frozenset[Site]().union(*found) if all(found) else frozenset()


def note_first(
    m: Machine, kind: str, made_at: Site | None, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame
) -> None:
    """Write down what a loss gets as its first argument; behind a star that is nobody knows what."""
    value = args[0] if args else kwargs.get("input")
    operand = argument_node(node, 0, "input")
    if value is None or operand is None:
        value, operand = Unknown("handed over by a star"), node
    note_loss(m, kind, made_at, value, operand, node, frame)


__all__ = ["argument_node", "call_loss", "look_at_argument", "note_first", "note_loss", "raw_in"]
