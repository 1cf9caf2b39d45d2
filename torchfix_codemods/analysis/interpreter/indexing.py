"""Calls that take, put or count numbers by an index: what the index is, and what it counts in."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING

from torchfix_codemods.analysis.interpreter.state import Frame
from torchfix_codemods.analysis.trace import IndexCall, place_of
from torchfix_codemods.analysis.values import External, Instance, Tensor, Value

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.core import Kwargs
    from torchfix_codemods.analysis.interpreter.machine import Machine

_F = "torch.nn.functional."
#: By bare name, as functions of torch (`torch.gather(x, dim, index)`) and as methods (`x.gather(dim, index)`).
BY_DIMENSION = frozenset("index_select gather scatter scatter_ scatter_add scatter_add_".split())
#: Position and names of the index, then those of what it counts in.
_BY_CLASS: dict[str, tuple[int, tuple[str, ...], int, tuple[str, ...]]] = {
    f"{_F}embedding": (0, ("input",), 1, ("weight",)),
    f"{_F}one_hot": (0, ("tensor", "input"), 1, ("num_classes",)),
    f"{_F}cross_entropy": (1, ("target",), 0, ("input",)),
    f"{_F}nll_loss": (1, ("target",), 0, ("input",)),
}
_MODULES = {
    "torch.nn.Embedding": "embedding",
    "torch.nn.CrossEntropyLoss": "cross_entropy",
    "torch.nn.NLLLoss": "nll_loss",
}


def note_function(m: Machine, name: str, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> None:
    """Write down a call of one of torch's functions that index."""
    bare = name.rpartition(".")[2]
    if name in _BY_CLASS:
        position, names, counted_in, others = _BY_CLASS[name]
        index, source = _given(args, kwargs, position, names), _given(args, kwargs, counted_in, others)
        _note(m, bare, "function", source, None, index, node, frame)
    elif bare in BY_DIMENSION and name == f"torch.{bare}":
        index = _given(args, kwargs, 2, ("index",))
        source, dim = _given(args, kwargs, 0, ("input",)), _given(args, kwargs, 1, ("dim",))
        _note(m, bare, "function", source, dim, index, node, frame)


def note_method(
    m: Machine, receiver: Value, name: str, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame
) -> None:
    """The same for `x.index_select(dim, index)`."""
    # Of what isn't known `index_select` alone is torch's: `axes.scatter(x, y)` draws points.
    if name in BY_DIMENSION and (name == "index_select" or isinstance(receiver, Tensor)):
        dim, index = _given(args, kwargs, 0, ("dim",)), _given(args, kwargs, 1, ("index",))
        _note(m, name, "method", receiver, dim, index, node, frame)


def note_module(m: Machine, instance: Instance, args: Seq[Value], kwargs: Kwargs, node: ast.AST, frame: Frame) -> None:
    """The same for an `nn.Embedding` (which counts in its number of rows) and for losses that want classes."""
    name = instance.cls.name if isinstance(instance.cls, External) else ""
    if name not in _MODULES or not isinstance(node, ast.Call):
        return
    if name == "torch.nn.Embedding":
        source, index = instance.argument(0, "num_embeddings"), _given(args, kwargs, 0, ("input",))
    else:
        source, index = _given(args, kwargs, 0, ("input",)), _given(args, kwargs, 1, ("target",))
    _note(m, _MODULES[name], "module", source, None, index, node, frame)


def _given(args: Seq[Value], kwargs: Kwargs, position: int, names: Seq[str]) -> Value | None:
    named = next((kwargs[name] for name in names if name in kwargs), None)
    return named if named is not None or position >= len(args) else args[position]


def _note(
    m: Machine,
    function: str,
    form: str,
    source: Value | None,
    dim: Value | None,
    index: Value | None,
    node: ast.Call,
    frame: Frame,
) -> None:
    if index is not None:
        m.emit(IndexCall(place_of(frame.file.path, node), frame.context, function, form, source, dim, index), frame)
