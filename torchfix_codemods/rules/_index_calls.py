"""What a call that indexes is given, as written and as evaluated, and what today's torch makes of it.

All of it is measured on torch 2.13: the types that raise, and that on the CPU the call itself raises.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.trace import IndexCall
from torchfix_codemods.analysis.values import Const, Sequence, Tensor, Value, force

_ROWS = frozenset(["int64", "int32"])
#: The types of an index that torch takes.
ACCEPTED: dict[str, frozenset[str]] = {
    "index_select": _ROWS,
    "gather": _ROWS,
    "scatter": _ROWS,
    "scatter_add": _ROWS,
    "embedding": _ROWS,
    "one_hot": frozenset(["int64"]),
    # floating point targets are probabilities, if the shape is that of the input
    "cross_entropy": frozenset(["int64", "uint8", "float"]),
    "nll_loss": frozenset(["int64", "uint8", "float"]),
}
#: Functions without which a file has no call that is looked at.
INDEXING_WORDS = (*ACCEPTED, "scatter_", "scatter_add_", "Embedding", "CrossEntropyLoss", "NLLLoss")
#: Position and names of the index, in a function of torch and in a method of a tensor.
_POSITIONS = {"embedding": 0, "one_hot": 0, "cross_entropy": 1, "nll_loss": 1}
_NAMES = {
    "embedding": ("input",),
    "one_hot": ("tensor", "input"),
    "cross_entropy": ("target",),
    "nll_loss": ("target",),
}
_DATA = ("tensor", "as_tensor", "LongTensor", "IntTensor", "ShortTensor", "CharTensor", "ByteTensor", "Tensor")
_DATA_OF_FLOATS = (*_DATA, "FloatTensor", "DoubleTensor", "HalfTensor")


@dataclass(frozen=True)
class Indexing:
    """One execution of a call: the function by its bare name, the index, and what it counts in.

    `form` is "tensor", "array", "list" or "numbers" (a list of whole ones), or "" where it isn't known.
    """

    function: str
    form: str
    tensor: Tensor
    source: Value | None
    dim: int | None

    @property
    def refused(self) -> str:
        """The type of the index, where torch certainly refuses it; else ""."""
        dtype = self.tensor.dtype
        wrong = self.form == "tensor" and dtype is not None and dtype not in ACCEPTED[self.function]
        return dtype or "" if wrong else ""

    @property
    def size(self) -> int | None:
        """How many rows (or classes) there are to choose from, where that is a number in the program."""
        source = None if self.source is None else force(self.source)
        match source:
            case Const(value=int() as count) if not isinstance(count, bool) and count > 0:
                return count
            case Tensor(shape=tuple() as shape):
                at = {"embedding": 0, "cross_entropy": 1 if len(shape) > 1 else 0}.get(self.function, self.dim)
                return shape[at] if at is not None and -len(shape) <= at < len(shape) else None
            case _:
                return None


def indexing_of(file: ParsedFile, written: ast.expr, event: IndexCall) -> Indexing:
    """What one execution of a call asks for, whose index is `written`."""
    function = event.function.removesuffix("_")
    index = force(event.index)
    dim = None if event.dim is None else force(event.dim)
    at = dim.value if isinstance(dim, Const) and isinstance(dim.value, int) else None
    tensor = index if isinstance(index, Tensor) else Tensor()
    return Indexing(function, _form(file, written, index), tensor, event.source, at)


def _form(file: ParsedFile, written: ast.expr, index: Value) -> str:
    match index:
        case Tensor(array=True):
            return "array"
        case Tensor():
            return "tensor"
        case Sequence(items=items) if items:
            whole = all(isinstance(item, Const) and type(item.value) is int for item in items)
            return "numbers" if whole else "list"
        case _:
            return _form_as_written(file, written)


def _form_as_written(file: ParsedFile, written: ast.expr) -> str:
    """`range(n)`, `list(range(n))`, `[f(i) for i in x]`, `x.tolist()`: itself, or the one assignment to its name."""
    value = _only_value(file, written) if isinstance(written, ast.Name) else written
    match value:
        case ast.Call(func=ast.Name(id="list" | "tuple"), args=[ast.Call(func=ast.Name(id="range"))]):
            return "numbers"
        case ast.Call(func=ast.Name(id="range")):
            return "numbers"
        case ast.ListComp() | ast.Call(func=ast.Attribute(attr="tolist"), args=[], keywords=[]):
            return "list"  # of numbers, of lists, or one number: nothing of it is a tensor
        case _:
            return ""


def index_of(call: ast.Call, event: IndexCall) -> ast.expr | None:
    """The expression of the index; None where it isn't written as an argument of its own."""
    function = event.function.removesuffix("_")
    named = next((k.value for k in call.keywords if k.arg in _NAMES.get(function, ("index",))), None)
    if named is not None:
        return named
    position = _POSITIONS.get(function, 1 if event.form == "method" else 2)
    plain = not any(isinstance(a, ast.Starred) for a in call.args[: position + 1])
    return call.args[position] if plain and position < len(call.args) else None


def source_of(call: ast.Call, event: IndexCall) -> ast.expr | None:
    """The expression of the tensor that is indexed, or of the module that holds it; None where there is none."""
    if event.form in ("method", "module"):
        return call.func.value if event.form == "method" and isinstance(call.func, ast.Attribute) else call.func
    name = "weight" if event.function == "embedding" else "input"
    position = 1 if event.function == "embedding" else 0
    named = next((k.value for k in call.keywords if k.arg == name), None)
    plain = not any(isinstance(a, ast.Starred) for a in call.args[: position + 1])
    return named or (call.args[position] if plain and position < len(call.args) else None)


def is_plain(node: ast.expr | None) -> bool:
    """Whether an expression is a name or a chain of attributes, which can be written twice."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


# --- numbers as written --------------------------------------------------------------------------------------------


def literal_numbers(file: ParsedFile, index: ast.expr) -> tuple[float, ...] | None:
    """The numbers of an index that is made of literals: where it stands, or by the one assignment to its name."""
    made = constructor_of(file, index)
    if made is None or not made.args:
        return None
    try:
        found = ast.literal_eval(made.args[0])
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    flat = list(_flat(found))
    numbers = tuple(number for number in flat if isinstance(number, int | float))
    return numbers if flat and len(numbers) == len(flat) else None


def _flat(value: object) -> Iterator[object]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def constructor_of(file: ParsedFile, index: ast.expr) -> ast.Call | None:
    """`torch.tensor([...])` of an index: itself, or what its name (never changed) was assigned."""
    if isinstance(index, ast.Name):
        assigned = _only_value(file, index)
        return constructor_of(file, assigned) if assigned is not None and not isinstance(assigned, ast.Name) else None
    match index:
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in _DATA_OF_FLOATS:
            return index
        case _:
            return None


def _only_value(file: ParsedFile, name: ast.Name) -> ast.expr | None:
    """The value of the one plain assignment to a name in its scope, if nothing changes it in place."""
    scope = file.enclosing_function(name) or file.tree
    found = [n for n in ast.walk(scope) if isinstance(n, ast.Name) and n.id == name.id]
    stores = [n for n in found if not isinstance(n.ctx, ast.Load)]
    if len(stores) != 1 or any(_changes(file, n) for n in found):
        return None
    parent = file.parents[stores[0]]
    return parent.value if isinstance(parent, ast.Assign) and parent.targets == [stores[0]] else None


def _changes(file: ParsedFile, name: ast.Name) -> bool:
    """`x += 1`, `x[0] = 1`, `x.add_(1)`, `x.data = y`."""
    parent = file.parents[name]
    match parent:
        case ast.AugAssign():
            return True
        case ast.Subscript(ctx=ast.Load()):
            return False
        case ast.Subscript():
            return True
        case ast.Attribute(attr=attr, ctx=ctx):
            return attr.endswith("_") or not isinstance(ctx, ast.Load)
        case _:
            return False
