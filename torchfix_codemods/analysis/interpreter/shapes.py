"""Shapes: how many dimensions an operation leaves, which of them have a known size, and which numbers are whole.

Everything here is a plain function on values. An unknown size is None, an unknown number of dimensions too; what is
not certain is never said.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import replace

from torchfix_codemods.analysis.torch_api import canonical
from torchfix_codemods.analysis.values import (
    Choice,
    Const,
    External,
    Instance,
    ListOf,
    Sequence,
    Tensor,
    Unknown,
    Value,
    force,
)

Size = int | None
Kwargs = Mapping[str, Value]
FLOAT = "float"  # any type of floating point numbers
#: Types of whole numbers by the names that torch and numpy have for them.
WHOLE_TYPES = {
    **{
        f"{module}.{name}": name
        for module in ("torch", "numpy")
        for name in ("int64", "int32", "int16", "int8", "uint8")
    },
    **dict.fromkeys(("torch.bool", "numpy.bool", "numpy.bool_", "builtins.bool"), "bool"),
    "numpy.longlong": "int64",
    "numpy.short": "int16",
    "numpy.byte": "int8",
    "numpy.ubyte": "uint8",
    "torch.CharTensor": "int8",
    "torch.long": "int64",
    "torch.int": "int32",
    "torch.short": "int16",
    "torch.LongTensor": "int64",
    "torch.cuda.LongTensor": "int64",
    "torch.IntTensor": "int32",
    "torch.ShortTensor": "int16",
    "torch.ByteTensor": "uint8",
    "torch.BoolTensor": "bool",
}
FLOAT_TYPES = frozenset(
    [
        *(f"torch.{name}" for name in ("float", "double", "half", "bfloat16", "float16", "float32", "float64")),
        *(f"numpy.{name}" for name in ("float16", "float32", "float64", "single", "double", "float_")),
        "builtins.float",
    ]
)
#: Constructors whose numbers are floating point unless a type is given.
_FLOATS = frozenset(
    [
        *(f"torch.{name}" for name in ("rand", "randn", "zeros", "ones", "empty")),
        *(f"torch.{name}Tensor" for name in ("", "Float", "Double", "Half", "cuda.Float")),
        *(f"numpy.{name}" for name in ("zeros", "ones", "empty", "random.rand", "random.randn")),
    ]
)
#: Methods that change the type, and the type that they give.
CONVERSIONS: dict[str, str] = {
    **dict.fromkeys(("float", "double", "half", "bfloat16"), FLOAT),
    "long": "int64",
    "int": "int32",
    "short": "int16",
    "char": "int8",
    "byte": "uint8",
    "bool": "bool",
}
_NUMBERS = frozenset(["number", "index", "int", "size", "item of a range"])  # reasons of unknowns that are integers


def constant(value: Value | None) -> object:
    """The literal behind a value; None where it isn't one."""
    value = None if value is None else force(value)
    return value.value if isinstance(value, Const) else None


def whole(value: Value | None) -> int | None:
    """The integer behind a value; None where it isn't one (or is a bool)."""
    found = constant(value)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def sizes(tensor: Tensor) -> tuple[Size, ...] | None:
    """One size (None: unknown) for each dimension; None where not even their number is known."""
    if tensor.shape is not None:
        return tensor.shape
    return None if tensor.rank is None else (None,) * tensor.rank


def with_sizes(tensor: Tensor, dims: Seq[Size] | None, layout: str | None = None) -> Tensor:
    """The tensor with these dimensions."""
    if dims is None:
        return replace(tensor, rank=None, shape=None, layout=None)
    known = tuple(dims) if any(size is not None for size in dims) else None
    return replace(tensor, rank=len(dims), shape=known, layout=layout)


def of_rank(tensor: Tensor, rank: int | None) -> Tensor:
    """The tensor with so many dimensions of unknown size."""
    return replace(tensor, rank=rank, shape=None, layout=None)


# --- shape-only operations -----------------------------------------------------------------------------------------


def unsqueezed(tensor: Tensor, args: Seq[Value], kwargs: Kwargs) -> Tensor:
    """`x.unsqueeze(dim)`: one dimension of size 1 more."""
    dims = sizes(tensor)
    if dims is None:
        return with_sizes(tensor, None)
    at = whole(args[0] if args else kwargs.get("dim", kwargs.get("axis")))
    if at is None or not -len(dims) - 1 <= at <= len(dims):
        return of_rank(tensor, len(dims) + 1)
    at = at + len(dims) + 1 if at < 0 else at
    return with_sizes(tensor, (*dims[:at], 1, *dims[at:]))


def squeezed(tensor: Tensor, args: Seq[Value], kwargs: Kwargs) -> Tensor:
    """`x.squeeze()` and `x.squeeze(dim)`: only a dimension of size 1 goes, so the sizes must be known."""
    dims = sizes(tensor)
    if dims is None:
        return with_sizes(tensor, None)
    given = args[0] if args else kwargs.get("dim", kwargs.get("axis"))
    if given is None:
        return with_sizes(tensor, None if None in dims else [size for size in dims if size != 1])
    at = whole(given)
    if at is None or not -len(dims) <= at < len(dims) or dims[at] is None:
        return with_sizes(tensor, None)
    at %= len(dims)
    return with_sizes(tensor, dims if dims[at] != 1 else (*dims[:at], *dims[at + 1 :]))


def reordered(tensor: Tensor, name: str, args: Seq[Value]) -> Tensor:
    """`permute`, `transpose` and the like. A move to (C, H, W) or (H, W, C) is remembered as the layout."""
    order = [whole(a) for a in _spread(args)] if name in ("permute", "transpose") else []
    dims = sizes(tensor)
    if name == "permute" or len(order) > 2:  # numpy's transpose takes the whole order too
        layout = "CHW" if tensor.layout == "HWC" and order == [2, 0, 1] else None
        layout = "HWC" if tensor.layout == "CHW" and order == [1, 2, 0] else layout
        if dims is None or len(order) != len(dims) or None in order:
            return replace(of_rank(tensor, len(order) if order else tensor.rank), layout=layout)
        return with_sizes(tensor, [dims[at] for at in order if at is not None], layout)
    if len(order) == 2 and dims is not None and all(at is not None and -len(dims) <= at < len(dims) for at in order):
        swapped = list(dims)
        first, second = (at or 0 for at in order)
        swapped[first], swapped[second] = dims[second], dims[first]
        return with_sizes(tensor, swapped)
    return of_rank(tensor, tensor.rank)


def viewed(tensor: Tensor, args: Seq[Value]) -> Tensor:
    """`x.view(1, 3, h, w)` and `x.view((1, 3, h, w))`."""
    if any(isinstance(force(a), External | Unknown) for a in args[:1]):  # `x.view(torch.int32)`
        tensor = replace(tensor, dtype=None)
    if any(isinstance(force(a), ListOf) for a in args):
        return with_sizes(tensor, None)
    only = force(args[0]) if len(args) == 1 else None
    if only is not None and not isinstance(only, Sequence) and whole(only) is None:
        return with_sizes(tensor, None)
    given = [whole(a) for a in _spread(args)]
    return with_sizes(tensor, [None if size == -1 else size for size in given] if given else None)


def expanded(tensor: Tensor, args: Seq[Value]) -> Tensor:
    """`x.expand(3, -1, -1)`, `x.repeat(1, 3, 1, 1)`: as many dimensions as arguments."""
    return of_rank(tensor, viewed(tensor, args).rank)


def flattened(tensor: Tensor, args: Seq[Value], kwargs: Kwargs) -> Tensor:
    """`x.flatten()` and `x.flatten(start)`."""
    if not args and not kwargs:
        return of_rank(tensor, 1)
    start = whole(args[0] if args else kwargs.get("start_dim"))
    if len(args) < 2 and "end_dim" not in kwargs and start is not None and start >= 0:
        dims = sizes(tensor)
        return with_sizes(tensor, (*dims[:start], None) if dims and len(dims) > start else None)
    return with_sizes(tensor, None)


def _spread(args: Seq[Value]) -> Seq[Value]:
    """The arguments, or the items of the one tuple that was given."""
    only = force(args[0]) if len(args) == 1 else None
    return only.items if isinstance(only, Sequence) else args


# --- indexing ------------------------------------------------------------------------------------------------------


def indexed(tensor: Tensor, node: ast.expr, index: Value) -> Tensor:
    """`x[...]`: integers take a dimension away, None adds one, slices keep it; anything else is not followed."""
    dims = sizes(tensor)
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    values: Seq[Value] = index.items if isinstance(node, ast.Tuple) and isinstance(index, Sequence) else [index]
    if dims is None or len(values) != len(parts) or any(isinstance(part, ast.Starred) for part in parts):
        return with_sizes(tensor, None)
    taken = sum(not _is_new(value) and constant(value) is not Ellipsis for value in values)
    result: list[Size] = []
    at = 0
    for part, value in zip(parts, values, strict=True):
        if constant(value) is Ellipsis:
            width = len(dims) - taken
            result += dims[at : at + width]
            at += width
        elif _is_new(value):
            result.append(1)
        elif at >= len(dims):
            return with_sizes(tensor, None)
        elif isinstance(part, ast.Slice):
            result.append(_length(part, dims[at]))
            at += 1
        elif is_whole_number(value):
            at += 1
        else:
            return with_sizes(tensor, None)
    result += dims[at:]
    return with_sizes(tensor, result, tensor.layout if len(result) == len(dims) else None)


def _is_new(value: Value) -> bool:
    return isinstance(value, Const) and value.value is None


def is_whole_number(value: Value) -> bool:
    """Whether a value is certainly one integer: a literal, a counter, the index that a data set is asked for."""
    value = force(value)
    if isinstance(value, Unknown):
        return value.reason in _NUMBERS or value.reason.endswith(" of __getitem__()")
    return whole(value) is not None


def literal_slice(node: ast.Slice) -> slice | None:
    """The slice, where all its bounds are written as numbers."""
    bounds: list[int | None] = []
    for bound in (node.lower, node.upper, node.step):
        match bound:
            case None:
                bounds.append(None)
            case ast.Constant(value=int() as number):
                bounds.append(number)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as number)):
                bounds.append(-number)
            case _:
                return None
    return None if bounds[2] == 0 else slice(*bounds)


def _length(node: ast.Slice, size: Size) -> Size:
    found = literal_slice(node)
    if found == slice(None):
        return size
    return None if found is None or size is None else len(range(size)[found])


# --- fresh tensors and types ---------------------------------------------------------------------------------------


def made(name: str, args: Seq[Value], kwargs: Kwargs) -> Tensor:
    """A fresh tensor by its shape: `torch.rand(3, h, w)`, `np.zeros((h, w))`."""
    fresh = _fresh(name, kwargs)
    given = [a for a in (*args, kwargs.get("size")) if a is not None]
    only = force(given[0]) if len(given) == 1 else None
    if isinstance(only, Sequence):
        if name.endswith("Tensor"):  # a list is the data here, not the shape
            flat = all(isinstance(force(i), Const) for i in only.items)
            return replace(fresh, rank=1 if flat and only.items else None)
        given = list(only.items)
    elif only is not None and not isinstance(only, Const):
        return fresh
    if not given or any(isinstance(force(g), ListOf | Sequence) for g in given):
        return fresh
    return with_sizes(fresh, [whole(g) for g in given])


def _fresh(name: str, kwargs: Kwargs) -> Tensor:
    """A new tensor (or array) of a constructor, with its type."""
    if "dtype" in kwargs:
        dtype = type_named(kwargs["dtype"])
    elif name == "torch.randint":
        dtype = "int64"
    else:
        dtype = FLOAT if name in _FLOATS else WHOLE_TYPES.get(name)
    return Tensor(dtype=dtype, array=name.startswith("numpy."))


def type_named(value: Value | None) -> str | None:
    """The type that `dtype=` names: one of whole numbers, "float", or None where it isn't known."""
    value = None if value is None else force(value)
    match value:
        case External(name=name):
            name = canonical(name)
        case Const(value=str() as text):
            name = f"numpy.{text}"
        case _:
            return None
    return FLOAT if name in FLOAT_TYPES else WHOLE_TYPES.get(name)


def converted(tensor: Tensor, name: str, args: Seq[Value], kwargs: Kwargs) -> Tensor:
    """`x.float()`, `x.to(...)`, `x.type(...)`: the type is kept only where nothing but a device can be meant."""
    if name in CONVERSIONS:
        return replace(tensor, dtype=CONVERSIONS[name])
    other = force(args[0]) if args else None
    if isinstance(other, Tensor):  # `type_as(other)`, `to(other)`
        return replace(tensor, dtype=other.dtype)
    named = [force(a) for a in (*args, kwargs.get("dtype")) if a is not None]
    for value in named:
        if isinstance(value, External | Const) and (dtype := _type_converted_to(value)) is not None:
            return replace(tensor, dtype=dtype)
    devices = all(_is_device(value) for value in named)
    return tensor if devices and name == "to" else replace(tensor, dtype=None)


def _type_converted_to(value: External | Const) -> str | None:
    """The type that `to` or `type` names: `torch.long`, `"torch.LongTensor"`."""
    named = External(value.value) if isinstance(value, Const) and isinstance(value.value, str) else value
    return type_named(named) if isinstance(named, External) else None


def _is_device(value: Value) -> bool:
    match value:
        case Choice(options=found):
            return all(map(_is_device, found))
        case Const(value=found):
            return isinstance(found, str | int)
        case Instance(cls=External(name=name)):
            return name == "torch.device"
        case Unknown(reason=reason):
            return "torch.device" in reason
        case _:
            return False


# --- layers --------------------------------------------------------------------------------------------------------


def layered(first: Value | None, rank: int | None, least: int) -> tuple[Size, ...] | None:
    """The sizes of what a layer makes of its input: so many dimensions, and the batch is kept.

    With fewer dimensions than `least` there is no batch.
    """
    dims = sizes(first) if isinstance(first, Tensor) else None
    if rank is None or dims is None or len(dims) != rank or rank < least:
        return None
    return (dims[0], *(None,) * (rank - 1)) if dims[0] is not None else None
