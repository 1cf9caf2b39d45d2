"""Training or evaluation? Decided by what flows into a backward pass, never by names alone.

A call of a model is *trained* when its output reaches a backward pass, *loose* when its graph leaves what was followed
(returned to an unknown caller, given to unread code that may train), and otherwise belongs to *evaluation*.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from torchfix_codemods.analysis.interpreter.state import identities
from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.trace import (
    Backward,
    Construction,
    Context,
    Entrusted,
    Escape,
    ModelCall,
    ModeSet,
    OptimizerStep,
    Place,
    Trace,
)
from torchfix_codemods.analysis.unread_names import may_train, stores
from torchfix_codemods.analysis.values import (
    Bound,
    Choice,
    ClassRef,
    Const,
    External,
    Instance,
    ListOf,
    Mapping,
    Sequence,
    Value,
    options,
)


@dataclass(frozen=True, eq=False)
class Execution:
    """One execution of a call of a model. `loose` says why its graph is out of sight, "" where it isn't."""

    trace: Trace
    event: ModelCall
    trained: bool
    loose: str

    @property
    def evaluation(self) -> bool:
        """Whether it takes no part in training."""
        return not self.trained and not self.loose


@dataclass
class CallSite:
    """All executions of one call expression of a model."""

    place: Place
    executions: list[Execution] = field(default_factory=list)

    @property
    def events(self) -> list[tuple[Trace, ModelCall]]:
        """The executions as pairs."""
        return [(e.trace, e.event) for e in self.executions]

    @property
    def trained(self) -> bool:
        """Whether some execution takes part in training."""
        return any(e.trained for e in self.executions)

    @property
    def loose(self) -> str:
        """Why the graph of some execution is out of sight."""
        return next((e.loose for e in self.executions if e.loose), "")

    @property
    def evaluation(self) -> bool:
        """Whether no execution takes part in training."""
        return not self.trained and not self.loose

    @property
    def model(self) -> Value:
        """The model that is called (of the first execution)."""
        return self.executions[0].event.model

    def grads(self) -> set[bool | None]:
        """The gradient modes of all executions."""
        return {e.event.grad for e in self.executions}

    def modes(self) -> set[str | None]:
        """The modes of the model at all executions."""
        return {e.event.mode for e in self.executions}


class Phases:
    """The model calls of a program, by place, with what becomes of them."""

    def __init__(self, program: Program) -> None:
        self.program = program
        keys = {key for trace in program.traces for key in trace.module_keys}
        self.sites: dict[Place, CallSite] = {}
        training = _where_training(program)
        for trace in program.traces:
            trained, loose = trained_ids(trace), _kept_for_training(trace, training) | loose_calls(trace)
            for event in trace.events:
                if isinstance(event, ModelCall) and self._is_model(event, keys):
                    site = self.sites.setdefault(event.place, CallSite(event.place))
                    site.executions.append(Execution(trace, event, event.id in trained, loose.get(event.id, "")))

    def _is_model(self, event: ModelCall, keys: set[Value | str]) -> bool:
        machine = self.program.machine
        found = identities(event.model)
        return any(machine.is_module_instance(i) if isinstance(i, Instance) else _key_of_model(i, keys) for i in found)

    def optimised(self, model: Value) -> bool | None:
        """Whether an optimizer of the program holds parameters of the model; None where that is not clear."""
        held, clear = self._held
        if any(
            self.related(identity, other) or _is_some(other, identity)
            for identity in identities(model)
            for other in held
        ):
            return True
        return False if clear else None

    def optimises_such(self, model: Value) -> bool:
        """Whether an optimizer holds parameters of a model of the same class: another script's, say."""
        classes = [o.cls for o in options(model) if isinstance(o, Instance) and isinstance(o.cls, ClassRef)]
        return any(isinstance(held, Instance) and held.cls in classes for held in self._held[0])

    @cached_property
    def _held(self) -> tuple[set[Value | str], bool]:
        """The models whose parameters optimizers hold, and whether every optimizer's parameters were understood."""
        held: set[Value | str] = set()
        understood: list[bool] = []
        for _, event in self.program.events(Construction):
            value = event.value
            if isinstance(value, Instance) and isinstance(value.cls, External) and _is_optimizer(value.cls.name):
                given = value.argument(0, "params")
                owners = set(owners_of_parameters(given)) if given is not None else set()
                understood.append(bool(owners))
                held |= owners
        for _, entrusted in self.program.events(Entrusted):
            held |= set(identities(entrusted.model))
        return held, bool(understood) and all(understood)

    def related(self, one: Value | str, other: Value | str) -> bool:
        """Whether two identities are the same module, or one part of the other."""
        return one == other or self.holds(one, other) or self.holds(other, one)

    def holds(self, outer: Value | str, inner: Value | str) -> bool:
        """Whether `inner` is a submodule of `outer`."""
        if any(owner == outer for owner in self._owners(inner)):
            return True
        return isinstance(inner, str) and isinstance(outer, str) and inner.startswith(outer + ".")

    def _owners(self, inner: Value | str) -> Iterator[Value | str]:
        """The modules around a submodule, innermost first."""
        current = self.program.machine.owners.get(inner)
        for _ in range(10):
            if current is None:
                return
            yield current
            current = self.program.machine.owners.get(current)

    def same(self, one: Value, other: Value) -> bool:
        """Whether two values may be the same model, or one part of the other."""
        return any(self.related(a, b) for a in identities(one) for b in identities(other))

    def mode_changes(self, model: Value) -> Iterator[tuple[Trace, ModeSet]]:
        """Every `train()` and `eval()` on the model or on a module that holds it."""
        for trace, event in self.program.events(ModeSet):
            if self.covers(event.model, model):
                yield trace, event

    def covers(self, whole: Value, part: Value) -> bool:
        """Whether a mode set on the one is one of the other: the same module, or a part of it."""
        return any(self._reaches(i, j) for i in identities(whole) for j in identities(part))

    def _reaches(self, switched: Value | str, model: Value | str) -> bool:
        """Whether a mode set on one module is one of another's. Parts are known by place: those of two objects of a
        class look the same, so another object of the class counts."""
        if switched == model or self.holds(switched, model):
            return True
        return any(_of_one_class(owner, switched) for owner in self._owners(model))


def _is_some(held: Value | str, model: Value | str) -> bool:
    """Whether an optimizer holds `self.parameters()` of some object of the model's class."""
    return isinstance(held, Instance) and held.site is None and _of_one_class(held, model)


def _of_one_class(one: Value | str, other: Value | str) -> bool:
    """Whether two objects are of the same class of the project."""
    return (
        isinstance(one, Instance)
        and isinstance(other, Instance)
        and isinstance(one.cls, ClassRef)
        and one.cls == other.cls
    )


def phases_of(program: Program) -> Phases:
    """The phases of a program, computed once."""
    known = getattr(program, "phases", None)
    if known is None:
        known = Phases(program)
        program.phases = known  # type: ignore[attr-defined]
    return known


# Methods of a model that nobody knows the class of, which certainly are no forward.
_NO_FORWARD = frozenset(
    "load save load_weights save_weights load_model save_model summary reset init_hidden init_weights apply log print "
    "state_dict to cuda cpu share_memory register_buffer freeze unfreeze".split()
)


def _key_of_model(identity: Value | str, keys: set[Value | str]) -> bool:
    """Whether an unknown is used as a module somewhere, or is a method or part of one that is."""
    if not isinstance(identity, str):
        return False
    if identity in keys:
        return True
    part = identity.rpartition(".")[2]
    return part not in _NO_FORWARD and any(isinstance(k, str) and identity.startswith(f"{k}.") for k in keys)


def trained_ids(trace: Trace) -> set[int]:
    """The ids of the model calls that flow into a backward pass."""
    found: set[int] = set()
    attributes: set[str] = set()
    for event in trace.events:
        if isinstance(event, Backward):
            found |= event.calls
            if event.attribute:
                attributes.add(event.attribute)
            if event.blind:
                found |= _around(trace, event)
    for event in trace.events:
        if isinstance(event, Escape) and event.kind == "attribute" and event.name in attributes:
            found |= event.calls
    return found


def _around(trace: Trace, backward: Backward) -> set[int]:
    """A backward pass of unknown origin: every model call of the same function or below it may flow in."""
    frame = backward.context.frame()
    return {e.id for e in trace.events if isinstance(e, ModelCall) and e.context.inside(frame)}


#: How the reason begins where an output is put away for later.
KEPT = "its output is kept by"


def loose_calls(trace: Trace) -> dict[int, str]:
    """Model calls whose graph is out of sight, with the reason."""
    found: dict[int, str] = {}
    for event in trace.events:
        if not isinstance(event, Escape):
            continue
        reason = ""
        if event.kind in ("return", "yield"):
            reason = f"its output is {event.kind}ed to a caller that is not in view"
        elif event.kind == "argument":
            reason = "its output is put into an argument, which the caller has"
        elif event.kind == "callee" and stores(event.name):
            reason = f"{KEPT} {event.name}"
        elif event.kind == "callee" and may_train(event.name):
            reason = f"its output is given to {event.name}, which was not read"
        if reason:
            found |= dict.fromkeys(event.calls, reason)
    return found


def _where_training(program: Program) -> str:
    """The code of the functions with a backward pass on what nobody saw coming: it may have been kept in attributes."""
    places = {e.context.frame().place for _, e in program.events(Backward) if not e.calls and not e.attribute}
    return "\n".join(_source_at(program, place) for place in sorted(places))


def _source_at(program: Program, place: Place) -> str:
    """The code of a function; for the top level of a file, the whole file."""
    file = program.project.parse(place.path)
    if file is None:
        return ""
    node = file.node_at(place[1:])
    return file.source(node) if isinstance(node, ast.stmt | ast.expr) else file.text


def _kept_for_training(trace: Trace, training: str) -> dict[int, str]:
    """Model calls whose graph is put into an attribute that is used where something trains."""
    found: dict[int, str] = {}
    for event in trace.events:
        kept = event.name if isinstance(event, Escape) and event.kind == "attribute" else ""
        if kept and isinstance(event, Escape) and re.search(rf"\.{re.escape(kept)}\b", training):
            found |= dict.fromkeys(event.calls, f"{KEPT} .{kept}, which training uses")
    return found


def _is_optimizer(name: str) -> bool:
    return "optim" in name.lower() and "lr_scheduler" not in name


def owners_of_parameters(value: Value) -> Iterator[Value | str]:
    """The models whose `parameters()` are inside an optimizer's argument."""
    for option in options(value):
        match option:
            case Bound(receiver=receiver, name="parameters"):
                yield from identities(receiver)
            case ListOf(item=item):
                yield from owners_of_parameters(item)
            case Sequence(items=items):
                for item in items:
                    yield from owners_of_parameters(item)
            case Mapping(items=pairs):
                for _, item in pairs:
                    yield from owners_of_parameters(item)
            case _:
                pass


def outermost_call(trace: Trace, event: ModelCall) -> ModelCall:
    """The call of the model in use: of the one around, where a model is called by the code of another one.

    The call of a method is written down after what happens in it.
    """
    found = event
    for context in event.context.chain():
        if context.of_module and context.call is not None:
            later = (e for e in trace.events if isinstance(e, ModelCall) and e.place == context.call)
            found = next((e for e in later if e.id > event.id), found)
    return found


def trains_inside(trace: Trace, region: Context) -> bool:
    """Whether a backward pass or an optimizer step happens inside a region."""
    return any(isinstance(e, Backward | OptimizerStep) and e.context.inside(region) for e in trace.events)


__all__ = ["CallSite", "Choice", "Const", "Phases", "outermost_call", "phases_of", "trains_inside"]
