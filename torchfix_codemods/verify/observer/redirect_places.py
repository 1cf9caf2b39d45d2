"""Where a tensor would be on a machine with a GPU, for tensors that never leave the CPU here.

A device belongs to the memory, not to the tensor object: views, `detach()`, `.data`, a state_dict and a parameter
share one storage, so the place is written on the storage and follows all of them. What an operation computes has no
place (None: not known) unless the shadow run (`shadow.py`) fills it in.
"""

import torch

CPU = torch.device("cpu")
CUDA = torch.device("cuda", 0)

ON_CPU = "cpu"
ON_CUDA = "cuda"

_PLACE = "_torchfix_place"


def replace(owner, name, make):
    """Put make(original) in the place of owner.name, where this torch has it."""
    original = getattr(owner, name, None)
    if original is not None:
        setattr(owner, name, make(original))


def names_cuda(device):
    """Whether a device argument means a GPU: "cuda", "cuda:1", a torch.device or a bare index (0, 1, ...)."""
    if isinstance(device, torch.device):
        return device.type == "cuda"
    if isinstance(device, str):
        return device == "cuda" or device.startswith("cuda:")
    return isinstance(device, int) and not isinstance(device, bool) and device >= 0


def _storages_keep_attributes():
    """Since 2.1 a storage has one Python object for life; before, each look gives another one."""
    tensor = torch.empty(0)
    try:
        setattr(tensor.untyped_storage(), _PLACE, ON_CPU)
        return hasattr(tensor.untyped_storage(), _PLACE)
    except AttributeError:
        return False


#: False for torch below 2.1: there a view of a moved tensor, or a moved parameter, is copied by each further move.
ON_STORAGES = _storages_keep_attributes()


def _holder(tensor):
    """What carries the place: the storage, or the tensor itself where there is none (old torch, sparse)."""
    if not ON_STORAGES:
        return tensor
    try:
        return tensor.untyped_storage()
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):
        return tensor


def place_of(tensor):
    """ON_CUDA, ON_CPU or None: not known."""
    return getattr(_holder(tensor), _PLACE, None)


def put(tensor, place):
    """Say where a tensor is, and give it back."""
    setattr(_holder(tensor), _PLACE, place)
    return tensor


def put_storage(storage, place):
    """The same for a storage, typed or not, as loading gives them."""
    storage = getattr(storage, "_untyped_storage", storage)
    if ON_STORAGES:
        setattr(storage, _PLACE, place)


def moved(tensor, **kwargs):
    """The tensor on the GPU: itself if it is there, else a copy.

    A copy as CUDA makes one: no leaf if the tensor requires a gradient, so that "can't optimize a non-leaf Tensor" is
    raised here too, and writing to it leaves the original alone. `kwargs` are those of `clone`.
    """
    if place_of(tensor) == ON_CUDA:
        return tensor
    return put(tensor.clone(**kwargs), ON_CUDA)


def arrived(source, result):
    """`result` of a call that moves `source` to the GPU and may convert it too: never an alias of CPU memory."""
    return moved(source) if result is source else put(result, ON_CUDA)


def brought_back(source, result):
    """`result` of a call that moves `source` to the CPU: a copy if `source` is on the GPU, as `.cpu()` makes one.

    A snapshot `{k: v.cpu() for k, v in model.state_dict().items()}` must not follow the training.
    """
    if place_of(source) != ON_CUDA:
        return result
    return put(source.clone() if result is source else result, ON_CPU)
