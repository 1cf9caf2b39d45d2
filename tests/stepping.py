"""What optimizer steps use and do, as an example's program runs: looked at through torch's own hooks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook


@dataclass(frozen=True)
class Step:
    """One `step()`. `used` of the `ran` backward passes since the step before are in its gradients.

    `stale`: so are older ones. `moved`: some parameter changed.
    """

    norm: float
    ran: int
    used: int
    stale: bool
    moved: bool


class Steps:
    """The steps of a run. Gradients are looked at when a backward pass begins: are all of an optimizer's cleared?"""

    def __init__(self) -> None:
        self.found: list[Step] = []
        self.backwards = 0
        self._last: dict[int, int] = {}  # backward passes at the last step of each optimizer, at its last clearing
        self._cleared: dict[int, int] = {}
        self._known: dict[int, torch.optim.Optimizer] = {}
        self._values: list[torch.Tensor] = []

    @property
    def left(self) -> int:
        """The backward passes behind the last step of any optimizer."""
        return self.backwards - max(self._last.values(), default=0)

    def note_backward(self) -> None:
        """A backward pass begins."""
        for key, optimizer in self._known.items():
            if not any(_has_gradient(parameter) for parameter in _parameters(optimizer)):
                self._cleared[key] = self.backwards
        self.backwards += 1

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Steps inside are noted."""
        handles = [
            register_optimizer_step_pre_hook(self._before),
            register_optimizer_step_post_hook(self._after),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _before(self, optimizer: torch.optim.Optimizer, *rest: Any) -> None:
        self._values = [parameter.detach().clone() for parameter in _parameters(optimizer)]

    def _after(self, optimizer: torch.optim.Optimizer, *rest: Any) -> None:
        key = id(optimizer)
        last, cleared = self._last.get(key, 0), self._cleared.get(key, 0)
        gradients = [p.grad for p in _parameters(optimizer) if p.grad is not None]
        lost = not any(map(_has_gradient, _parameters(optimizer)))
        self.found.append(
            Step(
                norm=float(torch.stack([g.norm() for g in gradients]).norm()) if gradients else 0.0,
                ran=self.backwards - last,
                used=0 if lost else self.backwards - max(last, cleared),
                stale=not lost and cleared < last,
                moved=any(not a.equal(b) for a, b in zip(self._values, _parameters(optimizer), strict=True)),
            )
        )
        self._known[key], self._last[key] = optimizer, self.backwards


def _parameters(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _has_gradient(parameter: torch.Tensor) -> bool:
    return parameter.grad is not None and bool(parameter.grad.any())
