"""Functions that make tensors: `device=` and the default device. Each calls the original, with the CPU as device."""

import functools

import torch

from .redirect_places import CPU, ON_CUDA, moved, names_cuda, place_of, put, replace

#: Functions of torch with `device=`. Modules (`nn.Linear(..., device="cuda")`) make their parameters by these.
FACTORIES = tuple(
    """
    arange bartlett_window blackman_window empty empty_permuted empty_strided eye full hamming_window hann_window
    kaiser_window linspace logspace normal ones rand randint randn randperm range scalar_tensor sparse_bsc_tensor
    sparse_bsr_tensor sparse_compressed_tensor sparse_coo_tensor sparse_csc_tensor sparse_csr_tensor tensor tril_indices
    triu_indices zeros
    """.split()
)
#: Those that also ask a tensor where it is.
LIKE = ("empty_like", "full_like", "ones_like", "rand_like", "randint_like", "randn_like", "zeros_like")
NEW = ("new_empty", "new_empty_strided", "new_full", "new_ones", "new_tensor", "new_zeros")
#: Those that share the memory of their argument on the CPU, and copy to a GPU.
SHARING = ("as_tensor", "asarray")
#: torch.fft's and torch.nested's own.
OTHERS = (("fft", "fftfreq"), ("fft", "rfftfreq"), ("nested", "nested_tensor"))


def install(note):
    """Redirect what makes tensors, and so the parameters of modules."""
    _keep_the_list_of_constructors()
    owners = [(torch, name) for name in (*FACTORIES, *LIKE, *SHARING)]
    owners += [(getattr(torch, module, None), name) for module, name in OTHERS]
    owners += [(torch.Tensor, name) for name in NEW]
    for owner, name in owners:
        replace(owner, name, lambda original, name=name: _factory(original, note, name))
    _install_default_device(note)


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
