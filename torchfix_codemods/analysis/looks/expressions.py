"""What the expressions of one function hold of the outputs that a look follows."""

from __future__ import annotations

import ast
from typing import Protocol

from torchfix_codemods.analysis.looks.functions import Unclear
from torchfix_codemods.analysis.looks.held import CLEAN, NOTHING, Held, chained, joined, joined_calls, row
from torchfix_codemods.analysis.looks.operations import BEST_OF, QUIET, kept_from, under
from torchfix_codemods.analysis.torch_api import HEADS
from torchfix_codemods.analysis.trees import walk


class Surroundings(Protocol):
    """What is known outside of the function that is read."""

    def known(self, name: str, node: ast.AST, *, called: bool = False) -> Held:
        """What a name that the function does not bind, or an attribute, holds."""

    def is_source(self, call: ast.Call) -> bool:
        """Whether a call applies what is followed."""

    def spares(self, call: ast.Call) -> bool:
        """Whether a call that has the name of a source is certainly none."""

    def defines(self, name: str) -> bool:
        """Whether a file at hand defines a method of this name."""

    def is_sink(self, name: str) -> bool:
        """Whether a call of this name is what the outputs are followed to."""

    def says_a_source(self, node: ast.AST) -> bool:
        """Whether a piece of code may say one of the words that are followed."""

    def says(self, name: str) -> bool:
        """Whether something is asked for by a name that may be that of a source."""

    def store(self, attribute: str, held: Held) -> None:
        """An attribute of something is assigned."""

    def hand_on(self, call: ast.Call, arguments: list[Held], keywords: dict[str, Held], *, kept: str | None) -> Held:
        """What a call gives that gets an output. Raises `Unclear` where it isn't known what is called."""


class Expressions:
    """The names of one function, and what expressions hold."""

    def __init__(self, around: Surroundings, names: dict[str, Held]) -> None:
        self.around = around
        self.names = names
        self.ever = {name: held for name, held in names.items() if held.matters}
        self.globals: set[str] = set()  # names that the function assigns for the whole file
        self.kept: dict[str, str] = {}  # names that come from an attribute, by a loop over it say; "" from several

    def bind(self, target: ast.expr, held: Held) -> None:
        """An assignment to a name, several, an attribute or an item."""
        match target:
            case ast.Name(id=name) if name in self.globals and held.matters:
                raise Unclear
            case ast.Name(id=name):
                self.names[name] = held
                self.kept[name] = ""
                if held.matters:
                    self.ever[name] = joined([self.ever.get(name, NOTHING), held])
            case ast.Tuple(elts=items) | ast.List(elts=items):
                starred = any(isinstance(item, ast.Starred) for item in items)
                for number, item in enumerate(items):
                    self.bind(item, held.loose().item(None) if starred else held.item(number))
            case ast.Starred(value=value):
                self.bind(value, Held(inside=held.any, gives=held.gives))
            case ast.Attribute(value=value, attr=attr):
                if (
                    held.gives is not None
                    and attr in HEADS
                    and not (isinstance(value, ast.Name) and value.id == "self")
                ):
                    raise Unclear  # of a model of torchvision: what the model gives comes from it
                if held.matters:
                    self.around.store(attr, held)
            case ast.Subscript(value=value, slice=index):
                if held.matters:
                    self.put_into(value, under(index, held))
            case _:
                if held.matters:
                    raise Unclear

    def put_into(self, container: ast.expr, held: Held) -> None:
        """A list, dictionary or tensor gets an item: `held` is what it holds then, beside what it held."""
        match container:
            case ast.Name(id=name) if name in self.names:
                before = self.names[name]
                self.bind(container, joined([before if before.items is None else before.loose(), held]))
            case ast.Attribute(attr=attr):
                self.around.store(attr, held)
            case ast.Subscript(value=value):
                self.put_into(value, held.loose())
            case _:
                raise Unclear

    # --- expressions -----------------------------------------------------------------------------------------------

    def held(self, node: ast.expr) -> Held:
        match node:
            case ast.Constant(value=None):
                return NOTHING
            case ast.Constant():
                return CLEAN
            case ast.JoinedStr(values=values):
                for piece in values:
                    if isinstance(piece, ast.FormattedValue):
                        self.held(piece.value)
                return CLEAN
            case ast.Name(id=name):
                return self.names[name] if name in self.names else self.around.known(name, node)
            case ast.Attribute():
                return self.attribute(node)
            case ast.Call():
                return self.call(node)
            case ast.BinOp(left=left, op=op, right=right):
                return self.combined(self.held(left), op, self.held(right))
            case ast.UnaryOp(operand=operand):
                self.held(operand)
                return CLEAN
            case ast.Compare(left=left, comparators=others):
                for item in (left, *others):
                    self.held(item)
                return CLEAN
            case ast.BoolOp(values=values):
                return joined([self.held(value) for value in values])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.held(test)
                return joined([self.held(body), self.held(orelse)])
            case ast.Subscript(value=value, slice=index):
                return self._item(value, index)
            case ast.Slice(lower=lower, upper=upper, step=step):
                for part in (lower, upper, step):
                    if part is not None:
                        self.held(part)
                return CLEAN
            case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
                return self._row(items)
            case ast.Dict(keys=keys, values=values):
                return self._dictionary(keys, values)
            case ast.Starred(value=value) | ast.Await(value=value):
                return self.held(value)
            case ast.NamedExpr(target=target, value=value):
                held = self.held(value)
                self.bind(target, held)
                return held
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp() | ast.DictComp():
                return self._comprehension(node)
            case ast.Lambda():
                return self._lambda(node)
            case _:
                raise Unclear

    def _row(self, items: list[ast.expr]) -> Held:
        found = [self.held(item) for item in items]
        if any(isinstance(item, ast.Starred) for item in items):
            return Held(inside=any(item.any for item in found), gives=joined_calls(found))
        return row(found)

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp) -> Held:
        first = node.generators[0]
        over = self.held(first.iter)
        if len(node.generators) == 1 and not first.ifs and over.items is not None and not over.more:
            return row([self._element(node, item) for item in over.items])
        for generator in node.generators:
            self.bind(generator.target, over.item(None) if generator is first else self.held(generator.iter).item(None))
            self.kept |= kept_from(generator.target, generator.iter)
            for test in generator.ifs:
                self.held(test)
        held = self.held(node.value if isinstance(node, ast.DictComp) else node.elt)
        return Held(inside=held.any, gives=held.gives)

    def _element(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp, item: Held) -> Held:
        self.bind(node.generators[0].target, item)
        return self.held(node.value if isinstance(node, ast.DictComp) else node.elt)

    def _lambda(self, node: ast.Lambda) -> Held:
        if self.around.says_a_source(node):
            raise Unclear
        for inner in walk(node):
            if isinstance(inner, ast.Name) and inner.id in self.ever:
                raise Unclear
        return CLEAN

    def _dictionary(self, keys: list[ast.expr | None], values: list[ast.expr]) -> Held:
        found = [self.held(value) for value in values]
        parts = [held if key is None else under(key, held) for key, held in zip(keys, found, strict=True)]
        return joined([CLEAN, *parts])

    def attribute(self, node: ast.Attribute) -> Held:
        held, name = self.held(node.value), node.attr
        if name in QUIET or (name == "indices" and held == BEST_OF):
            return CLEAN
        return held.field(name) if held.any else self.around.known(name, node)

    def _item(self, value: ast.expr, index: ast.expr) -> Held:
        self.held(index)
        held = self.held(value)
        match index:
            case ast.Slice(lower=None | ast.Constant() as lower, upper=None, step=None):
                start = 0 if lower is None else lower.value
                return held.behind(start) if isinstance(start, int) else held.loose()
            case ast.Slice():
                return held.loose()
            case ast.Constant(value=str(key)) if held.fields:
                return held.field(key)
            case ast.Constant(value=int(number)):
                return held.item(number)
            case _:
                return held.item(None)

    def combined(self, left: Held, op: ast.operator, right: Held) -> Held:
        """An operator on two: it uses up outputs, and joins lists."""
        if isinstance(op, ast.Add) and any(side.items is not None or side.inside for side in (left, right)):
            return chained(left, right)
        return CLEAN

    def call(self, node: ast.Call) -> Held:
        """What a call gives."""
        raise NotImplementedError
