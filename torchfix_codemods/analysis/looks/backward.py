"""May an expression be the scores of a layer, as they are? Followed backward, by names, through a project's functions.

Only what the interpreter follows is followed here: what is no tensor to it, or one that something was done to, are no
scores. Where something isn't understood, they may be.
"""

from __future__ import annotations

import ast

from torchfix_codemods.analysis.looks.bodies import ITEM, SOMEWHERE, Body, Bound, Keys
from torchfix_codemods.analysis.looks.functions import Unclear
from torchfix_codemods.analysis.looks.outputs import Outputs, any_item
from torchfix_codemods.analysis.looks.parameters import default_of
from torchfix_codemods.analysis.looks.thing import Call, Thing
from torchfix_codemods.analysis.looks.things import BUILTINS, Things

MAX_STEPS = 2_000  # expressions looked at for one input of a loss
MAX_KEYS = 4
_FACTS = frozenset("shape dtype device ndim grad is_cuda requires_grad grad_fn is_leaf".split())


def may_be_scores(expression: ast.expr, body: Body, things: Things) -> bool:
    """Whether an expression of a function may be what a layer gives, or is not understood."""
    backward = _Backward(things)
    backward.push(expression, body, (), None)
    try:
        return backward.run()
    except Unclear:
        return True


class _Backward(Outputs):
    """One value followed backward."""

    def __init__(self, things: Things) -> None:
        super().__init__(things)
        self.todo: list[tuple[ast.expr, Body, Keys, Call | None]] = []
        self.seen: dict[object, object] = {}

    def push(self, node: ast.expr, body: Body, keys: Keys, call: Call | None) -> None:
        """Look at an expression too, once for each part and each call around."""
        key = (id(node), keys[:MAX_KEYS], id(call.node) if call else 0)
        if key not in self.seen:
            self.seen[key] = node, call  # kept, so that no other has their ids
            self.todo.append((node, body, keys[:MAX_KEYS], call))

    def run(self) -> bool:
        """Look at everything that was pushed, until a layer is found."""
        while self.todo and not self.found:
            if len(self.seen) > MAX_STEPS:
                raise Unclear
            self._step(*self.todo.pop())
        return self.found

    def _step(self, node: ast.expr, body: Body, keys: Keys, call: Call | None) -> None:
        match node:
            case ast.Name(id=name):
                self._name(name, body, keys, call)
            case ast.Attribute(value=value, attr="data" | "T" | "mT" | "H"):
                self.push(value, body, keys, call)
            case ast.Attribute(value=value, attr=attr):
                if attr not in _FACTS:
                    self.push(value, body, (attr, *keys), call)
            case ast.Call():
                self.call(node, body, keys, call)
            case ast.Subscript(value=value, slice=index):
                self.push(value, body, _keyed(index, keys), call)
            case ast.BinOp(op=ast.Add(), left=left, right=right) if keys:  # of lists; a sum of tensors is no score
                self.push(left, body, any_item(keys), call)
                self.push(right, body, any_item(keys), call)
            case ast.NamedExpr(value=value) | ast.Await(value=value):
                self.push(value, body, keys, call)
            case ast.Starred(value=value):
                self.push(value, body, (ITEM, *keys), call)
            case _:
                for inner, rest in _inside(node, keys):
                    self.push(inner, body, rest, call)

    def _name(self, name: str, body: Body, keys: Keys, call: Call | None) -> None:
        if name in body.unclear:
            raise Unclear
        for bound in body.names.get(name, ()):
            self.bound(bound, body, keys, call)
        for scope in body.parameters.get(name, ()):
            if scope is body.node and name == body.first and body.owner:
                if keys and isinstance(keys[0], str) and keys[0] != ITEM:
                    self.of_object(Thing("self", body.path, body.owner), keys, call)
                if name in ("self", "cls"):
                    continue
            for value, inside, before, inner in self.known.arguments(name, scope, body, call):
                self.bound(Bound(value, inner), inside, keys, before)
            if (default := default_of(scope, name)) is not None:
                self.push(default, body, keys, None)
        local = any(name in known for known in (body.names, body.parameters, body.nested, body.imports))
        if body.function is None or not local:
            self._global(body.path, name, keys)

    def _global(self, path: str, name: str, keys: Keys) -> None:
        definitions = self.known.definitions
        definitions.check_plain(path, name)
        for origin in definitions.origins(path, name):
            if origin.kind in ("unknown", "nowhere"):
                bodies = definitions.variables(path, name)
                if not bodies and name not in BUILTINS:
                    raise Unclear
                for body in bodies:
                    for bound in body.names.get(name, ()):
                        self.bound(bound, body, keys, None)
            elif origin.kind == "module" and keys and isinstance(keys[0], str):
                self._global(origin.path, keys[0], keys[1:])

    def bound(self, bound: Bound, body: Body, keys: Keys, call: Call | None) -> None:
        """Look at what a name or an attribute is bound to."""
        if bound.keys[-1:] == (SOMEWHERE,):
            rest = bound.keys[:-1]
            self.push(bound.value, body, (*rest, *keys), call)
            self.push(bound.value, body, (*rest, *keys[1:]), call)
        else:
            self.push(bound.value, body, (*bound.keys, *keys), call)


def _inside(node: ast.expr, keys: Keys) -> list[tuple[ast.expr, Keys]]:
    """The expressions that a part of one may be: branches, items."""
    match node:
        case ast.IfExp(body=one, orelse=other):
            return [(one, keys), (other, keys)]
        case ast.BoolOp(values=values):
            return [(value, keys) for value in values]
        case _ if not keys:
            return []  # what holds scores is no scores
        case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
            return [(item, keys[1:]) for item in _chosen(node, items, keys)]
        case ast.Dict(keys=names, values=items):
            pairs = zip(names, items, strict=True)
            return [(item, keys[1:] if name else keys) for name, item in pairs if _may_be(name, keys)]
        case ast.ListComp(elt=item) | ast.GeneratorExp(elt=item) | ast.SetComp(elt=item) | ast.DictComp(value=item):
            return [(item, keys[1:])]
        case _:
            return []


def _may_be(name: ast.expr | None, keys: Keys) -> bool:
    """Whether an item of a dictionary may be the one that is asked for."""
    return not isinstance(name, ast.Constant) or keys[0] in (ITEM, name.value)


def _chosen(node: ast.expr, items: list[ast.expr], keys: Keys) -> list[ast.expr]:
    """The items of a tuple that a key may mean; of a list, which may change, all."""
    key = keys[0]
    starred = any(isinstance(item, ast.Starred) for item in items)
    if isinstance(node, ast.Tuple) and isinstance(key, int) and not starred:
        return [items[key]] if -len(items) <= key < len(items) else []
    return items


def _keyed(index: ast.expr, keys: Keys) -> Keys:
    """The keys before a subscript."""
    match index:
        case ast.Constant(value=value):
            return (value, *keys)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            return (-value, *keys)
        case ast.Slice():
            return any_item(keys)
        case _:
            return (ITEM, *keys)


__all__ = ["may_be_scores"]
