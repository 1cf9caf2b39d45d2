"""Calls: modules, functions of the project (walked in place), torch, and what nobody knows."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from torchfix_codemods.analysis.graphs import names
from torchfix_codemods.analysis.graphs.core import MAX_INLINED, Core, Frame
from torchfix_codemods.analysis.graphs.values import PLAIN, Graph, Thing, doubt, in_order, union
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.torch_api import TRAINING_NAMES
from torchfix_codemods.analysis.values import ClassRef, External, FunctionRef


@dataclass(frozen=True)
class Given:
    """The arguments of a call."""

    args: tuple[Graph, ...] = ()
    kwargs: tuple[tuple[str, Graph], ...] = ()

    @property
    def all(self) -> tuple[Graph, ...]:
        """Every argument."""
        return (*self.args, *(value for _, value in self.kwargs))


class Calls(Core):
    """The part of the walk that follows calls."""

    def call(self, node: ast.Call, frame: Frame) -> Graph:
        """The result of a call."""
        if isinstance(node.func, ast.Attribute):
            outside = self.code_at(node.func, frame)
            if outside is not None:
                return self._call_thing(node, Thing("code", ref=outside), self._given(node, frame), frame)
            receiver = self.evaluate(node.func.value, frame)
            return self._method(node, node.func, receiver, frame)
        callee = self.evaluate(node.func, frame)
        return self._call_value(node, callee, self._given(node, frame), frame)

    def code_at(self, node: ast.Attribute, frame: Frame) -> ClassRef | FunctionRef | External | None:
        """What `module.name` means, where the head is an import."""
        head: ast.expr = node
        while isinstance(head, ast.Attribute):
            head = head.value
        if not isinstance(head, ast.Name) or self.bound(head.id, frame) is not None:
            return None
        found = self.project.resolve(frame.file, node)
        return found if isinstance(found, ClassRef | FunctionRef | External) else None

    def bound(self, name: str, frame: Frame) -> Graph | None:
        """The variable of that name in the functions around, None where there is none."""
        current: Frame | None = frame
        while current is not None:
            if name in current.env:
                return current.env[name]
            current = current.outer
        return None

    def _given(self, node: ast.Call, frame: Frame) -> Given:
        args: list[Graph] = []
        for argument in node.args:
            value = self.evaluate(argument, frame)
            args += value.items if isinstance(argument, ast.Starred) and value.items else [value]
        return Given(tuple(args), tuple((k.arg or "**", self.evaluate(k.value, frame)) for k in node.keywords))

    def _call_value(self, node: ast.Call, callee: Graph, given: Given, frame: Frame) -> Graph:
        if callee.things:
            return union(self._call_thing(node, thing, given, frame) for thing in in_order(callee.things))
        if callee.learned:
            return self.operation(node, given.all, callee.learned)
        self._told_to_strangers(node, _text(node.func), given, frame)
        return self.operation(node, [*given.all, callee, _not_found(node)], surely=True)

    def _call_thing(self, node: ast.Call, thing: Thing, given: Given, frame: Frame) -> Graph:
        match thing:
            case Thing(kind="def"):
                return self._inline(node, thing.node, thing.frame.file, given, frame, outer=thing.frame)
            case Thing(kind="code", ref=FunctionRef() as ref):
                return self.inline(node, ref, given, frame)
            case Thing(kind="code", ref=ClassRef() as ref):
                return self._construct(node, ref, given, frame)
            case Thing(kind="code", ref=External(name=name)):
                return self._external(node, name, given, frame)
            case Thing(kind="stranger"):
                self._called_back(node, given, frame)
                self._told_to_strangers(node, _text(node.func), given, frame)
                return self.operation(node, [*given.all, _not_found(node)], frozenset([thing]), surely=True)
            case Thing(kind="module"):
                return self.operation(node, [*given.all, self.kept(thing)], frozenset([thing]))
            case Thing(kind="object", ref=ClassRef() as ref):
                method = self.project.method(ref, "__call__")
                if method is not None:
                    return self.inline(node, method, given, frame, thing)
            case _:
                pass
        return self.operation(node, [*given.all, _not_found(node)], surely=True)

    # --- what the project defines ------------------------------------------------------------------------------

    def _construct(self, node: ast.Call, ref: ClassRef, given: Given, frame: Frame) -> Graph:
        is_module = self.project.is_module(ref)
        thing = self.thing("module" if is_module else "object", node, ref)
        method = None if is_module else self.project.method(ref, "__init__")
        if method is not None:
            self.inline(node, method, given, frame, thing)
        own = frozenset([thing]) if is_module else frozenset()
        return Graph(learned=own, things=frozenset([thing]))

    def inline(self, node: ast.AST, ref: FunctionRef, given: Given, frame: Frame, own: Thing | None = None) -> Graph:
        """Walk a function of the project in place of its call."""
        top = self.top_of(ref.path)
        if top is None:
            return self.operation(node, [*given.all, doubt(f"{ref.path} was not read")], surely=True)
        file = top.file
        return self._inline(node, file.function_at(ref.line, ref.column), file, given, frame, own)

    def _inline(
        self,
        node: ast.AST,
        function: ast.AST | None,
        file: ParsedFile,
        given: Given,
        frame: Frame,
        own: Thing | None = None,
        outer: Frame | None = None,
    ) -> Graph:
        assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if function in self._running:
            return PLAIN  # what the other ends of the recursion give is joined by the outer call
        if frame.depth >= MAX_INLINED:
            return self.operation(node, [*given.all, doubt("calls are nested too deeply")], surely=True)
        inner = Frame(file, outer=outer, depth=frame.depth + 1)
        _bind(inner, function, given, own)
        self.visited.add(function)
        self.calls.append(node)
        self._running.append(function)
        try:
            if isinstance(function, ast.Lambda):
                return self.evaluate(function.body, inner)
            quiet = any(_switches_off(self, decorator, inner) for decorator in function.decorator_list)
            self.no_grad += quiet
            self.run(function.body, inner)
            self.no_grad -= quiet
        finally:
            self._running.pop()
            self.calls.pop()
        return union(inner.returns)

    _running: list[ast.AST]

    # --- methods -----------------------------------------------------------------------------------------------

    def _method(self, node: ast.Call, func: ast.Attribute, receiver: Graph, frame: Frame) -> Graph:
        name = func.attr
        given = self._given(node, frame)
        found = [self._method_of(node, thing, name, given, frame) for thing in in_order(receiver.things)]
        known = [graph for graph in found if graph is not None]
        if known:
            return union(known)
        if name == "backward" or name.endswith("_backward"):
            self.tell("backward", node, frame, union([receiver, *given.all]))
            return PLAIN
        if name in ("step", "zero_grad"):
            self._optimizer_method(node, func, receiver, given, frame)
            return PLAIN
        if name in names.READ_OFF or name == "detach_":
            if name == "detach_":
                self.store(func.value, PLAIN, frame)
            return PLAIN
        if name in names.SAME:
            return receiver
        if name in names.STORES:
            self.store(func.value, union([receiver, *given.all]).without_items(), frame)
            if not isinstance(func.value, ast.Name):
                self.tell("keep", node, frame, union(given.all), _text(func.value))
            return PLAIN
        if name in names.ITERATES:
            return Graph(receiver.nodes, receiver.learned | _strangers(receiver), receiver.things, receiver.unknown)
        return self._other_method(node, receiver, given, frame)

    def _optimizer_method(
        self, node: ast.Call, func: ast.Attribute, receiver: Graph, given: Given, frame: Frame
    ) -> None:
        """`optimizer.step()`, `scaler.step(optimizer)`, `zero_grad()` of an optimizer or a module."""
        self._called_back(node, given, frame)
        things = receiver.things | union(given.all).things
        owned = union(self.heap.get((thing, "parameters"), PLAIN) for thing in things)
        if func.attr == "zero_grad":
            self.tell("clear", node, frame, union([owned, receiver]), _text(func.value))
        elif owned.learned or receiver.unknown:  # else a scheduler, a progress bar
            self.tell("step", node, frame, owned, _text(func.value))

    def _other_method(self, node: ast.Call, receiver: Graph, given: Given, frame: Frame) -> Graph:
        """A method of a tensor, of a part of a module, or of something that nobody knows."""
        assert isinstance(node.func, ast.Attribute)
        name, by = node.func.attr, _strangers(receiver)
        known = not receiver.unknown or (receiver.things and not by)
        if not receiver.plain or known or name in names.OF_TENSORS:
            return self.operation(node, [*given.all, receiver])
        self._told_to_strangers(node, _text(node.func), given, frame)
        self._called_back(node, given, frame)
        learns = any(not graph.plain for graph in given.all)
        surely = learns or (bool(node.args) and name not in names.GIVES_DATA)
        return self.operation(node, [*given.all, _not_found(node)], by if surely else frozenset(), surely=surely)

    def _method_of(self, node: ast.Call, thing: Thing, name: str, given: Given, frame: Frame) -> Graph | None:
        """A method that the class of a thing defines; None where torch does."""
        if (thing, name) in self.heap:
            return self._call_value(node, self.heap[thing, name], given, frame)
        if thing.kind == "code" and isinstance(thing.ref, ClassRef):
            method = self.project.method(thing.ref, name)
            return None if method is None else self.inline(node, method, given, frame)
        if not isinstance(thing.ref, ClassRef):
            return None
        if thing.kind == "module" and name in ("forward", "__call__"):
            return self._call_thing(node, thing, given, frame)
        method = self.project.method(thing.ref, name)
        return None if method is None else self.inline(node, method, given, frame, thing)

    # --- what the project does not define ----------------------------------------------------------------------

    def _called_back(self, node: ast.Call, given: Given, frame: Frame) -> Graph:
        """What functions among the arguments give: whoever gets them may call them."""
        things = {thing for graph in given.all for thing in graph.things}
        called = [
            t for t in in_order(things) if t.kind == "def" or (t.kind == "code" and isinstance(t.ref, FunctionRef))
        ]
        return union(self._call_thing(node, thing, Given(), frame) for thing in called)

    def _external(self, node: ast.Call, name: str, given: Given, frame: Frame) -> Graph:
        back = self._called_back(node, given, frame)
        if name.startswith("torch.autograd.functional."):
            self.tell("grad", node, frame, union([*given.all, back]))
        result = self._external_result(node, name, given, frame)
        return result if back is PLAIN else union([result, back])

    def _external_result(self, node: ast.Call, name: str, given: Given, frame: Frame) -> Graph:
        if name in ("torch.autograd.backward", "torch.autograd.grad"):
            return self._functional_pass(node, name, given, frame)
        if name in names.VARIABLE or name in names.FACTORIES:
            learns = any(k.arg == "requires_grad" and not _is_false(k.value) for k in node.keywords)
            leaf = frozenset([self.thing("leaf", node)]) if learns else frozenset()
            return Graph(learned=leaf)
        if name in names.WRAPPERS:
            return given.args[0] if given.args else PLAIN
        if name.startswith("torch.optim.") and not name.startswith("torch.optim.lr_scheduler."):
            return self._optimizer(node, given)
        if name.startswith("torch.utils.data."):
            return union(given.all).without_items()
        if name in names.PLAIN_BUILTINS or (name.startswith(names.PLAIN_PREFIXES) and name.count(".") > 0):
            return PLAIN
        if name in ("torch.nn.Parameter", "torch.nn.parameter.Parameter"):
            return Graph(learned=frozenset([self.thing("leaf", node)]))
        if name.startswith(names.THROUGH):
            return self._passed_through(node, name, given)
        if _is_module_class(name):
            thing = self.thing("module", node, External(name))
            return Graph(learned=frozenset([thing]), things=frozenset([thing]))
        if name.startswith(("torch.", "torchvision.ops.")):
            return self.operation(node, given.all)
        self._told_to_strangers(node, name, given, frame)
        learns = any(not graph.plain for graph in given.all)
        return self.operation(node, [*given.all, doubt(f"{name} was not read")], surely=learns)

    def _passed_through(self, node: ast.Call, name: str, given: Given) -> Graph:
        if name in ("builtins.sum", "builtins.abs", "builtins.pow"):
            return self.operation(node, given.all)
        if name == "builtins.zip":
            return Graph(items=given.args) if given.args else PLAIN
        return union(given.all).without_items()

    def _optimizer(self, node: ast.Call, given: Given) -> Graph:
        thing = self.thing("optimizer", node)
        self.heap[thing, "parameters"] = given.args[0] if given.args else union(given.all)
        return Graph(things=frozenset([thing]))

    def _functional_pass(self, node: ast.Call, name: str, given: Given, frame: Frame) -> Graph:
        self.tell(name.rpartition(".")[2], node, frame, union(given.all))
        higher = any(k.arg == "create_graph" and not _is_false(k.value) for k in node.keywords)
        return self.operation(node, given.all) if higher else PLAIN

    def _told_to_strangers(self, node: ast.Call, name: str, given: Given, frame: Frame) -> None:
        graph = union(given.all)
        last = name.rpartition(".")[2].lower()
        if graph.nodes and (last in names.STORES or any(word in last for word in TRAINING_NAMES)):
            self.tell("escape", node, frame, graph, name)

    def contents(self, node: ast.AST, graph: Graph, frame: Frame) -> Graph:
        """What an object of the project gives when it is looped over, or asked for an item."""
        found = []
        for thing in in_order(graph.things):
            for name in ("__iter__", "__next__", "__getitem__") if thing.kind == "object" else ():
                method = self.project.method(thing.ref, name) if isinstance(thing.ref, ClassRef) else None
                if method is not None:
                    found.append(self.inline(node, method, Given((PLAIN,)), frame, thing))
        return union(found)

    def store(self, target: ast.expr, value: Graph, frame: Frame) -> None:
        """Bind a name, an attribute or an item."""
        raise NotImplementedError  # the walk does


_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def _bind(inner: Frame, function: _Function, given: Given, own: Thing | None) -> None:
    spec = function.args
    args = list(given.args)
    plain = [*spec.posonlyargs, *spec.args]
    static = not isinstance(function, ast.Lambda) and any(
        isinstance(d, ast.Name) and d.id == "staticmethod" for d in function.decorator_list
    )
    if own is not None and plain and not static:
        learned = frozenset([own]) if own.kind == "module" else frozenset()
        inner.own, inner.own_name = own, plain[0].arg
        args.insert(0, Graph(learned=learned, things=frozenset([own])))
    kwargs = dict(given.kwargs)
    rest = kwargs.pop("**", None)
    defaults = dict(zip([a.arg for a in reversed(plain)], reversed(spec.defaults), strict=False))
    defaults |= {a.arg: d for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None}
    for index, argument in enumerate([*plain, *spec.kwonlyargs]):
        if index < len(args) and index < len(plain):
            inner.env[argument.arg] = args[index]
        elif argument.arg in kwargs:
            inner.env[argument.arg] = kwargs[argument.arg]
        elif argument.arg in defaults:
            inner.env[argument.arg] = PLAIN
        else:
            inner.env[argument.arg] = rest or _stranger(argument)
    if spec.vararg:
        inner.env[spec.vararg.arg] = union(args[len(plain) :])
    if spec.kwarg:
        inner.env[spec.kwarg.arg] = union(kwargs.values())


def _stranger(argument: ast.arg) -> Graph:
    """What a caller gives who is not in view: one object for all calls."""
    known: Thing | None = getattr(argument, "_stranger", None)
    if known is None:
        known = Thing("stranger", argument)
        argument._stranger = known  # type: ignore[attr-defined]
    return Graph(things=frozenset([known]), unknown=frozenset([f"what `{argument.arg}` is was not found"]))


def _strangers(graph: Graph) -> frozenset[Thing]:
    return frozenset(thing for thing in graph.things if thing.kind == "stranger")


def _not_found(node: ast.Call) -> Graph:
    return doubt(f"what `{_text(node.func)}` is was not found")


def _switches_off(walk: Calls, node: ast.expr, frame: Frame) -> bool:
    """Whether a decorator or the subject of a `with` is `torch.no_grad()` or the like."""
    target = node.func if isinstance(node, ast.Call) else node
    found = walk.project.resolve(frame.file, target)
    return isinstance(found, External) and found.name in ("torch.no_grad", "torch.inference_mode")


def _is_module_class(name: str) -> bool:
    last = name.rpartition(".")[2]
    inside = name.startswith(("torch.nn.", "torchvision.models.")) and not name.startswith("torch.nn.functional.")
    return inside and (last[:1].isupper() or name.startswith("torchvision.models."))


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not node.value


def _text(node: ast.expr) -> str:
    return ast.unparse(node)[:60]


def switches_off(walk: Calls, node: ast.expr, frame: Frame) -> bool:
    """Whether the subject of a `with` switches gradients off."""
    return _switches_off(walk, node, frame)
