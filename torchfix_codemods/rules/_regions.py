"""Evaluation regions: the function, loop or statements that only evaluate, around calls of a model."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from torchfix_codemods.analysis.frameworks import Care, care_around
from torchfix_codemods.analysis.interpreter.state import identities
from torchfix_codemods.analysis.mentions import paths_with
from torchfix_codemods.analysis.notebook_text import in_one_cell
from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.phase_gate import EVALUATING_METHOD
from torchfix_codemods.analysis.phases import CallSite, Execution, Phases, trained_ids
from torchfix_codemods.analysis.trace import Backward, Construction, Context, OptimizerStep, Place
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.analysis.values import ClassRef, Const, External, FunctionRef, Instance, Unknown, Value, options
from torchfix_codemods.rules._kept_graphs import keeps_results
from torchfix_codemods.rules._other_object import name_in
from torchfix_codemods.rules._shared import function_node, is_test_code, node_of

MAX_GAP = 4  # statements of one block no farther apart than this share one `with`

# Code that differentiates by hand: inside it (or in the model's own class) nothing is said about gradients.
DIFFERENTIATES = re.compile(
    r"autograd\.grad|\.backward\(|requires_grad(?!\s*=\s*False)|enable_grad|\.grad\b|create_graph|register_hook|captum"
    r"|[aA]ttack|[aA]dversary|\.perturb\("
    r"|\b[aA]tk\b|\b[pP][gG][dD]|[fF][gG][sS][mM]|[hH]essian|[eE]igen_?[vV]al|[sS]aliency|[gG]rad_?[cC][aA][mM]"
)
_MODEL_DIFFERENTIATES = re.compile(r"autograd\.grad\(|\.backward\(\)|enable_grad|requires_grad_\(\)|create_graph")
# The first hidden state of a recurrent model: a new tensor, which nobody can ask for its gradient outside of the class.
_FRESH_STATE = re.compile(
    r"torch\.(?:zeros|ones|randn?)\((?:[^()\n]|\([^()\n]*\))*\)(?:\.\w+\([^()\n]*\))*?\.requires_grad_\(\)"
)
_MAX_CODE = 60  # classes and functions of a model that are searched for these words
_GIVEN = ("parameter", "attribute", "item", "output of an unknown", "result of an unknown", "loaded")
LOSS_WORDS = re.compile(r"crit|loss", re.I)
_ENVIRONMENT = re.compile(r"\b(?:self\.)?envs?\.step\(")


@dataclass
class Region:
    """Statements that belong together: `kind` is "function", "loop" or "statements"; `node` is the first of them."""

    kind: str
    node: ast.stmt
    frame: Context
    function: FunctionNode | None
    executions: list[Execution] = field(default_factory=list)
    last: ast.stmt | None = None

    @property
    def end_line(self) -> int:
        """The last line of the region."""
        node = self.last or self.node
        return node.end_lineno or node.lineno

    @property
    def volatile(self) -> bool:
        """Whether the inputs say `volatile=True`: then that is the mistake, and another rule's business."""
        return any(e.event.volatile for e in self.executions)

    def modes(self) -> set[str | None]:
        """The modes of the models, over all executions."""
        return {e.event.mode for e in self.executions}


class Regions:
    """The evaluation regions of one file."""

    def __init__(self, file: ParsedFile, phases: Phases) -> None:
        self.file = file
        self.phases = phases
        self._serving: dict[str, bool] = {}
        self._trained: dict[int, set[int]] = {}
        self.training = _training_places(phases)
        self.constructing = _constructing_places(phases)
        self.stepping = _stepping_places(phases)
        self.training_calls = {c.call for c in _training_contexts(phases)}  # `model.learn(...)` may hold all of it
        self.branches = {(c.place, c.detail) for c in _training_contexts(phases) if c.kind == "branch"}

    def evaluation(self, care: Care) -> Iterator[Region]:
        """Every region of the file in which models are called and nothing trains, in its outermost form, in order.

        Where a framework takes care of `care`, it is no business of ours.
        """
        found: dict[int, Region] = {}
        for site in sorted(filter(self._concerns, self.phases.sites.values()), key=lambda s: s.place):
            for execution in self._outside_tests(site):
                event = execution.event
                ours = execution.evaluation and event.place not in self.training_calls
                ours = ours and not self.is_cared_for(event.context, care)
                region = self.around(execution) if ours else None
                if region is not None:
                    found.setdefault(id(region.node), region).executions.append(execution)
        regions = sorted(found.values(), key=lambda r: r.node.lineno)
        for region in self._merged(regions):
            if not self._graph_leaves(region) and not self._computes_what_trains(region):
                yield region

    def _concerns(self, site: CallSite) -> bool:
        """Whether something of this file runs around the call: else it is in no region of it."""
        return any(c.place.path == self.file.path for e in site.executions for c in e.event.context.chain())

    def _outside_tests(self, site: CallSite) -> list[Execution]:
        """What the program does at a place; what only its tests do there counts where nothing else does."""
        if len(site.executions) == 1:
            return site.executions
        return [e for e in site.executions if not self._is_tested(e.event.context)] or site.executions

    def _is_tested(self, context: Context) -> bool:
        """Whether a test function runs the code at a place."""
        project = self.phases.program.project
        functions = (c for c in context.chain() if c.kind == "function")
        found = ((file, function_node(file, c)) for c in functions if (file := project.parse(c.place.path)) is not None)
        return any(function is not None and is_test_code(file, function) for file, function in found)

    def is_cared_for(self, context: Context, care: Care) -> bool:
        """Whether a framework that runs the code at a place takes care of `care` there."""
        return bool(care_around(self.phases.program.project, context) & care)

    def around(self, execution: Execution) -> Region | None:
        """The region of one call, in this file: its function, else its outermost loop without training, else itself.

        A helper that training uses too has no region; then the one that calls it for evaluation has.
        """
        context: Context | None = execution.event.context
        if context is None or not self._is_no_forward(context.frame()):
            return None  # the module's own code; the call of its method is an event of its own
        innermost = True
        while context is not None:
            frame = context.frame()
            if not self._is_no_forward(frame):
                return None
            region = self._in_frame(execution, context, frame, innermost)
            if region is not None or frame.place not in self.training:
                return region
            context, innermost = frame.parent, False
        return None

    def _is_no_forward(self, frame: Context) -> bool:
        """Whether a function is no method of a module, or one that goes through data and says that it evaluates."""
        function = function_node(self.file, frame) if frame.of_module else None
        return not frame.of_module or (function is not None and _evaluates_data(function))

    def evaluates_itself(self, execution: Execution) -> bool:
        """Whether the method that is called has a region of its own."""
        project, event = self.phases.program.project, execution.event
        classes = [o.cls for o in options(event.model) if isinstance(o, Instance) and isinstance(o.cls, ClassRef)]
        methods = [project.method(cls, event.method) for cls in classes]
        files = [project.parse(method.path) if method is not None else None for method in methods]
        return bool(methods) and all(
            file is not None and method is not None and _evaluates_data(file.function_at(method.line, method.column))
            for file, method in zip(files, methods, strict=True)
        )

    def _in_frame(self, execution: Execution, context: Context, frame: Context, innermost: bool) -> Region | None:
        if frame.place.path != self.file.path:
            return None
        function = function_node(self.file, frame)
        if function is not None and self._serves_a_module(function):
            return None
        if function is not None and frame.place not in self.training and frame.place not in self.constructing:
            return Region("function", function, frame, function)
        loop = self._loop(context)
        if loop is not None:
            return Region("loop", loop, frame, function)
        node = node_of(self.file, execution.event.place, ast.Call) if innermost else None
        site = self.phases.sites[execution.event.place]
        if node is None or site.trained or self._is_training_step(execution):
            return None
        return Region("statements", self.file.enclosing_statement(node), frame, function)

    def _serves_a_module(self, function: FunctionNode) -> bool:
        """Whether a method of a module calls the function too: then it is part of a forward, which may be trained."""
        if function.name not in self._serving:
            self._serving[function.name] = self.phases.program.is_called_in_a_module(function.name)
        return self._serving[function.name]

    def hands_graph_on(self, region: Region) -> bool:
        """Whether a function gives back, or puts aside, what its model calls computed: others may train on it."""
        function = region.frame.function
        if function is None:
            return False
        returned = any(e.event.id in e.trace.returned.get(function, ()) for e in region.executions)
        return returned or (region.kind == "function" and self._keeps_results(region))

    def _keeps_results(self, region: Region) -> bool:
        receivers = frozenset(self.receiver(region, e) for e in region.executions) - {""}
        body = region.function.body if region.function is not None else []
        return keeps_results(self.file, body, receivers)

    def _loop(self, context: Context) -> ast.stmt | None:
        best: ast.stmt | None = None
        for around in context.chain():
            if around.kind in ("function", "module") or around.place in self.training:
                break
            if around.kind == "loop" and around.place not in self.constructing:
                node = node_of(self.file, around.place)
                best = node if isinstance(node, ast.For | ast.AsyncFor | ast.While) else best
        return best

    def _is_training_step(self, execution: Execution) -> bool:
        """Whether the call is part of a training step: frozen features of a loss, a sample to train on.

        A test between two steps is none: it has a branch of its own, or the model was put into evaluation mode for it.
        """
        context = execution.event.context
        if _innermost(context).place not in self.stepping:
            return False
        if self.phases.optimised(execution.event.model) is not True:
            return True
        inner = (c for c in context.chain() if c.kind in ("branch", "loop", "function", "module"))
        in_branch = (first := next(inner)).kind == "branch" and (first.place, first.detail) not in self.branches
        return execution.event.mode != "eval" and not in_branch

    def _graph_leaves(self, region: Region) -> bool:
        """Whether the region also holds a call that trains, or one whose graph goes out of sight."""
        first, last = region.node.lineno, region.end_line
        return any(
            not execution.evaluation
            and any(
                c.path == self.file.path and first <= c.line and c.end_line <= last
                for c in [execution.event.place, *(c.place for c in execution.event.context.chain())]
            )
            for site in self.phases.sites.values()
            for execution in site.executions
        )

    def _computes_what_trains(self, region: Region) -> bool:
        """Whether a value made in the region has the graph of a call that trains: it came in from outside.

        A loss may compare `fake = generator(z)`, which trains, with nothing but detached outputs of the model here.
        """
        first, last = region.node.lineno, region.end_line
        for trace in {id(e.trace): e.trace for e in region.executions}.values():
            if id(trace) not in self._trained:
                self._trained[id(trace)] = trained_ids(trace)
            for place, calls in trace.flows.items():
                if place.path == self.file.path and first <= place.line <= last and calls & self._trained[id(trace)]:
                    return True
        return False

    def _merged(self, regions: list[Region]) -> Iterator[Region]:
        """Statements of one block that stand close together become one region."""
        open_region: Region | None = None
        for region in regions:
            if region.kind != "statements":
                yield region
            elif open_region is not None and self._near(open_region, region):
                open_region.last = region.node
                open_region.executions += region.executions
            else:
                if open_region is not None:
                    yield open_region
                open_region = region
        if open_region is not None:
            yield open_region

    def _near(self, one: Region, other: Region) -> bool:
        block = self.file.block_of(one.node)
        if other.node not in block:
            return False
        near = 0 < block.index(other.node) - block.index(one.last or one.node) <= MAX_GAP
        return near and in_one_cell(self.file, one.last or one.node, other.node)

    def statements(self, region: Region) -> list[ast.stmt]:
        """The statements of a region, from its first to its last."""
        if region.last is None:
            return [region.node]
        block = self.file.block_of(region.node)
        return block[block.index(region.node) : block.index(region.last) + 1]

    def differentiates(self, region: Region) -> bool:
        """Whether the region, or a model that it calls, computes gradients by hand."""
        if any(DIFFERENTIATES.search(self.file.source(statement)) for statement in self.statements(region)):
            return True
        if self._stores_what_trains(region) or any(map(self._method_differentiates, region.executions)):
            return True
        if "captum" in self.file.text and any(".attribute(" in self.file.source(s) for s in self.statements(region)):
            return True
        models = [option for e in region.executions for option in options(e.event.model)]
        classes = [m.cls for m in models if isinstance(m, Instance) and isinstance(m.cls, ClassRef)]
        seen: set[ClassRef | FunctionRef] = set()
        return any(self._code_differentiates(cls, seen) for cls in classes)

    def _method_differentiates(self, execution: Execution) -> bool:
        """Whether a method of an object that nobody knows may compute or switch off gradients: as some class has it."""
        event = execution.event
        call = node_of(self.file, event.place, ast.Call) if event.place.path == self.file.path else None
        if is_resolved(event.model) or not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            return False
        name = call.func.attr
        return any(DIFFERENTIATES.search(text) or "no_grad" in text for text in self._sources_of_methods(name))

    def _sources_of_methods(self, name: str) -> Iterator[str]:
        """The code of every method of that name in the project, with its decorators."""
        project = self.phases.program.project
        for path in paths_with(project, f"def {name}("):
            if (file := project.parse(path)) is None:
                continue
            classes = (n for n in file.tree.body if isinstance(n, ast.ClassDef))
            for node in (n for cls in classes for n in cls.body if isinstance(n, ast.FunctionDef) and n.name == name):
                yield "\n".join([*map(file.source, node.decorator_list), file.source(node)])

    def _stores_what_trains(self, region: Region) -> bool:
        """Whether the region assigns an attribute on which somebody calls `backward()` later."""
        losses = {e.attribute for _, e in self.phases.program.events(Backward) if e.attribute}
        stored = re.compile(r"\.(?:" + "|".join(map(re.escape, sorted(losses))) + r")[ \t]*[-+*/]?=(?!=)")
        return bool(losses) and any(stored.search(self.file.source(s)) for s in self.statements(region))

    def _code_differentiates(self, code: ClassRef | FunctionRef, seen: set[ClassRef | FunctionRef]) -> bool:
        """Whether a class of the project, its bases, or what it makes and calls by name computes gradients by hand."""
        if code in seen or len(seen) > _MAX_CODE:
            return False
        seen.add(code)
        project = self.phases.program.project
        if isinstance(code, ClassRef) and any(
            self._code_differentiates(base, seen) for base in project.lineage(code) if isinstance(base, ClassRef)
        ):
            return True
        file, node = self._code(code)
        if file is None or node is None:
            return False
        if _MODEL_DIFFERENTIATES.search(_FRESH_STATE.sub("", file.source(node))):
            return True
        called = (project.resolve(file, n.func) for n in ast.walk(node) if isinstance(n, ast.Call))
        return any(self._code_differentiates(c, seen) for c in called if isinstance(c, ClassRef | FunctionRef))

    def _code(self, code: ClassRef | FunctionRef) -> tuple[ParsedFile | None, ast.stmt | None]:
        program = self.phases.program
        if isinstance(code, ClassRef):
            return program.project.class_node(code) or (None, None)
        file, node = program.project.parse(code.path), program.machine.node_of(code)
        return file, node if isinstance(node, ast.stmt) else None

    def hands_model_out(self, region: Region) -> bool:
        """Whether code that is not in view gets the model, in the region or for an object that the region uses.

        It may differentiate it: an attack does.
        """
        receivers = {self.receiver(region, execution) for execution in region.executions}
        inside = [n for s in self.statements(region) for n in walk(s)]
        if any(isinstance(n, ast.Call) and self._gives_away(n, receivers) for n in inside):
            return True
        used = {self.file.source(n) for n in inside if isinstance(n, ast.Name | ast.Attribute)}
        return any(
            self.file.source(target) in used
            for node in walk(self.file.tree)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
            for target in node.targets
            if isinstance(target, ast.Name | ast.Attribute) and self._gives_away(node.value, receivers)
        )

    def _gives_away(self, call: ast.Call, receivers: set[str]) -> bool:
        """Whether a call hands one of these models to code that is not in view."""
        given = {self.file.source(value) for value in (*call.args, *(k.value for k in call.keywords))}
        target = self.phases.program.project.resolve(self.file, call.func) if given & receivers else None
        return isinstance(target, External) and not target.name.startswith(("torch.nn.", "builtins.", "copy."))

    def collects(self, region: Region) -> bool:
        """Whether the region plays an environment: it gathers what training needs, it evaluates nothing."""
        return any(_ENVIRONMENT.search(self.file.source(statement)) for statement in self.statements(region))

    def receiver(self, region: Region, execution: Execution) -> str:
        """The expression that names the model in the region's own frame; "" where there is none."""
        from torchfix_codemods.rules._modes import receiver_text

        event = execution.event
        if event.context.frame() is region.frame:
            node = node_of(self.file, event.place, ast.Call)
            return receiver_text(self.file, node, event.method) if isinstance(node, ast.Call) else ""
        wanted = identities(event.model)
        for context in event.context.chain():
            if context.kind == "function" and context.parent is not None and context.parent.frame() is region.frame:
                given = (text for text, v in context.arguments if set(identities(v)) & set(wanted))
                return next(given, "") or self._of_self(region, execution)
        return ""

    def _of_self(self, region: Region, execution: Execution) -> str:
        """The attribute of `self` that a method of the same object calls: it has that name in both."""
        from torchfix_codemods.rules._modes import receiver_text

        project, event = self.phases.program.project, execution.event
        file = project.parse(event.place.path)
        node = node_of(file, event.place, ast.Call) if file is not None else None
        name = receiver_text(file, node, event.method) if file is not None and isinstance(node, ast.Call) else ""
        outside = name_in(project, name, event.context, region.frame) if name.startswith("self.") else None
        return outside if outside is not None and outside.startswith("self.") else ""


def _evaluates_data(function: ast.AST) -> bool:
    """Whether a method of a module says that it evaluates, and goes through data."""
    if not isinstance(function, FunctionNode) or not EVALUATING_METHOD.search(function.name):
        return False
    return any(isinstance(n, ast.While) or (isinstance(n, ast.For) and not counts(n)) for n in ast.walk(function))


def walks_data(region: Region) -> bool:
    """Whether the region is or holds a loop over something else than a range of numbers."""
    loops = [n for n in ast.walk(region.node) if isinstance(n, ast.For | ast.AsyncFor | ast.comprehension)]
    return region.kind != "statements" and any(not counts(loop) for loop in loops)


def counts(node: ast.For | ast.AsyncFor | ast.comprehension) -> bool:
    """Whether a loop runs over `range(...)`."""
    call = node.iter
    return (
        isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("range", "xrange", "trange")
    )


def is_for_its_effect(file: ParsedFile, call: ast.Call) -> bool:
    """Whether nobody looks at the numbers that a call gives back.

    So the statistics of batch norm are gathered anew, and so a script asks whether a model runs, and for its shapes.
    """
    match file.parents[call]:
        case ast.Expr():
            return True
        case ast.Attribute(attr=asked):
            return asked in _SHAPES
        case ast.Assign(targets=[ast.Name(id=name)]):
            return not _is_read(file, call, {name})
        case ast.Assign(targets=[ast.Tuple(elts=elements)]) if all(isinstance(e, ast.Name) for e in elements):
            return not _is_read(file, call, {e.id for e in elements if isinstance(e, ast.Name)})
        case _:
            return False


_SHAPES = ("shape", "size", "dim")


def _is_read(file: ParsedFile, call: ast.Call, names: set[str]) -> bool:
    """Whether one of the names is used in the scope of a call for more than its shape."""
    scope = file.enclosing_function(call) or file.tree
    return any(
        isinstance(node, ast.Name)
        and node.id in names
        and isinstance(node.ctx, ast.Load)
        and not (isinstance(parent := file.parents[node], ast.Attribute) and parent.attr in _SHAPES)
        and not _is_local(file, node, scope)
        for node in walk(scope)
    )


def _is_local(file: ParsedFile, name: ast.Name, scope: ast.AST) -> bool:
    """Whether a name belongs to a function inside of a scope, which has a variable or a parameter of that name."""
    function = file.enclosing_function(name)
    while function is not None and function is not scope:
        bound = (n.arg if isinstance(n, ast.arg) else getattr(n, "id", "") for n in walk(function) if _binds(n))
        if name.id in bound:
            return True
        function = file.enclosing_function(function)
    return False


def _binds(node: ast.AST) -> bool:
    return isinstance(node, ast.arg) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))


def asks_repeatedly(file: ParsedFile, call: ast.Call) -> bool:
    """Whether a loop over a range makes the same call again and again: the spread of the answers is the result."""
    used = {n.id for part in (*call.args, *call.keywords) for n in ast.walk(part) if isinstance(n, ast.Name)}
    node: ast.AST = call
    if any(isinstance(n, ast.Call) and isinstance(n.func, ast.Name) for part in call.args for n in ast.walk(part)):
        return False  # model(next(batches)), model(draw()): another input each time
    while not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Module):
        node = file.parents[node]
        match node:
            case ast.For() | ast.AsyncFor():
                return counts(node) and not used & _stored(node)
            case ast.While():
                return not used & _stored(node)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return all(map(counts, node.generators)) and not used & _stored(node)
            case _:
                pass
    return False


def _stored(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _innermost(context: Context) -> Context:
    """The innermost loop or function around a context."""
    return next(c for c in context.chain() if c.kind in ("loop", "function", "module"))


def _training_contexts(phases: Phases) -> Iterator[Context]:
    """Every context (loop, function, branch) inside which something trains."""
    for trace in phases.program.traces:
        for event in trace.events:
            if isinstance(event, Backward | OptimizerStep):
                yield from event.context.chain()
    for site in phases.sites.values():
        for execution in site.executions:
            if execution.trained:
                yield from execution.event.context.chain()


def _training_places(phases: Phases) -> set[Place]:
    """The places of loops and functions inside which something trains."""
    return {c.place for c in _training_contexts(phases) if c.kind != "branch"}


def _stepping_places(phases: Phases) -> set[Place]:
    """The innermost loop or function around each backward pass and each of its callers."""
    found: set[Place] = set()
    for trace in phases.program.traces:
        for event in trace.events:
            context = event.context if isinstance(event, Backward | OptimizerStep) else None
            while context is not None:
                inner = _innermost(context)
                found.add(inner.place)
                context = inner.frame().parent
    return found


def _constructing_places(phases: Phases) -> set[Place]:
    """Functions and loops in which a network is constructed: they do more than evaluate."""
    machine = phases.program.machine
    return {
        context.place
        for trace in phases.program.traces
        for event in trace.events
        if isinstance(event, Construction) and machine.is_module_instance(event.value) and _is_network(event.value)
        for context in event.context.chain()
    }


def _is_network(value: Value) -> bool:
    name = value.cls.name if isinstance(value, Instance) else ""
    return not name.endswith("Loss") and name not in ("torch.nn.Softmax", "torch.nn.Sigmoid", "torch.nn.LogSoftmax")


def is_resolved(model: Value) -> bool:
    """Whether a model was followed to its constructor."""
    found = [o for o in options(model) if not isinstance(o, Const)]
    return bool(found) and all(isinstance(o, Instance) for o in found)


def is_constructed(model: Value) -> bool:
    """Whether a model is constructed in view, on one path at least (on another it may be loaded)."""
    return any(isinstance(o, Instance) for o in options(model))


def is_given(model: Value) -> bool:
    """Whether a model comes from outside the code in view: given by a caller, or chosen at run time.

    One that an import which was not found makes is not given: its code should be here, and is not.
    """
    found = [o for o in options(model) if not isinstance(o, Const)]
    return bool(found) and all(
        isinstance(o, Instance) or (isinstance(o, Unknown) and o.reason.startswith(_GIVEN)) for o in found
    )
