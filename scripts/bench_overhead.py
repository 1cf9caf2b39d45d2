"""What observation costs a training step: the same bounded training with and without the hooks, in turn in one process.

Needs torch. Each figure is the least processor time of a whole run over many rounds, divided by its steps: wall time
says little on a machine that does other things too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from torchfix_codemods.verify.observer.backwards import Backwards, Optimizers
from torchfix_codemods.verify.observer.forwards import Forwards
from torchfix_codemods.verify.observer.functions import Functions
from torchfix_codemods.verify.observer.job import Job
from torchfix_codemods.verify.observer.loaders import Loaders
from torchfix_codemods.verify.observer.notes import Notes
from torchfix_codemods.verify.observer.recorder import Recorder
from torchfix_codemods.verify.observer.stream import Stream

#: Goals: the time of an observed step as a multiple of a plain one, by the length of a plain step in milliseconds.
GOALS = {2.0: 1.3, 6.0: 1.1, 30.0: 1.1}
_OWNERS = (nn.Module, torch.autograd, torch.optim.Optimizer, torch.utils.data.DataLoader, F, torch, torch.Tensor)
_HOOKS = ("_global_optimizer_pre_hooks", "_global_optimizer_post_hooks")


@dataclass(frozen=True)
class Overhead:
    """Seconds of a plain and of an observed step of one kind of model, in runs of so many steps."""

    model: str
    steps: int
    wanted: float
    plain: float
    observed: float

    @property
    def ratio(self) -> float:
        """Observed against plain."""
        return self.observed / self.plain


class Hooks:
    """All that an observer puts in place, and the way back."""

    def __init__(self) -> None:
        import torch.optim.optimizer as hooks

        self._optimizer_hooks = [getattr(hooks, name) for name in _HOOKS]
        self._saved = {owner: dict(vars(owner)) for owner in _OWNERS}
        self._stream = os.open(os.devnull, os.O_WRONLY)

    def __enter__(self) -> None:
        job = Job({"script": __file__, "root": os.path.dirname(__file__), "limits": {"steps": 1000}})
        recorder = Recorder(job, Stream(self._stream), Notes())
        for part in (Functions, Backwards, Loaders, Optimizers, Forwards):
            part(recorder).install()  # type: ignore[no-untyped-call]

    def __exit__(self, *exception: object) -> None:
        for owner, saved in self._saved.items():
            for name, value in list(vars(owner).items()):
                if name in saved and saved[name] is not value:
                    setattr(owner, name, saved[name])
        for hooks in self._optimizer_hooks:
            hooks.clear()


def _mlp(width: int) -> tuple[nn.Module, tuple[int, ...]]:
    model = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(width, width), nn.ReLU())
    return nn.Sequential(model, nn.Linear(width, 10)), (16, 64)


def _cnn(width: int) -> tuple[nn.Module, tuple[int, ...]]:
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(16 * width, 10)), (16, 3, 32, 32)


def _training(model: nn.Module, shape: tuple[int, ...]) -> Callable[[int], float]:
    """A function that trains for some steps and gives the seconds of one."""
    inputs, labels = torch.randn(64, *shape[1:]), torch.randint(10, (64,))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, labels), batch_size=shape[0])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def train(steps: int) -> float:
        done, started = 0, time.process_time()
        while done < steps:
            for batch, target in loader:
                loss = F.cross_entropy(model(batch), target)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                done += 1
        return (time.process_time() - started) / done

    return train


def _of_length(make: Callable[[int], Any], wanted: float) -> Callable[[int], float]:
    """Training whose plain step takes about `wanted` seconds: the width grows until it does."""
    width = 8
    while True:
        training = _training(*make(width))
        if min(training(4) for _ in range(20)) >= wanted:
            return training
        width += max(4, width // 4)


def measure(rounds: int) -> Iterator[Overhead]:
    """Every length of a step, in runs of 8 steps (where all is looked at) and of 64 (where little of it is)."""
    torch.set_num_threads(1)
    for (wanted, _), (name, make) in zip(GOALS.items(), (("MLP", _mlp), ("CNN", _cnn), ("CNN", _cnn)), strict=True):
        training = _of_length(make, wanted / 1000)
        for steps in (8, 64):
            plain, observed = float("inf"), float("inf")
            for _ in range(max(3, rounds * 8 // steps)):
                plain = min(plain, training(steps))
                with Hooks():
                    observed = min(observed, training(steps))
            yield Overhead(name, steps, wanted, plain, observed)


def lines(rounds: int) -> Iterator[str]:
    """The table, in Markdown."""
    yield "| model | steps of a run | plain step | observed step | ratio | goal |\n|---|---|---|---|---|---|"
    for one in measure(rounds):
        cells = (one.model, str(one.steps), f"{one.plain * 1e3:.2f} ms", f"{one.observed * 1e3:.2f} ms")
        yield "| " + " | ".join((*cells, f"{one.ratio:.2f}", f"at most {GOALS[one.wanted]}")) + " |"
