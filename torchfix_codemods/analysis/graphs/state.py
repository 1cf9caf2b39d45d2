"""Does a module keep something of one forward for the next, or for others?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.graphs.early import made_before
from torchfix_codemods.analysis.graphs.names import READ_OFF, STORES
from torchfix_codemods.analysis.graphs.values import Thing
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.analysis.values import ClassRef, External, FunctionRef

_TORCH = ("torch.", "torchvision.", "builtins.", "abc.", "typing.")


@dataclass(frozen=True)
class Kept:
    """`carried` are the attributes that a forward reads from the one before, `left` those that it leaves for others.

    `unknown` says what of the class could not be read.
    """

    carried: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()


def kept_by(project: Project, cls: ClassRef) -> Kept:
    """What a module and the modules inside it keep (remembered)."""
    known: dict[ClassRef, Kept] = project.memory.setdefault("kept by modules", {})
    if cls not in known:
        known[cls] = Kept()  # what holds itself
        known[cls] = _of(project, cls)
    return known[cls]


def _of(project: Project, cls: ClassRef) -> Kept:
    carried: set[str] = set()
    left: set[str] = set()
    unknown = set(_strange_bases(project, cls))
    methods = _run_by_forward(project, cls)
    if not methods and not unknown:
        unknown.add(f"the forward of {cls.name} was not found")
    for method in methods:
        attributes, reads = _written(method), _read(method)
        left |= attributes.keys()
        others = {name for other in methods if other is not method for name in _read(other)}
        carried |= {name for name, line in attributes.items() if name in others or reads.get(name, line + 1) <= line}
        carried |= _written_sometimes(method) & attributes.keys() & reads.keys()
        if any(isinstance(n, ast.Global | ast.Nonlocal) for n in walk(method)):
            unknown.add(f"{cls.name} writes to global names")
        if any("cache" in ast.unparse(d) for d in getattr(method, "decorator_list", ())):
            unknown.add(f"{cls.name} caches what it computes")
        if any(isinstance(n, ast.Attribute) and "hook" in n.attr for n in walk(method)):
            unknown.add(f"{cls.name} registers hooks")
    carried |= made_before(project, cls) & {name for method in methods for name in _read(method)}
    for inner in _inside(project, cls):
        part = kept_by(project, inner)
        carried, left, unknown = carried | part.carried, left | part.left, unknown | part.unknown
    return Kept(frozenset(carried), frozenset(left), frozenset(unknown))


def _strange_bases(project: Project, cls: ClassRef) -> Iterator[str]:
    for base in project.lineage(cls):
        if base is None or (isinstance(base, External) and not base.name.startswith(_TORCH)):
            yield f"a base of {cls.name} was not read"


def _run_by_forward(project: Project, cls: ClassRef) -> list[ast.AST]:
    """`forward` and the methods that it calls on `self`."""
    todo, found = ["forward"], {}
    while todo:
        name = todo.pop()
        ref = project.method(cls, name) if name not in found else None
        if ref is None or name == "__init__":
            continue
        found[name] = _node(project, ref)
        todo += [n.attr for n in walk(found[name]) if isinstance(n, ast.Attribute) and _is_self(n.value)]
    return list(found.values())


def _node(project: Project, ref: FunctionRef) -> ast.AST:
    file = project.parse(ref.path)
    assert file is not None
    return file.function_at(ref.line, ref.column)


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _written(method: ast.AST) -> dict[str, int]:
    """The attributes that are given something with a graph, and where first."""
    found: dict[str, int] = {}
    for node in walk(method):
        match node:
            case ast.Assign(targets=targets, value=value) if not _is_plain(value):
                parts = [part for target in targets for part in walk(target)]
            case ast.AugAssign(target=target, value=value) if not _is_plain(value):
                parts = [target]
            case ast.Call(func=ast.Attribute(attr=name, value=ast.Attribute() as holder)) if name in STORES:
                parts = [holder]
            case _:
                continue
        for part in parts:
            if isinstance(part, ast.Subscript):
                part = part.value
            if isinstance(part, ast.Attribute) and _is_self(part.value):
                found[part.attr] = min(found.get(part.attr, part.lineno), part.lineno)
    return found


def _written_sometimes(method: ast.AST) -> set[str]:
    """The attributes that are assigned under a condition: what a forward reads may be left by the one before."""
    inside = (n for n in walk(method) if isinstance(n, ast.If | ast.Try) and not _is_both(n))
    return {name for node in inside for name in _written(node)}


def _is_both(node: ast.If | ast.Try) -> bool:
    """Whether both branches of an `if` write the same attributes."""
    return isinstance(node, ast.If) and all(
        _written(ast.Module(node.body, [])).keys() == _written(ast.Module(part, [])).keys() for part in [node.orelse]
    )


def _is_plain(value: ast.expr) -> bool:
    match value:
        case ast.Constant() | ast.Compare():
            return True
        case ast.Call(func=ast.Attribute(attr=name)) | ast.Attribute(attr=name):
            return name in READ_OFF
        case _:
            return False


def _read(method: ast.AST) -> dict[str, int]:
    """The attributes of `self` that are read, and where first."""
    found: dict[str, int] = {}
    for node in walk(method):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and _is_self(node.value):
            found[node.attr] = min(found.get(node.attr, node.lineno), node.lineno)
    return found


def _inside(project: Project, cls: ClassRef) -> Iterator[ClassRef]:
    """The modules of the project that the class constructs."""
    for ref in project.lineage(cls):
        found = project.class_node(ref) if isinstance(ref, ClassRef) else None
        if found is None:
            continue
        file, node = found
        for call in walk(node):
            if isinstance(call, ast.Call):
                inner = project.resolve(file, call.func)
                if isinstance(inner, ClassRef) and inner != cls and project.is_module(inner):
                    yield inner


_WEIGHTED = re.compile(r"\b(?:Linear|Bilinear|LazyLinear|(?:Lazy)?Conv(?:Transpose)?\dd)\(")
_RECURRENT = re.compile(r"\b(?:LSTM|GRU|RNN|LSTMCell|GRUCell|RNNCell|MultiheadAttention|Transformer\w*)\(")


def is_deep(project: Project, thing: Thing) -> bool:
    """Whether a module has several layers with weights, so that the gradients of the first need those of the others."""
    text = "\n".join(_texts(project, thing))
    return len(_WEIGHTED.findall(text)) > 1 or _RECURRENT.search(text) is not None


def _texts(project: Project, thing: Thing) -> Iterator[str]:
    """What constructs the layers of a module."""
    if not isinstance(thing.ref, ClassRef):
        yield ast.unparse(thing.node) if thing.node is not None else ""
        return
    todo, seen = [thing.ref], set()
    while todo:
        cls = todo.pop()
        found = project.class_node(cls) if cls not in seen else None
        seen.add(cls)
        if found is not None:
            yield ast.unparse(found[1])
            todo += _inside(project, cls)
