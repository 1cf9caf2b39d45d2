"""Backward passes and optimizer steps."""

import functools
import importlib

import torch

from . import checksum
from .gradients import has_gradients
from .trees import number

_CHECKSUMS = 64  # steps whose parameters are compared bit by bit
_WAITING = 16  # losses on a GPU that wait before they are read, since reading waits for the GPU


class Backwards:
    """Replaces `torch.autograd.backward`, which `Tensor.backward` calls; `autograd.grad` counts as work only."""

    def __init__(self, recorder, gradients):
        self.recorder = recorder
        self._gradients = gradients
        self._waiting = []

    def install(self):
        recorder, original, gradients = self.recorder, torch.autograd.backward, torch.autograd.grad

        @functools.wraps(original)
        def backward(roots, *args, **kwargs):
            event = self._begin(roots, args, kwargs)
            try:
                return original(roots, *args, **kwargs)
            finally:
                event["live"] = recorder.live
                self._gradients.end(event.pop("place"))
                self._tell(event)

        @functools.wraps(gradients)
        def grad(*args, **kwargs):
            recorder.check_stopped()
            recorder.work += 1
            return gradients(*args, **kwargs)

        torch.autograd.backward, torch.autograd.grad = backward, grad

    def _begin(self, roots, args, kwargs):
        recorder = self.recorder
        recorder.check_stopped()
        recorder.work += 1
        recorder.trained += 1
        self._gradients.begin()
        recorder.backwards += 1
        root = roots if isinstance(roots, torch.Tensor) else next(iter(roots))
        loss = root.detach()
        return {
            "i": recorder.backwards,
            "loss": loss if loss.numel() == 1 else loss.sum(),
            "retain": bool(kwargs.get("retain_graph", args[1] if len(args) > 1 else None)),
            "step": recorder.steps,
            "place": tuple(recorder.site()[:2]),
        }

    def _tell(self, event):
        self._waiting.append(event)
        if not event["loss"].is_cuda or len(self._waiting) >= _WAITING:
            self.flush()

    def flush(self):
        """Tell all that waits."""
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self.recorder.stream.event("back", **dict(event, loss=number(event["loss"])))


def _norms(gradients):
    """The norm of each: in one call where torch has that, which is six times cheaper for many small ones."""
    together = getattr(torch, "_foreach_norm", None)
    return list(together(gradients)) if together and gradients else list(map(torch.linalg.vector_norm, gradients))


class Optimizers:
    """Steps, the gradients that they use, and whether these were cleared since the step before."""

    def __init__(self, recorder, gradients):
        self.recorder = recorder
        self._watch = gradients
        self._numbers = {}
        self._cleared = set()
        self._backwards = 0
        self._gradients = {}
        self._empty = False
        self._held = []

    def install(self):
        optimizer = torch.optim.Optimizer
        hooks = importlib.import_module("torch.optim.optimizer")
        if hasattr(hooks, "register_optimizer_step_post_hook"):
            hooks.register_optimizer_step_pre_hook(self._before)
            hooks.register_optimizer_step_post_hook(self._after)
        self._watch_groups(optimizer)
        self._watch_clearing(optimizer)
        self._watch_clearing(torch.nn.Module)

    def _watch_groups(self, kind):
        original, learning, watch = kind.add_param_group, self.recorder.learning, self._watch

        @functools.wraps(original)
        def add_param_group(self, group):
            original(self, group)
            learning.update(id(parameter) for parameter in self.param_groups[-1]["params"])
            watch.add(self)

        kind.add_param_group = add_param_group

    def _watch_clearing(self, kind):
        original, cleared = kind.zero_grad, self._cleared

        @functools.wraps(original)
        def zero_grad(self, *args, **kwargs):
            groups = getattr(self, "param_groups", None)
            found = [p for group in groups for p in group["params"]] if groups else list(self.parameters())
            cleared.update(id(parameter) for parameter in found)
            return original(self, *args, **kwargs)

        kind.zero_grad = zero_grad

    def _before(self, optimizer, args, kwargs):
        self._watch.begin_step(optimizer)
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        gradients = [p.grad.detach() for p in parameters if p.grad is not None]
        if self.recorder.job.hold:
            self._held = [(parameter, parameter.detach().clone()) for parameter in parameters]
        self._empty = self.recorder.steps < _CHECKSUMS and not has_gradients(optimizer)
        self._gradients = {
            "ng": len(gradients),
            "np": len(parameters),
            "norm": self._norm(gradients) if self.recorder.steps < _CHECKSUMS else None,
        }

    @staticmethod
    def _norm(gradients):
        try:
            norms = _norms(gradients)
            return float(torch.linalg.vector_norm(torch.stack(norms))) if norms else 0.0
        except (RuntimeError, AttributeError):
            return None  # sparse, several devices, or an old torch

    def _after(self, optimizer, args, kwargs):
        recorder = self.recorder
        recorder.work += 1
        recorder.trained += 1
        recorder.steps += 1
        with torch.no_grad():
            for parameter, value in self._held:
                parameter.copy_(value)
        self._held = []
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        cleared = bool(parameters) and all(id(p) in self._cleared for p in parameters)
        self._cleared.difference_update(id(p) for p in parameters)
        recorder.stream.event(
            "step",
            i=recorder.steps,
            opt=self._numbers.setdefault(id(optimizer), len(self._numbers)),
            crc=checksum.crc_of(parameters) if recorder.steps <= _CHECKSUMS else None,
            cleared=cleared,
            backs=recorder.backwards - self._backwards,
            **self._gradients,
            **self._watch.step(optimizer, self._empty and not has_gradients(optimizer)),
        )
        self._backwards = recorder.backwards
        recorder.anchor(f"step {recorder.steps}")
        if recorder.steps >= recorder.job.steps:
            recorder.stop("steps")
