"""What `isinstance` says of a loss in the branches that it chooses between: which of several it is."""

from __future__ import annotations

import ast

from torchfix_codemods.analysis.interpreter import expressions
from torchfix_codemods.analysis.interpreter.core import Core
from torchfix_codemods.analysis.interpreter.state import Frame
from torchfix_codemods.analysis.values import External, Instance, Sequence, Unknown, Value, join, options

Learned = tuple[dict[str, Value], dict[str, Value]]


def learned(m: Core, test: ast.expr, frame: Frame) -> Learned:
    """What is known of a name where a test holds, and where it does not; nothing for other tests and values.

    Losses of torch are no subclasses of one another, so the name of the class decides.
    """
    match test:
        case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), kind], keywords=[]) if name in frame.env:
            asked = _losses(expressions.evaluate(m.whole, kind, frame))
            if asked and "isinstance" not in frame.env:
                found = list(options(frame.env[name]))
                yes = [option for option in found if _loss(option) in (*asked, "")]
                no = [option for option in found if _loss(option) not in asked]
                return {name: _one_of(yes)}, {name: _one_of(no)}
    return {}, {}


def _losses(kind: Value) -> tuple[str, ...]:
    """The classes of losses that are asked for; none where another class is among them."""
    kinds = kind.items if isinstance(kind, Sequence) else (kind,)
    names = tuple(k.name for k in kinds if isinstance(k, External) and _is_loss(k.name))
    return names if len(names) == len(kinds) else ()


def _loss(option: Value) -> str:
    """The class of a loss of torch; "" for any other value."""
    match option:
        case Instance(cls=External(name=name)) if _is_loss(name):
            return name
    return ""


def _is_loss(name: str) -> bool:
    last = name.rpartition(".")[2]
    return name.startswith("torch.nn.") and last.endswith("Loss") and not last.startswith("_")


def _one_of(values: list[Value]) -> Value:
    return join(values) if values else Unknown("no loss of that class was seen")
