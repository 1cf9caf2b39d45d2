"""What calls of functions gave, to be used again; also for calls that differ only in which model calls flow in.

Each walk of a loop gives its model calls new ids, so what is computed from them is never the same twice. A function
that does nothing with a graph but hand it on need not be run anew for each.
"""

from __future__ import annotations

from collections.abc import Hashable
from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace

from torchfix_codemods.analysis.interpreter.state import State
from torchfix_codemods.analysis.trace import Backward, Escape, Event, ModelCall, OptimizerStep, TargetCall, VolatileFlag
from torchfix_codemods.analysis.values import (
    NO_CALLS,
    NONE,
    Bound,
    Choice,
    Lazy,
    ListOf,
    Mapping,
    Sequence,
    Tensor,
    Unknown,
    Value,
    calls_of,
    options,
)

RUNS = 2  # so many calls that differ only in their model calls are run
_OF_GRAPHS = (Backward, OptimizerStep, TargetCall, VolatileFlag)


@dataclass(frozen=True)
class Outcome:
    """What a call with certain arguments in a certain state gave."""

    value: Value
    state: State
    ran: bool  # whether a model ran


_NONE_YET = Outcome(NONE, State(), ran=False)


@dataclass(frozen=True)
class Alike:
    """Calls that differ only in the model calls `given` to them: `last` is what came of the last one."""

    key: Hashable
    given: frozenset[int] = NO_CALLS  # to the call at hand
    before: frozenset[int] = NO_CALLS  # to the last one
    last: Outcome = _NONE_YET
    escapes: tuple[Escape, ...] = ()  # of these model calls, one for each way out
    runs: int = 0  # since when nothing was done with a graph but to hand it on

    def asked(self, given: frozenset[int]) -> Alike:
        """The same for a call with these model calls."""
        return replace(self, given=given)

    @property
    def answer(self) -> Value:
        """The value of the call at hand, as the last one had it."""
        return _with_others(self.last.value, self.before, self.given)

    def after(self, outcome: Outcome, events: Seq[Event], keeps: bool) -> Alike:
        """With what came of the call at hand; `keeps` says that a graph was put where it outlives the call."""
        used = keeps or _is_lazy(outcome.value) or any(_uses(event, self.given) for event in events)
        ways = {(e.kind, e.name): e for e in events if isinstance(e, Escape) and not e.calls.isdisjoint(self.given)}
        return Alike(self.key, NO_CALLS, self.given, outcome, tuple(ways.values()), 0 if used else self.runs + 1)


def _uses(event: Event, given: frozenset[int]) -> bool:
    match event:
        case ModelCall(model=model, calls=calls):
            return not calls.isdisjoint(given) and not all(isinstance(option, Unknown) for option in options(model))
        case Escape(volatile=volatile):
            return bool(volatile)
        case _:
            return isinstance(event, _OF_GRAPHS)


def without_calls(value: Value) -> Hashable:
    """What a value is besides its model calls."""
    match value:
        case Unknown() | Tensor() if value.calls:
            return replace(value, calls=NO_CALLS)
        case Sequence(items=items, kind=kind):
            return kind, tuple(map(without_calls, items))
        case ListOf(item=item, kind=kind):
            return "of", kind, without_calls(item)
        case Mapping(items=pairs):
            return "mapping", tuple((name, without_calls(item)) for name, item in pairs)
        case Choice(options=found):
            return frozenset(map(without_calls, found))
        case Bound(receiver=receiver, name=name, function=function):
            return name, function, without_calls(receiver)
        case _:
            return value


def _with_others(value: Value, old: frozenset[int], new: frozenset[int]) -> Value:
    """The value with other model calls in place of the old ones, wherever it has some of these."""
    if calls_of(value).isdisjoint(old):
        return value
    match value:
        case Unknown() | Tensor():
            return replace(value, calls=(value.calls - old) | new)
        case Sequence(items=items):
            return replace(value, items=tuple(_with_others(item, old, new) for item in items))
        case ListOf(item=item):
            return replace(value, item=_with_others(item, old, new))
        case Mapping(items=pairs):
            return Mapping(tuple((name, _with_others(item, old, new)) for name, item in pairs))
        case Choice(options=found):
            return Choice(tuple(_with_others(option, old, new) for option in found))
        case Bound(receiver=receiver):
            return replace(value, receiver=_with_others(receiver, old, new))
        case _:
            return value


def _is_lazy(value: Value) -> bool:
    """Whether something in a value is still to be computed."""
    match value:
        case Lazy():
            return True
        case Sequence(items=items):
            return any(map(_is_lazy, items))
        case ListOf(item=item) | Bound(receiver=item):
            return _is_lazy(item)
        case Mapping(items=pairs):
            return any(_is_lazy(item) for _, item in pairs)
        case Choice(options=found):
            return any(map(_is_lazy, found))
        case _:
            return False
