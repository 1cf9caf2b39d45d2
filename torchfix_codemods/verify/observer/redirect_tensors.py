"""Tensors: how they are moved and converted, by their methods and by the legacy types."""

import functools

import torch

from .redirect_places import ON_CPU, ON_CUDA, arrived, brought_back, moved, names_cuda, place_of, put, replace

LEGACY = tuple("BFloat16 Bool Byte Char Double Float Half Int Long Short".split())


def install(note, exact):
    """Redirect the methods of tensors and the legacy types. `exact` is that of `redirect.install`."""
    _install_methods(note, exact)
    _install_legacy_types(note)


# ---- methods


def _install_methods(note, exact):
    tensor = torch.Tensor
    tensor.cuda = _cuda(note)
    replace(tensor, "to", lambda original: _to(original, note, exact))
    replace(tensor, "cpu", _cpu)
    replace(tensor, "type", lambda original: _type(original, note, exact))
    replace(tensor, "type_as", _type_as)
    for owner in (tensor, torch.nn.Parameter):
        replace(owner, "__deepcopy__", _deepcopy)
    tensor.pin_memory = _pin_memory(note)
    tensor.get_device = _get_device
    tensor.record_stream = _record_stream


def _cuda(note):
    def cuda(self, device=None, non_blocking=False, **kwargs):
        note("redirect", "Tensor.cuda")
        return moved(self, **kwargs)

    return cuda


def _to(original, note, exact):
    """All forms of a move: to a name, device, index or other tensor, by position or keyword, with a dtype or not."""

    @functools.wraps(original)
    def to(self, *args, **kwargs):
        target = args[0] if args else kwargs.get("device", kwargs.get("other"))
        if names_cuda(target):
            note("redirect", "Tensor.to")
            return arrived(self, _converted(original, self, args, kwargs))
        result = original(self, *args, **kwargs)
        if isinstance(target, torch.Tensor):
            return arrived(self, result) if place_of(target) == ON_CUDA else result
        if isinstance(target, str) or (exact and isinstance(target, torch.device)):
            return brought_back(self, result) if str(target).startswith("cpu") else result
        return result

    return to


def _converted(original, tensor, args, kwargs):
    """The rest of a move: dtype, copy, memory format. No device is named, for a mode would see a move to the CPU."""
    rest, kwargs = list(args[1:]), {name: value for name, value in kwargs.items() if name != "device"}
    if rest:
        rest[0] = tensor.dtype if rest[0] is None else rest[0]
    elif kwargs.get("dtype") is None:
        kwargs["dtype"] = tensor.dtype
    return original(tensor, *rest, **kwargs)


def _cpu(original):
    @functools.wraps(original)
    def cpu(self, *args, **kwargs):
        return brought_back(self, original(self, *args, **kwargs))

    return cpu


def _type(original, note, exact):
    @functools.wraps(original)
    def type_(self, *args, **kwargs):
        wanted = args[0] if args else kwargs.get("dtype")
        legacy = _on_cpu(wanted)
        if legacy == wanted:
            result = original(self, *args, **kwargs)
            return _told_exactly(self, wanted, result) if exact else result
        note("redirect", "Tensor.type")
        args, kwargs = ((legacy, *args[1:]), kwargs) if args else (args, dict(kwargs, dtype=legacy))
        return arrived(self, original(self, *args, **kwargs))

    return type_


def _told_exactly(tensor, wanted, result):
    """A tensor on the GPU names its type so, and a legacy type of the CPU moves it back; a dtype moves nothing."""
    if place_of(tensor) != ON_CUDA or isinstance(wanted, torch.dtype):
        return result
    if wanted is None:
        return result if ".cuda." in result else result.replace("torch.", "torch.cuda.", 1)
    return brought_back(tensor, result)


def _type_as(original):
    @functools.wraps(original)
    def type_as(self, other):
        result = original(self, other)
        return arrived(self, result) if place_of(other) == ON_CUDA else result

    return type_as


def _deepcopy(original):
    @functools.wraps(original)
    def __deepcopy__(self, memo):
        result = original(self, memo)
        return put(result, ON_CUDA) if place_of(self) == ON_CUDA else result

    return __deepcopy__


def _pin_memory(note):
    def pin_memory(self, device=None):
        note("redirect", "Tensor.pin_memory")
        return self

    return pin_memory


def _get_device(self):
    """Programs ask it of tensors on a GPU, to make others there: 0, unless the tensor is known to be on the CPU."""
    return -1 if place_of(self) == ON_CPU else 0


def _record_stream(self, stream):
    return None


# ---- legacy types: torch.cuda.FloatTensor and its like


def _install_legacy_types(note):
    for gpu, cpu in ((torch.cuda, torch), (getattr(torch.cuda, "sparse", None), getattr(torch, "sparse", None))):
        for kind in LEGACY:
            name = kind + "Tensor"
            if hasattr(gpu, name) and hasattr(cpu, name):
                setattr(gpu, name, _legacy_type(name, gpu.__name__, getattr(cpu, name), note))
    replace(torch, "set_default_tensor_type", lambda original: _set_default_tensor_type(original, note))


class _LegacyType(type):
    """A type whose instances are tensors of another type: torch's own is one of that kind too."""

    def __call__(cls, *args, **kwargs):
        cls.note("redirect", cls.__module__ + "." + cls.__name__)
        kwargs.pop("device", None)
        return put(cls.on_cpu(*args, **kwargs), ON_CUDA)

    def __instancecheck__(cls, value):
        return isinstance(value, cls.on_cpu) and place_of(value) == ON_CUDA


def _legacy_type(name, module, on_cpu, note):
    return _LegacyType(name, (), {"__module__": module, "on_cpu": on_cpu, "note": staticmethod(note)})


def _on_cpu(kind):
    """The CPU's twin of a legacy type or its name; anything else as it is."""
    if isinstance(kind, _LegacyType):
        return kind.on_cpu
    return kind.replace("torch.cuda.", "torch.") if isinstance(kind, str) else kind


def _set_default_tensor_type(original, note):
    """What is made after a GPU type was set is on the GPU, which newer versions call the default device."""

    @functools.wraps(original)
    def set_default_tensor_type(kind):
        on_cpu = _on_cpu(kind)
        on_gpu = on_cpu != kind
        original(on_cpu)
        if on_gpu:
            note("redirect", "torch.set_default_tensor_type")
        if hasattr(torch, "set_default_device"):
            torch.set_default_device("cuda" if on_gpu else None)

    return set_default_tensor_type
