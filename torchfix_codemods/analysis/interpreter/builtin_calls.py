"""Python's own functions."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING

from torchfix_codemods.analysis.interpreter import losses, modules
from torchfix_codemods.analysis.interpreter.shapes import constant
from torchfix_codemods.analysis.interpreter.state import Frame, super_of
from torchfix_codemods.analysis.interpreter.tensors import (
    item_of,
)
from torchfix_codemods.analysis.values import (
    NONE,
    Const,
    External,
    ListOf,
    Mapping,
    Sequence,
    Tensor,
    Unknown,
    Value,
    all_calls,
    force,
    join,
)

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.core import Kwargs
    from torchfix_codemods.analysis.interpreter.machine import Machine

_READS = frozenset(["float", "int", "print", "str", "format", "repr", "round", "bool"])


def call_builtin(m: Machine, name: str, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> Value:
    first = args[0] if args else None
    match name:
        case "range":
            return ListOf(Unknown("number"))
        case "len" | "isinstance" | "hasattr" | "type" | "id" | "callable":
            return Unknown(name)
        case "enumerate" if first is not None:
            return ListOf(Sequence((Unknown("number"), item_of(m, first, written(node, 0), frame))))
        case "zip" if any(isinstance(a, ast.Starred) for a in node.args):
            modules.look_all(m, args, node, frame, "escape", "taken apart by zip(*...)", kwargs)
            return ListOf(Unknown("item of zip(*...)", calls=all_calls(args, kwargs)))
        case "zip":
            return ListOf(Sequence(tuple(item_of(m, a, written(node, i), frame) for i, a in enumerate(args))))
        case "filter" if len(args) == 2:
            return ListOf(item_of(m, args[1], written(node, 1), frame))
        case "list" | "tuple" | "iter" | "reversed" | "sorted" | "set" if first is not None:
            value = force(first)
            return _gathered(name, value.keys() if isinstance(value, Mapping) else value, m, node, frame)
        case "next" if first is not None:
            return item_of(m, first, written(node, 0), frame)
        case "map" if len(args) >= 2:
            items = [item_of(m, a, written(node, i), frame) for i, a in enumerate(args[1:], 1)]
            return ListOf(m.call(args[0], tuple(items), {}, node, frame))
        case "sum" | "max" | "min" | "abs" if first is not None:
            for position, value in enumerate(args):
                losses.look_at_argument(m, value, node, position, "", frame, "value", f"used by {name}()")
            return Tensor(calls=all_calls(args, kwargs)) if all_calls(args, kwargs) else Unknown(name)
        case "list" | "dict" | "set" | "tuple":
            return Mapping(tuple(kwargs.items())) if name == "dict" else Sequence((), "list")
        case "getattr" if len(args) >= 2 and isinstance(constant(args[1]), str):
            attribute = ast.copy_location(ast.Attribute(node.args[0], str(constant(args[1])), ast.Load()), node)
            return m.attribute(args[0], str(constant(args[1])), attribute, frame)
        case "getattr" if first == External("torch.optim"):
            return External("torch.optim.Optimizer")  # `getattr(torch.optim, args.optim)`: one of torch's
        case "setattr" if len(args) == 3 and isinstance(constant(args[1]), str):
            m.set_attribute(args[0], str(constant(args[1])), args[2], frame)
            return NONE
        case "super":
            return super_of(node, frame)
        case _:
            if name in _READS:
                modules.look_all(m, args, node, frame, "value", f"read by {name}()")
                return Unknown(name)
            return Unknown(name, calls=all_calls(args, kwargs))


def written(node: ast.Call, position: int) -> ast.AST:
    """The expression of an argument; a node without a place where it isn't written on its own."""
    return losses.argument_node(node, position, "") or ast.Pass()


def _gathered(name: str, value: Value, m: Machine, node: ast.Call, frame: Frame) -> Value:
    """`list(x)`, `reversed(x)` and the like: the items, in their order where that is known."""
    match value:
        case Sequence(items=items) if name == "reversed":
            return Sequence(items[::-1], "list")
        case Sequence(items=items) if name in ("sorted", "set") and not all(isinstance(i, Const) for i in items):
            return ListOf(join(items))
        case Sequence(items=items):
            return Sequence(items, "tuple" if name == "tuple" else "list")
        case ListOf():
            return value
        case _:
            return ListOf(item_of(m, value, written(node, 0), frame))
