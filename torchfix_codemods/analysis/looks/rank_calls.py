"""What may be known of the result of a call of torch, of numpy, or of a method of a tensor."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from torchfix_codemods.analysis.looks.ranks import (
    ALL,
    ANYTHING,
    NOTHING,
    Known,
    container,
    fewer,
    floats,
    item,
    of_rank,
    shifted,
    union,
)

_TURNED_OVER = frozenset(["LSTM", "GRU", "RNN", "LSTMCell", "MultiheadAttention"])
_LOSSES = frozenset(["binary_cross_entropy", "kl_div", "cross_entropy"])
QUIET = frozenset("size dim ndimension nelement numel stride item tolist is_floating_point get_device".split())
_TO_FLOAT = frozenset("float double half bfloat16".split())
_TO_WHOLE = frozenset("long int short char byte bool".split())
_REDUCED = frozenset(
    "sum mean std var prod norm logsumexp median squeeze squeeze_ flatten ravel amax amin all any".split()
)
_BEST = frozenset("max min topk sort kthvalue mode".split())
_POSITIONS = frozenset("argmax argmin argsort".split())
_SIZED = frozenset("view reshape expand repeat resize_ tile".split())
_PARTS = frozenset("chunk split tensor_split unbind unfold unsafe_chunk".split())
LIKE = frozenset("view_as reshape_as expand_as resize_as_ type_as".split())
MADE = frozenset("rand randn zeros ones empty".split())
_MADE_OF_DATA = frozenset("tensor as_tensor from_numpy asarray array".split())
_JOINED = frozenset("cat concat concatenate stack hstack vstack dstack".split())
_COUNTED = frozenset("arange randperm flatnonzero permutation choice randint full normal rand_like eye".split())
_NO_TENSOR = frozenset(
    "no_grad enable_grad inference_mode set_grad_enabled device load save is_tensor manual_seed".split()
)
_FLOAT_TYPES = frozenset("float double half bfloat16 float16 float32 float64 dtype".split())
_DEVICES = frozenset(["device", "non_blocking", "copy", "memory_format"])

#: Methods whose result depends on their receiver only, and on how many arguments are written.
ARGUMENTS_ARE_SIZES = _SIZED | _REDUCED | _PARTS | frozenset("unsqueeze permute transpose to type".split())

Arguments = Sequence[ast.expr]


def method(name: str, value: Known, args: Arguments, given: Sequence[Known], keywords: Sequence[ast.keyword]) -> Known:
    """`x.name(...)` where `value` is what may be known of `x`, and `given` of the arguments."""
    if name in QUIET:
        return NOTHING
    if name in ("unsqueeze", "unsqueeze_"):
        return shifted(value, 1, 1)
    if name in _SIZED:
        return of_rank(value, count(args)) if args else of_rank(value, None)
    if name in ("permute", "transpose"):
        return _permuted(name, value, args, keywords)
    if name in _TO_FLOAT:
        return floats(value)
    if name in _TO_WHOLE:
        return Known(value.ranks, True)
    if name in ("to", "type", "astype"):
        return (
            value
            if _keeps_type([*args, *(k.value for k in keywords if k.arg not in _DEVICES)])
            else _retyped(value, args, keywords)
        )
    if name in LIKE:
        return union([Known(ALL if g.ranks == ALL else g.ranks | value.ranks, value.whole or g.whole) for g in given])
    return _changed(name, value)


def _changed(name: str, value: Known) -> Known:
    """Operations that need not be told their arguments."""
    reduced = fewer(value).ranks | {0, 1}
    if name in _POSITIONS:
        return Known(reduced, True)
    if name in _BEST:
        return Known(reduced, True, Known(reduced, True))
    if name == "nonzero":
        return Known(frozenset([2]), True, Known(frozenset([1]), True))
    if name in _PARTS:
        return container([Known(shifted(value, -1, 0).ranks, value.whole)])
    if name in _REDUCED:
        return fewer(value) if name.startswith("squeeze") else Known(reduced, value.whole)
    if name in _LOSSES or name.endswith("_loss"):
        return Known(value.ranks | {0}, value.whole)
    return Known(value.ranks, value.whole, value.items)


def count(args: Arguments) -> int | None:
    """How many sizes are written: `2, 3` and `(2, 3)`; None where that can't be seen."""
    only = args[0] if len(args) == 1 else None
    if isinstance(only, ast.Tuple | ast.List):
        args = only.elts
    elif only is not None and not isinstance(only, ast.Constant | ast.UnaryOp):
        return None
    return None if not args or any(isinstance(a, ast.Starred) for a in args) else len(args)


def _permuted(name: str, value: Known, args: Arguments, keywords: Sequence[ast.keyword]) -> Known:
    """`permute(0, 2, 3, 1)`; `transpose(1, 2)`, to which numpy gives the whole order."""
    written = count(args)
    if name == "transpose" and (written in (1, 2) or not args):
        return Known(value.ranks, value.whole)
    if name == "permute" and not args:
        return Known(value.ranks if keywords else ALL, value.whole)
    return of_rank(value, written)


def _keeps_type(named: Arguments) -> bool:
    """Whether `to(...)` is told a device only."""
    return all(isinstance(a, ast.Attribute) and a.attr == "device" for a in named)


def _retyped(value: Known, args: Arguments, keywords: Sequence[ast.keyword]) -> Known:
    named = [*args, *(k.value for k in keywords if k.arg not in _DEVICES)]
    return floats(value) if any(map(_is_float_type, named)) else Known(value.ranks, True)


def _is_float_type(node: ast.expr) -> bool:
    """`torch.float32`, `x.dtype` (which nobody knows); `self.dtype` may be of whole numbers."""
    own = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    return isinstance(node, ast.Attribute) and node.attr in _FLOAT_TYPES and not own


# --- functions -----------------------------------------------------------------------------------------------------


def function(name: str, args: Arguments, given: Sequence[Known], keywords: Sequence[ast.keyword]) -> Known:
    """`torch.name(...)`, `F.name(...)`, `np.name(...)`."""
    if name in _NO_TENSOR or name == "Parameter":
        return NOTHING
    if name in MADE or name.endswith("Tensor"):
        sizes = args or [k.value for k in keywords if k.arg == "size"]
        listed = name.endswith("Tensor") and len(args) == 1
        return Known(
            ALL if listed else of_rank(NOTHING, count(sizes)).ranks, _may_be_whole(keywords) or name[:1].isupper()
        )
    if name in _COUNTED:
        return ANYTHING if name in ("randint", "full", "normal", "rand_like") else Known(frozenset([1, 2]), True)
    if name in _MADE_OF_DATA:
        return _of_data(given, keywords)
    if name in _JOINED:
        items = item(given[0]) if given else ANYTHING
        return union([Known(items.ranks, items.whole), shifted(items, 1, 1)]) if "stack" in name else items
    if name == "nonzero" or (name == "where" and len(args) == 1):
        return Known(frozenset([2]), True, Known(frozenset([1]), True))
    if name[:1].isupper() or not given:
        return ANYTHING
    first = ANYTHING if isinstance(args[0], ast.Starred) else given[0]
    return method(name, first, args[1:], given[1:], keywords)


def _of_data(given: Sequence[Known], keywords: Sequence[ast.keyword]) -> Known:
    """As many dimensions as the data: of an array, or of lists in lists."""
    data = given[0] if given else ANYTHING
    listed = frozenset([0, 1, 2] if data.items is not None else [0])
    typed = any(k.arg in ("dtype", None) for k in keywords)
    whole = _may_be_whole(keywords) if typed else data.whole or data.items is not None
    return Known(data.ranks | listed, whole)


def _may_be_whole(keywords: Sequence[ast.keyword]) -> bool:
    """Whether `dtype=` may name whole numbers."""
    named = [k.value for k in keywords if k.arg in ("dtype", None)]
    return not all(map(_is_float_type, named))


def layer(kind: str, given: Known) -> Known:
    """What `nn.<kind>(...)` makes of an input."""
    if kind in _TURNED_OVER:
        return NOTHING
    if kind == "Embedding":
        return shifted(Known(given.ranks), 1, 1)
    if "Conv2d" in kind or "ConvTranspose2d" in kind or "Pool2d" in kind or kind in ("BatchNorm2d", "PixelShuffle"):
        return Known(given.ranks | {4})
    if kind.startswith(("Linear", "LayerNorm", "BatchNorm", "Conv", "ReLU", "GELU", "GroupNorm")):
        return Known(given.ranks)
    return Known(given.ranks, given.whole)
