"""Tensors: how they are moved, converted and made. Every patch calls the original, with the CPU as the device."""

import functools

import torch

from .redirect_places import CPU, ON_CPU, ON_CUDA, arrived, brought_back, moved, names_cuda, place_of, put

#: Functions of torch with `device=`. Modules (`nn.Linear(..., device="cuda")`) make their parameters by these.
FACTORIES = (
    *("arange", "bartlett_window", "blackman_window", "empty", "empty_permuted", "empty_strided", "eye", "full"),
    *("hamming_window", "hann_window", "kaiser_window", "linspace", "logspace", "normal", "ones", "rand", "randint"),
    *("randn", "randperm", "range", "scalar_tensor", "sparse_bsc_tensor", "sparse_bsr_tensor"),
    *(
        "sparse_compressed_tensor",
        "sparse_coo_tensor",
        "sparse_csc_tensor",
        "sparse_csr_tensor",
        "tensor",
        "tril_indices",
        "triu_indices",
        "zeros",
    ),
)
#: Those that also ask a tensor where it is.
LIKE = ("empty_like", "full_like", "ones_like", "rand_like", "randint_like", "randn_like", "zeros_like")
NEW = ("new_empty", "new_empty_strided", "new_full", "new_ones", "new_tensor", "new_zeros")
#: Those that share the memory of their argument on the CPU, and copy to a GPU.
SHARING = ("as_tensor", "asarray")
#: torch.fft's and torch.nested's own.
OTHERS = (("fft", "fftfreq"), ("fft", "rfftfreq"), ("nested", "nested_tensor"))

LEGACY = tuple("BFloat16 Bool Byte Char Double Float Half Int Long Short".split())


def replace(owner, name, make):
    """Put make(original) in the place of owner.name, where this torch has it."""
    original = getattr(owner, name, None)
    if original is not None:
        setattr(owner, name, make(original))


def install(note, exact):
    """Redirect the methods of tensors, the functions that make them, the legacy types and the default device."""
    _install_methods(note, exact)
    _keep_the_list_of_constructors()
    for name in (*FACTORIES, *LIKE, *SHARING):
        replace(torch, name, lambda original, name=name: _factory(original, note, name))
    for module, name in OTHERS:
        replace(getattr(torch, module, None), name, lambda original, name=name: _factory(original, note, name))
    for name in NEW:
        replace(torch.Tensor, name, lambda original, name=name: _factory(original, note, name))
    _install_legacy_types(note)
    _install_default_device(note)


# ---- methods


def _install_methods(note, exact):
    tensor = torch.Tensor
    tensor.cuda = _cuda(note)
    replace(tensor, "to", lambda original: _to(original, note, exact))
    replace(tensor, "cpu", _cpu)
    replace(tensor, "type", lambda original: _type(original, note))
    replace(tensor, "type_as", _type_as)
    tensor.pin_memory = _pin_memory(note)
    tensor.get_device = _get_device
    tensor.record_stream = _record_stream


def _cuda(note):
    def cuda(self, device=None, non_blocking=False, memory_format=torch.preserve_format):
        note("redirect", "Tensor.cuda")
        return moved(self, memory_format)

    return cuda


def _to(original, note, exact):
    """All forms of a move: to a name, device, index or other tensor, by position or keyword, with a dtype or not."""

    @functools.wraps(original)
    def to(self, *args, **kwargs):
        target = args[0] if args else kwargs.get("device", kwargs.get("other"))
        if names_cuda(target):
            note("redirect", "Tensor.to")
            args, kwargs = ((CPU, *args[1:]), kwargs) if args else (args, dict(kwargs, device=CPU))
            return arrived(self, original(self, *args, **kwargs))
        result = original(self, *args, **kwargs)
        if isinstance(target, torch.Tensor):
            return arrived(self, result) if place_of(target) == ON_CUDA else result
        if isinstance(target, str) or (exact and isinstance(target, torch.device)):
            return brought_back(self, result) if str(target).startswith("cpu") else result
        return result

    return to


def _cpu(original):
    @functools.wraps(original)
    def cpu(self, *args, **kwargs):
        return brought_back(self, original(self, *args, **kwargs))

    return cpu


def _type(original, note):
    @functools.wraps(original)
    def type_(self, *args, **kwargs):
        wanted = args[0] if args else kwargs.get("dtype")
        legacy = _on_cpu(wanted)
        if legacy is wanted:
            return original(self, *args, **kwargs)
        note("redirect", "Tensor.type")
        args, kwargs = ((legacy, *args[1:]), kwargs) if args else (args, dict(kwargs, dtype=legacy))
        return arrived(self, original(self, *args, **kwargs))

    return type_


def _type_as(original):
    @functools.wraps(original)
    def type_as(self, other):
        result = original(self, other)
        return arrived(self, result) if place_of(other) == ON_CUDA else result

    return type_as


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


# ---- functions that make tensors


def _factory(original, note, name):
    like = name in LIKE or name in NEW
    settle = moved if name in SHARING else functools.partial(put, place=ON_CUDA)

    @functools.wraps(original)
    def make(*args, **kwargs):
        device = kwargs.get("device")
        there = names_cuda(device)
        if there:
            note("redirect", "device=")
            kwargs["device"] = CPU
        elif like and device is None:
            there = bool(args) and place_of(args[0]) == ON_CUDA
        if kwargs.get("pin_memory"):
            kwargs["pin_memory"] = False
        result = original(*args, **kwargs)
        return settle(result) if there else result

    _tell_the_script_compiler(original, make)
    return make


def _tell_the_script_compiler(original, made):
    """torch.jit.script knows functions of torch by their identity: it takes the new one for the operator too."""
    try:
        from torch.jit import _builtins

        operator = _builtins._find_builtin(original)
        if operator is not None:
            _builtins._register_builtin(made, operator)
    except (ImportError, AttributeError):
        pass


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


# ---- the default device: torch.set_default_device("cuda"), with torch.device("cuda")


def _keep_the_list_of_constructors():
    """torch collects its constructors at the first use, by name: it must see its own, not ours."""
    try:
        from torch.utils._device import _device_constructors
    except ImportError:
        return
    _device_constructors()


def _install_default_device(note):
    try:
        from torch.utils._device import DeviceContext, _device_constructors
    except ImportError:
        return
    replace(DeviceContext, "__init__", lambda original: _noted_default(original, note))
    replace(DeviceContext, "__torch_function__", lambda original: _default_on_cpu(original, _device_constructors()))


def _noted_default(original, note):
    @functools.wraps(original)
    def __init__(self, device):
        original(self, device)
        if self.device.type == "cuda":
            note("redirect", "default device")

    return __init__


def _default_on_cpu(original, constructors):
    @functools.wraps(original)
    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if self.device.type == "cuda" and func in constructors and kwargs.get("device") is None:
            return put(func(*args, **dict(kwargs, device=CPU)), ON_CUDA)
        return original(self, func, types, args, kwargs)

    return __torch_function__
