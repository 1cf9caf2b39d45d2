"""What may be known of the expressions of a function."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from torchfix_codemods.analysis.looks import rank_calls
from torchfix_codemods.analysis.looks.functions import Unclear
from torchfix_codemods.analysis.looks.rank_names import IN_PLACE, PUTS, QUIET_ATTRIBUTES, names_in
from torchfix_codemods.analysis.looks.ranks import ANYTHING, NOTHING, Known, container, item, shifted, union
from torchfix_codemods.analysis.trees import children

Variables = dict[str, Known]
Evaluate = Callable[[ast.expr], Known]
_EVALUATED = (ast.NamedExpr, ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
_PASSED_ON = frozenset("list tuple reversed sorted iter set".split())
_NO_TENSOR = frozenset("range len int float str bool isinstance hasattr type print round repr sum max min abs".split())
_TAKEN = frozenset("pop popleft get values items".split())


@dataclass
class Values:
    """The variables of a function. `parameter`, `attribute` and `called` answer for what is not its own."""

    parameter: Callable[[str], Known]
    attribute: Callable[[str], Known]
    called: Callable[[ast.Call, str, Evaluate], Known]
    modules: frozenset[str]
    own: str = ""
    variables: Variables = field(default_factory=dict)
    seen: dict[ast.AST, Known] = field(default_factory=dict)
    wanted: frozenset[ast.AST] = frozenset()
    shared: frozenset[str] = frozenset()
    matters: set[ast.AST] = field(default_factory=set)
    needed: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)

    def _assign(self, target: ast.expr, value: Known) -> None:
        match target:
            case ast.Name(id=name):
                self.variables[name] = value
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for part in targets:
                    whole = isinstance(part, ast.Starred)
                    self._assign(part.value if isinstance(part, ast.Starred) else part, value if whole else item(value))
            case ast.Subscript(value=ast.Name(id=name)):
                self._put(name, value)
            case ast.Attribute() | ast.Subscript():
                self._see(target, value)
            case _:
                raise Unclear

    def _put(self, name: str, value: Known) -> None:
        """Something more goes into a container."""
        known = self._name(name)
        self.variables[name] = known if known.is_open else union([known, container([value])])

    # --- expressions -----------------------------------------------------------------------------------------------

    def value(self, node: ast.expr) -> Known:
        """What may be known of an expression."""
        found = self._value(node)
        self._see(node, found)
        return found

    def _bind(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        """An assignment; where nothing of interest is bound, only for what is in it."""
        if not any(target in self.matters for target in targets) and not names_in(targets) & self.needed:
            self._pass(value)
            for name in names_in(targets):
                self.variables[name] = ANYTHING
            return
        found = self.value(value)
        for target in targets:
            self._assign(target, found)

    def _pass(self, node: ast.AST) -> None:
        """Evaluate what is of interest in an expression, whose own value is not."""
        if node in self.wanted or isinstance(node, _EVALUATED):
            if node in self.matters and isinstance(node, ast.expr):
                self.value(node)
            return
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in PUTS | IN_PLACE:
            self._of_method(node, node.func.value, node.func.attr)
        for child in children(node):
            if child in self.matters:
                self._pass(child)

    def _see(self, node: ast.AST, found: Known) -> None:
        if node in self.wanted:
            self.seen[node] = union([self.seen[node], found]) if node in self.seen else found

    def _name(self, name: str) -> Known:
        if name in self.shared or name == self.own:
            return ANYTHING
        if name not in self.variables and name in self.given:
            self.variables[name] = self.parameter(name)
        return self.variables.get(name, ANYTHING)

    def _is_local(self, name: str) -> bool:
        return name in self.variables or name in self.given

    def _merged(self, found: Sequence[Variables]) -> Variables:
        names = dict.fromkeys(name for variables in found for name in variables)
        return {name: union([*self._before(name, found), *(v[name] for v in found if name in v)]) for name in names}

    def _before(self, name: str, found: Sequence[Variables]) -> Iterator[Known]:
        """What a parameter is worth where one of several ways gives it no other value."""
        if name in self.given and not all(name in variables for variables in found):
            yield self.parameter(name)

    def _value(self, node: ast.expr) -> Known:
        match node:
            case ast.Name(id=name):
                return self._name(name)
            case ast.Constant():
                return NOTHING
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self._call(node)
            case ast.Subscript():
                return self._indexed(node)
            case ast.BinOp(left=left, right=right):
                return self._arithmetic([self.value(left), self.value(right)], isinstance(node.op, ast.MatMult))
            case ast.UnaryOp(op=op, operand=operand):
                inner = self.value(operand)
                return NOTHING if isinstance(op, ast.Not) else self._arithmetic([inner])
            case ast.Compare(left=left, comparators=others):
                ranks = frozenset[int]().union(*(self.value(part).ranks for part in (left, *others)))
                return Known(ranks, True)
            case ast.BoolOp(values=values):
                return union([self.value(part) for part in values])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self._pass(test)
                return union([self.value(body), self.value(orelse)])
            case ast.NamedExpr(target=target, value=value):
                found = self.value(value)
                self._assign(target, found)
                return found
            case ast.Starred(value=value) | ast.Await(value=value):
                return self.value(value)
            case _:
                return self._collected(node)

    def _collected(self, node: ast.expr) -> Known:
        match node:
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                return container([item(self.value(p)) if isinstance(p, ast.Starred) else self.value(p) for p in parts])
            case ast.Dict(keys=keys, values=values):
                return container([ANYTHING if k is None else self.value(v) for k, v in zip(keys, values, strict=True)])
            case ast.ListComp(elt=part) | ast.GeneratorExp(elt=part) | ast.SetComp(elt=part) | ast.DictComp(value=part):
                return self._comprehension(node.generators, part)
            case ast.JoinedStr() | ast.Slice():
                return NOTHING
            case _:
                return ANYTHING

    def _comprehension(self, generators: Sequence[ast.comprehension], part: ast.expr) -> Known:
        before = dict(self.variables)
        for generator in generators:
            self._assign(generator.target, item(self.value(generator.iter)))
            for condition in generator.ifs:
                self._pass(condition)
        found = container([self.value(part)])
        for name in names_in(generator.target for generator in generators):
            self.variables.pop(name, None)
            self.variables |= {name: before[name]} if name in before else {}
        return found

    @staticmethod
    def _arithmetic(parts: Sequence[Known], product: bool = False) -> Known:
        both = union(parts)
        ranks = frozenset(range(max(both.ranks, default=-1) + 1)) if product else both.ranks
        return Known(ranks, False, ANYTHING if both.is_open else both.items)

    def _attribute(self, node: ast.Attribute) -> Known:
        if isinstance(node.value, ast.Name) and node.value.id == self.own and self.own:
            return self.attribute(node.attr)
        if node.attr in QUIET_ATTRIBUTES:
            return NOTHING
        base = self.value(node.value)
        if node.attr in ("data", "T", "mT", "H") or base.is_open:
            return base
        return base.items or NOTHING

    def _indexed(self, node: ast.Subscript) -> Known:
        base = self.value(node.value)
        self._pass(node.slice)
        if base.is_open:
            return ANYTHING
        least, most = _change(node.slice)
        row = shifted(base, least, most)
        if base.items is None:
            return row
        inner = base if isinstance(node.slice, ast.Slice) else base.items
        return union([row, inner]) if base.ranks else inner

    # --- calls -----------------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> Known:
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            self._pass(argument)
        match node.func:
            case ast.Name(id=name):
                return self._of_name(node, name)
            case ast.Attribute(value=receiver, attr=attr):
                if self._is_module(receiver):
                    given = [] if attr in rank_calls.MADE else [self.value(a) for a in node.args[:1]]
                    return rank_calls.function(attr, node.args, given, node.keywords)
                if isinstance(receiver, ast.Name) and receiver.id == self.own and self.own:
                    return self._known(node, attr)
                return self._of_method(node, receiver, attr)
            case _:
                self._pass(node.func)
                return ANYTHING

    def _is_module(self, node: ast.expr) -> bool:
        """Whether it is torch, numpy or a module of theirs, by its dotted name."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.modules and not self._is_local(node.id)

    def _known(self, node: ast.Call, name: str) -> Known:
        return self.called(node, name, self.value)

    def _of_name(self, node: ast.Call, name: str) -> Known:
        if self._is_local(name):
            return ANYTHING
        if not hasattr(builtins, name):
            return self._known(node, name)
        if name in _NO_TENSOR:
            return NOTHING
        given = [self.value(a) for a in node.args]
        if name in _PASSED_ON and given:
            return container([item(given[0])])
        if name in ("enumerate", "zip"):
            return container([container(map(item, given))])
        return item(given[0]) if name == "next" and given else ANYTHING

    def _of_method(self, node: ast.Call, receiver: ast.expr, name: str) -> Known:
        if name in PUTS and node.args:
            if isinstance(receiver, ast.Name):
                put = self.value(node.args[-1])
                self._put(receiver.id, put if name == "append" else union([put, item(put)]))
            return NOTHING
        if name in rank_calls.QUIET:
            return NOTHING
        base = self.value(receiver)
        if name in _TAKEN and not base.is_open:
            inner = base.items or NOTHING
            return container([inner, container([inner])]) if name == "items" else inner if name != "values" else base
        given = [self.value(a) for a in node.args] if name in rank_calls.LIKE else []
        found = rank_calls.method(name, base, node.args, given, node.keywords)
        if name in IN_PLACE and isinstance(receiver, ast.Name):
            self.variables[receiver.id] = found
        return found


def _change(index: ast.expr) -> tuple[int, int]:
    """How many dimensions an index takes away or adds, at least and at most."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    changes = [_change_of(part) for part in parts]
    return sum(least for least, _ in changes), sum(most for _, most in changes)


def _change_of(part: ast.expr) -> tuple[int, int]:
    match part:
        case ast.Slice():
            return 0, 0
        case ast.Constant(value=None):
            return 1, 1
        case ast.Constant(value=value):
            return (0, 0) if value is Ellipsis else (-1, -1)
        case _:
            return -1, 1
