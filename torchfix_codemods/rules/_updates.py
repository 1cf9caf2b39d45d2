"""Optimizer steps in loops: which backward passes feed them, and what clears the gradients in between.

Events of one loop are told by its place, not by its context: a helper that was called before in the same way is not run
again in the next round of an outer loop.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torchfix_codemods.analysis.frameworks import Care, care_around
from torchfix_codemods.analysis.interpreter.modules import is_optimizer
from torchfix_codemods.analysis.interpreter.state import identities
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases, owners_of_parameters
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import (
    Backward,
    Construction,
    Context,
    GradientsCleared,
    ModelCall,
    OptimizerStep,
    Place,
    Trace,
)
from torchfix_codemods.analysis.values import (
    NONE,
    External,
    FunctionRef,
    Instance,
    Partial,
    Unknown,
    Value,
    join,
    options,
)
from torchfix_codemods.rules._shared import node_of

Happening = Backward | GradientsCleared | OptimizerStep | ModelCall
Order = tuple[tuple[float, float], ...]
_LAST = (float("inf"), float("inf"))
_Loop = ast.For | ast.AsyncFor | ast.While


@dataclass(frozen=True)
class Update:
    """One `step()` of a known optimizer in a loop. `backwards` and `clears` are those of the same loop, in order.

    `optimizer` is one of torch's, or one of several that the program chooses from.
    """

    trace: Trace
    step: OptimizerStep
    optimizer: Value
    loop: Context
    backwards: tuple[Backward, ...]
    clears: tuple[GradientsCleared, ...]
    steps: tuple[OptimizerStep, ...]

    def order(self, event: Happening) -> Order:
        """Where an event stands in one round of the loop: the calls that lead to it, and its own place."""
        return order_in(event, self.loop.place)

    def own(self, phases: Phases) -> tuple[Backward, ...]:
        """The backward passes that this step applies: behind the step before it, and into the same parameters."""
        here = self.order(self.step)
        before = [s for s in self.steps if self.order(s) < here and self._has_backward_between(s, self.step)]
        start = max((self.order(s) for s in before), default=())
        segment = tuple(b for b in self.backwards if start < self.order(b) < here)
        return tuple(b for b in segment if self.feeds(phases, b)) or segment

    def same_steps(self) -> tuple[OptimizerStep, ...]:
        """The steps of the same optimizer in the loop: by a scaler, say, where there is one, and without it."""
        return tuple(s for s in self.steps if optimizer_of(s) == self.optimizer)

    def steps_whenever(self, own: tuple[Backward, ...]) -> bool:
        """Whether the step is taken in every round in which the backward passes run, and in no other."""
        stop = self.loop.place
        if all(branches(b, stop) == branches(self.step, stop) for b in own):
            return True
        found = conditions(own, stop)
        return found is not None and found == conditions(self.same_steps(), stop)

    def is_new(self, backward: Backward) -> bool:
        """Whether a model ran in the same round for the backward pass: its graph is not that of the round before."""
        calls = (e for e in self.trace.events if isinstance(e, ModelCall) and e.id in backward.calls)
        return any(_in_loop(call.context, self.loop.place) for call in calls)

    def _has_backward_between(self, one: OptimizerStep, other: OptimizerStep) -> bool:
        return any(self.order(one) < self.order(b) < self.order(other) for b in self.backwards)

    def feeds(self, phases: Phases, backward: Backward) -> bool:
        """Whether a backward pass certainly goes through a model whose parameters the optimizer holds."""
        calls = (e for e in self.trace.events if isinstance(e, ModelCall) and e.id in backward.calls)
        held = owners(self.optimizer)
        return any(related(phases, identity, held) for call in calls for identity in identities(call.model))


def updates(phases: Phases) -> Iterator[list[Update]]:
    """All steps of known optimizers, grouped by place. A group holds every execution, or the place is left out."""
    groups: dict[Place, list[Update | None]] = {}
    for trace, step in phases.program.events(OptimizerStep):
        groups.setdefault(step.place, []).append(_update(phases, trace, step))
    for place in sorted(groups):
        found = groups[place]
        known = [update for update in found if update is not None]
        if len(known) == len(found):
            yield known


def _update(phases: Phases, trace: Trace, step: OptimizerStep) -> Update | None:
    optimizer = optimizer_of(step)
    loop = loop_around(step.context)
    if optimizer is None or loop is None or not trace.complete:
        return None
    if care_around(phases.program.project, step.context) & (Care.CLEARING | Care.STEP):
        return None
    if any(_makes(event, optimizer) and _in_loop(event.context, loop.place) for event in trace.events):
        return None  # new in each round, perhaps with the parameters
    inside = [e for e in trace.events if isinstance(e, Happening) and _in_loop(e.context, loop.place)]
    inside.sort(key=lambda event: order_in(event, loop.place))
    return Update(
        trace,
        step,
        optimizer,
        loop,
        tuple(e for e in inside if isinstance(e, Backward) and is_method(phases.program.project, e)),
        tuple(e for e in inside if isinstance(e, GradientsCleared)),
        tuple(e for e in inside if isinstance(e, OptimizerStep) and optimizer_of(e) is not None),
    )


def optimizer_of(step: OptimizerStep) -> Value | None:
    """The optimizer of torch that certainly takes the step, itself or by a scaler; it may be one of several."""
    value = step.given[0] if is_scaled(step) else step.optimizer
    found = [option for option in options(value) if option != NONE]
    return join(found) if found and all(map(_is_optimizer, found)) else None


def _is_optimizer(value: Value) -> bool:
    return isinstance(value, Instance) and isinstance(value.cls, External) and is_optimizer(value.cls.name)


def is_scaled(step: OptimizerStep) -> bool:
    """Whether a scaler takes the step: `scaler.step(optimizer)`."""
    found = [option for option in options(step.optimizer) if option != NONE]
    scalers = (isinstance(o, Unknown) and o.key.endswith("GradScaler") for o in found)
    return bool(step.given and found) and all(scalers)


def has_closure(step: OptimizerStep) -> bool:
    """Whether the step gets a function that computes the loss."""
    return any(isinstance(value, FunctionRef | Partial) for value in step.given)


def loop_around(context: Context) -> Context | None:
    """The innermost loop around a place; loops over words are phases, no repetition."""
    return next((c for c in context.chain() if c.kind == "loop" and not c.detail), None)


def _in_loop(context: Context, place: Place) -> bool:
    return any(c.kind == "loop" and c.place == place for c in context.chain())


def _makes(event: object, optimizer: Value) -> bool:
    return isinstance(event, Construction) and event.value in options(optimizer)


def order_in(event: Happening, stop: Place) -> Order:
    """The places of the calls inside `stop` that lead to an event, outermost first, and its own."""
    calls = []
    for context in event.context.chain():
        if context.place == stop:
            break
        if context.kind == "function" and context.call is not None:
            calls.append(context.call)
    places = tuple((float(p.line), float(p.column)) for p in reversed(calls))
    # A backward pass in a chain of calls, `scaler.scale(loss).backward()`, begins where the chain does; a step is done
    # behind what its closure does.
    here = (float(event.place.line), float(event.place.column))
    return (*places, here, _LAST) if isinstance(event, OptimizerStep) else (*places, here)


def is_method(project: Project, backward: Backward) -> bool:
    """Whether it is `loss.backward()`: a framework's takes the loss, and `autograd.grad` leaves `.grad` alone."""
    file = project.parse(backward.place.path)
    node = node_of(file, backward.place, ast.Call) if file is not None else None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return node.func.attr == "backward" and not node.args


def owners(optimizer: Value) -> set[Value | str]:
    """The models whose parameters an optimizer holds; nothing where that was not understood."""
    found: set[Value | str] = set()
    for option in options(optimizer):
        given = option.argument(0, "params") if isinstance(option, Instance) else None
        held = set(owners_of_parameters(given)) if given is not None else set()
        if not held:
            return set()
        found |= held
    return found


def related(phases: Phases, identity: Value | str, others: set[Value | str]) -> bool:
    """Whether a model is one of the others, part of one, or holds one."""
    return any(identity == o or phases.holds(o, identity) or phases.holds(identity, o) for o in others)


def may_clear(phases: Phases, cleared: GradientsCleared, optimizer: Value) -> bool:
    """Whether clearing may reach the optimizer's parameters: unless both are known, and apart."""
    mine = owners(optimizer)
    for option in options(cleared.owner):
        theirs = _cleared_models(phases, option)
        if option in options(optimizer) or not mine or not theirs:
            return True
        if any(related(phases, identity, mine) for identity in theirs):
            return True
    return False


def clears_all(phases: Phases, cleared: GradientsCleared, optimizer: Value) -> bool:
    """Whether it certainly clears all parameters of the optimizer."""
    found = list(options(cleared.owner))
    if len(found) != 1:
        return cleared.owner == optimizer
    mine = owners(optimizer)
    theirs = _cleared_models(phases, found[0])
    is_whole = bool(mine) and all(any(o == t or phases.holds(t, o) for t in theirs) for o in mine)
    return found[0] == optimizer or (is_whole and phases.program.machine.is_module_instance(found[0]))


def _cleared_models(phases: Phases, owner: Value) -> set[Value | str]:
    """The models whose gradients are cleared; nothing where that is not known."""
    if _is_optimizer(owner):
        return owners(owner)
    return {owner} if phases.program.machine.is_module_instance(owner) else set()


def branches(event: Happening, stop: Place) -> frozenset[tuple[Place, str]]:
    """The branches between an event and the loop: what has to hold for it to happen."""
    return frozenset((c.place, c.detail) for c in _until(event.context, stop) if c.kind == "branch")


def conditions(events: Sequence[Happening], stop: Place) -> frozenset[tuple[Place, str]] | None:
    """What has to hold for one of the events to happen: both sides of an `if` are no condition. None if they differ."""
    found = [branches(event, stop) for event in events]
    sides = {pair for each in found for pair in each}
    whole = {place for place, detail in sides if detail == "0" and (place, "1") in sides}
    left = {frozenset(pair for pair in each if pair[0] not in whole) for each in found}
    return left.pop() if len(left) == 1 else None


def inner_loops(event: Happening, stop: Place) -> list[Context]:
    """The loops between an event and the loop around it, innermost first."""
    return [c for c in _until(event.context, stop) if c.kind == "loop" and not c.detail]


def _until(context: Context, stop: Place) -> Iterator[Context]:
    for around in context.chain():
        if around.place == stop and around.kind == "loop":
            return
        yield around


def loop_node(file: ParsedFile, update: Update) -> _Loop | None:
    """The loop as a node, where it stands in this file."""
    if update.loop.place.path != file.path:
        return None
    node = node_of(file, update.loop.place)
    return node if isinstance(node, _Loop) else None


def statement_in(project: Project, event: Happening, frame: Context) -> ast.stmt | None:
    """The statement of a function (or top level) that is the event, or that calls what leads to it."""
    file = project.parse(frame.place.path)
    if file is None:
        return None
    place = _place_in(event, frame)
    node = node_of(file, place) if place is not None else None
    return file.enclosing_statement(node) if node is not None else None


def _place_in(event: Happening, frame: Context) -> Place | None:
    place: Place | None = event.place
    for context in event.context.chain():
        if context.kind in ("function", "module"):
            if context.place == frame.place and context.kind == frame.kind:
                return place
            place = context.call
    return None


def optimizer_text(project: Project, update: Update, frame: Context) -> str:
    """How a function (or the top level) names the optimizer that steps in it or below it; "" where it has no name."""
    step = update.step
    if step.context.frame().place == frame.place or frame.call == step.place:  # in the function itself, in its closure
        file = project.parse(step.place.path)
        node = node_of(file, step.place, ast.Call) if file is not None else None
        if file is None or not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return ""
        named = (node.args[0] if node.args else None) if is_scaled(step) else node.func.value
        return file.source(named) if named is not None and is_name(named) else ""
    for context in step.context.chain():
        if context.kind == "function" and context.parent is not None and context.parent.frame().place == frame.place:
            return next((text for text, value in context.arguments if value == update.optimizer), "")
    return ""


def is_name(node: ast.expr) -> bool:
    """Whether an expression is a name or a chain of attributes."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)
