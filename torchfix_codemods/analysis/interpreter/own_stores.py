"""The attributes of its own object that a method may set, read off the method alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torchfix_codemods.analysis.trees import children, walk

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def stored_attributes(method: ast.AST, cls: str) -> frozenset[str]:
    """The attributes that a method stores on its own object, or on what may be that object: another of class `cls`.

    In `from_pretrained` all of `model.x = 1`, `config.x = 1` and `info.x = 1` are attributes of something else.
    """
    known = _stores_of(method)
    return known.get(None, frozenset()).union(known.get(cls, ()))


def constants_stored(method: _FUNCTION, name: str) -> list[ast.Constant]:
    """What a method sets `self.<name>` to, where these are constants all: such a method needn't be run to know them.

    Empty where it stores anything else in an attribute of that name, or may do so.
    """
    own = {a.arg for a in _arguments(method.args)[:1]}
    nodes = list(walk(method))
    stored = [n for n in nodes if isinstance(n, ast.Attribute) and n.attr == name and not isinstance(n.ctx, ast.Load)]
    found: list[ast.Constant] = []
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=root), attr=attr)], value=ast.Constant() as value):
                found += [value] if attr == name and root in own else []
            case ast.Name(id="setattr"):
                return []
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node is not method and _holds(node, stored):
                return []
            case _:
                pass
    return found if len(found) == len(stored) else []


def _holds(function: ast.AST, stored: list[ast.Attribute]) -> bool:
    return any(node is store for node in walk(function) for store in stored)


def _stores_of(method: ast.AST) -> dict[str | None, frozenset[str]]:
    """Attributes by the class that a parameter's annotation names, and by None for the method's own object."""
    known: dict[str | None, frozenset[str]] | None = getattr(method, "_own_stores", None)
    if known is None:
        known = _found_stores(method) if isinstance(method, _FUNCTION) else {}
        method._own_stores = known  # type: ignore[attr-defined]
    return known


def _found_stores(method: _FUNCTION) -> dict[str | None, frozenset[str]]:
    nodes = list(walk(method))
    stores = [n for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)]
    if not stores:
        return {}
    inner = {a.arg for n in nodes if isinstance(n, ast.arguments) and n is not method.args for a in _arguments(n)}
    starts: dict[str | None, set[str]] = {None: _own_names(method) | inner}  # inner functions may be given anything
    for argument in _arguments(method.args):
        if cls := _last_name(argument.annotation):
            starts.setdefault(cls, set()).add(argument.arg)
    bindings = list(_bindings(nodes))
    return {cls: _stored_on(_spread(names, bindings), stores) for cls, names in starts.items()}


def _own_names(method: _FUNCTION) -> set[str]:
    """The parameter that is the object. A static method has none; a class method is given the object as its class."""
    decorators = {d.id for d in getattr(method, "decorator_list", []) if isinstance(d, ast.Name)}
    first = [*method.args.posonlyargs, *method.args.args][:1]
    return set() if "staticmethod" in decorators else {a.arg for a in first}


def _arguments(spec: ast.arguments) -> list[ast.arg]:
    return [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]


def _last_name(annotation: ast.expr | None) -> str:
    match annotation:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _bindings(nodes: list[ast.AST]) -> Iterator[tuple[set[str], set[str]]]:
    """The names that something binds with the names that it may bind them to."""
    for node in nodes:
        match node:
            case ast.Assign(targets=targets, value=value):
                yield _bound(*targets), _given(value)
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
                yield _bound(target), _given(value)
            case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
                yield _bound(target), _given(value)
            case ast.comprehension(target=target, iter=value):
                yield _bound(target), _given(value)
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                yield _bound(target), _given(value)
            case _:
                pass


def _bound(*targets: ast.expr) -> set[str]:
    return {n.id for t in targets for n in walk(t) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _given(value: ast.expr) -> set[str]:
    """The names whose very object a value may be, or hold. `self.config` is not `self`; `self.setup()` may be."""
    match value:
        case ast.Name(id=name):
            return {name}
        case ast.Attribute(value=ast.Name()) | ast.Call(func=ast.Attribute(value=ast.Name(id="cls"))):
            return set()
        case ast.Call(func=ast.Attribute(value=receiver), args=args, keywords=keywords):
            parts: list[ast.expr] = [receiver, *args, *(k.value for k in keywords)]
        case ast.Call(args=args, keywords=keywords):
            parts = [*args, *(k.value for k in keywords)]
        case _:
            parts = [n for n in children(value) if isinstance(n, ast.expr)]
    return {name for part in parts for name in _given(part)}


def _spread(names: set[str], bindings: list[tuple[set[str], set[str]]]) -> set[str]:
    """The names with all that are bound to them, however often."""
    reached = set(names)
    while more := {n for bound, given in bindings if given & reached for n in bound} - reached:
        reached |= more
    return reached


def _stored_on(names: set[str], stores: list[ast.Attribute]) -> frozenset[str]:
    return frozenset(store.attr for store in stores if _given(store.value) & names)
