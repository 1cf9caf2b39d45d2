"""Methods of lists, dictionaries and the like: a change in place gives the variable a new value."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING

from torchfix_codemods.analysis.interpreter.shapes import constant, whole
from torchfix_codemods.analysis.interpreter.state import Frame
from torchfix_codemods.analysis.interpreter.tensors import (
    item_of,
)
from torchfix_codemods.analysis.values import (
    NONE,
    Const,
    Instance,
    ListOf,
    Mapping,
    Sequence,
    Unknown,
    Value,
    all_calls,
    calls_of,
    force,
    join,
    options,
)

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.core import Kwargs
    from torchfix_codemods.analysis.interpreter.machine import Machine


def call_method(
    m: Machine, value: Value, name: str, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame
) -> Value:
    from torchfix_codemods.analysis.interpreter.statements import update

    place = node.func.value if isinstance(node.func, ast.Attribute) else node
    match value, name:
        case Sequence(items=items, kind="list"), "append" if args:
            in_loop = _in_loop(frame)
            grown: Value = ListOf(join((*items, args[0]))) if in_loop and items else Sequence((*items, args[0]), "list")
            if in_loop and any(isinstance(o, Instance) for o in options(args[0])):
                grown = Sequence((*items[-24:], args[0]), "list")
            update(m, place, grown, frame)
            return NONE
        case ListOf(item=item), "append" | "add" | "insert" if args:
            update(m, place, ListOf(join((item, args[-1]))), frame)
            return NONE
        case Sequence(items=items, kind="list"), "extend" if args and isinstance(more := force(args[0]), Sequence):
            update(m, place, Sequence((*items, *more.items), "list"), frame)
            return NONE
        case ((Sequence() | ListOf()), "extend") if args:
            update(
                m,
                place,
                ListOf(join((item_of(m, value, node, frame), item_of(m, args[0], ast.Pass(), frame)))),
                frame,
            )
            return NONE
        case Mapping(), "get" if args:
            found = value.get(constant(args[0]))
            return found if found is not None else Unknown("missing key")
        case Mapping(items=pairs), "items":
            return Sequence(tuple(Sequence((Const(k), v)) for k, v in pairs))
        case Mapping(items=pairs), "values":
            return Sequence(tuple(v for _, v in pairs))
        case Mapping(), "keys":
            return value.keys()
        case Sequence(items=items, kind="list"), "pop" if items and not _in_loop(frame):
            return remove_item(m, value, args[0] if args else Const(-1), place, frame)
        case Sequence(items=items, kind="list"), "insert" | "remove" | "clear" | "reverse" | "sort" if items:
            update(m, place, ListOf(join((*items, *args[1:]))), frame)
            return NONE
        case _, "pop" | "popleft":
            return item_of(m, value, node, frame)
        case ListOf(item=item, kind="dict"), "values":
            return ListOf(item)
        case ListOf(item=item, kind="dict"), "items":
            return ListOf(Sequence((Unknown("key"), item)))
        case _:
            _not_followed(m, value, name, args, kwargs, node, frame)
            return Unknown(f"{name}()", calls=calls_of(value) | all_calls(args, kwargs))


def _not_followed(
    m: Machine, value: Value, name: str, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame
) -> None:
    """What goes into a container by a method that is not understood leaves what can be followed."""
    from torchfix_codemods.analysis.interpreter import expressions
    from torchfix_codemods.analysis.interpreter.torch_calls import unread

    unread(m, name, args, kwargs, node, frame)
    if isinstance(node.func, ast.Attribute) and name not in ("copy", "index", "count", "clear", "keys"):
        expressions.look(m, value, node.func.value, frame, "escape", f"in a container that {name}() was asked of")


def remove_item(m: Machine, value: Sequence, index: Value, place: ast.expr, frame: Frame) -> Value:
    """`items.pop(index)` and `del items[index]`: the item, and the list without it."""
    from torchfix_codemods.analysis.interpreter.statements import update

    items, at = value.items, whole(index)
    if at is None or not -len(items) <= at < len(items):
        update(m, place, ListOf(join(items)), frame)
        return join(items)
    at %= len(items)
    update(m, place, Sequence((*items[:at], *items[at + 1 :]), value.kind), frame)
    return items[at]


def _in_loop(frame: Frame) -> bool:
    return any(c.kind == "loop" for c in frame.context.chain() if c.frame() is frame.context.frame())
