"""What an expression may be as an index, in a few bits, and what the names of torch, numpy and Python make of it.

It says more than the interpreter would: where branches come together a kind stays, though only one of them has it.
"""

from __future__ import annotations

from enum import Flag, auto

from torchfix_codemods.analysis.torch_api import AXES_MOVED, SHAPE_ONLY


class Kind(Flag):
    """What a value may be; the kinds of a type (`torch.int16`) are those of its tensors."""

    NOTHING = 0
    INT32 = auto()
    NARROW = auto()  # other whole numbers than int64, and masks
    FLOAT = auto()
    FRACTION = auto()  # a number of Python with a fraction
    TRUTH = auto()  # True or False of Python
    ARRAY = auto()  # of numpy
    LISTED = auto()  # a list or a tuple
    INSIDE = auto()  # holds one
    DEEP = auto()  # may be known to have two dimensions or more
    WRITTEN = auto()  # numbers as written


TYPED = Kind.INT32 | Kind.NARROW | Kind.FLOAT
_WHOLE = ("int16", "int8", "uint8", "short", "bool", "bool_", "byte", "ubyte")
_FRACTIONS = "float double half bfloat16 float16 float32 float64 single float_".split()
#: Types by their last name; those that are not here are the usual ones, or not known to the interpreter.
TYPES: dict[str, Kind] = {
    **dict.fromkeys(("int32", "int", "IntTensor"), Kind.INT32),
    **dict.fromkeys((*_WHOLE, "ShortTensor", "CharTensor", "ByteTensor", "BoolTensor"), Kind.NARROW),
    **dict.fromkeys((*_FRACTIONS, "Tensor", "FloatTensor", "DoubleTensor", "HalfTensor"), Kind.FLOAT),
}
USUAL_TYPES = frozenset(["long", "int64", "LongTensor", "longlong"])
#: Methods that change the type.
CONVERSIONS: dict[str, Kind] = {
    "long": Kind.NOTHING,
    "int": Kind.INT32,
    **dict.fromkeys(("short", "char", "byte", "bool"), Kind.NARROW),
    **dict.fromkeys(("float", "double", "half", "bfloat16"), Kind.FLOAT),
}
#: Constructors by a shape (or by data), and their type where none is given.
SHAPED: dict[str, Kind] = {
    **{name: kind for name, kind in TYPES.items() if name.endswith("Tensor")},
    "LongTensor": Kind.NOTHING,
    **dict.fromkeys(("rand", "randn", "zeros", "ones", "empty", "eye"), Kind.FLOAT),
    **dict.fromkeys(("full", "randint", "randperm", "normal"), Kind.NOTHING),
}
FROM_DATA = frozenset(["tensor", "as_tensor", "from_numpy", "asarray", "array"])
READS_BYTES = frozenset(["imread", "read_image", "pil_to_tensor"])
KEEPING = (SHAPE_ONLY | AXES_MOVED | {"Variable", "cuda", "cpu"}) - FROM_DATA - CONVERSIONS.keys()
DEEPENING = frozenset("view reshape unsqueeze unsqueeze_ expand repeat expand_as view_as reshape_as atleast_2d".split())
#: Python's functions that give the items of what they get.
GATHERING = frozenset(["list", "tuple", "sorted", "set", "reversed", "iter"])


def held(kind: Kind) -> Kind:
    """What something is that holds a value of this kind."""
    return (kind & ~Kind.LISTED) | Kind.INSIDE if kind & Kind.LISTED else kind


def item(kind: Kind) -> Kind:
    """What the items are of a value of this kind."""
    return kind | Kind.LISTED if kind & Kind.INSIDE else kind & ~Kind.LISTED


def of_data(kind: Kind) -> Kind:
    """What a tensor is that is made of a value of this kind."""
    made = kind & TYPED
    made |= Kind.FLOAT if kind & Kind.FRACTION else Kind.NOTHING
    made |= Kind.NARROW if kind & Kind.TRUTH else Kind.NOTHING
    return made | Kind.DEEP if kind & (Kind.INSIDE | Kind.DEEP) else made
