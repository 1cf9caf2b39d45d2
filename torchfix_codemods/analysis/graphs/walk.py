"""The walk: statements and expressions, in the order in which they run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from torchfix_codemods.analysis.graphs.calls import Given, switches_off
from torchfix_codemods.analysis.graphs.containers import Containers
from torchfix_codemods.analysis.graphs.core import MAX_STATEMENTS, Frame
from torchfix_codemods.analysis.graphs.names import READ_OFF
from torchfix_codemods.analysis.graphs.values import PLAIN, Graph, Thing, doubt, merged, union
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.values import ClassRef, External, FunctionRef

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
MAX_ROUNDS = 5


class Walk(Containers):
    """A walk from one root: the top level of a file as a script, or a function that nobody calls."""

    def __init__(self, project: Project, detached: Iterable[ast.expr] = ()) -> None:
        super().__init__(project, detached)
        self._running = []

    def script(self, path: str) -> None:
        """Run the top level of a file."""
        file = self.project.parse_whole(path)
        if file is not None:
            frame = Frame(file, module=True)
            self.tops[path] = frame
            self.run(file.tree.body, frame)

    def function(self, ref: FunctionRef) -> None:
        """Run a function that nobody calls, twice, for a caller that repeats it."""
        file = self.project.parse_whole(ref.path)
        if file is None:
            return
        node = file.function_at(ref.line, ref.column)
        assert isinstance(node, _FUNCTION)
        top = self.top_of(ref.path)
        assert top is not None
        own = self._object(ref.owner, node, top) if ref.owner is not None else None
        for round_ in range(MAX_ROUNDS):
            carries = self.carrying(top)
            result = self.inline(node, ref, Given(), top, own)
            if result.nodes:
                self.tell("escape", node, top, result, "return")
            if round_ > 0 and self.carrying(top) == carries:
                break

    def _object(self, owner: ClassRef, node: ast.AST, top: Frame) -> Thing:
        """An object of the class, made by somebody who is not in view."""
        thing = self.thing("module" if self.project.is_module(owner) else "object", node, owner)
        method = None if thing.kind == "module" else self.project.method(owner, "__init__")
        if method is not None:
            self.muted += 1
            self.inline(node, method, Given(), top, thing)
            self.muted -= 1
        return thing

    def top_of(self, path: str) -> Frame | None:
        """The top level of a file: what running it as an import binds."""
        if path not in self.tops:
            file = self.project.parse_whole(path)
            if file is None:
                return None
            frame = self.tops[path] = Frame(file, module=True)
            self.muted += 1
            self.run([s for s in file.tree.body if isinstance(s, ast.Assign | ast.AnnAssign | ast.If)], frame)
            self.muted -= 1
        return self.tops[path]

    # --- statements --------------------------------------------------------------------------------------------

    def run(self, body: list[ast.stmt], frame: Frame) -> None:
        """Walk statements in their order."""
        for statement in body:
            self.statements += 1
            if self.statements > MAX_STATEMENTS:
                return
            self._statement(statement, frame)

    def _statement(self, node: ast.stmt, frame: Frame) -> None:
        match node:
            case ast.Expr(value=value):
                self.evaluate(value, frame)
            case ast.Assign(targets=targets, value=value):
                graph = self.evaluate(value, frame)
                for target in targets:
                    self.store(target, graph, frame)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.store(target, self.evaluate(value, frame), frame)
            case ast.AugAssign(target=target, value=value):
                self.store(
                    target, self.operation(node, [self.evaluate(target, frame), self.evaluate(value, frame)]), frame
                )
            case ast.Return() | ast.Continue() | ast.Break():
                if isinstance(node, ast.Return) and node.value is not None:
                    frame.returns.append(self.evaluate(node.value, frame))
                if self.arms:
                    frame.left.append((dict(frame.env), dict(self.heap)))
            case ast.If():
                self._if(node, frame)
            case ast.For() | ast.AsyncFor() | ast.While():
                self._loop(node, frame)
            case ast.With() | ast.AsyncWith():
                self._with(node, frame)
            case ast.Try():
                self._try(node, frame)
            case ast.Match():
                subject = self.evaluate(node.subject, frame).without_items()
                for name in (name for case in node.cases for name in names_bound(case.pattern)):
                    frame.env[name] = subject
                self._arms([case.body for case in node.cases], frame)
            case _:
                self._declaration(node, frame)

    def _declaration(self, node: ast.stmt, frame: Frame) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if not frame.module:  # those of a file are found by their names
                    frame.env[node.name] = Graph(things=frozenset([Thing("def", node, frame=frame)]))
            case ast.ClassDef():
                own = Frame(frame.file, outer=frame, depth=frame.depth)
                self.run([s for s in node.body if not isinstance(s, _FUNCTION | ast.ClassDef)], own)
            case ast.Global() | ast.Nonlocal():
                frame.globals |= set(node.names)
            case ast.Delete():
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        frame.env.pop(target.id, None)
            case ast.Assert() | ast.Raise():
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.evaluate(child, frame)
            case _:
                pass

    def _if(self, node: ast.If, frame: Frame) -> None:
        self.evaluate(node.test, frame)
        if _is_main(node.test) and frame.module:
            self.run(node.body, frame)
            return
        self._arms([node.body, node.orelse], frame, _none_in(node.test))

    def _arms(self, bodies: list[list[ast.stmt]], frame: Frame, none: tuple[str, int] = ("", 0)) -> None:
        """Each of the branches; in one of them a variable is known to be None."""
        number, before, after = self.branch(), frame.env, []
        heap, heaps = self.heap, []
        for arm, body in enumerate(bodies):
            self.heap = dict(heap)
            frame.env = {**before, none[0]: PLAIN} if none[0] in before and arm == none[1] else dict(before)
            self.arms.append((number, arm))
            self.run(body, frame)
            self.arms.pop()
            after.append(frame.env)
            heaps.append(self.heap)
        frame.env = merged(after)
        self.heap = merged(heaps)

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, frame: Frame) -> None:
        before = dict(frame.env)
        for round_ in range(MAX_ROUNDS):
            carries = self.carrying(frame)
            if isinstance(node, ast.While):
                self.evaluate(node.test, frame)
            else:
                self.bind_item(node.target, node.iter, frame)
            self._round(node.body, frame)
            if round_ > 0 and self.carrying(frame) == carries:
                break  # nothing new goes on to a third round, as `older, old = old, loss` does
        self.run(node.orelse, frame)
        frame.env = merged([before, frame.env])

    def _round(self, body: list[ast.stmt], frame: Frame) -> None:
        """One round of a loop, or one call: what `continue`, `break` and `return` leave behind comes together."""
        outer, frame.left = frame.left, []
        self.run(body, frame)
        frame.env = merged([frame.env, *(env for env, _ in frame.left)])
        self.heap = merged([self.heap, *(heap for _, heap in frame.left)])
        frame.left = outer

    def bind_item(self, target: ast.expr, iterated: ast.expr, frame: Frame) -> None:
        """Bind the target of a loop to an item of what is iterated."""
        self.store(target, self._item(iterated, frame), frame)

    def _item(self, iterated: ast.expr, frame: Frame) -> Graph:
        """An item of what is looped over: `enumerate` gives a number and an item."""
        if isinstance(iterated, ast.Call) and iterated.args:
            name = ast.unparse(iterated.func).rpartition(".")[2]
            if name == "enumerate" and self.bound("enumerate", frame) is None:
                return Graph(items=(PLAIN, self._item(iterated.args[0], frame)))
            if name in ("tqdm", "trange", "track"):
                return self._item(iterated.args[0], frame)
        graph = self.evaluate(iterated, frame)
        is_zip = isinstance(iterated, ast.Call) and isinstance(iterated.func, ast.Name) and iterated.func.id == "zip"
        if is_zip:
            return graph
        return union([graph.without_items(), *graph.items, self.contents(iterated, graph, frame)])

    def _with(self, node: ast.With | ast.AsyncWith, frame: Frame) -> None:
        quiet = 0
        for item in node.items:
            graph = self.evaluate(item.context_expr, frame)
            quiet += switches_off(self, item.context_expr, frame)
            if item.optional_vars is not None:
                self.store(item.optional_vars, graph, frame)
        self.no_grad += quiet
        self.run(node.body, frame)
        self.no_grad -= quiet

    def _try(self, node: ast.Try, frame: Frame) -> None:
        seen = [(dict(frame.env), dict(self.heap))]
        for statement in node.body:
            self.run([statement], frame)
            seen.append((dict(frame.env), dict(self.heap)))
        self.run(node.orelse, frame)
        ends = [(frame.env, self.heap)]
        for handler in node.handlers:
            frame.env, self.heap = merged([env for env, _ in seen]), merged([heap for _, heap in seen])
            self.run(handler.body, frame)
            ends.append((frame.env, self.heap))
        frame.env, self.heap = merged([env for env, _ in ends]), merged([heap for _, heap in ends])
        self.run(node.finalbody, frame)

    # --- names -------------------------------------------------------------------------------------------------

    def store(self, target: ast.expr, value: Graph, frame: Frame) -> None:
        """Bind a name, an attribute or an item."""
        match target:
            case ast.Name(id=name) if name in frame.globals:
                self._store_outside(target, value, frame)
            case ast.Name(id=name):
                frame.env[name] = value
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                self._unpack(elements, value, frame)
            case ast.Starred(value=inner):
                self.store(inner, value, frame)
            case ast.Attribute():
                self._set_attribute(target, value, frame)
            case ast.Subscript(value=holder):
                self.put(holder, value, frame)
            case _:
                pass

    def _store_outside(self, target: ast.Name, value: Graph, frame: Frame) -> None:
        """Bind a name that is declared `global` or `nonlocal`."""
        holder = frame.outer
        while holder is not None and target.id not in holder.env:
            holder = holder.outer
        holder = holder or self.top_of(frame.file.path)
        if holder is not None:
            holder.env[target.id] = union([holder.env.get(target.id, PLAIN), value])  # under a condition, perhaps
        self.tell("keep", target, frame, value, target.id)

    def _unpack(self, elements: list[ast.expr], value: Graph, frame: Frame) -> None:
        each = value.items if len(value.items) == len(elements) else [value.without_items()] * len(elements)
        for element, part in zip(elements, each, strict=True):
            self.store(element, part, frame)

    def _set_attribute(self, target: ast.Attribute, value: Graph, frame: Frame) -> None:
        holder = self.evaluate(target.value, frame)
        if target.attr == "requires_grad":
            self.learns_from_now_on(target, target.value, holder, frame)
        if target.attr in READ_OFF:
            return
        for thing in holder.things:
            self.heap[thing, target.attr] = value
        if value.nodes:
            followed = any(t.kind != "code" for t in holder.things) and target.attr != "__dict__"
            self.tell("keep" if followed else "escape", target, frame, value, target.attr)

    def _name(self, node: ast.Name, frame: Frame) -> Graph:
        found = self.bound(node.id, frame)
        if found is not None:
            return found
        code = self.project.name_at(frame.file, node)
        if isinstance(code, ClassRef | FunctionRef | External):
            return self.code(code)
        top = self.top_of(frame.file.path)
        if top is not None and node.id in top.env:
            return top.env[node.id]
        if node.id in _BUILTINS:
            return self.code(External(f"builtins.{node.id}"))
        return doubt(f"what `{node.id}` is was not found")

    def _attribute(self, node: ast.Attribute, frame: Frame) -> Graph:
        outside = self.code_at(node, frame)
        if outside is not None:
            return self.code(outside)
        holder = self.evaluate(node.value, frame)
        if holder.nodes and (node.attr in ("backward", "__dict__") or _looks_inside(node, frame)):
            self.tell("escape", node, frame, holder, node.attr)  # a pass that somebody may make later
        if node.attr in READ_OFF:
            return PLAIN
        found = [self._attribute_of(thing, node.attr) for thing in holder.things]
        known = [graph for graph in found if graph is not None]
        if known:
            return union(known)
        strangers = frozenset(thing for thing in holder.things if thing.kind == "stranger")
        if strangers:
            return Graph(holder.nodes, holder.learned, strangers, holder.unknown)
        if holder.things and not holder.learned:
            unknown = doubt(f"what `{ast.unparse(node)[:60]}` is was not found").unknown
            return Graph(holder.nodes, unknown=holder.unknown | unknown)
        return Graph(holder.nodes, holder.learned, unknown=holder.unknown)

    def _attribute_of(self, thing: Thing, name: str) -> Graph | None:
        if (thing, name) in self.heap:
            return self.heap[thing, name]
        if thing.kind == "module":
            made = self._made_in_class(thing, name)
            if made is not None:
                return made
            state = self.kept(thing)
            own = frozenset([thing])
            return Graph(state.nodes, own, unknown=state.unknown)
        return None

    def _made_in_class(self, thing: Thing, name: str) -> Graph | None:
        """An optimizer or something plain that the class of a module assigns to one of its attributes."""
        values = list(assigned(self.project, thing.ref, name)) if isinstance(thing.ref, ClassRef) else []
        if not values:
            return None
        if all(
            isinstance(value, ast.Constant | ast.List | ast.Dict) and not list(names_in(value)) for _, value in values
        ):
            return PLAIN
        for file, value in values:
            code = self.project.resolve(file, value.func) if isinstance(value, ast.Call) else None
            if isinstance(code, External) and code.name.startswith("torch.optim.") and "lr_sched" not in code.name:
                optimizer = self.thing("optimizer", value)
                self.heap.setdefault((optimizer, "parameters"), Graph(learned=frozenset([thing])))
                return Graph(things=frozenset([optimizer]))
        return None

    # --- expressions -------------------------------------------------------------------------------------------

    def evaluate(self, node: ast.expr, frame: Frame) -> Graph:
        """What an expression may carry."""
        graph = self._evaluated(node, frame)
        return Graph(unknown=graph.unknown) if node in self.detached else graph

    def _evaluated(self, node: ast.expr, frame: Frame) -> Graph:
        match node:
            case ast.Name():
                return self._name(node, frame)
            case ast.Attribute():
                return self._attribute(node, frame)
            case ast.Call():
                return self.call(node, frame)
            case ast.BinOp(left=left, right=right):
                return self.operation(node, [self.evaluate(left, frame), self.evaluate(right, frame)])
            case ast.UnaryOp(operand=operand):
                return self.operation(node, [self.evaluate(operand, frame)])
            case ast.Compare(left=left, comparators=others):
                for part in (left, *others):
                    self.evaluate(part, frame)
                return PLAIN
            case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
                items = tuple(self.evaluate(element, frame) for element in elements)
                whole = union(item.without_items() for item in items)
                return Graph(whole.nodes, whole.learned, whole.things, whole.unknown, items)
            case ast.Subscript(value=value, slice=index):
                holder = self.evaluate(value, frame)
                return union([self._subscript(holder, index, frame), self.contents(node, holder, frame)])
            case _:
                return self._other(node, frame)

    def _other(self, node: ast.expr, frame: Frame) -> Graph:
        match node:
            case ast.BoolOp(values=values):
                return union(self.evaluate(value, frame) for value in values)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.evaluate(test, frame)
                return union([self.evaluate(body, frame), self.evaluate(orelse, frame)])
            case ast.Dict(values=values):
                return union(self.evaluate(value, frame) for value in values).without_items()
            case ast.NamedExpr(target=target, value=value):
                graph = self.evaluate(value, frame)
                self.store(target, graph, frame)
                return graph
            case ast.Starred(value=value) | ast.Await(value=value):
                return self.evaluate(value, frame)
            case ast.Yield(value=ast.expr() as value) | ast.YieldFrom(value=value):
                graph = self.evaluate(value, frame)
                frame.returns.append(graph)
                self.tell("escape", node, frame, graph, "yield")
                return PLAIN
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node, frame)
            case ast.Lambda():
                return Graph(things=frozenset([Thing("def", node, frame=frame)]))
            case _:
                return PLAIN

    def _subscript(self, graph: Graph, index: ast.expr, frame: Frame) -> Graph:
        match index:
            case ast.Constant(value=int(number)) if -len(graph.items) <= number < len(graph.items):
                return graph.items[number]
            case ast.Slice():
                pass
            case _:
                self.evaluate(index, frame)
        return graph.without_items()

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, frame: Frame) -> Graph:
        inner = Frame(frame.file, outer=frame, depth=frame.depth, globals=set(frame.globals))
        found = []
        for _ in range(2):
            for generator in node.generators:
                self.bind_item(generator.target, generator.iter, inner)
                for test in generator.ifs:
                    self.evaluate(test, inner)
            parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            found += [self.evaluate(part, inner) for part in parts]
        return union(found).without_items()


_BUILTINS = frozenset(
    "print len range float int str bool isinstance hasattr repr format open type id input round any all sum abs pow zip"
    " list tuple dict set reversed sorted map filter next iter max min enumerate getattr setattr vars slice object"
    " Exception ValueError RuntimeError".split()
)


def assigned(project: Project, cls: ClassRef, name: str) -> Iterator[tuple[ParsedFile, ast.expr]]:
    """What the methods of a class assign to `self.<name>`."""
    for base in project.lineage(cls):
        found = project.class_node(base) if isinstance(base, ClassRef) else None
        for node in ast.walk(found[1]) if found else ():
            if isinstance(node, ast.Assign) and any(
                isinstance(t, ast.Attribute) and t.attr == name for t in node.targets
            ):
                assert found is not None
                yield found[0], node.value


def _looks_inside(node: ast.Attribute, frame: Frame) -> bool:
    """`out.grad_fn` for more than to print it: what it has saved is freed with the graph."""
    return node.attr == "grad_fn" and not isinstance(frame.file.parents.get(node), ast.Call | ast.FormattedValue)


def names_bound(pattern: ast.pattern) -> Iterator[str]:
    """The variables that a pattern of `match` binds."""
    for node in ast.walk(pattern):
        name = node.rest if isinstance(node, ast.MatchMapping) else getattr(node, "name", None)
        if isinstance(name, str):
            yield name


def names_in(node: ast.AST) -> Iterator[str]:
    """The plain names in an expression."""
    return (n.id for n in ast.walk(node) if isinstance(n, ast.Name))


def _none_in(test: ast.expr) -> tuple[str, int]:
    """The variable that a test compares with None, and the arm in which it is None; ("", 0) for other tests."""
    match test:
        case ast.Compare(left=ast.Name(id=name), ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            return name, 0
        case ast.Compare(left=ast.Name(id=name), ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return name, 1
        case _:
            return "", 0


def _is_main(test: ast.expr) -> bool:
    match test:
        case ast.Compare(left=ast.Name(id="__name__"), comparators=[ast.Constant(value="__main__")]):
            return True
        case _:
            return False


def walked(project: Project, root: ParsedFile | FunctionRef, detached: Iterable[ast.expr] = ()) -> Walk:
    """The walk from a root; with `detached`, as if these arguments were detached."""
    walk = Walk(project, detached)
    if isinstance(root, FunctionRef):
        walk.function(root)
    else:
        walk.script(root.path)
    return walk
