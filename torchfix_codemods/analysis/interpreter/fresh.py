"""Tensors and arrays made of data or by counting: their rank, their type, and whether numpy made them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import replace

from torchfix_codemods.analysis.interpreter.shapes import (
    FLOAT,
    constant,
    is_whole_number,
    type_named,
    whole,
    with_sizes,
)
from torchfix_codemods.analysis.values import (
    Const,
    ListOf,
    Sequence,
    Tensor,
    Value,
    calls_of,
    force,
    options,
)

Kwargs = Mapping[str, Value]
#: numpy's functions that give an array of whole numbers with one dimension.
_POSITIONS = frozenset(["numpy.flatnonzero", "numpy.random.permutation", "numpy.random.choice", "numpy.random.randint"])


def from_data(name: str, args: Seq[Value], kwargs: Kwargs) -> Tensor:
    """`torch.tensor(data)`, `torch.from_numpy(array)`, `np.array(data)`: as many dimensions as its lists are deep."""
    array = name.startswith("numpy.")
    data = force(args[0]) if args else force(kwargs.get("data", kwargs.get("object", Const(None))))
    given = kwargs.get("dtype", args[1] if array and len(args) > 1 else None)
    if isinstance(data, Tensor):
        made = replace(data, array=array)
    else:
        made = replace(_of_lists(data), array=array)
    if not isinstance(data, Tensor) or (name == "torch.tensor" and "requires_grad" not in kwargs):
        made = made.detached()  # the numbers are copied; who asks for gradients of the copy means to train with it
    return made if given is None else replace(made, dtype=type_named(given))


def _of_lists(data: Value) -> Tensor:
    if isinstance(data, Const) and isinstance(data.value, int | float):
        return Tensor(rank=0, dtype=_type_of([data]))
    items = data.items if isinstance(data, Sequence) else ()
    if not items:
        return Tensor(calls=calls_of(data))
    if all(isinstance(item, Const) for item in items):
        return with_sizes(Tensor(dtype=_type_of(items)), (len(items),))
    inner = [force(item) for item in items]
    if all(isinstance(item, Sequence) and all(isinstance(i, Const) for i in item.items) for item in inner):
        flat = [number for item in inner if isinstance(item, Sequence) for number in item.items]
        return Tensor(rank=2, dtype=_type_of(flat))
    return Tensor(calls=calls_of(data))


def _type_of(items: Seq[Value]) -> str | None:
    """The type that torch and numpy give to literal numbers."""
    kinds = {type(constant(item)) for item in items}
    if kinds == {bool}:
        return "bool"
    if kinds == {int}:
        return "int64"
    return FLOAT if kinds and float in kinds and kinds <= {int, float, bool} else None


def counted(name: str, args: Seq[Value], kwargs: Kwargs) -> Value | None:
    """What functions that count or look for positions give; None for other functions."""
    if name in ("torch.arange", "numpy.arange"):
        return _range(name, args, kwargs)
    if name == "torch.eye":
        dtype = type_named(kwargs["dtype"]) if "dtype" in kwargs else FLOAT
        return with_sizes(Tensor(dtype=dtype), [whole(size) for size in (*args[:1], *(args[1:2] or args[:1]))] or None)
    if name == "torch.randperm":
        return Tensor(rank=1, dtype=type_named(kwargs["dtype"]) if "dtype" in kwargs else "int64")
    if name in ("torch.nonzero", "torch.where", "numpy.where", "numpy.nonzero") and len(args) + len(kwargs) == 1:
        if name == "torch.nonzero":
            return Tensor(rank=2, dtype="int64")
        return ListOf(Tensor(rank=1, dtype="int64", array=name.startswith("numpy.")), "tuple")
    if name in _POSITIONS and args:
        return _positions(name, args, kwargs)
    return None


def _range(name: str, args: Seq[Value], kwargs: Kwargs) -> Tensor:
    array = name.startswith("numpy.")
    if "dtype" in kwargs:
        return Tensor(rank=1, dtype=type_named(kwargs["dtype"]), array=array)
    bounds = [*args, *(kwargs[key] for key in ("start", "end", "stop", "step") if key in kwargs)]
    if bounds and all(is_whole_number(bound) for bound in bounds):
        only = whole(bounds[0]) if len(bounds) == 1 else None
        return with_sizes(Tensor(dtype="int64", array=array), (only,))
    floats = any(isinstance(constant(bound), float) for bound in bounds)
    return Tensor(rank=1, dtype=FLOAT if floats else None, array=array)


def _positions(name: str, args: Seq[Value], kwargs: Kwargs) -> Value | None:
    if name == "numpy.flatnonzero":
        return Tensor(rank=1, dtype="int64", array=True)
    if "dtype" in kwargs or not all(is_whole_number(option) for option in options(args[0])):
        return None
    if name == "numpy.random.permutation":
        return Tensor(rank=1, dtype="int64", array=True)
    size = kwargs.get(
        "size", args[2 if name.endswith("randint") else 1] if len(args) > 1 + name.endswith("randint") else None
    )
    if size is None or (constant(size) is None and not is_whole_number(size)):
        return None  # one number, or an array of any shape
    return Tensor(rank=1, dtype="int64", array=True)
