"""What an expression of a project may be, as far as it may be called or have attributes: by names, nothing is run."""

from __future__ import annotations

import ast
import builtins
import re

from torchfix_codemods.analysis import torch_api as api
from torchfix_codemods.analysis.bare_names import Origin
from torchfix_codemods.analysis.looks.bodies import ITEM, SOMEWHERE, Body, Bound, Keys, Scope, returned
from torchfix_codemods.analysis.looks.calling import Callers
from torchfix_codemods.analysis.looks.definitions import Definitions
from torchfix_codemods.analysis.looks.functions import Unclear
from torchfix_codemods.analysis.looks.members import Members
from torchfix_codemods.analysis.looks.parameters import annotation_of, arguments_of, default_of
from torchfix_codemods.analysis.looks.thing import NOTHING, Call, Thing, is_container

MAX_CALLS = 5  # calls in each other of which the arguments are told apart
MAX_DEPTH = 12
#: Functions that give back what they get.
SAME = frozenset(["copy.deepcopy", "copy.copy", "torch.jit.script", *api.WRAPPERS])
#: Packages whose functions hand on what they get, in ways that aren't followed here.
HANDING_ON = re.compile(r"accelerate|lightning|apex|deepspeed|horovod|ignite|fastai|composer|skorch|catalyst|functools")
BUILTINS = frozenset(dir(builtins))


class Things:
    """Knows what may be called, and what that gives."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.callers = Callers(definitions)
        self.members = Members(definitions)

    # --- things ------------------------------------------------------------------------------------------------

    def things(self, node: ast.expr, body: Body, call: Call | None, depth: int = 0) -> list[Thing]:
        """What an expression may be, as far as it may be called or have attributes."""
        self.definitions.tick()
        if depth > 12:
            raise Unclear
        match node:
            case ast.Name(id=name):
                return self._name(name, body, call, depth)
            case ast.Attribute(value=value, attr=attr):
                return self._attribute(value, attr, body, call, depth)
            case ast.Call():
                return self._called(node, body, call, depth)
            case ast.IfExp(body=one, orelse=other):
                return self.things(one, body, call, depth) + self.things(other, body, call, depth)
            case ast.BoolOp(values=values):
                return [t for value in values for t in self.things(value, body, call, depth)]
            case ast.NamedExpr(value=value) | ast.Await(value=value) | ast.Starred(value=value):
                return self.things(value, body, call, depth)
            case ast.Subscript(value=value):
                return self._items(value, body, call, depth + 1)
            case ast.Lambda():
                return [Thing("scope", body.path, "<lambda>", node=node, body=body)]
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                return [Thing("items", body.path, node=ast.List(items), body=body)]
            case ast.Dict(values=items):
                return [Thing("items", body.path, node=ast.List(items), body=body)]
            case ast.ListComp(elt=item) | ast.GeneratorExp(elt=item) | ast.SetComp(elt=item) | ast.DictComp(value=item):
                return [Thing("items", body.path, node=ast.List([item]), body=body)]
            case _:
                return [NOTHING]

    def _items(self, value: ast.expr, body: Body, call: Call | None, depth: int) -> list[Thing]:
        found: list[Thing] = []
        for thing in self.things(value, body, call, depth):
            match thing:
                case Thing(kind="items", node=ast.List(elts=items), body=Body() as inside):
                    found += [t for item in items for t in self.things(item, inside, None, depth + 1)]
                case Thing(kind="made", node=ast.Call(args=args), body=Body() as inside) if is_container(thing.name):
                    for argument in args:
                        for inner in self.things(argument, inside, None, depth + 1):
                            if inner.kind == "items" and inner.body is not None and isinstance(inner.node, ast.List):
                                for item in inner.node.elts:
                                    found += self.things(item, inner.body, None, depth + 2)
                            elif inner.kind != "nothing":
                                found.append(inner)
                case Thing(kind="nothing" | "external" | "made"):
                    found.append(NOTHING)
                case _:
                    raise Unclear
        return found

    def _name(self, name: str, body: Body, call: Call | None, depth: int) -> list[Thing]:
        if name in body.unclear:
            raise Unclear
        found: list[Thing] = []
        local = False
        for bound in body.names.get(name, ()):
            local = True
            if bound.keys:
                found += self._part(bound, body, call, depth + 1)
            else:
                found += self.things(bound.value, body, call, depth + 1)
        for scope in body.parameters.get(name, ()):
            local = True
            found += self._parameter(name, scope, body, call, depth)
        for scope in body.nested.get(name, ()):
            local = True
            found.append(Thing("scope", body.path, name, node=scope, body=body))
        for entry in body.imports.get(name, ()):
            local = True
            found += [self._origin(o) for o in self.definitions.imported(body.path, entry)]
        if local and body.function is not None:
            return found
        return found + self._global(body.path, name, depth)

    def _part(self, bound: Bound, body: Body, call: Call | None, depth: int) -> list[Thing]:
        """An item of something: of a list that is written down; else nobody knows."""
        if bound.keys in ((ITEM,), (SOMEWHERE,)):
            if bound.keys == (SOMEWHERE,):
                return [*self.things(bound.value, body, call, depth)]
            return self._items(bound.value, body, call, depth)
        things = self.things(bound.value, body, call, depth)
        if all(thing.kind in ("nothing", "external", "made") for thing in things):
            return [NOTHING]
        raise Unclear

    def _parameter(self, name: str, scope: Scope, body: Body, call: Call | None, depth: int) -> list[Thing]:
        if scope is body.node and name == body.first and body.owner and name in ("self", "cls"):
            return [Thing("self" if name == "self" else "class", body.path, body.owner)]
        found: list[Thing] = []
        if scope is body.node and name == body.first and body.owner:
            found.append(Thing("self", body.path, body.owner))  # by another name, unless it is a static method
        if (default := default_of(scope, name)) is not None:
            found += self.things(default, body, None, depth + 1)
        if (annotation := annotation_of(scope, name)) is not None:
            found += [_object(t) for t in self._annotated(annotation, body, depth)]
        for value, inside, before, keys in self.arguments(name, scope, body, call):
            if keys:
                raise Unclear
            found += self.things(value, inside, before, depth + 1)
        return found or [NOTHING]

    def _annotated(self, annotation: ast.expr, body: Body, depth: int) -> list[Thing]:
        try:
            return [t for t in self.things(annotation, body, None, depth + 1) if t.kind == "class"]
        except Unclear:
            return []

    def _global(self, path: str, name: str, depth: int) -> list[Thing]:
        found: list[Thing] = []
        self.definitions.check_plain(path, name)
        for origin in self.definitions.origins(path, name):
            if origin.kind in ("unknown", "nowhere"):
                bodies = self.definitions.variables(path, name)
                for body in bodies:
                    for bound in body.names.get(name, ()):
                        found += [NOTHING] if bound.keys else self.things(bound.value, body, None, depth + 1)
                if not bodies:
                    found.append(self._missing(path, name))
            else:
                found.append(self._origin(origin))
        return found

    def _missing(self, path: str, name: str) -> Thing:
        if name in BUILTINS:
            return Thing("external", name=f"builtins.{name}")
        raise Unclear

    @staticmethod
    def _origin(origin: Origin) -> Thing:
        if origin.kind in ("unknown", "nowhere"):
            raise Unclear
        return Thing(origin.kind, origin.path, origin.name)

    def _attribute(self, value: ast.expr, attr: str, body: Body, call: Call | None, depth: int) -> list[Thing]:
        found: list[Thing] = []
        for thing in self.things(value, body, call, depth + 1):
            found += self.member(thing, attr, depth)
        return found

    def member(self, thing: Thing, attr: str, depth: int) -> list[Thing]:
        """The attribute of a thing."""
        match thing.kind:
            case "module":
                return self._global(thing.path, attr, depth)
            case "external":
                return [Thing("external", name=f"{thing.name}.{attr}")]
            case "made" if attr in ("forward", "module", "__call__"):
                return [thing]
            case "made":
                return [NOTHING, *self._put_into(attr, depth)]
            case "self" | "object" | "class" | "super":
                return self._of_class(thing, attr, depth)
            case _:
                return [NOTHING]

    def _put_into(self, attr: str, depth: int) -> list[Thing]:
        """What an object of a class from outside gets as an attribute: `model.fc = nn.Sequential(...)`."""
        found: list[Thing] = []
        for bound, body in self.members.put_into(attr):
            found += [NOTHING] if bound.keys else self.things(bound.value, body, None, depth + 1)
        return found

    def _of_class(self, thing: Thing, attr: str, depth: int) -> list[Thing]:
        found: list[Thing] = []
        for body in self.members.methods(thing.path, thing.name, attr):
            if self.definitions.is_property(body):
                for value in returned(body.node):
                    found += self.things(value, body, None, depth + 1)
            else:
                found.append(Thing("method", body.path, attr, body.node, body))
        for bound, body in self.members.attribute(thing.path, thing.name, attr):
            if bound.keys == (SOMEWHERE,):
                found += [Thing("items", body.path, node=ast.List([bound.value]), body=body)]
            else:
                found += [NOTHING] if bound.keys else self.things(bound.value, body, None, depth + 1)
        if not found and attr in api.SAME_OBJECT:
            return [thing]
        if not found and isinstance(thing.node, ast.Call) and thing.body is not None:
            for value in (*thing.node.args, *(k.value for k in thing.node.keywords)):
                found += self.things(value, thing.body, None, depth + 1)  # a field of a dataclass
        return found or [NOTHING]

    # --- calls -------------------------------------------------------------------------------------------------

    def _called(self, node: ast.Call, body: Body, call: Call | None, depth: int) -> list[Thing]:
        """What a call gives."""
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            return [Thing("super", body.path, body.owner)] if body.owner else [NOTHING]
        if isinstance(node.func, ast.Attribute) and node.func.attr in api.SAME_OBJECT:
            return self.things(node.func.value, body, call, depth + 1)
        found: list[Thing] = []
        for thing in self.things(node.func, body, call, depth + 1):
            found += self._given(thing, node, body, call, depth)
        return found

    def _given(self, thing: Thing, node: ast.Call, body: Body, call: Call | None, depth: int) -> list[Thing]:
        match thing.kind:
            case "class":
                return [Thing("object", thing.path, thing.name, node=node, body=body)]
            case "external":
                return self._of_external(api.canonical(thing.name), node, body, call, depth)
            case "function" | "method" | "scope":
                found = []
                for inside in self.bodies(thing):
                    scope = thing.node if thing.kind == "scope" and thing.node is not None else inside.node
                    entered = self.entered(node, body, call, bound=thing.kind == "method")
                    if thing.kind == "scope":
                        entered = call  # it sees the parameters of the function around it
                    for value in returned(scope):
                        found += self.things(value, inside, entered, depth + 1)
                return found or [NOTHING]
            case "object" | "self" | "super":
                return [Thing("result", thing.path, thing.name)]
            case _:
                return [NOTHING]

    def _of_external(self, name: str, node: ast.Call, body: Body, call: Call | None, depth: int) -> list[Thing]:
        if name in SAME and node.args:
            return self.things(node.args[0], body, call, depth + 1)
        if name == "builtins.getattr" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            return self._attribute(node.args[0], str(node.args[1].value), body, call, depth)
        if name in ("builtins.list", "builtins.tuple", "builtins.reversed", "builtins.iter") and node.args:
            return self.things(node.args[0], body, call, depth + 1)
        if HANDING_ON.match(name) or name in ("builtins.next", "builtins.map", "builtins.dict"):
            raise Unclear
        if name.rpartition(".")[2] == "OrderedDict" and node.args:
            return self.things(node.args[0], body, call, depth + 1)
        if name.rpartition(".")[2][:1].isupper() or name.startswith(("torchvision.", *api.EXTERNAL_MODELS)):
            return [Thing("made", body.path, name, node=node, body=body)]
        return [NOTHING]

    @staticmethod
    def entered(node: ast.Call, body: Body, call: Call | None, *, bound: bool) -> Call | None:
        """The call by which a function is entered; None where there are too many in each other."""
        found = Call(node, body, call, bound)
        return found if found.depth <= MAX_CALLS else None

    def bodies(self, thing: Thing) -> list[Body]:
        """The functions that a thing stands for."""
        if thing.body is not None:
            return [thing.body]
        found = list(self.definitions.named(thing.path, thing.name, ""))
        if not found:
            raise Unclear
        return found

    def arguments(
        self, name: str, scope: Scope, body: Body, call: Call | None
    ) -> list[tuple[ast.expr, Body, Call | None, Keys]]:
        """What a parameter may get: of the call by which the function was entered, else of all calls."""
        calls: list[tuple[ast.Call, Body, Call | None, bool]]
        if scope is not body.node:
            calls = [(n, body, call, False) for n in self.callers.of_scope(scope, body)]
        elif call is not None:
            calls = [(call.node, call.body, call.before, call.bound)]
        else:
            calls = [(c.node, c.body, None, c.bound) for c in self.callers.of(body)]
        return [
            (value, inside, before, keys)
            for node, inside, before, bound in calls
            for value, keys in arguments_of(scope, name, node, bound)
        ]


def _object(thing: Thing) -> Thing:
    return Thing("object", thing.path, thing.name)
