"""Who uses volatile values: the model calls that they flow into, and where they go out of sight.

Up to torch 0.3 a volatile input made the output volatile. The interpreter knows which model calls a value comes from,
so whatever a model made of a volatile value is recognised by the number of that call.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from torchfix_codemods.analysis.phases import Phases, loose_calls, trained_ids
from torchfix_codemods.analysis.trace import Backward, Escape, ModelCall, Trace, VolatileFlag
from torchfix_codemods.analysis.values import NOT_VOLATILE, Site, Unknown

_METHODS = frozenset(
    """eq ne gt lt ge le add sub mul div pow max min mm bmm matmul dot copy fill masked_fill masked_select gather
    scatter index_select index_add index_copy view_as expand_as reshape_as type_as append extend insert update put
    write log add_scalar add_image image images line plot save print""".split()
)


@dataclass(eq=False)
class Consumer:
    """One execution of a call with something volatile among its arguments.

    `sites` are the `Variable` calls behind it, `definite` says that it is volatile on every way through the code,
    `mixed` that other inputs carry a graph of their own. `trained` and `loose` are as for any model call, `alone` says
    that some backward pass gets nothing but volatile values, `cleared` that the author set `.volatile = False` on the
    output, `direct` that the argument itself is volatile, not the output of another model.
    """

    trace: Trace
    event: ModelCall
    sites: frozenset[Site]
    direct: bool
    definite: bool
    mixed: bool
    trained: bool
    loose: str
    is_model: bool
    nameable: bool  # it is called by a name that could be a model's
    alone: bool = False
    cleared: bool = False

    @property
    def runs(self) -> bool:
        """Whether a model runs, or something that may be one: given a volatile value itself, and no graph."""
        return not self.is_target and (self.is_model or (self.direct and self.nameable))

    @property
    def is_target(self) -> bool:
        """Whether this is a loss or the like, which compares the volatile value with something that has a graph."""
        return (self.mixed and bool(self.trained or self.loose)) or (not self.is_model and bool(self.event.calls))


@dataclass
class Flow:
    """The volatile values of one program."""

    phases: Phases
    consumers: list[Consumer] = field(default_factory=list)

    def __post_init__(self) -> None:
        for trace in self.phases.program.traces:
            self.consumers += _Reader(trace, self._models(trace)).read()

    def _models(self, trace: Trace) -> frozenset[int]:
        return frozenset(e.event.id for site in self.phases.sites.values() for e in site.executions if e.trace is trace)

    def consumers_of(self, site: Site) -> list[Consumer]:
        """The calls that what was made at `site` flows into."""
        return [consumer for consumer in self.consumers if site in consumer.sites]

    @cached_property
    def infected(self) -> dict[int, set[int]]:
        """For each trace (by identity) the ids of the calls with volatile input."""
        found: dict[int, set[int]] = {}
        for consumer in self.consumers:
            found.setdefault(id(consumer.trace), set()).add(consumer.event.id)
        return found

    def was_run(self, site: Site) -> bool:
        """Whether the call of `Variable` was executed at all."""
        return any(site in trace.variables for trace in self.phases.program.traces)

    def is_target(self, site: Site) -> bool:
        """Whether the value is compared with the output of a model that is trained."""
        if any(consumer.is_target and consumer.mixed for consumer in self.consumers_of(site)):
            return True
        return any(
            site in backward.volatile and backward.calls - self.infected.get(id(trace), set())
            for trace, backward in self.phases.program.events(Backward)
        )

    def escapes(self, site: Site) -> Iterator[Escape]:
        """Where the value goes out of sight."""
        for _, event in self.phases.program.events(Escape):
            if site in event.volatile:
                yield event


class _Reader:
    """Reads one trace in the order of execution."""

    def __init__(self, trace: Trace, models: frozenset[int]) -> None:
        self.trace = trace
        self.models = models
        self.trained = trained_ids(trace)
        self.loose = loose_calls(trace)
        self.known: dict[int, Consumer] = {}
        self.clear: set[int] = set()

    def read(self) -> list[Consumer]:
        """Every consumer of the trace."""
        for event in self.trace.events:
            match event:
                case ModelCall():
                    self._call(event)
                case VolatileFlag(use="cleared", calls=calls):
                    self.clear |= calls
                case _:
                    pass
        infected = set(self.known)
        for event in self.trace.events:
            if isinstance(event, Backward) and (event.blind or event.calls <= infected):
                for id_ in event.calls & infected if not event.blind else infected & self.trained:
                    self.known[id_].alone = True
        for id_ in self.clear & infected:
            self.known[id_].cleared = True
        return list(self.known.values())

    def _call(self, event: ModelCall) -> None:
        behind = [self.known[id_] for id_ in event.calls - self.clear if id_ in self.known]
        direct = event.volatile - {NOT_VOLATILE}
        sites = direct.union(*(consumer.sites for consumer in behind))
        if not sites:
            return
        mixed = bool(event.calls - set(self.known))
        definite = NOT_VOLATILE not in event.volatile and all(consumer.definite for consumer in behind)
        self.known[event.id] = Consumer(
            self.trace,
            event,
            sites,
            bool(direct),
            definite and (bool(direct) or not mixed),
            mixed,
            event.id in self.trained,
            self.loose.get(event.id, ""),
            event.id in self.models,
            _could_be_a_model(event),
        )


def _could_be_a_model(event: ModelCall) -> bool:
    """Not a method of a tensor or a container whose class was not followed: `pred.eq(target)`, `meter.update(x)`."""
    key = event.model.key if isinstance(event.model, Unknown) else ""
    last = key.rpartition(".")[2]
    return bool(key) and last.rstrip("_") not in _METHODS
