"""The state of an abstract execution: variables, gradient mode and the modes of models."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.trace import Context
from torchfix_codemods.analysis.trees import children
from torchfix_codemods.analysis.values import ClassRef, FunctionRef, Instance, Super, Unknown, Value, join, options

Identity = Value | str


@dataclass
class State:
    """Gradient mode (None: unknown) and the mode of each model, as far as it was set in view."""

    grad: bool | None = True
    modes: dict[Identity, str] = field(default_factory=dict)

    def copy(self) -> State:
        """An independent copy, for a branch."""
        return State(self.grad, dict(self.modes))

    def snapshot(self) -> tuple[bool | None, frozenset[tuple[Identity, str]]]:
        """A hashable picture, for remembering calls."""
        return self.grad, frozenset(self.modes.items())


def merge_states(states: Iterable[State]) -> State:
    """What holds after branches come together; two different modes give "mixed"."""
    first, *others = states
    merged = first.copy()
    for other in others:
        merged.grad = merged.grad if merged.grad == other.grad else None
        for key in {*merged.modes, *other.modes}:
            ours, theirs = merged.modes.get(key), other.modes.get(key)
            if ours != theirs:
                merged.modes[key] = "mixed" if ours and theirs else (ours or theirs or "mixed")
    return merged


@dataclass
class Frame:
    """One function call (or a file's top level) in progress."""

    file: ParsedFile
    context: Context
    state: State
    env: dict[str, Value] = field(default_factory=dict)
    function: FunctionRef | None = None
    cls: ClassRef | None = None
    self_name: str = ""
    self_value: Value | None = None
    outer: Frame | None = None  # the frame in which the function was defined (closure)
    returns: list[Value] = field(default_factory=list)
    exits: list[tuple[dict[str, Value], State]] = field(default_factory=list)  # at break and continue
    ends: list[State] = field(default_factory=list)  # at return
    silent: bool = False  # constructing for its attributes, or inside a model's forward: no phase events
    is_global: bool = False
    globals: frozenset[str] = frozenset()
    depth: int = 0
    generator: bool = False
    discarded: ast.expr | None = None  # the expression statement in progress: nobody looks at its value
    receiver: tuple[ast.Call, Value] | None = None  # of the method call in progress: what stands before the dot


def merge_envs(envs: Iterable[dict[str, Value]]) -> dict[str, Value]:
    """Variables after branches come together. A name bound in one branch only keeps that value."""
    first, *others = envs
    merged = dict(first)
    for other in others:
        for name, value in other.items():
            if name not in merged:
                merged[name] = value
            elif merged[name] is not value and merged[name] != value:
                merged[name] = join((merged[name], value))
    return merged


def identities(value: Value) -> list[Identity]:
    """What a model is recognised by: the instance itself, or the key of an unknown. Nothing for other values."""
    found: list[Identity] = []
    for option in options(value):
        match option:
            case Instance():
                found.append(option)
            case Unknown(key=key) if key:
                found.append(key)
            case _:
                pass
    return found


def is_generator(node: ast.AST) -> bool:
    """Whether a function's own body yields (remembered on the node)."""
    known: bool | None = getattr(node, "_is_generator", None)
    if known is None:
        known = _yields(node)
        node._is_generator = known  # type: ignore[attr-defined]
    return known


def _yields(node: ast.AST) -> bool:
    stack = children(node)
    while stack:
        child = stack.pop()
        if isinstance(child, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            stack += children(child)
    return False


def super_of(node: ast.Call, frame: Frame) -> Value:
    """`super()` in a method, or in a function inside one."""
    current: Frame | None = frame
    while current is not None and (current.cls is None or current.self_value is None):
        current = current.outer
    if current is None or current.cls is None or current.self_value is None:
        return Unknown("super() outside a method")
    return Super(current.cls, current.self_value)
