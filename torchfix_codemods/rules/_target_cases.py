"""What the target of a loss comes from: a network that nobody trains, a leaf, the learner itself, or what may learn."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property

from torchfix_codemods.analysis.interpreter.state import Identity, identities
from torchfix_codemods.analysis.optimizers import is_torch_optimizer, optimizers_of
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases, trained_ids
from torchfix_codemods.analysis.trace import Frozen, GraphLeaf, ModelCall, Place, TargetCall, Trace, place_of
from torchfix_codemods.analysis.values import ClassRef, Instance, ListOf, Mapping, Sequence, Value, options
from torchfix_codemods.rules._shared import node_of


class Kind(Enum):
    """What a target comes from."""

    RELEASED = auto()  # nothing that needs a gradient
    TEACHER = auto()  # networks that no optimizer was seen to hold
    LEAF = auto()  # a tensor that was told to need gradients
    BOOTSTRAPPED = auto()  # `reward + gamma * net(s2)` of the network that learns
    SWAPPED = auto()  # the learner's output as the target of data
    LEARNING = auto()  # anything else: perhaps two-sided by design


@dataclass(frozen=True, eq=False)
class Use:
    """One execution of a loss, with the model calls and leaves whose graphs come in on either side."""

    trace: Trace
    event: TargetCall
    inputs: tuple[ModelCall, ...]
    targets: tuple[ModelCall, ...]
    leaves: tuple[GraphLeaf, ...]
    trained: bool


@dataclass
class Sink:
    """A loss at one place with all its executions, and what its target comes from."""

    place: Place
    kind: Kind
    uses: list[Use] = field(default_factory=list)

    @property
    def event(self) -> TargetCall:
        """The first execution in which the target carries a graph."""
        return self.uses[0].event

    def teachers(self) -> Iterator[ModelCall]:
        """The calls that the targets come from, each network at a place once."""
        seen: set[tuple[Place, frozenset[Identity]]] = set()
        for use in self.uses:
            for call in use.targets:
                key = (call.place, frozenset(identities(call.model)))
                if key not in seen:
                    seen.add(key)
                    yield call


_ONE_SIDED = frozenset(["kl_div", "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy"])


class Cases:
    """The losses of one file whose targets carry graphs."""

    def __init__(self, file: ParsedFile, phases: Phases) -> None:
        self.file = file
        self.phases = phases
        self.optimizers = optimizers_of(phases)
        self._known: dict[Value, bool] = {}
        self.frozen = [event.model for _, event in phases.program.events(Frozen)]

    def sinks(self) -> Iterator[Sink]:
        """Every loss of the file, in the order of the places, that is one case in all its executions."""
        found: dict[Place, list[Use]] = {}
        for trace in self.phases.program.traces:
            for use in self._uses(trace):
                found.setdefault(use.event.target, []).append(use)
        for place, uses in sorted(found.items()):
            kinds = {self._kind(use) for use in uses} - {Kind.RELEASED}
            if len(kinds) == 1:
                yield Sink(place, kinds.pop(), uses)

    def _uses(self, trace: Trace) -> Iterator[Use]:
        events = [e for e in trace.events if isinstance(e, TargetCall) and e.target.path == self.file.path]
        if not events:
            return
        calls = {e.id: e for e in trace.events if isinstance(e, ModelCall)}
        leaves = {e.id: e for e in trace.events if isinstance(e, GraphLeaf)}
        trained = trained_ids(trace)
        for event in events:
            inputs = outermost([calls[i] for i in sorted(event.input_calls) if i in calls])
            targets = outermost([calls[i] for i in sorted(event.target_calls) if i in calls])
            needing = tuple(leaves[i] for i in sorted(event.target_calls) if i in leaves)
            flows = trained & (event.input_calls | event.target_calls)
            yield Use(trace, event, inputs, targets, needing, bool(flows))

    def _kind(self, use: Use) -> Kind:
        moving = [call for call in use.targets if not self._needs_nothing(call.model)]
        if not moving and not use.leaves:
            return Kind.RELEASED
        if use.leaves:
            return Kind.LEAF if not use.targets else Kind.LEARNING
        another = any(self._is_another(call, use.targets) for call in use.inputs)
        if not any(self.learns(call.model) for call in use.targets):
            return Kind.TEACHER if another else Kind.LEARNING
        if another and self._has_learned(use):
            return Kind.TEACHER
        if self._is_swapped(use):
            return Kind.SWAPPED
        return Kind.BOOTSTRAPPED if self._is_bootstrapped(use) else Kind.LEARNING

    def learns(self, model: Value) -> bool:
        """Whether an optimizer was seen to hold parameters of a model, or of a part that it was given."""
        if model not in self._known:
            self._known[model] = self._is_held(model)
        return self._known[model]

    def is_idle(self, model: Value) -> bool:
        """Whether a model keeps an optimizer for itself, and every step that was seen is of those of other models."""
        stepped = self.optimizers.stepped
        if stepped is None or not self._has_its_own(model):
            return False
        moved = {part for one in stepped if not isinstance(one, str) for part in self._parts(one)} | stepped
        return not any(self.phases.related(part, one) for part in self._parts(model) for one in moved)

    def _is_held(self, model: Value) -> bool:
        if self.is_idle(model):
            return False
        if self.phases.optimised(model) is True or self.optimizers.holds(model) or self._has_its_own(model):
            return True
        return any(self.phases.related(part, lent) for part in self._parts(model) for lent in self._lent)

    def _has_learned(self, use: Use) -> bool:
        """Whether all that the target comes from is in evaluation mode, and all that is trained on it in training mode.

        An optimizer may hold such a network: it learned before, and is a teacher now.
        """
        return {c.mode for c in use.targets} == {"eval"} and {c.mode for c in use.inputs} == {"train"}

    def _has_its_own(self, model: Value) -> bool:
        """Whether a model keeps an optimizer in an attribute, for itself."""
        machine = self.phases.program.machine
        own = (
            machine.attributes_of(o) for o in options(model) if isinstance(o, Instance) and isinstance(o.cls, ClassRef)
        )
        return any(is_torch_optimizer(o) for known in own for value in known.values() for o in options(value))

    @cached_property
    def _lent(self) -> set[Identity]:
        """The modules that an optimizer holds, with the parts that they were given."""
        return {part for held in self.optimizers.held if not isinstance(held, str) for part in self._parts(held)}

    def _parts(self, model: Value) -> set[Identity]:
        """A model and the models that it was constructed with."""
        machine = self.phases.program.machine
        found = [identity for part in handed_in(model) for identity in identities(part)]
        return {i for i in found if i in self._keys or (not isinstance(i, str) and machine.is_module_instance(i))}

    @cached_property
    def _keys(self) -> set[Identity]:
        return {key for trace in self.phases.program.traces for key in trace.module_keys}

    def _is_another(self, call: ModelCall, targets: Iterable[ModelCall]) -> bool:
        """Whether a call is of a model that the targets do not come from."""
        return not any(set(identities(call.model)) & set(identities(target.model)) for target in targets)

    def _needs_nothing(self, model: Value) -> bool:
        """Whether parameters of a model, or of what it is a part of, were told not to need gradients."""
        return any(self.phases.same(model, frozen) for frozen in self.frozen)

    def _is_swapped(self, use: Use) -> bool:
        """Data in front, the learner behind. What a teacher says without a graph is no data: reverse KL is right."""
        event = use.event
        if event.loss not in _ONE_SIDED or not event.data or not use.trained or event.inside:
            return False
        given = node_of(self.file, event.input)
        parts = list(written_out(self.file, given, 6)) if isinstance(given, ast.expr) else []
        ran = [e.place for _, e in self.phases.program.events(ModelCall) if e.place.path == self.file.path]
        computed = any(within(place, place_of(self.file.path, part)) for place in ran for part in parts)
        return bool(parts) and not computed and not _is_handed_in(self.file, parts)

    def _is_bootstrapped(self, use: Use) -> bool:
        """The same network on both sides, and a target that adds something to what it says of another input."""
        target = node_of(self.file, use.event.target)
        ours = {identity for call in use.inputs for identity in identities(call.model)}
        same = all(set(identities(call.model)) <= ours for call in use.targets)
        learner = all(self.learns(call.model) for call in use.targets)
        ids = {call.id for call in use.inputs} & {call.id for call in use.targets}
        return same and learner and not ids and isinstance(target, ast.expr) and adds_discounted(self.file, target)


def outermost(calls: list[ModelCall]) -> tuple[ModelCall, ...]:
    """The calls without those of layers inside of one of them: `net.forward(x)` is written down with its layers.

    Two networks of one class have their layers from the same place, so a layer does not say whose it is.
    """
    places = {call.place for call in calls}
    return tuple(call for call in calls if not any(context.call in places for context in call.context.chain()))


def handed_in(value: Value, depth: int = 6) -> Iterator[Value]:
    """An object and what it, or a list that holds it, was constructed with."""
    for option in options(value) if depth else ():
        match option:
            case Instance(args=args, kwargs=kwargs):
                yield option
                inner: tuple[Value, ...] = (*args, *(item for _, item in kwargs))
            case Sequence(items=items):
                inner = items
            case ListOf(item=item):
                inner = (item,)
            case Mapping(items=pairs):
                inner = tuple(item for _, item in pairs)
            case _:
                inner = ()
                yield option
        for part in inner:
            yield from handed_in(part, depth - 1)


def within(inner: Place, outer: Place) -> bool:
    """Whether a place lies inside another one of the same file."""
    return (
        inner.path == outer.path
        and (outer.line, outer.column) <= (inner.line, inner.column)
        and (inner.end_line, inner.end_column) <= (outer.end_line, outer.end_column)
    )


def _is_handed_in(file: ParsedFile, parts: Iterable[ast.expr]) -> bool:
    """Whether a parameter of the function is among the names in some expressions: callers decide what it is."""
    names = {n.id for part in parts for n in ast.walk(part) if isinstance(n, ast.Name)}
    function = next((f for part in parts if (f := file.enclosing_function(part)) is not None), None)
    if function is None:
        return False
    arguments = function.args
    return any(a.arg in names for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))


_DISCOUNT = re.compile(r"gamma|discount|γ", re.I)


def adds_discounted(file: ParsedFile, target: ast.expr) -> bool:
    """Whether an expression is a sum of which one part is a product with a discount: `r + gamma * value`."""
    return any(
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _DISCOUNT.search(file.source(node))
        for expression in written_out(file, target)
        for node in ast.walk(expression)
    )


def written_out(file: ParsedFile, expression: ast.expr, depth: int = 4) -> Iterator[ast.expr]:
    """An expression, and what is assigned to the names in it inside of the same function."""
    yield expression
    function = file.enclosing_function(expression)
    names = {n.id for n in ast.walk(expression) if isinstance(n, ast.Name)}
    for node in ast.walk(function if function is not None else file.tree) if depth else ():
        if not isinstance(node, ast.Assign) or node.lineno >= expression.lineno:
            continue
        if any(isinstance(target, ast.Name) and target.id in names for target in node.targets):
            yield from written_out(file, node.value, depth - 1)


__all__ = ["Cases", "Kind", "Sink", "Use", "written_out"]
