"""Modules and mixed precision: Module.to and .cuda, DataParallel, autocast and GradScaler."""

import functools
import inspect

import torch

from .redirect_places import CUDA, moved, names_cuda, replace


def install(note):
    """Redirect modules, and switch CUDA's mixed precision off."""
    replace(torch.nn.Module, "cuda", lambda original: _module_cuda(original, note))
    replace(torch.nn.Module, "to", lambda original: _module_to(original, note))
    replace(torch.nn.DataParallel, "__init__", lambda original: _data_parallel_init(original, note))
    replace(torch.nn.DataParallel, "forward", _data_parallel_forward)
    replace(torch.nn.parallel, "data_parallel", lambda original: _data_parallel(original, note))
    for name in ("autocast", "GradScaler"):
        for cls in _defining(name):
            replace(cls, "__init__", lambda original, name=name: _switched_off(original, note, name))


def _module_cuda(original, note):
    """Only told: its parameters are moved one by one by Tensor.cuda, and stay the objects that they are."""

    @functools.wraps(original)
    def cuda(self, *args, **kwargs):
        note("redirect", "Module.cuda")
        return original(self, *args, **kwargs)

    return cuda


def _module_to(original, note):
    @functools.wraps(original)
    def to(self, *args, **kwargs):
        device = args[0] if args else kwargs.get("device")
        if names_cuda(device):
            note("redirect", "Module.to")
            # A bare index is refused by torch's own reading of the arguments where there is no GPU.
            args, kwargs = ((CUDA, *args[1:]), kwargs) if args else (args, dict(kwargs, device=CUDA))
        return original(self, *args, **kwargs)

    return to


def _data_parallel_init(original, note):
    """Keep the wrapping (`.module`, "module." in the names of a state_dict) and the attributes, on one GPU."""

    @functools.wraps(original)
    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        note("redirect", "DataParallel")
        torch.nn.Module.__init__(self)
        self.dim = dim
        self.module = module
        self.device_ids = list(device_ids or [0])
        self.output_device = self.device_ids[0] if output_device is None else output_device
        self.src_device_obj = CUDA
        self.module.to(CUDA)

    return __init__


def _data_parallel_forward(original):
    @functools.wraps(original)
    def forward(self, *inputs, **kwargs):
        return self.module(*_scattered(inputs), **_scattered(kwargs))

    return forward


def _data_parallel(original, note):
    @functools.wraps(original)
    def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
        note("redirect", "data_parallel")
        inputs = inputs if isinstance(inputs, tuple) else (inputs,)
        return module(*_scattered(inputs), **_scattered(module_kwargs or {}))

    return data_parallel


def _scattered(value):
    """The tensors of an argument on the one GPU, in containers like those given."""
    if isinstance(value, torch.Tensor):
        return moved(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_scattered, value))
    if type(value) in (tuple, list):
        return type(value)(map(_scattered, value))
    if type(value) is dict:
        return {key: _scattered(item) for key, item in value.items()}
    return value


def _defining(name):
    """The classes of a name whose own `__init__` decides: those of torch.cuda.amp inherit in a newer torch."""
    newer = getattr(getattr(torch, "amp", None), name, getattr(torch, name, None))
    older = getattr(getattr(torch.cuda, "amp", None), name, None)
    if newer is not None:
        yield newer
    if older is not None and not (newer is not None and issubclass(older, newer)):
        yield older


def _switched_off(original, note, name):
    """A constructor that is asked for CUDA gives what `enabled=False` gives; for another device it is as it was."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def __init__(self, *args, **kwargs):
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        device = bound.arguments.get("device_type", bound.arguments.get("device", "cuda"))
        if names_cuda(device) and bound.arguments["enabled"]:
            note("amp", name)
            bound.arguments["enabled"] = False
        original(*bound.args, **bound.kwargs)

    return __init__
