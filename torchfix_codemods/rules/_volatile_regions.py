"""What goes under `torch.no_grad()` so that every forward on volatile input is inside and no training step is.

A region is a whole function, a loop, or statements; the outermost that holds nothing which trains, in the innermost
function on the call stack that has one. It depends on the program alone, not on which argument a finding is about: so
the findings of one region have the same edits, and whatever of them is accepted, the others fit to it afterwards.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.phases import KEPT
from torchfix_codemods.analysis.trace import Context, Place
from torchfix_codemods.findings import Edit, Level
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules._shared import function_node, node_of, refuse_coroutine
from torchfix_codemods.rules._volatile_flow import Consumer, Flow
from torchfix_codemods.rules._volatile_targets import is_only_a_target
from torchfix_codemods.rules._volatile_training import Training

MAX_GAP = 4
_SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Return, ast.Assert, ast.Delete)
_LATER = (ast.Lambda, ast.GeneratorExp)
_Loop = ast.For | ast.AsyncFor | ast.While


class NotWrapped(Exception):
    """A call cannot go under `torch.no_grad()`; the message says why."""


@dataclass(eq=False)
class Wrap:
    """A region and what it has to become. `kind` is "function", "loop" or "statements"."""

    file: ParsedFile
    kind: str
    function: FunctionNode | None
    statements: list[ast.stmt]
    training: bool  # something else in the same function trains
    level: Level = Level.EQUIVALENT
    consumers: list[Consumer] = field(default_factory=list)

    @property
    def lines(self) -> tuple[int, int]:
        """First and last line."""
        last = self.statements[-1]
        return self.statements[0].lineno, last.end_lineno or last.lineno

    def holds(self, path: str, node: ast.AST) -> bool:
        """Whether a node of a file stands inside."""
        first, last = self.lines
        return self.file.path == path and first <= node.lineno <= last  # type: ignore[attr-defined]

    def edits(self) -> list[Edit]:
        """The edits that put the region under `torch.no_grad()`. Raises `CannotRewrite`."""
        if self.kind == "function" and self.function is not None:
            refuse_coroutine(self.function)
            torch, edits = verbs.ensure_import(self.file, "torch", visible_from=self.function)
            return [*edits, *verbs.add_decorator(self.file, self.function, f"{torch}.no_grad()")]
        refuse_coroutine(self.function, self.statements)
        torch, edits = verbs.ensure_import(self.file, "torch", visible_from=self.statements[0])
        return [*edits, *verbs.wrap_in_with(self.file, self.statements, f"{torch}.no_grad()")]

    @property
    def title(self) -> str:
        """What the edits do, for people."""
        if self.kind == "function" and self.function is not None:
            return f"decorate {self.function.name}() with torch.no_grad()"
        return f"put line {self.lines[0]} under torch.no_grad()"


class Wraps:
    """The regions of one program, and for each consumer the one that it is in or the reason why it is in none."""

    def __init__(self, flow: Flow, skipped: frozenset[int] = frozenset()) -> None:
        """`skipped` are consumers (by identity) that are dealt with otherwise."""
        self.flow = flow
        self.training = Training(flow)
        self.files = frozenset(flow.phases.program.files)
        self._parsed: dict[str, ParsedFile | None] = {}  # one tree of each file: its statements are told by identity
        self.of: dict[int, Wrap] = {}
        self.failures: dict[int, str] = {}
        found: dict[tuple[str, int], Wrap] = {}
        for consumer in flow.consumers:
            if id(consumer) in skipped or not consumer.runs or consumer.event.grad is False:
                continue
            try:
                wrap = self._trained(consumer) if consumer.trained else self._wrap(consumer)
            except NotWrapped as reason:
                self.failures[id(consumer)] = str(reason)
                continue
            known = found.setdefault((wrap.file.path, id(wrap.statements[0])), wrap)
            known.consumers.append(consumer)
            known.level = max(known.level, wrap.level)
        for wrap in self._merged(list(found.values())):
            self.of |= {id(consumer): wrap for consumer in wrap.consumers}

    def all(self) -> list[Wrap]:
        """Every region once."""
        return list({id(wrap): wrap for wrap in self.of.values()}.values())

    def around(self, path: str, node: ast.AST) -> Wrap | None:
        """The region in which a node stands."""
        return next((wrap for wrap in self.all() if wrap.holds(path, node)), None)

    # --- which region ----------------------------------------------------------------------------------------------

    def _wrap(self, consumer: Consumer) -> Wrap:
        """The region of a forward that takes no part in training."""
        if consumer.loose.startswith(KEPT):
            raise NotWrapped(f"{consumer.loose}, perhaps to be trained on")
        if consumer.loose and not consumer.definite:
            raise NotWrapped(f"on some ways it is not volatile, and {consumer.loose}")
        shared = self.training.is_shared(consumer.event.place)
        for context, frame, place in _frames(consumer):
            file = self._file_of(frame)
            found = None if file is None else self._in_frame(file, context, frame, place, consumer, shared)
            if found is not None:
                found.level = Level.BEHAVIOR if consumer.loose else Level.EQUIVALENT
                return found
            shared = False
        raise NotWrapped("training goes through the same code, and no part of it is for evaluation alone")

    def _trained(self, consumer: Consumer) -> Wrap:
        """A forward inside a training step, whose output is a target: that statement, and nothing else."""
        if consumer.alone:
            raise NotWrapped(
                "the loss is computed from the volatile value alone: without its graph nothing would train"
            )
        if not consumer.definite:
            raise NotWrapped("the same call is also made with input that is not volatile, and trained")
        frozen = consumer.is_model and self.flow.phases.optimised(consumer.event.model) is False
        shared = self.training.is_shared(consumer.event.place)
        for _, frame, place in _frames(consumer):
            file = self._file_of(frame)
            call = node_of(file, place, ast.Call) if file is not None else None
            if file is None or not isinstance(call, ast.Call):
                break
            if shared or not self._scope(file, frame, consumer):
                shared = False
                continue
            if not (frozen or consumer.cleared or is_only_a_target(file, call)):
                raise NotWrapped("its output is trained, and nothing shows that it is only a target of the loss")
            if (found := self.statement(file, frame, call)) is None:
                raise NotWrapped("the same statement also computes what is trained")
            found.level = Level.EQUIVALENT if frozen else Level.BEHAVIOR
            return found
        raise NotWrapped("training goes through the same code on input that is not volatile")

    def _file_of(self, frame: Context) -> ParsedFile | None:
        """The file of a frame, if all that may run its code is in view."""
        path = frame.place.path
        if path not in self._parsed:
            self._parsed[path] = self.flow.phases.program.project.parse(path) if path in self.files else None
        return self._parsed[path]

    def _scope(self, file: ParsedFile, frame: Context, consumer: Consumer) -> str:
        """What of a frame may be wrapped: "all", the "statement" of the call, or nothing ("").

        Inside the forward of a model the interpreter writes nothing down. So a function that models call may take part
        in training out of sight; only a call that gets what is made volatile in this very function is certain.
        """
        function = function_node(file, frame)
        if function is None:
            return "all"
        by_models = self.training.is_called_by_models(function)
        if any(s.path == file.path and _inside(file, s.start, function) for s in consumer.sites):
            return "all" if not by_models else "statement" if consumer.definite else ""
        return "" if by_models or frame.of_module or self.training.is_handed_on(function) else "all"

    def _in_frame(
        self, file: ParsedFile, context: Context, frame: Context, place: Place, consumer: Consumer, shared: bool
    ) -> Wrap | None:
        function, scope = function_node(file, frame), self._scope(file, frame, consumer)
        if scope == "all":
            if function is not None and self._is_whole(file, function, frame, consumer):
                return Wrap(file, "function", function, [function], training=False)
            if (loop := self._loop(file, context, consumer)) is not None:
                return Wrap(file, "loop", function, [loop], training=False)
        call = None if shared or not scope else node_of(file, place, ast.Call)
        return self.statement(file, frame, call) if isinstance(call, ast.Call) else None

    def _is_whole(self, file: ParsedFile, function: FunctionNode, frame: Context, consumer: Consumer) -> bool:
        if function.name == "__init__" or isinstance(function, ast.AsyncFunctionDef):
            return False
        decorators = " ".join(map(ast.unparse, function.decorator_list))
        if frame.place in self.training.regions(file).constructing or "jit" in decorators:
            return False
        return self._is_clean(file, function, consumer)

    def _loop(self, file: ParsedFile, context: Context, consumer: Consumer) -> _Loop | None:
        """The outermost loop of the frame in which nothing trains."""
        best: _Loop | None = None
        for around in context.chain():
            if around.kind in ("function", "module"):
                break
            if around.kind != "loop" or around.place in self.training.regions(file).constructing:
                continue
            node = node_of(file, around.place)
            if not isinstance(node, _Loop) or _waits(node) or not self._is_clean(file, node, consumer):
                break
            best = node
        return best

    def _is_clean(self, file: ParsedFile, node: ast.stmt, consumer: Consumer) -> bool:
        site = self.flow.phases.sites.get(consumer.event.place)
        return self.training.is_absent(file, [node], site.executions if site is not None else ())

    def statement(self, file: ParsedFile, frame: Context, call: ast.Call, own: Place | None = None) -> Wrap | None:
        """The statement of a call as a region; None where it does more than run models on volatile input.

        `own` is a call that may also run for training.
        """
        statement = file.enclosing_statement(call)
        current: ast.AST = call
        while current is not statement:
            if isinstance(current, _LATER):
                return None
            current = file.parents[current]
        if _waits(statement) or not isinstance(statement, (*_SIMPLE, ast.For, ast.While, ast.With, ast.If)):
            return None
        if not self.training.is_absent(file, [statement], own=own):
            return None
        if not self.training.is_apart(file, statement, own):
            return None
        return Wrap(file, "statements", function_node(file, frame), [statement], self.training.is_around(frame.place))

    # --- neighbours ------------------------------------------------------------------------------------------------

    def _merged(self, wraps: list[Wrap]) -> Iterator[Wrap]:
        """Regions inside others go, and statements that stand close together become one region."""
        outer = [w for w in wraps if not any(o is not w and _inside_of(w, o) for o in wraps)]
        for inner in wraps:
            for around in outer:
                if around is not inner and _inside_of(inner, around):
                    around.consumers += inner.consumers
                    around.level = max(around.level, inner.level)
        current: Wrap | None = None
        for wrap in sorted(outer, key=lambda w: (w.file.path, w.lines)):
            if current is not None and (between := self._between(current, wrap)) is not None:
                current.statements += [*between, *wrap.statements]
                current.consumers += wrap.consumers
                current.level = max(current.level, wrap.level)
                current.kind = "statements"
                continue
            if current is not None:
                yield current
            current = wrap
        if current is not None:
            yield current

    def _between(self, one: Wrap, other: Wrap) -> list[ast.stmt] | None:
        """The statements between two regions that can share one `with`; None where they cannot."""
        if "function" in (one.kind, other.kind) or one.file is not other.file:
            return None
        block = one.file.block_of(one.statements[0])
        if other.statements[0] not in block:
            return None
        between = block[block.index(one.statements[-1]) + 1 : block.index(other.statements[0])]
        gap = 0 if one.training or other.training else MAX_GAP - 1
        if len(between) > gap or any(_waits(s) for s in between):
            return None
        if between and (one.kind == other.kind == "loop" or not self.training.is_absent(one.file, between)):
            return None
        return between


def _frames(consumer: Consumer) -> Iterator[tuple[Context, Context, Place]]:
    """Up the call stack: the innermost context in each frame, the frame, and the call that leads on to the consumer."""
    context: Context | None = consumer.event.context
    place: Place | None = consumer.event.place
    while context is not None and place is not None:
        frame = context.frame()
        yield context, frame, place
        context, place = frame.parent, frame.call


def _inside(file: ParsedFile, offset: int, node: ast.stmt) -> bool:
    start, end = file.span(node)
    return start <= offset < end


def _inside_of(inner: Wrap, outer: Wrap) -> bool:
    (a, b), (c, d) = inner.lines, outer.lines
    return inner.file is outer.file and c <= a and b <= d and (a, b) != (c, d)


def _waits(statement: ast.stmt) -> bool:
    """Whether control leaves the statement in between: `yield` and `await` would leave the gradients off elsewhere."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom | ast.Await | ast.AsyncFor | ast.AsyncWith):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            stack += ast.iter_child_nodes(node)
    return False
