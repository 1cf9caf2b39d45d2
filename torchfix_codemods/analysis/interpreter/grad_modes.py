"""Gradient mode, and modes of models: what `with` and decorators do to them."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING

from torchfix_codemods.analysis import torch_api as api
from torchfix_codemods.analysis.interpreter import expressions
from torchfix_codemods.analysis.interpreter.shapes import constant
from torchfix_codemods.analysis.interpreter.state import Frame, Identity, State, identities
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.analysis.values import (
    Bound,
    ClassRef,
    Const,
    External,
    FunctionRef,
    Instance,
    Unknown,
    Value,
    force,
    options,
)

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.core import Kwargs
    from torchfix_codemods.analysis.interpreter.machine import Machine

UNTOUCHED = "untouched"
HIDDEN = "hidden"  # the mode of a model that a context or decorator may have switched
_SWITCHES = re.compile(r"\.(?:eval|train)\(|\.training\b")
_SWITCHING_NAME = re.compile(r"eval|infer|train(?!er|_?loop)", re.I)
_GRAD_MODES = {"torch.no_grad": False, "torch.inference_mode": False, "torch.enable_grad": True}


def grad_mode(name: str, args: Seq[Value], kwargs: Kwargs, frame: Frame) -> Value:
    """`torch.no_grad()` and its relatives. `set_grad_enabled(...)` takes effect at once, as a statement too."""
    if name == "torch.set_grad_enabled":
        flag = constant(args[0] if args else kwargs.get("mode"))
        value: bool | None = flag if isinstance(flag, bool) else None
    else:
        value = _GRAD_MODES[name]
        flag = constant(args[0] if args else kwargs.get("mode", Const(True)))
        if name == "torch.inference_mode" and flag is not True:
            value = True if flag is False else None
    if name == "torch.set_grad_enabled" and not isinstance(frame.context, str):
        frame.state.grad = value
    return Instance(External(name), (Const(value),))


def enter_context(m: Machine, value: Value, node: ast.expr, frame: Frame) -> bool:
    """Enter a `with`. True where it sets the gradient mode (which the end of the `with` takes back)."""
    before = frame.state.grad
    set_to = [_entered(m, option, node, frame) for option in options(value)]
    found = {before if isinstance(flag, str) else flag for flag in set_to}
    frame.state.grad = found.pop() if len(found) == 1 else None
    return set_to != [UNTOUCHED] * len(set_to) or "ExitStack" in ast.unparse(node)  # that enters something later


def _entered(m: Machine, value: Value, node: ast.expr, frame: Frame) -> bool | str | None:
    """What entering one context sets the gradient mode to: None for nobody knows, `UNTOUCHED` for nothing."""
    match value:
        case Instance(cls=External(name=name), args=(Const(value=flag),)) if _is_grad_mode(name):
            return flag if isinstance(flag, bool) else None
        case Unknown() if "grad" in ast.unparse(node):
            return None
        case _:
            return _own_context(m, node, frame) if isinstance(node, ast.Call) else UNTOUCHED


def _own_context(m: Machine, node: ast.Call, frame: Frame) -> bool | str | None:
    """A context manager of the project that sets the gradient mode somewhere inside."""
    callee = force(expressions.evaluate(m, node.func, frame))
    if isinstance(callee, FunctionRef) and _mentions_no_grad(m, callee):
        return False
    found = m.project.class_node(callee) if isinstance(callee, ClassRef) else None
    return None if found is not None and "grad" in found[0].source(found[1]) else UNTOUCHED


def may_switch_modes(m: Machine, value: Value, node: ast.expr, frame: Frame) -> bool:
    """Whether a context or decorator may switch the modes of models: `with evaluating(model):`.

    It does if its code says so, or if its code is not in view and its name says so.
    """
    callee = force(expressions.evaluate(m, node.func, frame)) if isinstance(node, ast.Call) else value
    for option in (force(value), callee):
        match option:
            case FunctionRef() | Bound(function=FunctionRef()):
                ref = option.function if isinstance(option, Bound) else option
                file = m.project.parse(ref.path) if ref is not None else None
                if file is not None and ref is not None and _SWITCHES.search(file.source(m.node_of(ref))):
                    return True
            case ClassRef() | Instance(cls=ClassRef()):
                found = m.project.class_node(option if isinstance(option, ClassRef) else option.cls)  # type: ignore[arg-type]
                if found is not None and _SWITCHES.search(found[0].source(found[1])):
                    return True
            case _:
                pass
    outside = isinstance(callee, Unknown) or (
        isinstance(callee, External) and not callee.name.startswith(("torch.", "builtins."))
    )
    name = ast.unparse(node.func if isinstance(node, ast.Call) else node).rpartition(".")[2]
    return outside and _SWITCHING_NAME.search(name) is not None


def note_unread(m: Machine, name: str, args: Seq[Value], node: ast.Call, frame: Frame) -> None:
    """Code that is not in view may switch modes if its name says so: `set_train(model)`, `self.to_eval()`."""
    if not _SWITCHING_NAME.search(name.rpartition(".")[2]):
        return
    match node.func:
        case ast.Attribute(value=ast.Name(id=receiver)) if isinstance(m.lookup(receiver, frame), Instance):
            forget_modes(frame)
        case _:
            given = [identity for value in args for identity in identities(value)]
            frame.state.modes |= {identity: HIDDEN for identity in given if identity in frame.state.modes}


def forget_modes(frame: Frame) -> dict[Identity, str]:
    """From here on nobody knows the modes of the models. Gives what they were."""
    before = dict(frame.state.modes)
    frame.state.modes = dict.fromkeys(before, HIDDEN)
    return before


def recall_modes(state: State, before: dict[Identity, str]) -> None:
    """The end of `forget_modes`: the modes that nobody set since are what they were."""
    for identity, mode in before.items():
        if state.modes.get(identity) == HIDDEN:
            state.modes[identity] = mode


def _is_grad_mode(name: str) -> bool:
    return name in _GRAD_MODES or name == "torch.set_grad_enabled"


def enter_decorator(m: Machine, decorator: ast.expr, inner: Frame, caller: Frame) -> None:
    """A decorator may set the gradient mode for the whole function."""
    outside = Frame(inner.file, inner.context, caller.state.copy(), is_global=True, silent=True, outer=inner.outer)
    value = expressions.evaluate(m, decorator, outside)
    for option in options(value):
        match option:
            case External(name=name) if api.canonical(name) in _GRAD_MODES:
                inner.state.grad = _GRAD_MODES[api.canonical(name)]
            case Instance(cls=External(name=name), args=(Const(value=flag),)) if _is_grad_mode(name):
                inner.state.grad = flag if isinstance(flag, bool) else None
            case FunctionRef() if _mentions_no_grad(m, option):
                inner.state.grad = False
            case _ if "grad" in ast.unparse(decorator):
                inner.state.grad = False if "no_grad" in ast.unparse(decorator) else None
            case _:
                pass
    if may_switch_modes(m, value, decorator, outside):
        forget_modes(inner)


def _mentions_no_grad(m: Machine, ref: FunctionRef) -> bool:
    return any(
        isinstance(n, ast.Attribute | ast.Name)
        and (getattr(n, "attr", "") or getattr(n, "id", "")) in ("no_grad", "inference_mode")
        for n in walk(m.node_of(ref))
    )
