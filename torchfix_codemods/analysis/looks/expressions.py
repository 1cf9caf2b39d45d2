"""What the expressions of one function hold of the outputs that a look follows."""

from __future__ import annotations

import ast
from typing import Protocol

from torchfix_codemods.analysis.looks.functions import Unclear
from torchfix_codemods.analysis.looks.held import (
    CLEAN,
    HOLDER,
    NOTHING,
    OUTPUT,
    Held,
    chained,
    joined,
    joined_calls,
    row,
)
from torchfix_codemods.analysis.no_models import NO_MODEL_METHODS
from torchfix_codemods.analysis.torch_api import AXES_MOVED, BEST, JOINING, SAME_OBJECT, SHAPE_ONLY
from torchfix_codemods.analysis.trees import walk

_KEEPING = SHAPE_ONLY | AXES_MOVED | BEST | JOINING | frozenset("concat where maximum minimum".split())
# Methods of a tensor that take an output as their argument, and ordinary functions that do.
_ARITHMETIC = frozenset(
    "matmul mm bmm einsum addmm baddbmm dot mv mul mul_ add_ sub sub_ div div_ eq ne lt le gt ge scatter_add"
    " scatter_add_ scatter scatter_ index_add index_add_ index_copy index_copy_ index_put index_put_ masked_scatter"
    " masked_scatter_ masked_fill masked_fill_ copy_ addcmul lerp print len isinstance float int str repr format info"
    " debug warning range bool abs round size type_as expand_as view_as reshape_as save_for_backward".split()
)
_GATHERING = frozenset("list tuple zip enumerate reversed sorted max min sum dict set iter next map filter".split())
_MADE_OF = frozenset("ModuleList ModuleDict Sequential OrderedDict deepcopy copy list tuple dict".split())
_PUTS = frozenset("append extend insert add update appendleft setdefault put".split())
_LOOKING = frozenset("isinstance issubclass hasattr len type id print super".split())
_PASSING = frozenset("tqdm trange prefetch partial chain islice cycle DataParallel OrderedDict deepcopy".split())
_QUIET = frozenset("shape dtype device ndim requires_grad is_cuda".split())


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
        self.kept: dict[str, str] = {}  # names that come from an attribute, by a loop over it say; "" from several

    def bind(self, target: ast.expr, held: Held) -> None:
        """An assignment to a name, several, an attribute or an item."""
        match target:
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
            case ast.Attribute(attr=attr):
                if held.matters:
                    self.around.store(attr, held)
            case ast.Subscript(value=value, slice=index):
                if held.matters:
                    self.put_into(value, _under(index, held))
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
                return self._attribute(node)
            case ast.Call():
                return self._call(node)
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
        parts = [held if key is None else _under(key, held) for key, held in zip(keys, found, strict=True)]
        return joined([CLEAN, *parts])

    def _attribute(self, node: ast.Attribute) -> Held:
        held, name = self.held(node.value), node.attr
        if name in _QUIET or (name == "indices" and held == _BEST):
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

    # --- calls -----------------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> Held:
        name = last(node.func)
        if name == "getattr" and (attribute := self._asked_for(node)) is not None:
            return attribute
        arguments = [self.held(argument) for argument in node.args]
        keywords = {keyword.arg or "": self.held(keyword.value) for keyword in node.keywords}
        every = joined([CLEAN, *(held.loose() for held in (*arguments, *keywords.values()))])
        receiver = self.held(node.func.value) if isinstance(node.func, ast.Attribute) else CLEAN
        if (every.any or receiver.any) and self.around.is_sink(name):
            raise Unclear
        puts = isinstance(node.func, ast.Attribute) and name in _PUTS and not is_tensor(receiver)
        if isinstance(node.func, ast.Attribute) and puts and (every.matters or receiver.any):
            self.put_into(node.func.value, Held(inside=every.any, gives=every.gives))
            return CLEAN
        if receiver.any:
            return _method(receiver, name)
        if self.around.spares(node):
            return CLEAN
        callee = self._callee(node.func, receiver)
        if not every.matters or self.around.is_source(node):
            return callee.gives or CLEAN
        if every.gives is not None and name in _LOOKING:
            return CLEAN
        if every.gives is not None and (name in _MADE_OF or name in _GATHERING):
            return every
        if every.any and every.gives is None and (found := self._by_name(node, name, every)) is not None:
            return found
        root = root_of(node.func)
        kept = self._kept(node.func) if root in self.names else None
        return joined([callee.gives or CLEAN, self.around.hand_on(node, arguments, keywords, kept=kept)])

    def _asked_for(self, node: ast.Call) -> Held | None:
        """`getattr(net, "name")` is `net.name`."""
        match node.args:
            case [value, ast.Constant(value=str(name)), *default]:
                if self.around.says(name):
                    raise Unclear
                found = self._attribute(ast.Attribute(value, name, ast.Load()))
                return joined([found, *map(self.held, default)])
            case _:
                return None

    def _kept(self, func: ast.expr) -> str:
        """The attribute from which a module comes that is called; "" where that isn't known."""
        match func:
            case ast.Name(id=name):
                return self.kept.get(name, "")
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                return name
            case _:
                return ""

    def _callee(self, func: ast.expr, receiver: Held) -> Held:
        match func:
            case ast.Attribute(attr=name) if name in SAME_OBJECT and receiver.gives is not None:
                return Held(gives=receiver)
            case ast.Attribute(attr=name):
                return self.around.known(name, func, called=True)
            case ast.Name(id=name) if name not in self.names:
                return self.around.known(name, func, called=True)
            case _:
                return self.held(func)

    def _by_name(self, node: ast.Call, name: str, given: Held) -> Held | None:
        """What a call gives whose name says what becomes of an output; None where it doesn't."""
        if isinstance(node.func, ast.Name):
            if name in _ARITHMETIC:
                return CLEAN
            return Held(inside=True) if name in _GATHERING else None
        if not isinstance(node.func, ast.Attribute):
            return None
        if is_library(node.func.value):
            return of_a_library(name)
        if "drop" in name:
            return Held(output=True, inside=given.inside)
        if name in _ARITHMETIC:
            return CLEAN
        own = last(node.func.value) in ("self", "cls") or self.around.defines(name)
        return CLEAN if name in NO_MODEL_METHODS and not own else None  # of a tensor: the argument is used up


_BEST = row((OUTPUT, CLEAN))


def _under(key: ast.expr, held: Held) -> Held:
    """What holds it under a key."""
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return Held(fields=((key.value, held),), gives=held.gives)
    return Held(inside=held.any, gives=held.gives)


def _method(receiver: Held, name: str) -> Held:
    """What a method of an output, or of something that holds some, gives."""
    if is_tensor(receiver):
        return _BEST if name in BEST else OUTPUT if name in _KEEPING else CLEAN
    return receiver.loose().item(None)


def of_a_library(name: str) -> Held:
    """What a function of torch, numpy or another library makes of an output."""
    if name in _PASSING:
        return HOLDER
    return _BEST if name in BEST else OUTPUT if name in _KEEPING else CLEAN


def is_kept(name: str) -> bool:
    """Whether an operation of this name gives the very numbers that it gets."""
    return name in _KEEPING


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
