"""What operations make of an output, by their names; and what an expression is about, by its form."""

from __future__ import annotations

import ast

from torchfix_codemods.analysis.looks.held import CLEAN, HOLDER, OUTPUT, Held, row
from torchfix_codemods.analysis.torch_api import AXES_MOVED, BEST, JOINING, SHAPE_ONLY
from torchfix_codemods.analysis.trees import walk

KEEPING = SHAPE_ONLY | AXES_MOVED | BEST | JOINING | frozenset("concat where maximum minimum".split())
# Methods of a tensor that take an output as their argument, and ordinary functions that do.
ARITHMETIC = frozenset(
    "matmul mm bmm einsum addmm baddbmm dot mv mul mul_ add_ sub sub_ div div_ eq ne lt le gt ge scatter_add"
    " scatter_add_ scatter scatter_ index_add index_add_ index_copy index_copy_ index_put index_put_ masked_scatter"
    " masked_scatter_ masked_fill masked_fill_ copy_ addcmul lerp print len isinstance float int str repr format info"
    " debug warning range bool abs round size type_as expand_as view_as reshape_as save_for_backward".split()
)
GATHERING = frozenset("list tuple zip enumerate reversed sorted max min sum dict set iter next map filter".split())
MADE_OF = frozenset("ModuleList ModuleDict Sequential OrderedDict deepcopy copy list tuple dict".split())
PUTS = frozenset("append extend insert add update appendleft setdefault put".split())
LOOKING = frozenset("isinstance issubclass hasattr len type id print super".split())
_PASSING = frozenset("tqdm trange prefetch partial chain islice cycle DataParallel OrderedDict deepcopy".split())
QUIET = frozenset("shape dtype device ndim requires_grad is_cuda".split())
BEST_OF = row((OUTPUT, CLEAN))


def under(key: ast.expr, held: Held) -> Held:
    """What holds it under a key."""
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return Held(fields=((key.value, held),), gives=held.gives)
    return Held(inside=held.any, gives=held.gives)


def of_method(receiver: Held, name: str) -> Held:
    """What a method of an output, or of something that holds some, gives."""
    if is_tensor(receiver):
        return BEST_OF if name in BEST else OUTPUT if name in KEEPING else CLEAN
    return receiver.loose().item(None)


def of_a_library(name: str) -> Held:
    """What a function of torch, numpy or another library makes of an output."""
    if name in _PASSING:
        return HOLDER
    return BEST_OF if name in BEST else OUTPUT if name in KEEPING else CLEAN


def is_kept(name: str) -> bool:
    """Whether an operation of this name gives the very numbers that it gets."""
    return name in KEEPING


def root_of(node: ast.expr) -> str:
    """The first name of an expression like `a.b[0].c`; "" where there is none."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def kept_from(target: ast.expr, over: ast.expr) -> dict[str, str]:
    """The names that a loop binds, with the attribute of `self` over which it goes; "" for others."""
    names = dict.fromkeys((inner.id for inner in walk(target) if isinstance(inner, ast.Name)), "")
    match target, over:
        case ast.Name(id=name), ast.Attribute(value=ast.Name(id="self"), attr=attribute):
            return {name: attribute}
        case _, ast.Subscript(value=value):
            return kept_from(target, value)
        case ast.Tuple(elts=[_, inner]), ast.Call(func=ast.Name(id="enumerate"), args=[value, *_]):
            return names | kept_from(inner, value)
        case ast.Tuple(elts=parts), ast.Call(func=ast.Name(id="zip"), args=values) if len(parts) == len(values):
            return {n: a for part, value in zip(parts, values, strict=True) for n, a in kept_from(part, value).items()}
        case _:
            return names


def is_tensor(held: Held) -> bool:
    """Whether it is an output itself, and no container."""
    return held.output and not held.inside and not held.parts


def last(node: ast.expr) -> str:
    """The last part of a dotted name."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def is_library(node: ast.expr) -> bool:
    """Whether a name is that of a library of functions on tensors."""
    return last(node) in ("F", "functional", "torch", "special", "np", "numpy")
