"""Tensors: which operations only change the shape, what they do to the rank, and which look at the numbers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from collections.abc import Sequence as Seq
from dataclasses import replace
from typing import TYPE_CHECKING

from torchfix_codemods.analysis import torch_api as api
from torchfix_codemods.analysis.interpreter import expressions, indexing, shapes, targets
from torchfix_codemods.analysis.interpreter.shapes import constant
from torchfix_codemods.analysis.interpreter.state import Frame
from torchfix_codemods.analysis.trace import Place, VolatileFlag, place_of
from torchfix_codemods.analysis.values import (
    NO_ACTIVATION,
    NO_CALLS,
    Activation,
    Bound,
    Choice,
    Const,
    Instance,
    Lazy,
    ListOf,
    Mapping,
    Sequence,
    Site,
    Tensor,
    Unknown,
    Value,
    calls_of,
    force,
    join,
    joined_volatile,
    options,
    tensors_in,
)

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.core import Kwargs
    from torchfix_codemods.analysis.interpreter.machine import Machine


def activations_in(value: Value) -> Iterator[Activation]:
    """The activations applied last to the tensors inside a value."""
    for tensor in tensors_in(value):
        yield from (a for a in tensor.activations if a.kind != "none")


def is_plain(value: Value) -> bool:
    """Whether a value (one of the options of another) may be something else than the output of an activation."""
    if isinstance(value, Tensor):
        return not value.activations or NO_ACTIVATION in value.activations
    return not isinstance(value, Const) and not any(activations_in(value))


def volatile_in(value: Value) -> Iterator[Site]:
    """The `volatile=True` that a value comes from. Never forces a lazy value."""
    match value:
        case Tensor(volatile=sites):
            yield from sites
        case Sequence(items=items):
            for item in items:
                yield from volatile_in(item)
        case ListOf(item=item):
            yield from volatile_in(item)
        case Mapping(items=pairs):
            for _, item in pairs:
                yield from volatile_in(item)
        case Choice(options=found):
            tensors = (option for option in found if not isinstance(option, Const))
            yield from joined_volatile([frozenset(volatile_in(option)) for option in tensors])
        case _:
            pass


def all_volatile(args: Seq[Value], kwargs: Kwargs) -> frozenset[Site]:
    """Every `volatile=True` that the arguments of a call come from."""
    return frozenset(site for value in (*args, *kwargs.values()) for site in volatile_in(value))


def activated(m: Machine, value: Value, activation: Activation, node: ast.AST, frame: Frame) -> Value:
    """The output of an activation on `value`."""
    value = force(value)
    first = next(tensors_in(value), Tensor(calls=calls_of(value)))
    for inner in activations_in(value):
        if activation.kind == "log_softmax" and inner.kind == "softmax":
            continue  # seen as a loss on the softmax by `log_softmax_of`
        why = NORMALISED_AGAIN if _normalises(activation, inner) else f"given to {activation.kind}"
        expressions.look(m, value, node, frame, "activation", why)
        break
    return Tensor(
        rank=first.rank,
        shape=first.shape,
        layout=first.layout,
        calls=NO_CALLS if frame.state.grad is False else calls_of(value),
        volatile=first.volatile,
        activations=frozenset([activation]),
    )


def _normalises(outer: Activation, inner: Activation) -> bool:
    """Whether a softmax of a log_softmax over the same dimension: that of the scores would be the same."""
    same = isinstance(inner.dim, int) and outer.dim == inner.dim and not inner.moved and inner.base is None
    return same and inner.kind == "log_softmax" and outer.kind in ("softmax", "log_softmax")


# --- attributes and methods ----------------------------------------------------------------------------------------


_BEST_OF = ("values", "indices")


def tensor_attribute(m: Machine, value: Value, name: str, node: ast.Attribute, frame: Frame) -> Value:
    """`x.name` for a tensor, a list, a dictionary."""
    if not isinstance(value, Tensor):
        if isinstance(value, Mapping) and (found := value.get(name)) is not None:
            return found  # `outputs.logits`
        if isinstance(value, Sequence) and name in _BEST_OF and _is_best(value):
            return value.items[_BEST_OF.index(name)]
        return Bound(value, name)
    match name:
        case "data":
            return replace(value.detached(), volatile=frozenset())
        case "volatile":
            where = place_of(frame.file.path, node)
            m.emit(VolatileFlag(where, frame.context, "read", True, value.volatile, value.calls), frame)
            return Const(False)
        case "T" | "mT" | "H":
            return _moved(value, name)
        case "shape":
            return _shape(value)
        case "ndim":
            return Unknown("rank") if value.rank is None else Const(value.rank)
        case "grad" | "device" | "dtype" | "requires_grad" | "is_cuda" | "grad_fn" | "is_leaf":
            return Unknown(f"tensor.{name}")
        case _:
            return Bound(value, name)


def _is_best(value: Sequence) -> bool:
    """Whether a pair is what `max(1)`, `topk(5)` or `sort()` give."""
    first = force(value.items[0]) if len(value.items) == len(_BEST_OF) else None
    return isinstance(first, Tensor) and first.order == "best"


def _shape(value: Tensor) -> Value:
    if value.shape is not None:
        return Sequence(tuple(Unknown("size") if s is None else Const(s) for s in value.shape))
    if value.rank is not None:
        return Sequence(tuple(Unknown("size") for _ in range(value.rank)))
    return Unknown("shape")


def _size(tensor: Tensor, dim: Value) -> Value:
    """`x.size(0)`: a number where it is known."""
    dims, at = shapes.sizes(tensor), shapes.whole(dim)
    size = dims[at] if dims is not None and at is not None and -len(dims) <= at < len(dims) else None
    return Unknown("size") if size is None else Const(size)


def call_tensor_method(
    m: Machine, tensor: Tensor, name: str, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame
) -> Value:
    """`x.name(...)` for a tensor."""
    indexing.note_method(m, tensor, name, args, kwargs, node, frame)
    receiver = node.func.value if isinstance(node.func, ast.Attribute) else node
    if tensor.raw and name.endswith("_") and name not in api.IN_PLACE_SHAPES:
        _changed_in_place(receiver, tensor, frame)
    if name in api.QUIET:
        if name in ("size", "shape"):
            return _shape(tensor) if not args else _size(tensor, args[0])
        return Unknown(f"tensor.{name}")
    if name in api.ACTIVATION_METHODS:
        kind = api.ACTIVATION_METHODS[name]
        site = Site(frame.file.path, *frame.file.span(node))
        dim = constant(args[0] if args else kwargs.get("dim"))
        return log_softmax_of(m, tensor, Activation(kind, site, "method", dim), receiver, node, frame)
    result = targets.without_graph(operate(m, name, tensor, args, kwargs, receiver, node, frame), name, frame)
    if name in api.IN_PLACE_SHAPES:
        from torchfix_codemods.analysis.interpreter.statements import update

        update(m, receiver, result, frame)
    return result


def _changed_in_place(receiver: ast.AST, tensor: Tensor, frame: Frame) -> None:
    """`scores.sigmoid_()`: the variable holds no layer's scores any more."""
    if isinstance(receiver, ast.Name) and frame.env.get(receiver.id) == tensor:
        frame.env[receiver.id] = replace(tensor, raw=frozenset())


def operate(
    m: Machine,
    name: str,
    tensor: Tensor,
    args: Seq[Value],
    kwargs: Kwargs,
    operand: ast.AST,
    node: ast.Call,
    frame: Frame,
) -> Value:
    """An operation by its bare name, as method (`x.view(...)`) or function (`torch.squeeze(x)`): `args` without `x`."""
    if name not in _EXACT:
        tensor = based(m, tensor, operand, frame, same_anywhere=_SAME_ANYWHERE if name in _NEW_SHAPES else frozenset())
    if name in api.INVARIANT:
        expressions.look(m, tensor, operand, frame, "invariant", f"{name}()")
        return Tensor(rank=_reduced(tensor.rank, args, kwargs) if args or kwargs else None, dtype="int64")
    if name == "nonzero":
        one = ListOf(Tensor(rank=1, dtype="int64", array=tensor.array), "tuple")
        return one if tensor.array or args or kwargs else Tensor(rank=2, dtype="int64")
    if name in api.BEST:
        return _best(m, name, tensor, args, kwargs, operand, frame)
    if name in api.AXES_MOVED:
        return _moved(tensor, name, args)
    if name in api.SHAPE_ONLY:
        return _reshaped(name, tensor, args, kwargs)
    if name in ("item", "tolist"):
        expressions.look(m, tensor, operand, frame, "value", f"read by {name}()")
        return Unknown("number")
    if shapes.CONVERSIONS.get(name):
        expressions.look(m, tensor, operand, frame, "value", f"converted by {name}()")
        return Tensor(rank=tensor.rank, shape=tensor.shape, layout=tensor.layout, dtype=shapes.CONVERSIONS[name])
    expressions.look(m, tensor, operand, frame, "value", f"used by {name}()")
    if name == "log" and (logarithms := _logarithms(tensor, node, frame)) is not None:
        return logarithms
    calls = tensor.calls.union(*map(calls_of, args), *map(calls_of, kwargs.values()))
    tensor = replace(tensor, volatile=tensor.volatile | all_volatile(args, kwargs))
    if name in _REDUCTIONS:
        return Tensor(rank=_reduced(tensor.rank, args, kwargs), calls=calls, volatile=tensor.volatile)
    rounds = "rounding_mode" in kwargs or any(k.arg is None for k in node.keywords)  # or may do so
    dtype = shapes.FLOAT if name in ("div", "true_divide") and not rounds else None
    if name not in _KEEP_RANK or any(isinstance(force(a), Tensor) for a in args):  # the other one may be larger
        same = name in _POOLS or (name in _KEEP_RANK and all(_not_larger(a, tensor) for a in args))
        kept = tensor.rank if same else None
        return Tensor(rank=kept, dtype=dtype, calls=calls, volatile=tensor.volatile, resized=tensor.resized)
    return Tensor(
        tensor.rank, tensor.shape, dtype, tensor.layout, calls=calls, volatile=tensor.volatile, resized=tensor.resized
    )


def _logarithms(tensor: Tensor, node: ast.Call, frame: Frame) -> Tensor | None:
    """`torch.log(F.softmax(x, 1))` is a log_softmax; None where it is the logarithm of something else, or may be."""
    if not tensor.activations or {a.kind for a in tensor.activations} != {"softmax"}:
        return None
    inner = min(tensor.activations, key=lambda a: a.site)
    site = Site(frame.file.path, *frame.file.span(node))
    taken = Activation("log_softmax", site, "log", inner.dim, made_at=inner.site, moved=inner.moved)
    return replace(tensor, dtype=None, activations=frozenset([taken]))


def _not_larger(other: Value, tensor: Tensor) -> bool:
    other = force(other)
    if isinstance(other, Tensor):
        return other.rank is not None and tensor.rank is not None and other.rank <= tensor.rank
    return isinstance(other, Const)


# The very same numbers in the very same places.
_EXACT = frozenset("detach detach_ data cpu cuda to float double half clone contiguous requires_grad_ type".split())


# The very same numbers in another shape. What works on each number alone can be applied before or after.
_NEW_SHAPES = frozenset(
    "view reshape squeeze unsqueeze flatten ravel permute transpose t view_as reshape_as squeeze_ unsqueeze_".split()
)
_SAME_ANYWHERE = frozenset(["sigmoid"])


def based(
    m: Machine, tensor: Tensor, operand: ast.AST, frame: Frame, same_anywhere: frozenset[str] = frozenset()
) -> Tensor:
    """The tensor before an operation that changes places: its activations remember the expression.

    Those of the kinds `same_anywhere` need not: they can be applied to what the operation gives.
    """
    place = place_of(frame.file.path, operand) if hasattr(operand, "lineno") else NOWHERE
    if is_plain(tensor):
        m.trace.plain.add(place)
    free = same_anywhere | {"none"}
    if all(a.base is not None or a.kind in free for a in tensor.activations):
        return tensor
    return replace(
        tensor,
        activations=frozenset(a if a.base or a.kind in free else replace(a, base=place) for a in tensor.activations),
    )


NORMALISED_AGAIN = "normalised again over the same dimension"
NOWHERE = Place("", 0, 0, 0, 0)  # the place of what is not written on its own
_KEEP_RANK = frozenset(
    [
        "abs",
        "clamp",
        "exp",
        "log",
        "sqrt",
        "pow",
        "mul",
        "add",
        "sub",
        "div",
        "neg",
        "relu",
        "tanh",
        "add_",
        "mul_",
        "div_",
        "sub_",
        "clamp_",
        "fill_",
        "zero_",
        "normal_",
        "uniform_",
        "masked_fill",
        "masked_fill_",
        "floor",
        "ceil",
        "round",
        "copy_",
        "random_",
        "cumsum",
        "softplus",
        "relu_",
        "leaky_relu",
        "elu",
        "gelu",
        "sign",
        "astype",
    ]
)
_POOLS = frozenset(f"{kind}avg_pool{count}d" for kind in ("", "adaptive_") for count in (1, 2, 3))
_REDUCTIONS = frozenset(["sum", "mean", "std", "var", "prod", "norm", "logsumexp", "median"])


def _reduced(rank: int | None, args: Seq[Value], kwargs: Kwargs) -> int | None:
    where = args[0] if args else kwargs.get("dim", kwargs.get("axis"))
    if where is None:
        return 0
    keep = constant(kwargs.get("keepdim", args[1] if len(args) > 1 else None))
    if rank is None or (keep is not None and keep is not False):
        return rank if keep is True else None
    where = force(where)
    if isinstance(where, Const) and isinstance(where.value, int):
        return max(rank - 1, 0)  # torch allows dimension 0 of a number
    if isinstance(where, Sequence):
        return max(rank - len(where.items), 0)
    return None


def _best(
    m: Machine, name: str, tensor: Tensor, args: Seq[Value], kwargs: Kwargs, operand: ast.AST, frame: Frame
) -> Value:
    """max, topk, sort: the order is the same on logits and on probabilities, the numbers are not."""
    if name in ("max", "min", "mode", "kthvalue") and not args and not kwargs:
        expressions.look(m, tensor, operand, frame, "value", f"used by {name}()")
        return Tensor(rank=0, calls=tensor.calls)
    if name in ("max", "min") and args and isinstance(force(args[0]), Tensor):
        expressions.look(m, tensor, operand, frame, "value", f"used by {name}()")
        return Tensor(rank=tensor.rank, calls=tensor.calls)
    expressions.look(m, tensor, operand, frame, "invariant", f"indices of {name}()")
    reduced = tensor.rank
    if name in ("max", "min", "mode", "kthvalue"):
        reduced = _reduced(tensor.rank, args if name != "kthvalue" else args[1:], kwargs)
    values = replace(tensor, rank=reduced, shape=None, order="best", raw=frozenset())
    return Sequence((values, Tensor(rank=reduced, dtype="int64")), "tuple")


def _moved(tensor: Tensor, name: str, args: Seq[Value] = ()) -> Tensor:
    moved = frozenset(replace(a, moved=True) if a.kind != "none" else a for a in tensor.activations)
    return replace(shapes.reordered(tensor, name, args), activations=moved)


def _reshaped(name: str, tensor: Tensor, args: Seq[Value], kwargs: Kwargs) -> Value:
    """View, squeeze, index and the like: same numbers, another shape."""
    match name:
        case "detach" | "detach_" | "numpy":
            return replace(tensor, calls=NO_CALLS, volatile=frozenset(), array=tensor.array or name == "numpy")
        case "view" | "reshape":
            return shapes.viewed(tensor, args)
        case "unsqueeze" | "unsqueeze_":
            return shapes.unsqueezed(tensor, args, kwargs)
        case "squeeze" | "squeeze_":
            return shapes.squeezed(tensor, args, kwargs)
        case "flatten" | "ravel":
            return shapes.flattened(tensor, args, kwargs)
        case "expand" | "repeat":
            return shapes.expanded(tensor, args)
        case "view_as" | "reshape_as" | "expand_as":
            other = force(args[0]) if args else None
            return shapes.with_sizes(tensor, shapes.sizes(other) if isinstance(other, Tensor) else None)
        case "unfold" | "gather" | "take" | "masked_select" | "atleast_2d":
            return shapes.with_sizes(tensor, None)
        case "narrow" | "index_select" | "roll":
            return shapes.of_rank(tensor, tensor.rank)
        case "chunk" | "split" | "tensor_split":
            return ListOf(shapes.of_rank(tensor, tensor.rank), "tuple")
        case "unbind":
            return ListOf(shapes.of_rank(tensor, None if tensor.rank is None else tensor.rank - 1), "tuple")
        case "to" | "type" | "type_as" | "float" | "double" | "half" | "bfloat16":
            return shapes.converted(tensor, name, args, kwargs)
        case _:
            return tensor


def log_softmax_of(
    m: Machine, value: Value, activation: Activation, operand: ast.AST, node: ast.AST, frame: Frame
) -> Value:
    """An activation; log_softmax on the output of a softmax is itself a loss on probabilities (P9)."""
    from torchfix_codemods.analysis.interpreter.losses import note_loss

    if activation.kind == "log_softmax":
        note_loss(m, "log_softmax", None, value, operand, node, frame)
    return activated(m, value, activation, operand, frame)


# --- items ---------------------------------------------------------------------------------------------------------


def subscript(m: Machine, value: Value, node: ast.Subscript, frame: Frame) -> Value:
    """`x[...]`: an item of a list, a slice or row of a tensor."""
    index = force(expressions.evaluate(m, node.slice, frame))
    expressions.look(m, index, node.slice, frame, "value", "used as an index")
    return join(_item(m, option, index, node, frame) for option in options(value))


def _item(m: Machine, value: Value, index: Value, node: ast.Subscript, frame: Frame) -> Value:
    match value:
        case Sequence(items=items, kind=kind):
            if isinstance(index, Const) and isinstance(index.value, int) and -len(items) <= index.value < len(items):
                return items[index.value]
            if isinstance(node.slice, ast.Slice) and kind:
                part = shapes.literal_slice(node.slice)
                return value if part is None else Sequence(items[part], kind)
            return item_of(m, value, node, frame)
        case Mapping():
            key = index.value if isinstance(index, Const) else None
            found = value.get(key) if key is not None else None
            return found if found is not None else join([v for _, v in value.items] or [Unknown("no item")])
        case ListOf(item=item):
            return value if isinstance(node.slice, ast.Slice) else item
        case Tensor():
            return shapes.indexed(based(m, value, node.value, frame), node.slice, index)
        case Instance():
            return m.call_item(value, node, frame)
        case Unknown(key=key, calls=calls):
            text = f"{index.value!r}" if isinstance(index, Const) else "?"
            return Unknown(
                "item of an unknown object",
                key=f"{key}[{text}]" if key and len(key) < 200 else "",
                calls=calls,
            )
        case _:
            return Unknown("item", calls=calls_of(value))


def item_of(m: Machine, value: Value, node: ast.AST, frame: Frame) -> Value:
    """What one round of a loop over `value` gets."""
    return join(_one(m, option, node, frame) for option in options(value))


def _one(m: Machine, value: Value, node: ast.AST, frame: Frame) -> Value:
    match value:
        case ListOf(item=item):
            return item
        case Sequence(items=items):
            return join(items) if items else Unknown("empty")
        case Tensor():
            value = based(m, value, node, frame)
            dims = shapes.sizes(value)
            return shapes.with_sizes(value, dims[1:] if dims else None)
        case Instance():
            return m.iterate_instance(value, node, frame)
        case Unknown(key=key, calls=calls) if key and len(key) < 200:
            return Unknown("item of an unknown iterable", key=f"{key}[*]", calls=calls)
        case Lazy():
            return _one(m, value.force(), node, frame)
        case _:
            return Unknown("item of an unknown iterable", calls=calls_of(value))
