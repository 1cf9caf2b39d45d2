"""What the graph of an expression in one function may come from: a model that runs there, or a parameter.

Statements are followed in no order: a name is all that the function ever puts into it.
"""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Callable, Iterator

from torchfix_codemods.analysis import torch_api as api
from torchfix_codemods.analysis.facts import dotted
from torchfix_codemods.analysis.parsed import FunctionNode
from torchfix_codemods.analysis.trees import walk

#: Stands among the parameters for a model that may run in the function itself, and for what is not understood.
INSIDE = "*"
Sources = frozenset[str]
NONE: Sources = frozenset()
LIBRARIES = frozenset("torch F nn np numpy math functional".split())
_RUNNING = frozenset(
    "vmap compile func jit utils autograd fx ao nn export".split()
)  # parts of torch that call functions
_FRESH = frozenset("zeros ones empty rand randn full arange eye randperm randint".split())
_FILLING = frozenset("append extend insert add update setdefault put push appendleft".split())
_CUTTING = frozenset("detach detach_ numpy item tolist".split())
_BUILTINS = frozenset(dir(builtins)) - {
    "map",
    "filter",
    "getattr",
    "eval",
    "exec",
    "super",
    "vars",
    "globals",
    "locals",
}
_QUIET = api.SHAPE_ONLY | api.SAME_OBJECT | frozenset("items keys values append extend size dim numel".split())
_WITHOUT_GRAPH = frozenset(
    ["torch.no_grad()", "torch.inference_mode()", "torch.no_grad", "torch.inference_mode", "no_grad()"]
)


class Flow:
    """The names of one function, and what the graphs of expressions in it come from.

    `own` says of a callee (`self.pick`, `mask_of`) that the file defines whether a model may run inside of it; None
    for any other callee. `kept` says whether an attribute of the object may hold a graph.
    """

    def __init__(self, node: FunctionNode, own: Callable[[str], bool | None], kept: Callable[[str], bool]) -> None:
        self.own = own
        self.kept = kept
        self.given: dict[str, list[ast.expr | None]] = defaultdict(list)
        self.parameters = [*_names(node.args)]
        self.free: set[int] = set()  # what runs without gradients
        self.trains = False
        self._seen: set[str] = set()
        self._switches_back = False
        for part in (node.args, *node.body):
            for inner in walk(part):
                self._note(inner)
        if not self._switches_back:
            self._note_free(node)

    def _note_free(self, node: ast.AST) -> None:
        for inner in walk(node):
            if isinstance(inner, ast.With) and any(_cuts(item.context_expr) for item in inner.items):
                self.free.update(id(n) for statement in inner.body for n in walk(statement))

    def _note(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(target, value)
            case ast.AnnAssign(target=target, value=value) | ast.AugAssign(target=target, value=value):
                if value is not None:
                    self._bind(target, value)
            case ast.NamedExpr(target=target, value=value):
                self._bind(target, value)
            case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
                self._bind(target, value)
            case ast.comprehension(target=target, iter=value):
                self._bind(target, value)
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                self._bind(target, value)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                self.given[name].append(None)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                for name in _names(node.args):
                    self.given[name].append(None)
                if not isinstance(node, ast.Lambda):
                    self.given[node.name].append(None)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                for name in names:
                    self.given[name].append(None)
            case ast.Call(func=ast.Attribute(attr="backward")):
                self.trains = True
            case ast.Attribute(attr="enable_grad" | "set_grad_enabled") | ast.Name(id="enable_grad"):
                self._switches_back = True
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="requires_grad_")):
                self.given[name].append(None)
            case ast.Call(func=ast.Attribute(value=receiver, attr=attr)) if attr in _FILLING or attr.endswith("_"):
                for value in (*node.args, *(k.value for k in node.keywords)):
                    self._bind(receiver, value)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=receiver)) as call):
                for value in (*call.args, *(k.value for k in call.keywords)):
                    self._bind(receiver, value)  # a method whose value nobody takes changes its object
            case _:
                pass

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        match target:
            case ast.Tuple(elts=items) | ast.List(elts=items):
                for item in items:
                    self._bind(item, value)
            case ast.Starred(value=inner) | ast.Subscript(value=inner) | ast.Attribute(value=inner):
                self._bind(inner, value)
            case ast.Name(id=name) if name not in LIBRARIES or isinstance(target.ctx, ast.Store):
                self.given[name].append(value)
            case _:
                pass

    def of(self, node: ast.expr) -> Sources:
        """What the graph of an expression may come from."""
        self._seen = set()
        return frozenset(self._of(node))

    def _all(self, nodes: Iterator[ast.expr | None] | list[ast.expr]) -> Iterator[str]:
        for node in nodes:
            if node is not None:
                yield from self._of(node)

    def _of(self, node: ast.expr) -> Iterator[str]:
        match node:
            case ast.Constant() | ast.JoinedStr() | ast.Compare() | ast.Lambda() | ast.UnaryOp(op=ast.Not()):
                return
            case ast.Name(id=name):
                yield from self._of_name(name)
            case ast.Attribute(attr="data"):
                return
            case ast.Attribute(value=ast.Name(id="self"), attr=attr):
                if self.kept(attr):
                    yield INSIDE
            case ast.Call():
                yield from self._of_call(node)
            case ast.Await() | ast.Yield() | ast.YieldFrom():
                yield INSIDE
            case ast.Subscript(value=value):
                yield from self._of(value)
            case ast.ListComp(elt=value) | ast.SetComp(elt=value) | ast.GeneratorExp(elt=value):
                yield from self._of(value)
            case _:
                yield from self._all([child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)])

    def _of_name(self, name: str) -> Iterator[str]:
        if name in self._seen or name == "self" or (name in LIBRARIES and name not in self.given):
            return
        self._seen.add(name)
        if name in self.parameters:
            yield name
        elif name not in self.given and name not in _BUILTINS and self.own(name) is None:
            yield INSIDE  # of the whole file, or of a function around
        for value in self.given.get(name, ()):
            if value is None:
                yield INSIDE
            else:
                yield from self._of(value)

    def _of_call(self, node: ast.Call) -> Iterator[str]:
        name = dotted(node.func)
        if isinstance(node.func, ast.Attribute):
            if node.func.attr in _CUTTING:
                return
            if not self._is_library(name):
                yield from self._of(node.func.value)
        elif not isinstance(node.func, ast.Name):
            yield from self._of(node.func)
        if self.runs(node, name):
            yield INSIDE
        if self._is_library(name) and name.rpartition(".")[2] in _FRESH:
            return
        if id(node) not in self.free or name in self.given:
            yield from self._all([*node.args, *(k.value for k in node.keywords)])

    def runs(self, node: ast.Call, name: str) -> bool:
        """Whether a call may run a model that builds a graph."""
        if id(node) in self.free or self._is_library(name):
            return any(k.arg == "requires_grad" and not _is_false(k.value) for k in node.keywords)
        if name and name not in self.given and name in _BUILTINS:
            return False
        if name.partition(".")[0] not in self.given or name.startswith("self."):
            inside = self.own(name)
            if inside is not None:
                return inside
        if not isinstance(node.func, ast.Attribute) or (name.startswith("self.") and name.count(".") == 1):
            return True
        plain = all(isinstance(_unsigned(v), ast.Constant) for v in (*node.args, *(k.value for k in node.keywords)))
        known = node.func.attr in _QUIET or (plain and node.func.attr in api.INVARIANT | _QUIET | _PLAIN)
        return not known

    def _is_library(self, name: str) -> bool:
        """Whether a dotted name is a function of torch or numpy that runs no model."""
        first, *rest = name.split(".")
        if first not in LIBRARIES or first in self.given or first in self.parameters or not rest:
            return False
        return rest[:2] == ["nn", "functional"] or rest[0] not in _RUNNING


_PLAIN = frozenset(
    "abs sum mean max min float double half long int bool exp log log2 sqrt pow any all argmax argmin sigmoid softmax"
    " tanh relu log_softmax clamp clip norm sort topk nonzero unique cumsum var std prod round square sign".split()
)


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _unsigned(node: ast.expr) -> ast.expr:
    return node.operand if isinstance(node, ast.UnaryOp) else node


def _cuts(node: ast.expr) -> bool:
    return ast.unparse(node) in _WITHOUT_GRAPH


def _names(arguments: ast.arguments) -> Iterator[str]:
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        yield argument.arg
    for rest in (arguments.vararg, arguments.kwarg):
        if rest is not None:
            yield rest.arg
