"""The targets of losses: whose graph they carry, and which tensors and models are told to need gradients or not.

A tensor that is told to need gradients is a source of graphs as a model call is. Its id is negative, one for a place.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq
from dataclasses import replace
from typing import TYPE_CHECKING

from torchfix_codemods.analysis import torch_api as api
from torchfix_codemods.analysis.interpreter.losses import argument_node
from torchfix_codemods.analysis.interpreter.shapes import constant
from torchfix_codemods.analysis.interpreter.state import Frame, identities
from torchfix_codemods.analysis.trace import Frozen, GraphLeaf, TargetCall, place_of
from torchfix_codemods.analysis.values import (
    NO_CALLS,
    Bound,
    Tensor,
    Unknown,
    Value,
    calls_of,
    join,
    options,
    with_calls,
)

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.core import Core, Kwargs
    from torchfix_codemods.analysis.interpreter.machine import Machine


def note_call(m: Machine, name: str, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> None:
    """Write down a call of a loss (`name` is that of the function or class) whose input or target carries a graph."""
    loss = api.TARGET_LOSSES.get(name)
    if loss is None or frame.state.grad is False:
        return
    first, second = loss.arguments
    value = args[0] if args else kwargs.get(first)
    target = args[1] if len(args) > 1 else kwargs.get(second)
    operands = argument_node(node, 0, first), argument_node(node, 1, second)
    if value is None or target is None or operands[0] is None or operands[1] is None:
        return
    sides = (value, operands[0]), (target, operands[1])
    _note_target(m, loss.name, *sides, node, frame)
    if loss.name in api.SYMMETRIC_LOSSES:  # people write the target first, too
        _note_target(m, loss.name, *sides[::-1], node, frame)


def _note_target(
    m: Machine, loss: str, learner: tuple[Value, ast.expr], target: tuple[Value, ast.expr], node: ast.Call, frame: Frame
) -> None:
    if not calls_of(target[0]):
        return
    place, inner, outer = (place_of(frame.file.path, n) for n in (node, learner[1], target[1]))
    calls = calls_of(learner[0]), calls_of(target[0])
    m.emit(
        TargetCall(place, frame.context, loss, inner, outer, *calls, _is_data(learner[0]), frame.silent),
        frame,
    )


def _is_data(value: Value) -> bool:
    """Whether a value is an item of something that is looped over, or a tensor: no graph in either case."""
    found = list(options(value))
    return not calls_of(value) and all(
        isinstance(o, Tensor) or (isinstance(o, Unknown) and "[*]" in o.key) for o in found
    )


def needing(m: Core, value: Value, flag: Value | None, node: ast.AST, frame: Frame) -> Value:
    """A tensor that was made with `requires_grad=flag`."""
    if flag is None or constant(flag) is not True or not isinstance(value, Tensor):
        return value
    return with_calls(value, calls_of(value) | {_leaf(m, node, frame)})


def _leaf(m: Core, node: ast.AST, frame: Frame) -> int:
    place = place_of(frame.file.path, node)
    known = m.leaves.get(place)
    if known is None:
        known = m.leaves[place] = -1 - len(m.leaves)
    m.emit(GraphLeaf(known, place, frame.context), frame)
    return known


def asked_for_gradients(
    m: Machine, receiver: Value, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame
) -> Value:
    """`x.requires_grad_(flag)`, before it is called: the receiver as it is afterwards."""
    flag = constant(args[0] if args else kwargs["requires_grad"]) if args or "requires_grad" in kwargs else True
    return _told(m, receiver, flag, node.func.value if isinstance(node.func, ast.Attribute) else node, node, frame)


def detached(m: Machine, receiver: Value, node: ast.Call, frame: Frame) -> None:
    """`x.detach_()`: from here on the name holds a tensor without a graph."""
    from torchfix_codemods.analysis.interpreter.statements import update

    operand = node.func.value if isinstance(node.func, ast.Attribute) else None
    found = list(options(receiver))
    if isinstance(operand, ast.Name | ast.Attribute) and all(isinstance(o, Tensor | Unknown) for o in found):
        update(m, operand, join(with_calls(o, NO_CALLS) for o in found), frame)


def flag_stored(m: Machine, receiver: Value, target: ast.Attribute, value: Value, frame: Frame) -> None:
    """`x.requires_grad = flag`: of a tensor, or of the parameters of a model."""
    _told(m, receiver, constant(value), target.value, target, frame)


def _told(m: Machine, receiver: Value, flag: object, operand: ast.expr, node: ast.AST, frame: Frame) -> Value:
    from torchfix_codemods.analysis.interpreter.statements import update

    models = [_owner(m, option) for option in options(receiver)]
    found = [model for model in models if model is not None] or _iterated(m, operand, frame)
    if found:
        if flag is not True:
            m.emit(Frozen(place_of(frame.file.path, node), frame.context, join(found)), frame)
        return receiver
    if flag is not True or not all(isinstance(o, Tensor | Unknown) for o in options(receiver)):
        return receiver
    leaf = {_leaf(m, node, frame)}
    now = join(with_calls(o, calls_of(o) | leaf) for o in options(receiver))
    if isinstance(operand, ast.Name | ast.Attribute):
        update(m, operand, now, frame)
    return now


def _owner(m: Machine, option: Value) -> Value | None:
    """The model that an option of a value is, or whose parameters it is."""
    if isinstance(option, Bound) and option.name == "parameters":
        return option.receiver
    known = m.is_module_instance(option) or any(i in m.trace.module_keys for i in identities(option))
    return option if known else None


def _iterated(m: Machine, operand: ast.expr, frame: Frame) -> list[Value]:
    """The model of `for name, p in model.named_parameters():` where `operand` is `p`."""
    from torchfix_codemods.analysis.interpreter import expressions

    node: ast.AST | None = operand
    while node is not None and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
        node = frame.file.parent(node)
        if isinstance(node, ast.For) and isinstance(operand, ast.Name) and _binds(node.target, operand.id):
            asked = [n for n in ast.walk(node.iter) if isinstance(n, ast.Attribute) and n.attr in _PARAMETERS]
            return [expressions.evaluate(m, n.value, frame) for n in asked]
    return []


_PARAMETERS = ("parameters", "named_parameters")


def _binds(target: ast.expr, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(target))


def without_graph(value: Value, name: str, frame: Frame) -> Value:
    """What an operation gives: under `no_grad` it has no graph, whatever went in (one in place keeps its own)."""
    if frame.state.grad is False and not name.endswith("_") and isinstance(value, Tensor) and value.calls:
        return replace(value, calls=NO_CALLS)
    return value
