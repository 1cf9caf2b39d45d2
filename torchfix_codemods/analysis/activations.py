"""Where the output of an activation goes: the losses that get it, and everybody else who looks at it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.trace import LossCall, Place, Use
from torchfix_codemods.analysis.values import Activation, Instance, Site, Value


@dataclass
class Flow:
    """One activation (by its site) with all its consumers in the program."""

    activation: Activation
    losses: list[LossCall] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    conditional: bool = False  # on some path the loss gets a value to which the activation was not applied
    mixed_sources: bool = False  # a loss gets this activation's output in one run, and plain logits in another
    feeds_log_softmax_loss: bool = False
    shared: frozenset[Place] = frozenset()  # expressions that also have values of another origin

    @property
    def cannot_move(self) -> bool:
        """Whether an expression to which the activation would move has other values too, or goes into the loss."""
        to_losses = {loss_place for loss in self.losses for loss_place in _bases(loss, self.activation.site)}
        return any(place in self.shared or place in to_losses for place in self.compensated)

    @property
    def wrong_dimension(self) -> bool:
        """Whether the activation certainly runs over another dimension than the loss's classes."""
        dim = self.activation.dim
        if not isinstance(dim, int) or self.activation.kind not in ("softmax", "log_softmax"):
            return False
        for loss in self.losses:
            if any(a.moved or a.base for a in loss.activations if a.site == self.activation.site):
                continue
            rank = loss.rank
            if rank is None:
                if dim == 0 or dim > 1:
                    return True
            elif dim % rank != (0 if rank == 1 else 1):
                return True
            if rank is None and dim < -1:
                return True
        return False

    @property
    def compensated(self) -> list[Place]:
        """Expressions whose numbers somebody looks at: the activation moves there when it is removed."""
        places: dict[Place, None] = {}
        for use in self.uses:
            if use.kind == "value" or (use.kind == "escape" and "which was not read" in use.why):
                base = use.activation.base
                places[Place(*base) if base else use.place] = None
        return sorted(places)


def flows_of(program: Program, path: str) -> Iterator[Flow]:
    """The activations of a file that reach a loss which contains one, in order of their place."""
    flows: dict[Site, Flow] = {}
    for _, loss in program.events(LossCall):
        if loss.loss == "bce":
            continue  # wants probabilities; seen as a use of them
        real = [a for a in loss.activations if a.kind != "none"]
        for activation in real:
            flow = flows.setdefault(activation.site, Flow(activation))
            flow.losses.append(loss)
            flow.conditional |= len(real) < len(loss.activations)
            flow.mixed_sources |= any(a.site != activation.site and a.kind != activation.kind for a in real)
    for _, use in program.events(Use):
        if use.activation.site in flows:
            flows[use.activation.site].uses.append(use)
    _note_shared(program, flows)
    log_softmaxes = {a.site for flow in flows.values() for a in [flow.activation] if a.kind == "log_softmax"}
    for flow in flows.values():
        flow.feeds_log_softmax_loss = any(
            loss.loss == "log_softmax" and _same_place(program, loss.place, log_softmaxes) for loss in flow.losses
        )
    for site in sorted(flows):
        if site.path == path:
            yield flows[site]


def is_given_by(model: Value, names: Collection[str], containers: Collection[Site | None]) -> bool:
    """Whether a model hands on an output: by the name of its class, or as the container of the activation."""
    if not isinstance(model, Instance):
        return False
    return model.cls.name.rpartition(".")[2] in names or (model.site is not None and model.site in containers)


def _bases(loss: LossCall, site: Site) -> Iterator[Place]:
    """The expressions of which a loss's argument is a view."""
    for activation in loss.activations:
        if activation.site == site and activation.base is not None:
            yield Place(*activation.base)


def _note_shared(program: Program, flows: dict[Site, Flow]) -> None:
    """Expressions that have, in some execution, a value without this activation."""
    plain = {place for trace in program.traces for place in trace.plain}
    origins: dict[Place, set[Site]] = {}
    for _, use in program.events(Use):
        place = Place(*use.activation.base) if use.activation.base else use.place
        origins.setdefault(place, set()).add(use.activation.site)
    for site, flow in flows.items():
        flow.shared = frozenset(p for p in flow.compensated if p in plain or origins.get(p, {site}) != {site})


def _same_place(program: Program, place: Place, sites: set[Site]) -> bool:
    file = program.project.parse(place.path)
    if file is None:
        return False
    start, end = file.offset(place.line, place.column), file.offset(place.end_line, place.end_column)
    return Site(place.path, start, end) in sites
