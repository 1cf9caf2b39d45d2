"""Losses on log-probabilities or probabilities that get the very scores of a layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.trace import LossCall, Place
from torchfix_codemods.analysis.values import Site


@dataclass
class LossUse:
    """One loss, by where it is built (a function: by where it is called), with all its calls in the program."""

    loss: str
    made_at: Site | None
    path: str
    calls: list[LossCall] = field(default_factory=list)
    chosen: bool = False  # at the same place another loss may be called: which one, is decided at run time

    @property
    def layers(self) -> list[Site]:
        """The layers whose very scores it gets."""
        return sorted({site for call in self.calls for site in call.raw})


def loss_uses(program: Program) -> list[LossUse]:
    """Every loss of the program, with the calls that were seen."""
    found: dict[Site | Place, LossUse] = {}
    kinds: dict[Place, set[str]] = {}
    for _, call in program.events(LossCall):
        if call.loss == "log_softmax":
            continue
        kinds.setdefault(call.place, set()).add(call.loss)
        path = call.place.path if call.made_at is None else call.made_at.path
        use = found.setdefault(call.made_at or call.place, LossUse(call.loss, call.made_at, path))
        use.calls.append(call)
    for use in found.values():
        use.chosen = any(len(kinds[call.place]) > 1 for call in use.calls)
    return list(found.values())


def raw_losses(program: Program, path: str) -> Iterator[LossUse]:
    """The losses of a file that want (log-)probabilities, and certainly get a layer's scores in some call."""
    for use in loss_uses(program):
        if use.path == path and use.loss in ("nll", "bce") and use.layers:
            yield use
