"""The edits that take the graph from a target: where it is computed if that stands alone, else where it is used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from torchfix_codemods.analysis.interpreter.state import identities
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import ModelCall, Place, Trace
from torchfix_codemods.analysis.values import External
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules._shared import node_of, refuse_coroutine
from torchfix_codemods.rules._target_cases import Cases, Sink, within, written_out

_ASKED = r"\.(?:grad|grad_fn|backward|retain_grad|register_hook|requires_grad|requires_grad_|is_leaf)\b"
_NOT_CLEAR = "the target is computed together with something else, so the place to cut is not clear"


class TargetEdits:
    """Builds the edits for one loss whose target comes from networks that nobody trains."""

    def __init__(self, cases: Cases, sink: Sink) -> None:
        self.cases = cases
        self.sink = sink
        self.file = cases.file
        self.project: Project = cases.phases.program.project
        self.target = node_of(self.file, sink.place, ast.expr)
        self.calls = list(sink.teachers())
        self.teachers = {identity for call in self.calls for identity in identities(call.model)}

    @property
    def is_inline(self) -> bool:
        """Whether the networks are called in the target's own expression."""
        return not self.sink.event.inside and all(within(call.place, self.sink.place) for call in self.calls)

    def statements(self) -> list[tuple[ParsedFile, ast.stmt]]:
        """The statements that compute nothing but the target; empty where one of the calls has none."""
        found: dict[int, tuple[ParsedFile, ast.stmt]] = {}
        for call in self.calls:
            alone = self._alone(call)
            if alone is None:
                return []
            found[id(alone[1])] = alone
        return list(found.values())

    def is_alone(self) -> bool:
        """Whether there is a place where nothing but these graphs is cut."""
        if self.is_inline:
            return isinstance(self.target, ast.expr) and self._is_pure(self.file, self.target)
        return bool(self.statements())

    def build(self) -> list[Edit]:
        """Under `no_grad` where the target has statements of its own, else `.detach()`."""
        statements = [] if self.is_inline else self.statements()
        if statements:
            return self._under_no_grad(statements)
        return self.detach()

    def detach(self) -> list[Edit]:
        """`.detach()` where the loss gets the target."""
        if not isinstance(self.target, ast.expr) or self.sink.event.inside:
            raise verbs.CannotRewrite(_NOT_CLEAR)
        return verbs.suffix_expression(self.file, self.target, ".detach()")

    def _under_no_grad(self, statements: Sequence[tuple[ParsedFile, ast.stmt]]) -> list[Edit]:
        edits: list[Edit] = []
        for file, group in _groups(statements):
            refuse_coroutine(None, group)
            if len(group) == 1 and isinstance(group[0], ast.Assign) and not _assigns_names(group[0]):
                edits += verbs.suffix_expression(file, group[0].value, ".detach()")
                continue
            torch, imports = verbs.ensure_import(file, "torch", visible_from=group[0])
            edits += [*imports, *verbs.wrap_in_with(file, group, f"{torch}.no_grad()")]
        return edits

    def _alone(self, call: ModelCall) -> tuple[ParsedFile, ast.stmt] | None:
        """The assignment in which a call is made, or in which the function is called that returns what it gives."""
        place: Place | None = call.place
        for context in [call.context, *(c for c in call.context.chain() if c.kind == "function")]:
            if context is not call.context:
                place = context.call
            found = self._statement(place) if place is not None else None
            if place is None or found is None:
                return None
            file, statement = found
            if not self._is_pure(file, statement):
                return None
            cuttable = _assigns_names(statement) or self._fills_a_tensor(file, statement)
            if cuttable and self._only_teachers(file, statement) and not _is_asked(file, statement):
                return found
            if not isinstance(statement, ast.Return):
                return None
        return None

    def _statement(self, place: Place) -> tuple[ParsedFile, ast.stmt] | None:
        file = self.project.parse(place.path)
        node = node_of(file, place) if file is not None else None
        if file is None or node is None or _is_in_lambda(file, node):
            return None  # a lambda that is made under `no_grad` runs later, with gradients
        return file, file.enclosing_statement(node)

    def _fills_a_tensor(self, file: ParsedFile, statement: ast.stmt) -> bool:
        """`values[mask] = net(x)`, where `values` is made by torch: what is stored there is a tensor too."""
        match statement:
            case ast.Assign(targets=[ast.Subscript(value=ast.Name() as name)]):
                made = list(written_out(file, name, 1))[1:]
                return bool(made) and all(isinstance(v, ast.Call) and self._is_torchs(file, v) for v in made)
            case _:
                return False

    def _only_teachers(self, file: ParsedFile, statement: ast.stmt) -> bool:
        """Whether every model that runs in a statement is one of these networks, on inputs without another graph."""
        return all(
            set(identities(event.model)) <= self.teachers and event.calls <= self._ids(trace)
            for trace in self.cases.phases.program.traces
            for event in trace.events
            if isinstance(event, ModelCall) and _runs_in(event, file, statement) and not self._is_layer(event)
        )

    def _is_layer(self, event: ModelCall) -> bool:
        """Whether a call is one inside of these networks: `net.forward(x)` is written down with its layers."""
        places = {call.place for call in self.calls}
        return any(context.call in places for context in event.context.chain())

    def _ids(self, trace: Trace) -> set[int]:
        calls = (e for e in trace.events if isinstance(e, ModelCall))
        return {e.id for e in calls if set(identities(e.model)) <= self.teachers}

    def _is_pure(self, file: ParsedFile, node: ast.AST) -> bool:
        """Whether what the networks give goes through functions of torch and methods of tensors only."""
        own = [n for n in ast.walk(node) if isinstance(n, ast.Call) and self._is_teacher(file, n)]
        adds = any(isinstance(n, ast.BinOp | ast.AugAssign) for n in ast.walk(node))
        if adds and any("Parameter(" in (self.project.read(path) or "") for path in self.cases.optimizers.files):
            return False  # it may be one that learns
        return all(
            self._is_torchs(file, n)
            for n in ast.walk(node)
            if isinstance(n, ast.Call) and n not in own and any(_is_argument(n, call) for call in own)
        )

    def _is_teacher(self, file: ParsedFile, node: ast.Call) -> bool:
        start, end = file.span(node)
        places = (call.place for call in self.calls if call.place.path == file.path)
        return any(
            (file.offset(p.line, p.column), file.offset(p.end_line, p.end_column)) == (start, end) for p in places
        )

    def _is_torchs(self, file: ParsedFile, call: ast.Call) -> bool:
        target = self.project.resolve(file, call.func)
        if isinstance(call.func, ast.Attribute) and call.func.attr in _TENSOR_METHODS:
            return True
        return (
            isinstance(target, External)
            and target.name.startswith("torch.")
            and ".nn." not in target.name.replace(".nn.functional.", ".")
        )


def _is_in_lambda(file: ParsedFile, node: ast.AST) -> bool:
    while not isinstance(node, ast.stmt):
        if isinstance(node, ast.Lambda):
            return True
        node = file.parents[node]
    return False


_TENSOR_METHODS = frozenset(["add", "sub", "mul", "div", "minimum", "maximum", "gather", "where", "masked_fill", "min"])


def _is_argument(call: ast.Call, inner: ast.Call) -> bool:
    parts = (*call.args, *(keyword.value for keyword in call.keywords))
    return any(node is inner for part in parts for node in ast.walk(part))


def _runs_in(event: ModelCall, file: ParsedFile, statement: ast.stmt) -> bool:
    """Whether a model runs in a statement, or in a function that is called there."""
    last = (statement.end_lineno or statement.lineno, statement.end_col_offset or 0)
    outer = Place(file.path, statement.lineno, statement.col_offset, *last)
    places = [event.place, *(c.call for c in event.context.chain() if c.call is not None)]
    return any(within(place, outer) for place in places)


def _assigns_names(statement: ast.stmt) -> bool:
    match statement:
        case ast.Assign(targets=[target]) | ast.AnnAssign(target=target, value=ast.expr()):
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            return all(isinstance(part, ast.Name) for part in parts)
        case _:
            return False


def _is_asked(file: ParsedFile, statement: ast.stmt) -> bool:
    """Whether a name that a statement assigns is asked for its gradient or its graph in the same function."""
    names = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    function = file.enclosing_function(statement)
    text = file.source(function) if function is not None else file.text
    return any(re.search(rf"(?<![\w.]){re.escape(name)}{_ASKED}", text) for name in names)


def _groups(statements: Sequence[tuple[ParsedFile, ast.stmt]]) -> Iterator[tuple[ParsedFile, list[ast.stmt]]]:
    """Statements that follow one another in a block go together."""
    group: list[ast.stmt] = []
    owner: ParsedFile | None = None
    for file, statement in sorted(statements, key=lambda pair: (pair[0].path, pair[1].lineno)):
        if (
            owner is file
            and _assigns_names(statement)
            and _assigns_names(group[-1])
            and _follows(file, group[-1], statement)
        ):
            group.append(statement)
            continue
        if owner is not None:
            yield owner, group
        owner, group = file, [statement]
    if owner is not None:
        yield owner, group


def _follows(file: ParsedFile, one: ast.stmt, other: ast.stmt) -> bool:
    block = file.block_of(one)
    return other in block and block.index(other) == block.index(one) + 1


__all__ = ["TargetEdits"]
