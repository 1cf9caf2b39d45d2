"""Where the outputs of activations go inside one function: multiplied and gone, or out of it.

Statements are followed in order, branches come together, loops go round twice. Whatever isn't understood lets them out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from enum import IntEnum

from torchfix_codemods.analysis.activation_names import EXACT, NEEDLE, asks_for_an_activation, names_an_activation
from torchfix_codemods.analysis.torch_api import AXES_MOVED, BEST, JOINING, SHAPE_ONLY
from torchfix_codemods.analysis.trees import walk

_MADE = frozenset("Softmax Softmax2d Sigmoid".split())
_KEEPING = SHAPE_ONLY | AXES_MOVED | BEST | JOINING | frozenset("concat where maximum minimum".split())
# A softmax inside a log_softmax is a mistake of its own.
_LOSSES = frozenset("cross_entropy nll_loss nll_loss2d log_softmax LogSoftmax binary_cross_entropy_with_logits".split())
# Methods of a tensor that take the output of an activation as their argument, and ordinary functions that do.
_ARITHMETIC = frozenset(
    "matmul mm bmm einsum addmm baddbmm dot mv mul mul_ add_ sub sub_ div div_ eq ne lt le gt ge scatter_add"
    " scatter_add_ scatter scatter_ index_add index_add_ index_copy index_copy_ index_put index_put_ masked_scatter"
    " masked_scatter_ masked_fill masked_fill_ copy_ addcmul lerp print len isinstance float int str repr format info"
    " debug warning range bool abs round size".split()
)
_LAYERS = re.compile(r"(?:Dropout\w*|Linear|Conv\dd|LayerNorm|BatchNorm\dd|Embedding)\Z")


class Leaves(Exception):
    """The output of an activation goes out of the function, or may do so."""


class _Taint(IntEnum):
    """What an expression may be: nothing of interest, the output of an activation, or something that holds one."""

    NONE = 0
    TENSOR = 1
    HOLDER = 2


class Departures:
    """Follows the outputs of activations through one function. Raises `Leaves` as soon as one goes out of sight."""

    def __init__(self, text: str, named: frozenset[str]) -> None:
        self.text = text
        self.named = named
        self.names: dict[str, _Taint] = {}
        self.ever: set[str] = set()
        self.nested: list[ast.AST] = []

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.block(node.body)
        for nested in self.nested:
            for inner in walk(nested):
                if isinstance(inner, ast.Name) and inner.id in self.ever:
                    raise Leaves

    # --- statements ------------------------------------------------------------------------------------------------

    def block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                if self._is_made(value):
                    return self._made(targets)
                taint = self.taint(value)
                for target in targets:
                    self.bind_parts(target, value, taint)
            case ast.AnnAssign(target=target, value=value):
                if value is not None:
                    if self._is_made(value):
                        return self._made([target])
                    self.bind(target, self.taint(value))
            case ast.AugAssign(target=target, value=value):
                taint = max(self.taint(value), self.taint(target))
                self.bind(target, taint if taint == _Taint.HOLDER else _Taint.NONE)
            case ast.Return(value=value):
                if value is not None and self.taint(value):
                    raise Leaves
            case ast.For() | ast.AsyncFor():
                self.loop(node.body, node.orelse, node.target, self.taint(node.iter))
            case ast.While():
                self.taint(node.test)
                self.loop(node.body, node.orelse, None, _Taint.NONE)
            case ast.If():
                self.taint(node.test)
                self.branches([node.body, node.orelse])
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    if self.taint(item.context_expr):
                        raise Leaves
                self.block(node.body)
            case ast.Try():
                self.block(node.body)
                self.doubt()
                self.branches([[], *(handler.body for handler in node.handlers)])
                self.block(node.orelse)
                self.block(node.finalbody)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.nested.append(node)
            case ast.Expr(value=value):
                self.taint(value)
            case ast.Assert() | ast.Raise() | ast.Delete():
                pass
            case ast.ImportFrom(names=names) if any(n.asname and n.name in EXACT for n in names):
                raise Leaves  # under another name
            case ast.Pass() | ast.Break() | ast.Continue() | ast.Import() | ast.ImportFrom():
                pass
            case _:
                raise Leaves
        return None

    def loop(self, body: list[ast.stmt], orelse: list[ast.stmt], target: ast.expr | None, taint: _Taint) -> None:
        for _ in range(2):
            before = dict(self.names)
            if target is not None:
                self.bind(target, taint)
            self.block(body)
            self.merge(before)
        if any(isinstance(inner, ast.Break | ast.Continue) for statement in body for inner in walk(statement)):
            self.doubt()
        self.block(orelse)

    def doubt(self) -> None:
        """What a name held in the middle of a block may still be in it at its end."""
        for name in self.ever:
            self.names[name] = max(self.names.get(name, _Taint.NONE), _Taint.TENSOR)

    def branches(self, bodies: list[list[ast.stmt]]) -> None:
        before, ends = dict(self.names), []
        for body in bodies:
            self.names = dict(before)
            self.block(body)
            ends.append(self.names)
        self.names = ends[0]
        for end in ends[1:]:
            self.merge(end)

    def merge(self, other: dict[str, _Taint]) -> None:
        for name, taint in other.items():
            self.names[name] = max(taint, self.names.get(name, _Taint.NONE))

    def bind_parts(self, target: ast.expr, value: ast.expr, taint: _Taint) -> None:
        """Bind a target; of the best of a tensor and where they are, the places are no output of an activation."""
        match target:
            case ast.Tuple(elts=[best, places]) if taint == _Taint.TENSOR and self._is_best(value):
                self.bind(best, taint)
                self.bind(places, _Taint.NONE)
            case _:
                self.bind(target, taint)

    def _is_best(self, value: ast.expr) -> bool:
        """Whether an expression gives two things: the best of a tensor, and where they are."""
        return isinstance(value, ast.Call) and _last(value.func) in BEST - self.named

    def bind(self, target: ast.expr, taint: _Taint) -> None:
        match target:
            case ast.Name(id=name):
                self.names[name] = taint
                if taint:
                    self.ever.add(name)
            case ast.Tuple(elts=items) | ast.List(elts=items):
                for item in items:
                    self.bind(item, taint)
            case ast.Starred(value=value):
                self.bind(value, _Taint.HOLDER if taint else taint)
            case _:
                if taint:
                    raise Leaves

    # --- activations that are made, and called later -----------------------------------------------------------------

    @staticmethod
    def _is_made(value: ast.expr) -> bool:
        return isinstance(value, ast.Call) and _last(value.func) in _MADE

    def _made(self, targets: list[ast.expr]) -> None:
        """`self.act = nn.Softmax()`: then the calls of `.act(...)` in this file apply it, wherever they stand."""
        if not all(isinstance(target, ast.Attribute) and target.attr in self.named for target in targets):
            raise Leaves

    # --- expressions -----------------------------------------------------------------------------------------------

    def taint(self, node: ast.expr) -> _Taint:
        match node:
            case ast.Name(id=name):
                if name in EXACT:
                    raise Leaves  # handed on as a function
                return self.names.get(name, _Taint.NONE)
            case ast.Constant() | ast.JoinedStr():
                return _Taint.NONE
            case ast.Attribute(value=value, attr=attr):
                if (attr in EXACT and _is_library(value)) or attr in self.named:
                    raise Leaves  # handed on as a function
                taint = self.taint(value)
                if attr == "indices" and taint == _Taint.TENSOR:
                    return _Taint.NONE
                return _Taint.NONE if attr in ("shape", "dtype", "device", "ndim", "requires_grad") else taint
            case ast.Call():
                return self.call(node)
            case ast.BinOp(left=left, right=right):
                taint = max(self.taint(left), self.taint(right))
                return taint if taint == _Taint.HOLDER else _Taint.NONE
            case ast.UnaryOp(operand=operand):
                self.taint(operand)
                return _Taint.NONE
            case ast.Compare(left=left, comparators=others):
                for item in (left, *others):
                    self.taint(item)
                return _Taint.NONE
            case ast.BoolOp(values=values):
                return max(map(self.taint, values))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.taint(test)
                return max(self.taint(body), self.taint(orelse))
            case ast.Subscript(value=value, slice=index):
                self.taint(index)
                taint = self.taint(value)
                places = isinstance(index, ast.Constant) and index.value == 1 and self._is_best(value)
                return _Taint.NONE if places and taint == _Taint.TENSOR else taint
            case ast.Slice():
                return _Taint.NONE
            case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
                return self.holder(items)
            case ast.Dict(values=values):
                return self.holder(values)
            case ast.Starred(value=value) | ast.Await(value=value):
                return self.taint(value)
            case ast.NamedExpr(target=target, value=value):
                taint = self.taint(value)
                self.bind(target, taint)
                return taint
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                for generator in node.generators:
                    self.bind(generator.target, self.taint(generator.iter))
                return _Taint.HOLDER if self.taint(node.elt) else _Taint.NONE
            case ast.Lambda():
                if NEEDLE.search(ast.unparse(node.body)):
                    raise Leaves
                self.nested.append(node)
                return _Taint.NONE
            case _:
                raise Leaves

    def holder(self, items: Iterable[ast.expr | None]) -> _Taint:
        """A list, tuple or dictionary of these; all are looked at, for what they bind."""
        found = [self.taint(item) for item in items if item is not None]
        return _Taint.HOLDER if any(found) else _Taint.NONE

    def call(self, node: ast.Call) -> _Taint:
        name = _last(node.func)
        given = max([self.taint(v) for v in (*node.args, *(k.value for k in node.keywords))], default=_Taint.NONE)
        if isinstance(node.func, ast.Call) and _last(node.func.func) in _MADE:
            return _Taint.TENSOR
        if name in _MADE:
            raise Leaves  # made in passing: part of a Sequential, say
        if name in self.named or names_an_activation(name, self.text):
            return _Taint.TENSOR
        if given and name in _LOSSES:
            raise Leaves
        if isinstance(node.func, ast.Name):
            return self.by_function(node, name, given)
        if not isinstance(node.func, ast.Attribute):
            self.taint(node.func)
            return self.handed_on(node, name) if given else _Taint.NONE
        if _is_library(node.func.value):
            return min(given, _Taint.TENSOR) if name in _KEEPING else _Taint.NONE
        receiver = self.taint(node.func.value)
        if receiver == _Taint.HOLDER:
            return receiver
        if receiver == _Taint.TENSOR:
            if name in _LOSSES:
                raise Leaves
            return receiver if name in _KEEPING else _Taint.NONE
        if not given or name in _ARITHMETIC:
            return _Taint.NONE
        if name in ("append", "extend", "insert", "update"):
            self.bind(node.func.value, _Taint.HOLDER)
            return _Taint.NONE
        return self.handed_on(node, name)

    def by_function(self, node: ast.Call, name: str, given: _Taint) -> _Taint:
        """The call of a plain name."""
        if name == "getattr" and asks_for_an_activation(node):
            raise Leaves
        if not given or name in _ARITHMETIC:
            return _Taint.NONE
        if name in ("list", "tuple", "zip", "enumerate", "reversed", "sorted", "max", "min", "sum", "dict"):
            return _Taint.HOLDER
        return self.handed_on(node, name)

    def handed_on(self, node: ast.Call, name: str) -> _Taint:
        """An activation's output is an argument of something else: of a layer in an attribute, or of who knows what."""
        if not isinstance(node.func, ast.Attribute) or not isinstance(node.func.value, ast.Name):
            raise Leaves
        if "drop" in name:
            return _Taint.TENSOR
        stored = re.findall(rf"\.{re.escape(name)}[ \t]*(?::[^=\n]*)?=(?!=)[ \t]*([^\n]*)", self.text)
        made = [re.match(r"(?:\w+\.)*(\w+)\(", value) for value in stored]
        if not made or not all(found and _LAYERS.match(found[1]) for found in made):
            raise Leaves
        return _Taint.TENSOR if any(" else " in value for value in stored) else _Taint.NONE


def _last(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _is_library(node: ast.expr) -> bool:
    modules = ("F", "functional", "torch", "special", "np", "numpy")
    return isinstance(node, ast.Name | ast.Attribute) and _last(node) in modules
