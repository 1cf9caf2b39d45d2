"""`backward(); zero_grad(); step()`: the gradients are cleared before the optimizer sees them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Backward, Context, GradientsCleared, OptimizerStep, Place, Trace
from torchfix_codemods.analysis.values import External
from torchfix_codemods.findings import Edit, Finding, Level, Step
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules import _updates
from torchfix_codemods.rules._shared import function_node, is_test_code, location_of, node_of, propose
from torchfix_codemods.rules._updates import order_in

# Calls between clearing and step that certainly do not put gradients back.
_HARMLESS = re.compile(
    r"^(?:print|len|float|int|str|logging\.\w+|logger\.\w+|log\.\w+|time\.\w+|\w+\.(?:item|append)|tqdm\.write)$"
)
# Clipping scales what is there; of gradients that were cleared it makes none.
_CLIPPING = re.compile(r"^torch\.nn\.utils\.(?:clip_grad\.)?clip_grad_(?:norm|value)_?$")


@dataclass(frozen=True)
class Lost:
    """The three events, all in one function, and the statements of one block that are or hold them."""

    backward: Backward
    cleared: GradientsCleared
    step: OptimizerStep
    first: ast.stmt
    clearing: ast.stmt
    certain: bool


def lost_gradients(identity: tuple[str, str], file: ParsedFile, project: Project, phases: Phases) -> Iterator[Finding]:
    """A finding for each clearing between a backward pass and its step."""
    groups: dict[object, list[Lost | None]] = {}
    for trace, event in phases.program.events(GradientsCleared):
        if event.place.path == file.path:
            groups.setdefault(event.place, []).append(_lost(file, project, phases, trace, event))
    for found in groups.values():
        known = [each for each in found if each is not None]
        if len(known) == len(found):
            yield _finding(identity, file, project, known[0])


def _lost(file: ParsedFile, project: Project, phases: Phases, trace: Trace, cleared: GradientsCleared) -> Lost | None:
    frame = cleared.context.frame()
    clearing = _statement(file, cleared)
    if clearing is None or not trace.complete or is_test_code(file, function_node(file, frame)):
        return None
    step = _next_step(file, project, trace, clearing, frame)
    optimizer = _updates.optimizer_of(step) if step is not None else None
    if step is None or optimizer is None or not _updates.may_clear(phases, cleared, optimizer):
        return None
    backward = _last_backward(file, project, trace, cleared, frame)
    first = _updates.statement_in(project, backward, frame) if backward is not None else None
    if backward is None or first is None or first not in file.block_of(clearing):
        return None
    if not _is_quiet(file, trace, frame, backward, cleared, step):
        return None
    certain = _updates.clears_all(phases, cleared, optimizer) and len(_own_clears(trace, cleared)) == 1
    return Lost(backward, cleared, step, first, clearing, certain)


def _own_clears(trace: Trace, cleared: GradientsCleared) -> set[Place]:
    """The places of the same function that clear."""
    own = cleared.context.frame().place
    events = (event for event in trace.events if isinstance(event, GradientsCleared))
    return {event.place for event in events if event.context.frame().place == own}


def _statement(file: ParsedFile, cleared: GradientsCleared) -> ast.stmt | None:
    """`x.zero_grad()` as a statement of its own."""
    node = node_of(file, cleared.place)
    statement = file.enclosing_statement(node) if node is not None else None
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="zero_grad"))):
            return statement
        case _:
            return None


def _next_step(
    file: ParsedFile, project: Project, trace: Trace, clearing: ast.stmt, frame: Context
) -> OptimizerStep | None:
    """The step behind the clearing in the same block, with nothing between them that could set gradients."""
    block = file.block_of(clearing)
    for event in trace.events:
        if not isinstance(event, OptimizerStep) or event.context.frame().place != frame.place or event.given:
            continue
        node = node_of(file, event.place)
        statement = file.enclosing_statement(node) if node is not None else None
        if statement is None or statement not in block:
            continue
        between = block[block.index(clearing) + 1 : block.index(statement)]
        if block.index(clearing) < block.index(statement) and all(_is_harmless(file, project, s) for s in between):
            return event
    return None


def _is_harmless(file: ParsedFile, project: Project, statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Expr | ast.Assign | ast.AugAssign | ast.AnnAssign):
        return False
    calls = [n for n in ast.walk(statement) if isinstance(n, ast.Call)]
    clipped = {id(call.args[0]) for call in calls if call.args and _clips(file, project, call)}
    return all(
        id(call) in clipped or _clips(file, project, call) or _HARMLESS.match(file.source(call.func)) for call in calls
    )


def _clips(file: ParsedFile, project: Project, call: ast.Call) -> bool:
    target = project.resolve(file, call.func)
    return isinstance(target, External) and _CLIPPING.match(target.name) is not None


def _last_backward(
    file: ParsedFile, project: Project, trace: Trace, cleared: GradientsCleared, frame: Context
) -> Backward | None:
    """The last backward pass before the clearing, in the same round and under the same conditions."""
    here = order_in(cleared, frame.place)
    found = [
        event
        for event in trace.events
        if isinstance(event, Backward)
        and event.context.frame().place == frame.place
        and order_in(event, frame.place) < here
        and _updates.is_method(project, event)
        and _conditions(event, frame) == _conditions(cleared, frame)
    ]
    return max(found, key=lambda event: order_in(event, frame.place)) if found else None


def _conditions(event: Backward | GradientsCleared, frame: Context) -> list[tuple[object, str]]:
    around: list[tuple[object, str]] = []
    for context in event.context.chain():
        if context.place == frame.place and context.kind == frame.kind:
            break
        if context.kind in ("branch", "loop"):
            around.append((context.place, context.detail))
    return around


def _is_quiet(
    file: ParsedFile, trace: Trace, frame: Context, backward: Backward, cleared: GradientsCleared, step: OptimizerStep
) -> bool:
    """Whether nobody takes or gives gradients by hand between the backward pass and the step."""
    start, end = backward.place.line, step.place.line
    lines = file.text.splitlines()[start - 1 : end]
    if any(re.search(r"\.grad\b|_grads?\(", re.sub(r"zero_grad\(", "", line.partition("#")[0])) for line in lines):
        return False
    events = (e for e in trace.events if isinstance(e, GradientsCleared | Backward))
    inside = [e for e in events if e.context.frame().place == frame.place and start <= e.place.line <= end]
    return all(e.place in (backward.place, cleared.place) for e in inside)


def _finding(identity: tuple[str, str], file: ParsedFile, project: Project, lost: Lost) -> Finding:
    code = file.source(lost.clearing)

    def build() -> list[Edit]:
        return [*verbs.insert_before(file, lost.first, [code]), *verbs.delete_statement(file, lost.clearing)]

    return propose(
        identity,
        Level.BEHAVIOR if lost.certain else Level.SUGGESTION,
        location_of(project, lost.cleared.place),
        "the gradients are cleared between the backward pass and the step: the step has nothing to use",
        [
            Step(location_of(project, lost.backward.place), "the gradients are computed here"),
            Step(location_of(project, lost.step.place), "and used here, after they were cleared"),
        ],
        "Clear the gradients before the backward pass",
        build,
    )
