"""What a call gives back of the scores of layers that went in, or that it makes."""

from __future__ import annotations

import ast
import re

from torchfix_codemods.analysis import torch_api as api
from torchfix_codemods.analysis.looks.bodies import ITEM, Body, Bound, Keys, returned
from torchfix_codemods.analysis.looks.functions import Unclear
from torchfix_codemods.analysis.looks.thing import Call, Thing
from torchfix_codemods.analysis.looks.things import HANDING_ON, SAME, Things
from torchfix_codemods.analysis.trees import walk

_PASSING = (api.SHAPE_ONLY | api.AXES_MOVED | {"module"}) - api.JOINING
_CONTAINERS = frozenset("get pop popleft items values keys copy setdefault popitem".split())
# Methods of tensors that give no scores, whatever the receiver is.
_COMPUTING = (
    (api.QUIET | api.INVARIANT | api.BEST | api.JOINING | frozenset(api.ACTIVATION_METHODS))
    | frozenset("sum mean std var prod norm logsumexp median exp log abs clamp sqrt pow mul add sub div neg".split())
    | frozenset("relu tanh masked_fill masked_fill_ item tolist long int bool byte matmul mm bmm cumsum".split())
    | frozenset("eq ne lt le gt ge new_zeros new_ones new_tensor new_full format join astype backward".split())
)
_OF_TENSORS = _COMPUTING | _PASSING | _CONTAINERS
_HOLDING = frozenset(["DataLoader", "tensor", "array", "Variable"])
_RESIZING = re.compile(r"interpolate\Z|upsampl|Upsampl")


class Outputs:
    """The calls on the way back. `push` has an expression looked at, `bound` what a name is bound to."""

    def __init__(self, things: Things) -> None:
        self.known = things
        self.found = False

    def push(self, node: ast.expr, body: Body, keys: Keys, call: Call | None) -> None:
        """Look at an expression too."""
        raise NotImplementedError

    def bound(self, bound: Bound, body: Body, keys: Keys, call: Call | None) -> None:
        """Look at what a name or an attribute is bound to."""
        raise NotImplementedError

    def call(self, node: ast.Call, body: Body, keys: Keys, call: Call | None) -> None:
        """Look at what a call gives."""
        if isinstance(node.func, ast.Attribute):
            name, receiver = node.func.attr, node.func.value
            mine = _is_own(receiver)
            own = mine or (name in _OF_TENSORS and name in self.known.definitions.method_names())
            if name in _COMPUTING and not own:
                return
            taken = mine or self._is_module(receiver, body, call)
            if not taken and self._method(node, receiver, name, body, keys, call) and not own:
                return
        for thing in self.known.things(node.func, body, call):
            self._of_thing(thing, node, body, keys, call)

    def _is_module(self, receiver: ast.expr, body: Body, call: Call | None) -> bool:
        """Whether a receiver is something from which functions are taken: `torch`, `F`, a module of the project."""
        root = receiver
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name) or root.id in body.names or root.id in body.parameters:
            return False
        things = self.known.things(receiver, body, call)
        return bool(things) and all(t.kind in ("external", "module", "class") for t in things)

    def _method(self, node: ast.Call, receiver: ast.expr, name: str, body: Body, keys: Keys, call: Call | None) -> bool:
        """A method of a tensor or a container. False where it is none of those."""
        first = node.args[0] if node.args else None
        match name:
            case "items":
                self.push(receiver, body, (ITEM, *keys[2:]), call)
            case "values":
                self.push(receiver, body, (ITEM, *keys[1:]), call)
            case "get" | "setdefault" | "pop" | "popleft" | "popitem":
                literal = name in ("get", "setdefault") and isinstance(first, ast.Constant)
                key = first.value if literal and isinstance(first, ast.Constant) else ITEM
                self.push(receiver, body, (key, *keys), call)
                for default in node.args[1:]:
                    self.push(default, body, keys, call)
            case _ if name in _PASSING or name == "copy":
                self.push(receiver, body, keys, call)
            case _:
                return name == "keys"
        return True

    # --- by what is called -------------------------------------------------------------------------------------

    def _of_thing(self, thing: Thing, node: ast.Call, body: Body, keys: Keys, call: Call | None) -> None:
        match thing.kind:
            case "external":
                self._external(api.canonical(thing.name), node, body, keys, call)
            case "made":
                self._layer(thing, node, body, keys, call)
            case "function" | "method" | "scope":
                self._function(thing, node, body, keys, call)
            case "class" if keys:
                self.of_object(Thing("object", thing.path, thing.name, node, body), keys, call)
            case "object" | "self" | "super" | "result":
                for name in ("forward", "__call__"):
                    for inside in self.known.members.methods(thing.path, thing.name, name):
                        self._function(Thing("method", inside.path, name, inside.node, inside), node, body, keys, call)
            case "items":
                raise Unclear
            case _:
                pass

    def _function(self, thing: Thing, node: ast.Call, body: Body, keys: Keys, call: Call | None) -> None:
        entered = self.known.entered(node, body, call, bound=thing.kind == "method")
        for inside in self.known.bodies(thing):
            scope = thing.node if thing.kind == "scope" and thing.node is not None else inside.node
            generates = any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in walk(scope))
            for value in returned(scope):
                before = call if thing.kind == "scope" else entered
                self.push(value, inside, keys, before)
                if keys and generates:
                    self.push(value, inside, keys[1:], before)

    def of_object(self, thing: Thing, keys: Keys, call: Call | None) -> None:
        """An attribute or an item of an object of a class of the project."""
        name, members = keys[0], self.known.members
        if not isinstance(name, str) or name == ITEM:
            for method in ("__getitem__", "__iter__", "__next__"):
                for body in members.methods(thing.path, thing.name, method):
                    for value in returned(body.node):
                        self.push(value, body, keys[1:], None)
                        self.push(value, body, keys, None)
            return
        entered = None
        if isinstance(thing.node, ast.Call) and thing.body is not None:
            self._fields(thing.node, thing.body, name, keys, call)
            entered = Call(thing.node, thing.body, call, True)
        for body in members.methods(thing.path, thing.name, name):
            for value in returned(body.node) if self.known.definitions.is_property(body) else ():
                self.push(value, body, keys[1:], None)
        for bound, body in members.attribute(thing.path, thing.name, name):
            is_init = body.function is not None and body.function.name == "__init__"
            self.bound(bound, body, keys[1:], entered if is_init else None)

    def _fields(self, node: ast.Call, body: Body, name: str, keys: Keys, call: Call | None) -> None:
        """What an object without an `__init__` is made from; the order of its fields isn't looked up."""
        for keyword in node.keywords:
            if keyword.arg == name:
                self.push(keyword.value, body, keys[1:], call)
            elif keyword.arg is None:
                self.push(keyword.value, body, keys, call)
        for argument in node.args:
            self.push(argument, body, keys[1:], call)

    # --- from outside ------------------------------------------------------------------------------------------

    def _external(self, name: str, node: ast.Call, body: Body, keys: Keys, call: Call | None) -> None:
        bare = name.rpartition(".")[2]
        first = _first(node)
        if name == "builtins.dict" and first is None and node.keywords:
            first = node.keywords[0].value
        if keys and isinstance(keys[0], str) and keys[0] != ITEM and bare[:1].isupper():
            for bound, inside in self.known.members.put_into(keys[0]):
                self.bound(bound, inside, keys[1:], None)
        if first is None:
            return
        match name.partition(".")[0]:
            case "builtins":
                self._builtin(bare, node, first, body, keys, call)
            case "torch" | "numpy":
                self._of_torch(name, bare, node, first, body, keys, call)
            case "itertools":
                for argument in node.args:
                    self.push(argument, body, keys, call)
            case _ if name in SAME or name in api.TRANSPARENT_ITERATORS:
                self.push(first, body, keys, call)
            case _ if bare in ("tqdm", "trange", "prefetch", "OrderedDict"):
                self.push(first, body, keys, call)
            case _ if HANDING_ON.match(name):
                raise Unclear
            case _:
                pass

    def _of_torch(
        self, name: str, bare: str, node: ast.Call, first: ast.expr, body: Body, keys: Keys, call: Call | None
    ) -> None:
        if bare in ("TensorDataset", "Subset", "ConcatDataset"):
            for argument in node.args:
                self.push(argument, body, keys, call)
        elif name in SAME or bare in _PASSING or bare in _HOLDING or _RESIZING.match(bare):
            self.push(first, body, keys, call)

    def _builtin(self, bare: str, node: ast.Call, first: ast.expr, body: Body, keys: Keys, call: Call | None) -> None:
        match bare:
            case "list" | "tuple" | "iter" | "reversed" | "sorted" | "set":
                self.push(first, body, any_item(keys), call)
            case "next":
                self.push(first, body, (ITEM, *keys), call)
            case "filter":
                self.push(node.args[-1], body, keys, call)
            case "enumerate":
                self.push(first, body, (ITEM, *keys[2:]), call)
            case "zip":
                for argument in _zipped(node, keys):
                    self.push(argument, body, (ITEM, *keys[2:]), call)
            case "getattr" if len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                self.push(first, body, (str(node.args[1].value), *keys), call)
            case "dict":
                for argument in (*node.args, *(k.value for k in node.keywords)):
                    self.push(argument, body, keys, call)
                    self.push(argument, body, keys[1:], call)
            case "map":
                raise Unclear
            case _:
                pass

    def _layer(self, thing: Thing, node: ast.Call, body: Body, keys: Keys, call: Call | None) -> None:
        """The output of an object of a class from outside."""
        bare = thing.name.rpartition(".")[2]
        first = _first(node)
        if HANDING_ON.match(thing.name):
            raise Unclear
        if bare == "Sequential":
            self._sequential(thing, node, body, keys, call)
        elif bare in api.SCORING_LAYERS:
            self.found = True
        elif first is not None and (_passes_on(bare) or _RESIZING.match(bare)):
            self.push(first, body, keys, call)

    def _sequential(self, thing: Thing, node: ast.Call, body: Body, keys: Keys, call: Call | None) -> None:
        """What the last of several modules gives; behind a star it may be any of them."""
        assert isinstance(thing.node, ast.Call) and thing.body is not None
        arguments = thing.node.args
        if not arguments or thing.node.keywords:
            raise Unclear
        lasts = arguments if any(isinstance(a, ast.Starred) for a in arguments) else arguments[-1:]
        for inner in (t for last in lasts for t in self.known.things(last, thing.body, None)):
            if inner.kind != "items" or inner.body is None or not isinstance(inner.node, ast.List):
                self._of_thing(inner, node, body, keys, call)
                continue
            for item in inner.node.elts:
                for deep in self.known.things(item, inner.body, None):
                    self._of_thing(deep, node, body, keys, call)


def _passes_on(layer: str) -> bool:
    return layer.startswith("Dropout") or layer in ("Identity", "Flatten", "Unflatten")


def _first(node: ast.Call) -> ast.expr | None:
    if node.args:
        return node.args[0]
    return next((k.value for k in node.keywords if k.arg in ("input", "tensors", "a", "dataset", "iterable")), None)


def _zipped(node: ast.Call, keys: Keys) -> list[ast.expr]:
    """Those of the arguments of a `zip` from which an item may come."""
    if keys[1:2] in ((), (ITEM,)) or any(isinstance(a, ast.Starred) for a in node.args):
        return node.args
    return [argument for index, argument in enumerate(node.args) if keys[1] == index]


def any_item(keys: Keys) -> Keys:
    """The keys of a part that may stand elsewhere: its position says nothing."""
    return (ITEM, *keys[1:]) if keys and isinstance(keys[0], int) else keys


def _is_own(receiver: ast.expr) -> bool:
    """Whether a receiver is `self` or `super()`: then a method of any name may be one of the project."""
    match receiver:
        case ast.Name(id="self" | "cls") | ast.Call(func=ast.Name(id="super")):
            return True
        case _:
            return False


__all__ = ["Outputs", "any_item"]
