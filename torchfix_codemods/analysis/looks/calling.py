"""Where a function is called, by its name, in all files of a project; and where objects that hold it are called.

A name stands for everything of that name. A function that is handed on (into a variable, an attribute, a dictionary,
an argument, out of a function) is called by the names that it gets there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from torchfix_codemods.analysis import torch_api as api
from torchfix_codemods.analysis.looks.bodies import Body, Scope, last_name
from torchfix_codemods.analysis.looks.definitions import Definitions
from torchfix_codemods.analysis.looks.functions import FunctionNode, Unclear
from torchfix_codemods.analysis.looks.words import is_definition, is_import, is_prose
from torchfix_codemods.analysis.trees import walk

_CALLABLE = frozenset(["forward", "__call__"])
# What is given back as it was, wrapped, or in a container.
_KEEPING = frozenset(
    "ModuleList ModuleDict Sequential list tuple dict set OrderedDict DataParallel DistributedDataParallel"
    " data_parallel compile script deepcopy copy spectral_norm weight_norm convert_sync_batchnorm convert_syncbn_model"
    " prepare prepare_model setup setup_module setup_model unwrap_model initialize init_inference partial zip enumerate"
    " reversed sorted iter next".split()
)
_HOLDING = frozenset("append extend insert add update add_module setdefault register_module appendleft".split())
_ASKING = frozenset("isinstance issubclass print len type hasattr str repr id callable info debug warning".split())
_CALLING = frozenset("map filter reduce starmap apply partialmethod setattr".split())
_OF_CONTAINERS = frozenset("get pop values items copy popleft".split())
_TRAINER = re.compile(r"Trainer|Learner|learner|NeuralNet|Runner")
_TRANSPARENT = (
    *(ast.Subscript, ast.IfExp, ast.BoolOp, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Starred, ast.Await),
    *(ast.ListComp, ast.DictComp, ast.GeneratorExp, ast.SetComp),
)
_IDLE = (
    *(ast.Compare, ast.Expr, ast.Assert, ast.If, ast.While, ast.UnaryOp, ast.FormattedValue, ast.Delete, ast.Raise),
    *(ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.arg, ast.BinOp, ast.ExceptHandler, ast.alias),
)


@dataclass(frozen=True)
class CallSite:
    """A call in a function. `bound`: the first parameter is the object of which it is a method."""

    node: ast.Call
    body: Body
    bound: bool


@dataclass(frozen=True)
class Handle:
    """A name by which something may be called. `local` is the function in which alone it means that.

    `level`: how many calls lie before the one in question: none for a function, one for a class.
    """

    name: str
    level: int = 0
    local: tuple[str, int] | None = None


_Use = tuple[CallSite | None, list[Handle]]  # a call, or the names under which it goes on


class Callers:
    """The calls of the functions of one project, remembered by function."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self._known: dict[tuple[str, int], list[CallSite] | None] = {}

    def of(self, body: Body) -> list[CallSite]:
        """The calls of a function or method. Raises `Unclear` where they can't be told."""
        function = body.function
        if function is None:
            return []
        key = (body.path, function.start)
        if key not in self._known:
            self._known[key] = None
            with suppress(Unclear):
                self._known[key] = list(self._found(body))
        found = self._known[key]
        if found is None:
            raise Unclear
        return found

    def _found(self, body: Body) -> Iterator[CallSite]:
        assert body.function is not None
        name, owner = body.function.name, body.function.owner
        if owner and name in _CALLABLE | {"__init__"}:
            level = int(name != "__init__")
            heirs = self.definitions.heirs(body.path, owner)
            handles = [Handle(cls, level) for cls in sorted({cls for _, cls in heirs})]
            more = [h for path in sorted({path for path, _ in heirs}) for h in self._by_class(path, level)]
            yield from (CallSite(s.node, s.body, True) for s in self.of_handles([*handles, *more], name))
            yield from self._by_super(body.path, owner, name)
        elif owner:
            yield from (CallSite(s.node, s.body, True) for s in self.of_handles([Handle(name)], name))
        else:
            yield from self.of_handles([Handle(name)], name)

    def _by_class(self, path: str, level: int) -> Iterator[Handle]:
        """`cls(...)`, `type(self)(...)` in a file: an object of whichever class it is."""
        text = self.definitions.project.read(path) or ""
        if "type(self)(" in text or "__class__(" in text:
            raise Unclear
        for match in re.finditer(r"\bcls\(", text):
            function = self.definitions.functions(path).around(match.start())
            if function is None:
                raise Unclear
            yield Handle("cls", level, (path, function.start))

    def _by_super(self, path: str, owner: str, name: str) -> Iterator[CallSite]:
        """`super().forward(...)`, `Base.forward(self, ...)`, `self.forward(...)` in the files of the heirs."""
        for file in sorted({file for file, _ in self.definitions.heirs(path, owner)}):
            for match in re.finditer(rf"\.{name}\(", self.definitions.project.read(file) or ""):
                body = self.definitions.around(file, match.start())
                for node in walk(body.node):
                    if isinstance(node, ast.Call) and last_name(node.func) == name:
                        yield CallSite(node, body, True)

    def of_scope(self, scope: Scope, body: Body) -> list[ast.Call]:
        """The calls of a function inside a function."""
        if not isinstance(scope, FunctionNode):
            raise Unclear
        found = []
        for node in walk(body.node):
            if isinstance(node, ast.Name) and node.id == scope.name:
                around = body.parents.get(node)
                if not isinstance(around, ast.Call) or around.func is not node:
                    raise Unclear
                found.append(around)
        return found

    # --- handles -----------------------------------------------------------------------------------------------

    def of_handles(self, handles: list[Handle], method: str = "") -> list[CallSite]:
        """The calls by some names, and by all names that what they name gets."""
        todo, seen = list(handles), set(handles)
        found: list[CallSite] = []
        for handle in todo:  # grows on the way
            if len(todo) > 40:
                raise Unclear
            for site, more in self._uses(handle, method):
                if site is not None:
                    found.append(site)
                for other in more:
                    if other not in seen:
                        seen.add(other)
                        todo.append(other)
        return found

    def _uses(self, handle: Handle, method: str) -> Iterator[_Use]:
        for body in self._bodies(handle.name, handle.local):
            for node in walk(body.node):
                if last_name(node) == handle.name:
                    yield from self.used(node, body, handle, method)
                elif isinstance(node, ast.Constant) and node.value == handle.name:
                    around = body.parents.get(node)
                    if isinstance(around, ast.Call) and last_name(around.func) == "getattr":
                        yield from self.used(around, body, handle, method)

    def _bodies(self, name: str, local: tuple[str, int] | None) -> Iterator[Body]:
        """The functions and statements that say a name."""
        if local is not None:
            path, start = local
            function = self.definitions.functions(path).around(start)
            if function is None:
                raise Unclear
            yield self.definitions.body(path, function)
            return
        seen: dict[int, Body] = {}
        for path, match in self.definitions.mentions(name, rf"\b{re.escape(name)}\b"):
            if is_definition(match.string, match.start()) or is_import(match.string, match):
                continue
            try:
                body = self.definitions.around(path, match.start())
            except Unclear:
                if is_prose(match.string, match):
                    continue
                raise
            if id(body) not in seen:
                seen[id(body)] = body
                yield body

    def used(self, node: ast.AST, body: Body, handle: Handle, method: str) -> Iterator[_Use]:
        """What is done with a name: called, or handed on under other names."""
        around = body.parents.get(node)
        if isinstance(around, ast.Attribute) and around.value is node and around.attr in (method, *_CALLABLE):
            up = body.parents.get(around)
            if isinstance(up, ast.Call) and up.func is around:
                yield CallSite(up, body, False), []
                return
        yield from self._handed(node, body, handle.level, method)

    def _handed(self, node: ast.AST, body: Body, level: int, method: str) -> Iterator[_Use]:
        """Where the value of an expression goes: `level` calls of it lie before the one in question."""
        around = body.parents.get(node)
        match around:
            case ast.Call() if around.func is node:
                if level:
                    yield from self._handed(around, body, level - 1, method)
                else:
                    yield CallSite(around, body, False), []
            case ast.Call(func=func):
                if last_name(func) == "partial" and node is not around.args[0]:
                    raise Unclear
                if last_name(func) in _KEEPING:
                    yield from self._handed(around, body, level, method)
                else:
                    yield None, self._given(node, around, body, level)
            case ast.keyword(arg=str(name)):
                call = body.parents.get(around)
                if isinstance(call, ast.Call) and last_name(call.func) in _KEEPING:
                    yield from self._handed(call, body, level, method)
                yield None, [Handle(name, level)]
            case ast.Attribute(attr=attr):
                yield from self._of_attribute(around, attr, body, level, method)
            case ast.NamedExpr(target=target):
                yield None, [self._target(target, body, level)]
                yield from self._handed(around, body, level, method)
            case _ if isinstance(around, _TRANSPARENT):
                yield from self._handed(around, body, level, method)
            case ast.Assign(targets=targets):
                if node not in targets:
                    yield None, [self._target(t, body, level) for target in targets for t in _parts(target)]
            case ast.AnnAssign(target=target, value=value) | ast.AugAssign(target=target, value=value):
                yield None, [self._target(target, body, level)] if node is value else []
            case ast.Return() | ast.Yield():
                yield None, self._returners(around, body, level)
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                if node is value:
                    yield None, [self._target(t, body, level) for t in _parts(target)]
            case _ if isinstance(around, _IDLE) or around is None:
                pass
            case _:
                raise Unclear

    def _of_attribute(self, around: ast.Attribute, attr: str, body: Body, level: int, method: str) -> Iterator[_Use]:
        up = body.parents.get(around)
        called = isinstance(up, ast.Call) and up.func is around
        if attr in (method, *_CALLABLE) and isinstance(up, ast.Call) and called:
            yield CallSite(up, body, False), []
        elif attr in (method, *_CALLABLE):
            yield from self._handed(around, body, 0, method)
        elif attr == "module":
            yield from self._handed(around, body, level, method)
        elif called and up is not None and (level or attr in api.SAME_OBJECT or attr in _OF_CONTAINERS):
            yield from self._handed(up, body, max(0, level - 1) if attr not in _OF_CONTAINERS else level, method)

    def _target(self, target: ast.expr, body: Body, level: int) -> Handle:
        while isinstance(target, ast.Subscript | ast.Starred):
            target = target.value
        name = last_name(target)
        if not name:
            raise Unclear
        if isinstance(target, ast.Name) and body.function is not None and name not in body.unclear:
            return Handle(name, level, (body.path, body.function.start))
        return Handle(name, level)

    def _returners(self, node: ast.AST, body: Body, level: int) -> list[Handle]:
        """The function that gives it; a property gives it without being called."""
        up: ast.AST | None = node
        while up is not None and not isinstance(up, FunctionNode | ast.Lambda):
            up = body.parents.get(up)
        if up is not body.node or body.function is None:
            raise Unclear
        name = body.function.name
        if self.definitions.is_property(body):
            return [Handle(name, level)]
        return [Handle(name, level + 1)]

    def _given(self, node: ast.AST, call: ast.Call, body: Body, level: int) -> list[Handle]:
        """It is an argument of a call: the parameters that get it, by the name of what is called."""
        name = last_name(call.func)
        if name in _HOLDING and isinstance(call.func, ast.Attribute):
            return [self._target(call.func.value, body, level)]
        if name in _ASKING:
            return []
        if not name or name in _CALLING or any(isinstance(a, ast.Starred) for a in call.args):
            raise Unclear
        position = next(i for i, a in enumerate(call.args) if a is node)
        found = [Handle("model", level), Handle("module_", level)] if _TRAINER.search(name) else []
        for path in self.definitions.paths(f"def {name}"):
            for defined in self.definitions.named(path, name):
                found += self._parameters(defined, position, level)
        for path in self.definitions.paths(f"class {name}"):
            for file, cls in sorted(self.definitions.family(path, name)):
                for defined in self.definitions.named(file, "__init__", cls):
                    found += self._parameters(defined, position, level)
            for field in _fields(self.definitions.project.read(path) or "", name)[position : position + 1]:
                found.append(Handle(field, level))
        if not found and self.definitions.paths(f"{name} = lambda"):
            raise Unclear
        return found

    @staticmethod
    def _parameters(defined: Body, position: int, level: int) -> Iterator[Handle]:
        assert defined.function is not None and isinstance(defined.node, FunctionNode)
        spec = defined.node.args
        names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        where = (defined.path, defined.function.start)
        for at in (position, position + 1):
            if at < len(names):
                yield Handle(names[at], level, where)
            elif spec.vararg is not None:
                yield Handle(spec.vararg.arg, level, where)


def _fields(text: str, cls: str) -> list[str]:
    """The annotated names in the body of a class: the fields of a dataclass, in their order."""
    head = re.search(rf"\n[ \t]*class[ \t]+{re.escape(cls)}\b[^\n]*\n((?:[ \t]+[^\n]*\n|[ \t]*\n)*)", text)
    return re.findall(r"^[ \t]+(\w+)[ \t]*:[ \t]*[^\n=]+(?:=|$)", head[1], re.M) if head else []


def _parts(target: ast.expr) -> Iterator[ast.expr]:
    match target:
        case ast.Tuple(elts=items) | ast.List(elts=items):
            for item in items:
                yield from _parts(item)
        case _:
            yield target


__all__ = ["CallSite", "Callers", "Handle"]
