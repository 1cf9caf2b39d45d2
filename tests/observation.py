"""Running an example's program under observation.

A program is executed in this process, with its folder first on `sys.path`, one thread and a fixed seed. Nothing in it
is replaced: a torch function mode and the global module hooks look on. A *forward* is a call of an outermost module
that holds parameters; it belongs to training when a later `backward` walks through its output, to evaluation otherwise.
"""

from __future__ import annotations

import contextlib
import io
import runpy
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from stepping import Steps
from torch import nn
from torch.nn.modules import module as module_hooks
from torch.overrides import TorchFunctionMode

_SHAPE_ONLY = (
    *("View", "UnsafeView", "Reshape", "Squeeze", "Unsqueeze", "Permute", "Transpose", "T", "Slice", "Select"),
    *("Clone", "ToCopy", "Cat", "Stack", "Expand", "LogSoftmax"),
)
_LOSSES = (
    nn.functional.cross_entropy,
    nn.functional.nll_loss,
    nn.functional.binary_cross_entropy_with_logits,
)

_WITH_TARGET = [
    getattr(nn.functional, name)
    for name in (
        *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "binary_cross_entropy", "cross_entropy"),
        *("binary_cross_entropy_with_logits", "cosine_similarity"),
    )
]


@dataclass
class Forward:
    """One call of an outermost module."""

    training: bool
    graph: bool
    nodes: set[object]
    repeatable: bool | None
    reached_by_backward: bool = False


@dataclass(frozen=True)
class LossCall:
    """One call of a loss on classes: its value, how many classes, and whether an activation came before."""

    value: float
    classes: int
    activated: bool


@dataclass
class Observed:
    """What was seen of one run."""

    error: BaseException | None = None
    output: str = ""
    warnings: list[str] = field(default_factory=list)
    forwards: list[Forward] = field(default_factory=list)
    losses: list[LossCall] = field(default_factory=list)
    backward_values: list[float] = field(default_factory=list)
    steps: Steps = field(default_factory=Steps)
    targets: list[bool] = field(default_factory=list)  # whether the target of a loss needs gradients
    modules: list[nn.Module] = field(default_factory=list)  # every outermost one that ran
    gradients: int = 0  # the most parameters of them that have a gradient after a backward

    @property
    def evaluation(self) -> list[Forward]:
        """The forwards through which no backward went."""
        return [forward for forward in self.forwards if not forward.reached_by_backward]

    @property
    def training(self) -> list[Forward]:
        """The forwards through which a backward went."""
        return [forward for forward in self.forwards if forward.reached_by_backward]


def observe(folder: Path, program: str, *, replay: bool) -> Observed:
    """Run `folder/program` as `__main__`. `replay` calls each module twice to see whether its answer repeats."""
    observed, printed = Observed(), io.StringIO()
    torch.manual_seed(0)
    with contextlib.ExitStack() as stack:
        caught = stack.enter_context(warnings.catch_warnings(record=True))
        warnings.simplefilter("always")
        stack.enter_context(contextlib.redirect_stdout(printed))
        stack.enter_context(_own_imports(folder))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(_watch_forwards(observed, replay))
        stack.enter_context(observed.steps.watched())
        stack.enter_context(_Watcher(observed))
        try:
            runpy.run_path(str(folder / program), run_name="__main__")
        except Exception as error:
            observed.error = error
    observed.output = printed.getvalue()
    observed.warnings = [str(warning.message) for warning in caught]
    return observed


@contextlib.contextmanager
def _own_imports(folder: Path) -> Iterator[None]:
    """The folder's modules are importable inside, and forgotten afterwards."""
    known, path = set(sys.modules), list(sys.path)
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode, written = True, sys.dont_write_bytecode
    try:
        yield
    finally:
        sys.path[:], sys.dont_write_bytecode = path, written
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
                del sys.modules[name]


class _Watcher(TorchFunctionMode):
    """Notes losses and backwards as they are called."""

    def __init__(self, observed: Observed) -> None:
        super().__init__()
        self.observed = observed

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.backward:
            self._note_backward(args[0])
        result = func(*args, **(kwargs or {}))
        if func is torch.Tensor.backward:
            parameters = {p for module in self.observed.modules for p in module.parameters()}
            self.observed.gradients = max(self.observed.gradients, sum(p.grad is not None for p in parameters))
        if func in _WITH_TARGET:
            self.observed.targets.append((args[1] if len(args) > 1 else (kwargs or {})["target"]).requires_grad)
        if func in _LOSSES:
            scores = args[0] if args else kwargs["input"]
            classes = scores.shape[1] if scores.dim() > 1 else 1
            self.observed.losses.append(LossCall(float(result.sum()), classes, _activated(scores.grad_fn)))
        return result

    def _note_backward(self, loss: torch.Tensor) -> None:
        self.observed.backward_values.append(float(loss.detach().sum()))
        self.observed.steps.note_backward()
        reached = _nodes_below(loss.grad_fn)
        for forward in self.observed.forwards:
            forward.reached_by_backward |= not forward.nodes.isdisjoint(reached)


def _nodes_below(start: Any) -> set[object]:
    """Every node of the graph from `start` on."""
    seen: set[object] = set()
    todo = [start]
    while todo:
        node = todo.pop()
        if node is not None and node not in seen:
            seen.add(node)
            todo.extend(parent for parent, _ in node.next_functions)
    return seen


def _activated(node: Any) -> bool:
    """Whether softmax or sigmoid was applied last, looking through operations that only move numbers."""
    if node is None:
        return False
    name = node.name().rstrip("0123456789").removesuffix("Backward")
    if name in ("Softmax", "Sigmoid"):
        return True
    return name in _SHAPE_ONLY and any(_activated(parent) for parent, _ in node.next_functions)


@contextlib.contextmanager
def _watch_forwards(observed: Observed, replay: bool) -> Iterator[None]:
    depth = 0
    buffers: list[torch.Tensor] = []

    def enter(module: nn.Module, args: Any) -> None:
        nonlocal depth
        depth += 1
        if depth == 1 and replay:
            buffers[:] = [buffer.clone() for buffer in module.buffers()]

    def leave(module: nn.Module, args: Any, kwargs: Any, output: Any = None) -> None:
        nonlocal depth
        if depth == 1 and _holds_parameters(module):
            repeats = _repeats(module, args, kwargs, output, buffers) if replay else None
            tensors = list(_tensors(output))
            nodes: set[object] = {tensor.grad_fn for tensor in tensors if tensor.grad_fn is not None}
            graph = any(tensor.requires_grad for tensor in tensors)
            observed.modules += [] if module in observed.modules else [module]
            observed.forwards.append(Forward(module.training, graph, nodes, repeats))
        depth -= 1

    handles = [
        module_hooks.register_module_forward_pre_hook(enter),
        module_hooks.register_module_forward_hook(leave, with_kwargs=True, always_call=True),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _holds_parameters(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _repeats(module: nn.Module, args: Any, kwargs: Any, output: Any, before: list[torch.Tensor]) -> bool:
    """Whether another call gives the same output, and the first one left the running statistics alone."""
    buffers = list(module.buffers())
    if not all(torch.equal(old, new) for old, new in zip(before, buffers, strict=True)):
        return False
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(4242)
        again = module(*args, **kwargs)
    return all(torch.equal(old, new) for old, new in zip(_tensors(output), _tensors(again), strict=True))


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    """The tensors of an output, also those in tuples, lists and dicts."""
    match value:
        case torch.Tensor():
            yield value
        case dict():
            yield from _tensors(list(value.values()))
        case list() | tuple():
            for item in value:
                yield from _tensors(item)
