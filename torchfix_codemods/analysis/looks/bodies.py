"""One function by itself: what each of its names is bound to, and with which parts of what.

Statements are taken together whatever their order, and so are a function and those defined in it: a name may be
everything that is bound to it anywhere.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from torchfix_codemods.analysis.looks.functions import Function, FunctionNode
from torchfix_codemods.analysis.trees import walk

#: Which part of a value: by attributes, literal keys and positions; `ITEM` is any of its items.
Keys = tuple[object, ...]
ITEM = "*"
#: Behind what was put into a container: it may be an item, or hold them.
SOMEWHERE = "?"
Scope = FunctionNode | ast.Lambda
_GROWING = frozenset("append appendleft extend insert add update setdefault add_module register_module".split())


@dataclass(frozen=True)
class Bound:
    """What a name is bound to: a part of the value of an expression."""

    value: ast.expr
    keys: Keys = ()


@dataclass(eq=False)
class Body:
    """A function (or statements of a top level, with no `function`) and what its names are bound to."""

    path: str
    function: Function | None
    node: ast.AST
    names: dict[str, list[Bound]] = field(default_factory=dict)
    parameters: dict[str, list[Scope]] = field(default_factory=dict)
    nested: dict[str, list[Scope]] = field(default_factory=dict)
    imports: dict[str, list[tuple[str, str, int]]] = field(default_factory=dict)
    stores: dict[str, list[Bound]] = field(default_factory=dict)
    unclear: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for node in walk(self.node):
            self._note(node)

    @property
    def owner(self) -> str:
        """The class in which it is a method; "" for a function."""
        return self.function.owner if self.function is not None else ""

    @property
    def first(self) -> str:
        """The name of its first parameter: `self`."""
        arguments = self.node.args if isinstance(self.node, FunctionNode) else None
        found = [*arguments.posonlyargs, *arguments.args] if arguments else []
        return found[0].arg if found else ""

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Of every node the one around it."""
        return {child: node for node in walk(self.node) for child in ast.iter_child_nodes(node)}

    def _note(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(target, value, ())
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value):
                self._bind(target, value, ())
            case ast.NamedExpr(target=target, value=value):
                self._bind(target, value, ())
            case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
                self._bind(target, value, (ITEM,))
            case ast.comprehension(target=target, iter=value):
                self._bind(target, value, (ITEM,))
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                self._bind(target, value, ())
            case ast.Call(func=ast.Attribute(value=holder, attr=attr), args=args) if attr in _GROWING:
                for value in (*args, *(k.value for k in node.keywords)):
                    self._grow(holder, value)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                self._scope(node)
            case ast.Import(names=names):
                for alias in names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    module = alias.name if alias.asname else bound
                    self.imports.setdefault(bound, []).append((module, "", 0))
            case ast.ImportFrom(module=module, names=names, level=level):
                for alias in names:
                    self.imports.setdefault(alias.asname or alias.name, []).append((module or "", alias.name, level))
            case ast.Global(names=listed) | ast.Nonlocal(names=listed):
                self.unclear.update(listed)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                self.unclear.add(name)
            case _:
                pass

    def _scope(self, node: Scope) -> None:
        spec = node.args
        for argument in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg):
            if argument is not None:
                self.parameters.setdefault(argument.arg, []).append(node)
        if node is not self.node and isinstance(node, FunctionNode):
            self.nested.setdefault(node.name, []).append(node)

    def _bind(self, target: ast.expr, value: ast.expr, keys: Keys) -> None:
        match target:
            case ast.Name(id=name):
                self.names.setdefault(name, []).append(Bound(value, keys))
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                starred = any(isinstance(t, ast.Starred) for t in targets)
                for index, part in enumerate(targets):
                    self._bind(part, value, (*keys, ITEM if starred else index))
            case ast.Starred(value=inner):
                self._bind(inner, value, keys)
            case ast.Attribute(attr=attr):
                self.stores.setdefault(attr, []).append(Bound(value, keys))
            case ast.Subscript(value=holder):
                self._grow(holder, value)
            case _:
                pass

    def _grow(self, holder: ast.expr, value: ast.expr) -> None:
        """`holder[...] = value`, `holder.append(value)`: what it holds is not told apart from what it is."""
        while isinstance(holder, ast.Subscript):
            holder = holder.value
        if isinstance(holder, ast.Name | ast.Attribute):
            self._bind(holder, value, (SOMEWHERE,))


def returned(node: ast.AST) -> Iterator[ast.expr]:
    """What a function gives: by `return` and `yield`, those of functions inside it left out."""
    if isinstance(node, ast.Lambda):
        yield node.body
        return
    todo = list(ast.iter_child_nodes(node))
    while todo:
        inner = todo.pop()
        if isinstance(inner, ast.Return | ast.Yield | ast.YieldFrom) and inner.value is not None:
            yield inner.value
        if not isinstance(inner, FunctionNode | ast.Lambda | ast.ClassDef):
            todo += ast.iter_child_nodes(inner)


def last_name(node: ast.AST) -> str:
    """`c` of `a.b.c`; "" where an expression is no name."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


__all__ = ["ITEM", "SOMEWHERE", "Body", "Bound", "Keys", "Scope", "last_name", "returned"]
