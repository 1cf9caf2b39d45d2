"""Forwards: every call of an outermost module that holds parameters, and whether a backward ever used it.

A forward whose graph no backward walks through is an evaluation, whatever the function around it is called.
"""

import weakref

import torch
from torch import nn

from . import checksum, saved
from .trees import tensors

_SAMPLED = 4  # passes by one way and in one mode whose saved tensors and outputs are looked at
_SHAPES = 16  # tensors of an output whose shapes are told
_RECHECKED = 64  # a module's parts are listed anew after so many of its calls
_norms = tuple(
    kind for kind in (getattr(nn.modules.batchnorm, name, None) for name in ("_NormBase", "_BatchNorm")) if kind
)
_dropouts = (nn.modules.dropout._DropoutNd,)


class Parts:
    """The parts of a module that matter: whether it has parameters, its normalisations, its mode-dependent layers."""

    def __init__(self, module):
        self.calls = 0
        self.identities = {id(parameter) for parameter in module.parameters()}
        self.storages = {saved.storage_of(parameter) for parameter in module.parameters()}
        self.has_parameters = bool(self.storages)
        modules = list(module.modules())
        counters = [(getattr(part, "num_batches_tracked", None), part) for part in modules if isinstance(part, _norms)]
        kept = [(counter, part) for counter, part in counters if isinstance(counter, torch.Tensor)]
        self.counters = [counter for counter, _ in kept]
        self.norms = [weakref.ref(part) for _, part in kept]
        self.dependent = [weakref.ref(part) for part in modules if isinstance(part, _norms + _dropouts)]

    def training(self):
        """How many mode-dependent layers are in training mode, and how many there are."""
        parts = [part for part in (reference() for reference in self.dependent) if part is not None]
        return sum(bool(part.training) for part in parts), len(parts)


def _is_frozen(reference):
    """Whether none of a normalisation's parameters learns."""
    part = reference()
    parameters = list(part.parameters()) if part is not None else []
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)


class Forwards:
    """Replaces `nn.Module.__call__`."""

    def __init__(self, recorder):
        self.recorder = recorder
        self.original = nn.Module.__call__
        self._parts = weakref.WeakKeyDictionary()
        self._ways = {}  # stack and class -> [the number of this way, how often it was taken]
        self._sampled = {}  # (number of a way, mode) -> how many of its passes were looked at

    def install(self):
        observer, original, local = self, self.original, self.recorder.local

        def __call__(module, *args, **kwargs):
            if getattr(local, "inside", 0):
                return original(module, *args, **kwargs)
            return observer.call(module, args, kwargs)

        nn.Module.__call__ = __call__

    def call(self, module, args, kwargs):
        """A call from outside of any forward."""
        recorder = self.recorder
        parts = self._parts_of(module)
        if not parts.has_parameters or isinstance(module, nn.modules.loss._Loss):
            return self.original(module, *args, **kwargs)
        recorder.check_stopped()
        event = self._begin(module, parts)
        versions = [counter._version for counter in parts.counters]
        recorder.current, recorder.local.inside = event, 1
        try:
            output = self._watched(event, parts, module, args, kwargs)
        finally:
            recorder.local.inside, recorder.current = 0, None
        # In evaluation mode dropout draws nothing: what the program draws next must not depend on that.
        recorder.anchor(f"after {event['number']}.{recorder.forwards}")
        # `running_mean._version` stays as it is although the values move: the counter tells.
        moved = [n for n, (c, v) in enumerate(zip(parts.counters, versions)) if c._version != v]
        event["bn"], event["frozen"] = len(moved), sum(_is_frozen(parts.norms[n]) for n in moved)
        self._end(event, output, module, args, kwargs)
        return output

    def _parts_of(self, module):
        parts = self._parts.get(module)
        if parts is None or parts.calls % _RECHECKED == 1:
            calls = parts.calls if parts is not None else 0
            parts = self._parts[module] = Parts(module)
            parts.calls = calls
        parts.calls += 1
        return parts

    def _begin(self, module, parts):
        recorder = self.recorder
        recorder.work += 1
        recorder.forwards += 1
        stack = recorder.stack(3)
        number = self._ways.setdefault((stack, type(module).__name__), [len(self._ways), 0])
        number[1] += 1
        recorder.anchor(f"forward {number[0]}.{number[1]}")
        training, dependent = parts.training()
        return {
            "i": recorder.forwards,
            "stack": stack if number[1] == 1 else None,
            "number": number[0],
            "cls": type(module).__name__,
            "mode": "train" if module.training else "eval",
            "training": training,
            "dependent": dependent,
            "learns": not parts.identities.isdisjoint(recorder.learning) if recorder.learning else None,
            "grad": torch.is_grad_enabled(),
            "step": recorder.steps,
            "saved": None,
            "drop": 0,
            "sampled": self._is_sampled(number[0], module.training),
        }

    def _is_sampled(self, way, training):
        """Whether to look closely. One line may train and evaluate in turn: each of the two is looked at."""
        count = self._sampled[way, training] = self._sampled.get((way, training), 0) + 1
        return count <= _SAMPLED

    def _watched(self, event, parts, module, args, kwargs):
        if not event["sampled"] or saved.saved_tensors_hooks is None:
            return self.original(module, *args, **kwargs)
        event["saved"] = 0
        with saved.counting(self.recorder, event, parts.storages, self._mark(event)):
            return self.original(module, *args, **kwargs)

    def _end(self, event, output, module, args, kwargs):
        found = list(tensors(output))
        event["graph"] = any(tensor.requires_grad for tensor in found)
        if event["sampled"] and found:
            event["crc"] = checksum.crc_of(found)
            event["digest"] = checksum.digest(found)
            event["shapes"] = [list(tensor.shape) for tensor in found[:_SHAPES]]
        if self.recorder.job.repeat and event["sampled"] and event["mode"] == "eval":
            event["repeats"] = self._repeats(found, module, args, kwargs)
        self.recorder.stream.event("fwd", **event)
        mark = self._mark(event)
        for tensor in found:
            if tensor.requires_grad and tensor.grad_fn is not None:
                tensor.register_hook(mark)
        if self.recorder.forwards >= self.recorder.job.forwards:
            self.recorder.stop("forwards")

    def _mark(self, event):
        """A hook that tells, once, that a backward reached this forward."""
        stream = self.recorder.stream

        def mark(gradient=None):
            if not event.get("used"):
                event["used"] = True
                stream.event("used", i=event["i"])

        return mark

    def _repeats(self, found, module, args, kwargs):
        """Whether the same input gives the same output under another seed.

        Buffers that it moves are put back; others are not touched, since a graph may hold them.
        """
        buffers = [(buffer, buffer.detach().clone()) for buffer in module.buffers()]
        state = torch.get_rng_state()
        self.recorder.local.inside, self.recorder.asking = 1, True
        try:
            torch.default_generator.manual_seed(987654321)
            with torch.no_grad():
                again = list(tensors(self.original(module, *args, **kwargs)))
            return len(again) == len(found) and all(torch.equal(a, b) for a, b in zip(found, again))
        except Exception:
            return None
        finally:
            self.recorder.local.inside, self.recorder.asking = 0, False
            torch.set_rng_state(state)
            with torch.no_grad():
                for buffer, value in buffers:
                    if not torch.equal(buffer, value):
                        buffer.copy_(value)
