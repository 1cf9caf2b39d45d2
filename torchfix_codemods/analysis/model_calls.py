"""Which calls of a function may run a model, told from the names alone.

`Phases` knows two kinds of model calls: of an object of a module's class, and of something unknown that is used as a
module elsewhere. Neither can be the call of a function, of a class, of what another library defines, or of a method
that only tensors, text and containers have. Whatever isn't understood may run a model.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator

from torchfix_codemods.analysis.bare_names import NOWHERE, BareNames, Origin
from torchfix_codemods.analysis.facts import dotted
from torchfix_codemods.analysis.no_models import NO_MODEL_METHODS
from torchfix_codemods.analysis.outside import Outside, Unit
from torchfix_codemods.analysis.trees import walk

_BUILTINS = frozenset(dir(builtins))
_GLOBAL = re.compile(r"\bglobal[ \t]+([\w, \t]+)")
_STORED = re.compile(r"\.(\w+)[ \t]*(?::[^=\n]*)?=(?!=)")
_METHOD = re.compile(r"\bdef[ \t]+(\w+)")
_WORD = re.compile(r"\w+")
# A function of one of these files may train: then what it calls is evaluated by those that call it.
_TRAINS = (".backward(", "autograd.grad(", "autograd.backward(", ".step(")
_COMPUTED = ast.Constant | ast.JoinedStr | ast.BinOp | ast.UnaryOp | ast.Compare | ast.List | ast.Tuple | ast.Dict
_PROPERTIES = ("property", "cached_property")


class _Scope:
    """The names that a unit binds, and the class of its first parameter."""

    def __init__(self, unit: Unit, nodes: Iterable[ast.AST]) -> None:
        self.cls = unit.cls if isinstance(unit.node, ast.FunctionDef | ast.AsyncFunctionDef) else None
        self.receiver = _receiver(unit) if self.cls is not None else ""
        self.bound: set[str] = set()
        self.defined = {getattr(unit.node, "name", "")} if unit.cls is None else set[str]()
        for node in nodes:
            match node:
                case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                    self.bound.add(name)
                case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                    self.bound.add(name)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    self.defined.add(name)
                case _:
                    pass


def _executed(node: ast.AST) -> list[ast.AST]:
    """The parts of a unit that run with it: decorators and default values are evaluated for their values only."""
    return [node.args, *node.body] if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else [node]


def _receiver(unit: Unit) -> str:
    node = unit.node
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
    parameters = [*node.args.posonlyargs, *node.args.args]
    return parameters[0].arg if parameters and not static else ""


class Calls:
    """The calls in the code of one file outside of modules."""

    def __init__(self, names: BareNames, path: str, code: str, outside: Outside) -> None:
        self.names = names
        self.path = path
        self._trains: dict[str, bool] = {}
        declared = _GLOBAL.findall(code) if "global" in code else ()
        self.bound = {word for found in declared for word in _WORD.findall(found)}
        # Names of attributes and of modules' methods are no longer those that they are elsewhere.
        self.special = {*_STORED.findall(code), *_METHOD.findall(outside.modules)}
        self.bound |= {n.id for n in walk(outside.top) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}

    def may_run_models(self, unit: Unit) -> Iterator[ast.Call]:
        """The calls of a unit that may run a model."""
        nodes = [node for part in _executed(unit.node) for node in walk(part)]
        calls = [node for node in nodes if isinstance(node, ast.Call) and not self._is_ordinary(node.func)]
        if calls:
            scope = _Scope(unit, nodes)
            yield from (call for call in calls if self._may(_called(call), scope))

    def _is_ordinary(self, callee: ast.expr) -> bool:
        """Whether a method runs no model by its name, or by what its object is."""
        return isinstance(callee, ast.Attribute) and (
            isinstance(callee.value, _COMPUTED) or (callee.attr in NO_MODEL_METHODS and callee.attr not in self.special)
        )

    def _may(self, callee: ast.expr, scope: _Scope) -> bool:
        match callee:
            case ast.Name(id=name):
                return self._may_name(name, scope)
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=name):
                return name != "__init__" and (
                    scope.cls is None or self._may_inherited(scope.cls, name, attribute=False)
                )
            case ast.Attribute(value=ast.Name(id=root), attr=name) if scope.cls is not None and root == scope.receiver:
                return self._may_own(scope.cls, name)
            case ast.Attribute():
                return self._may_attribute(callee, scope)
            case ast.Lambda():
                return False  # the calls in it are looked at
            case _:
                return True

    def _may_name(self, name: str, scope: _Scope) -> bool:
        if name == scope.receiver:
            return False  # an object of a class that is no module, or that class
        if name in scope.bound or name in self.bound:
            return True
        return name not in scope.defined and self._may_any(self._named(name))

    def _named(self, name: str) -> frozenset[Origin]:
        """What a name of the top level may be. Python's own names hide behind nothing that is defined or imported."""
        found = self.names.defined(self.path, name)
        known = {origin for origin in found if origin.kind != "unknown"}
        return found if known or name not in _BUILTINS or "*" in self.names.entries(self.path) else frozenset([NOWHERE])

    def _may_attribute(self, callee: ast.Attribute, scope: _Scope) -> bool:
        name = dotted(callee)
        root = name.partition(".")[0]
        if not name or root in scope.bound or root in self.bound or root in scope.defined:
            return True
        if root == scope.receiver or (root in _BUILTINS and not self.names.entries(self.path).get(root)):
            return root == scope.receiver
        return self._may_any(self.names.dotted(self.path, name))

    def _may_any(self, origins: Iterable[Origin]) -> bool:
        return any(o.kind == "unknown" or (o.kind == "function" and self._file_trains(o.path)) for o in origins)

    def _file_trains(self, path: str) -> bool:
        if path == self.path:
            return False  # its own calls are looked at
        if path not in self._trains:
            text = self.names.text(path)
            self._trains[path] = any(word in text for word in _TRAINS)
        return self._trains[path]

    def _may_own(self, cls: ast.ClassDef, name: str) -> bool:
        """`self.name(...)` in a class that is no module."""
        if any(isinstance(n, ast.Attribute) and n.attr == name and isinstance(n.ctx, ast.Store) for n in walk(cls)):
            return True
        for statement in cls.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and statement.name == name:
                return any(isinstance(d, ast.Name) and d.id in _PROPERTIES for d in statement.decorator_list)
        return self._may_inherited(cls, name, attribute=True)

    def _may_inherited(self, cls: ast.ClassDef, name: str, *, attribute: bool) -> bool:
        """Whether what the bases of a class give may run a model; where they have no such method it is an attribute."""
        found = [self.names.method(self.path, dotted(base), name) for base in cls.bases]
        functions = [origin for origin in found if origin.kind == "function"]
        if any(origin.kind == "unknown" for origin in found):
            return True
        return self._may_any(functions) if functions else attribute


def _called(call: ast.Call) -> ast.expr:
    """What a call runs: `map(model, batches)` runs the model."""
    mapped = isinstance(call.func, ast.Name) and call.func.id == "map" and call.args
    return call.args[0] if mapped else call.func
