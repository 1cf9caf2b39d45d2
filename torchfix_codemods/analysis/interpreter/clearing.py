"""Where gradients are cleared: `optimizer.zero_grad()`, `model.zero_grad()`, writes to the `.grad` of parameters."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from torchfix_codemods.analysis.interpreter import expressions
from torchfix_codemods.analysis.interpreter.state import Frame
from torchfix_codemods.analysis.trace import GradientsCleared, place_of
from torchfix_codemods.analysis.values import Bound, Unknown, Value, force

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.machine import Machine

# Methods after which a gradient is another one. To clip it, or to add to it, leaves what is there.
_WRITES = frozenset("zero_ detach_ fill_ copy_ set_ resize_".split())


def note_call(m: Machine, callee: Value, receiver: Value | None, node: ast.Call, frame: Frame) -> None:
    """A call that clears gradients by its name: `x.zero_grad()`, also kept in a variable, or `p.grad.zero_()`."""
    match node.func:
        case ast.Attribute(attr="zero_grad") if receiver is not None:
            _emit(m, receiver, node, frame)
        case ast.Attribute(attr=name, value=target) if (holder := _holder(target)) is not None:
            if name in _WRITES or (name == "mul_" and any(_is_zero(argument) for argument in node.args)):
                _emit(m, _value_of(m, holder, frame), node, frame)
        case ast.Name(id="setattr"):
            if len(node.args) == 3 and isinstance(node.args[1], ast.Constant) and node.args[1].value == "grad":
                _emit(m, _value_of(m, node.args[0], frame), node, frame)
        case ast.Name():
            bound = force(callee)
            if isinstance(bound, Bound) and bound.name == "zero_grad":
                _emit(m, bound.receiver, node, frame)
            elif isinstance(bound, Unknown) and bound.key.endswith(".zero_grad"):
                _emit(m, Unknown("cleared", key=bound.key.removesuffix(".zero_grad")), node, frame)
        case _:
            pass


def note_target(m: Machine, target: ast.expr, frame: Frame) -> None:
    """A store to `p.grad` or into it (`p.grad = None`, `p.grad.data[:] = 0`), and `del p.grad`."""
    if (holder := _holder(target)) is not None:
        _emit(m, _value_of(m, holder, frame), target, frame)


def note_scaled(m: Machine, node: ast.AugAssign, frame: Frame) -> bool:
    """Whether it is `p.grad *= factor` or the like, which clears where the factor is 0."""
    holder = _holder(node.target)
    if holder is not None and isinstance(node.op, ast.Mult) and _is_zero(node.value):
        _emit(m, _value_of(m, holder, frame), node.target, frame)
    return holder is not None


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in (0, 0.0)


def _holder(node: ast.expr) -> ast.expr | None:
    """`p` of `p.grad`, `p.grad.data`, `p.grad[0]`; None where no gradient is named."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute) and node.attr in ("grad", "_grad"):
            return node.value
        node = node.value
    return None


def _value_of(m: Machine, holder: ast.expr, frame: Frame) -> Value:
    """Whose gradient it is. A parameter out of `model.parameters()` stands for the model."""
    if not _is_plain(holder):
        return Unknown("the holder of a gradient")
    value = force(expressions.evaluate(m, holder, frame))
    return value.receiver if isinstance(value, Bound) and value.name == "parameters" else value


def _is_plain(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def _emit(m: Machine, owner: Value, node: ast.AST, frame: Frame) -> None:
    m.emit(GradientsCleared(place_of(frame.file.path, node), frame.context, owner), frame)
