"""The advisory second run: the redirect, with a device for every tensor, so that mismatches are seen as on a GPU.

A mode of torch sees each call of the program. What is computed from tensors "on the GPU" is there too; what is made by
a factory is on the CPU; what can't be told (legacy constructors, gradients, results of those) is in a third state,
unknown, and never accused: without it correct programs gave false alarms. Here `x.device` is cuda:0 and `x.is_cuda`
True, so a program that asserts it runs.

It costs about 4 us per call, and torch's own code takes its ways for a GPU, so its figures are not used: only whether
it ends with a ShadowMismatch. Calls inside of a function of torch are not seen, only the function.
"""

import torch

from . import redirect, redirect_places
from .redirect_places import CPU, CUDA, ON_CPU, ON_CUDA, names_cuda, place_of, put

#: Where CUDA takes arguments from both devices, or one argument has to be on the CPU.
MIXING = frozenset(
    (
        *(
            "__getitem__",
            "__setitem__",
            "index_put_",
            "index_put",
            "copy_",
            "set_",
            "to",
            "type",
            "type_as",
            "new_tensor",
        ),
        *("view_as", "reshape_as", "expand_as", "is_same_size", "result_type", "_has_compatible_shallow_copy_type"),
        *("ctc_loss", "tensor_split", "_pack_padded_sequence", "_pad_packed_sequence", "__repr__", "__format__"),
        *("tensor", "as_tensor", "asarray", "set_data", "backward"),
    )
)
#: A packed sequence brings its batch sizes along, int64 on the CPU.
RECURRENT = frozenset(("lstm", "gru", "rnn_tanh", "rnn_relu"))
#: Questions that need no place and give no tensor.
PLAIN = frozenset(
    (
        *(
            "size",
            "dim",
            "numel",
            "nelement",
            "stride",
            "item",
            "tolist",
            "is_floating_point",
            "is_complex",
            "is_contiguous",
        ),
        *("untyped_storage", "storage", "data_ptr", "element_size", "requires_grad_", "register_hook", "__len__"),
        *("__bool__", "__int__", "__float__", "__index__", "__hash__"),
    )
)


class ShadowMismatch(RuntimeError):
    """What CUDA would raise: a call got tensors of two devices, or numpy a tensor of the GPU."""


def install(note):
    """Redirect, and watch devices for the rest of this process.

    A torch below 2.1 forgets the places of parameters, and below 1.13 it has no modes: the program is then redirected
    alone, with the note ("shadow", "not observed").
    """
    try:
        from torch.overrides import TorchFunctionMode
    except ImportError:
        TorchFunctionMode = None
    watched = TorchFunctionMode is not None and redirect_places.ON_STORAGES
    redirect.install(note, exact=watched)
    if not watched:
        note("shadow", "not observed")
        return
    torch.from_numpy = _on_cpu(torch.from_numpy)
    _watching(TorchFunctionMode)().__enter__()


def _on_cpu(from_numpy):
    """Modes don't see it, and data come by it."""

    def from_array(ndarray):
        return put(from_numpy(ndarray), ON_CPU)

    from_array.__name__ = "from_numpy"
    return from_array


def _watching(base):
    class Watching(base):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            kwargs = kwargs or {}
            name = getattr(func, "__name__", "")
            if name in ("__get__", "__set__", "__delete__"):
                return _attribute(func, name, args)
            if name in PLAIN:
                return func(*args, **kwargs)
            tensors = _tensors((*args, *kwargs.values()))
            places = [place_of(tensor) for tensor in tensors]
            _check(name, tensors, places)
            return _settled(name, func(*args, **kwargs), _place(places, kwargs.get("device")))

    return Watching


def _tensors(values):
    """The tensors among the arguments, and in the lists and tuples among them."""
    found = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found.extend(item for item in value if isinstance(item, torch.Tensor))
    return found


def _place(places, device):
    """Where the result is: as asked, else on the GPU with any argument, on the CPU with all (or none), else unknown."""
    if device is not None:
        return ON_CUDA if names_cuda(device) else (ON_CPU if str(device) == ON_CPU else None)
    if ON_CUDA in places:
        return ON_CUDA
    return None if None in places else ON_CPU


def _settled(name, result, place):
    """Tell the place of what was computed. What shares the memory of an argument has its place already."""
    results = result if isinstance(result, (list, tuple)) else (result,)
    for position, item in enumerate(results):
        if isinstance(item, torch.Tensor) and place is not None and place_of(item) is None:
            sizes = name == "_pack_padded_sequence" and position == 1
            put(item, ON_CPU if sizes else place)
    return result


# ---- what CUDA refuses


def _check(name, tensors, places):
    if ON_CUDA not in places:
        return
    if name in ("numpy", "__array__"):
        raise TypeError(
            "can't convert cuda:0 device type tensor to numpy. "
            "Use Tensor.cpu() to copy the tensor to host memory first."
        )
    if name == "__getitem__" and places[0] == ON_CPU:
        raise ShadowMismatch("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
    if name not in MIXING and any(_is_left_behind(name, *pair) for pair in zip(tensors, places)):
        raise ShadowMismatch(
            "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! "
            f"(when checking the arguments of {name})"
        )


def _is_left_behind(name, tensor, place):
    """Whether CUDA refuses a tensor of the CPU: one without dimensions counts as a number."""
    if place != ON_CPU or tensor.dim() == 0:
        return False
    return not (name in RECURRENT and tensor.dtype == torch.int64)


# ---- what a program asks: x.device, x.is_cuda, x.grad


def _attribute(func, name, args):
    attribute = getattr(func.__self__, "__name__", "")
    answer = func(*args)
    if name != "__get__" or not args or not isinstance(args[0], torch.Tensor):
        return answer
    there = place_of(args[0])
    if attribute == "device" and answer == CPU:
        return CUDA if there == ON_CUDA else answer
    if attribute == "is_cuda":
        return answer or there == ON_CUDA
    if attribute == "is_cpu":
        return answer and there != ON_CUDA
    if attribute == "grad" and there is not None and answer is not None and place_of(answer) is None:
        put(answer, there)
    return answer
