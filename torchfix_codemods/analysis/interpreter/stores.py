"""Stores into attributes that mean something to torch: `model.training = False`, `x.volatile = False`."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from torchfix_codemods.analysis.interpreter import heads, targets
from torchfix_codemods.analysis.interpreter.shapes import constant
from torchfix_codemods.analysis.interpreter.state import Frame, identities
from torchfix_codemods.analysis.interpreter.tensors import (
    volatile_in,
)
from torchfix_codemods.analysis.trace import Freezing, VolatileFlag, place_of
from torchfix_codemods.analysis.values import (
    Bound,
    Site,
    Tensor,
    Unknown,
    Value,
    calls_of,
    join,
    options,
)

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.machine import Machine


def attribute_stored(m: Machine, receiver: Value, target: ast.Attribute, value: Value, frame: Frame) -> None:
    """`model.training = False` sets the mode of the receiver alone, `x.volatile = False` clears a flag."""
    heads.note_stored(m, receiver, target.attr, frame)
    if target.attr == "training":
        _training_flag_stored(m, receiver, value, frame)
    if target.attr == "requires_grad":
        targets.flag_stored(m, receiver, target, value, frame)
        parameters_set(m, receiver, value, target, frame)
    if target.attr == "volatile":
        _volatile_stored(m, receiver, target, value, frame)


def parameters_set(m: Machine, receiver: Value, value: Value, node: ast.AST, frame: Frame) -> None:
    """`p.requires_grad = False` for every `p` of `model.parameters()`."""
    learn = constant(value)
    for option in options(receiver):
        if isinstance(option, Bound) and option.name == "parameters":
            place = place_of(frame.file.path, node)
            m.emit(Freezing(place, frame.context, option.receiver, learn if isinstance(learn, bool) else None), frame)


def _volatile_stored(m: Machine, receiver: Value, target: ast.Attribute, value: Value, frame: Frame) -> None:
    """`x.volatile = False` of a tensor (or of what a model returned)."""
    from torchfix_codemods.analysis.interpreter.statements import update

    found = list(options(receiver))
    if not all(isinstance(o, Tensor | Unknown) for o in found):
        return
    flag = constant(value)
    use = {True: "set", False: "cleared"}.get(flag, "unknown") if isinstance(flag, bool) else "unknown"
    volatile, calls = frozenset(volatile_in(receiver)), calls_of(receiver)
    certain = all(isinstance(o, Tensor) or calls_of(o) for o in found)
    m.emit(VolatileFlag(place_of(frame.file.path, target), frame.context, use, certain, volatile, calls), frame)
    site = Site(frame.file.path, *frame.file.span(target))
    now = frozenset[Site]() if use == "cleared" else frozenset([site])
    update(m, target.value, join(replace(o, volatile=now) if isinstance(o, Tensor) else o for o in found), frame)


def _training_flag_stored(m: Machine, receiver: Value, value: Value, frame: Frame) -> None:
    flag = constant(value)
    for identity in identities(receiver):
        m.trace.module_keys.add(identity)
        if isinstance(flag, bool) and receiver != frame.self_value:
            frame.state.modes[identity] = "train" if flag else "eval"
