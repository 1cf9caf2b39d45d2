"""What graphs keep alive: the tensors saved for a backward, in bytes, each storage once, parameters left out.

Plain hooks on saved tensors switch off autograd's check for values changed in place: the classical crash would vanish
under observation. So what is packed holds the version of the tensor, and unpacking raises as autograd would.
"""

try:
    from torch.autograd.graph import saved_tensors_hooks
except ImportError:  # before torch 1.10: not observed
    saved_tensors_hooks = None


class Packed:
    """A saved tensor (detached, against reference cycles), with its version; gives its bytes back when it dies."""

    __slots__ = ("recorder", "size", "tensor", "version")

    def __init__(self, tensor, recorder, size):
        self.tensor = tensor.detach()
        self.version = tensor._version
        self.recorder = recorder
        self.size = size
        recorder.live += size
        recorder.peak = max(recorder.peak, recorder.live)

    def __del__(self):
        self.recorder.live -= self.size


def storage_of(tensor):
    """Where the values of a tensor lie; its own identity where that cannot be asked."""
    try:
        storage = tensor.untyped_storage() if hasattr(tensor, "untyped_storage") else tensor.storage()
        return storage.data_ptr()
    except (RuntimeError, NotImplementedError, AttributeError):
        return id(tensor)


def counting(recorder, event, parameters, mark):
    """A context in which saved tensors are counted into `event["saved"]`, and `mark` hears of their use."""
    seen = set()

    def pack(tensor):
        pointer, size = storage_of(tensor), 0
        if pointer not in parameters and pointer not in seen:
            seen.add(pointer)
            size = tensor.numel() * tensor.element_size()
            event["saved"] += size
        return Packed(tensor, recorder, size)

    def unpack(packed):
        mark()
        if packed.tensor._version != packed.version:
            tensor = packed.tensor
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an inplace operation: "
                f"[{tensor.type()} {list(tensor.shape)}] is at version {tensor._version}; "
                f"expected version {packed.version} instead."
            )
        return packed.tensor

    assert saved_tensors_hooks is not None
    return saved_tensors_hooks(pack, unpack)
