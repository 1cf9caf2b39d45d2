"""What brings tensors in from elsewhere: files that were saved on a GPU, storages, generators."""

import functools

import torch

from .redirect_places import ON_CUDA, names_cuda, put_storage, replace

#: torch's own readers have 10 (cpu) and 20 (cuda): ours is asked first.
PRIORITY = 5


def install(note):
    """Load what was saved on a GPU, or is to be loaded to one, into the memory of the CPU."""
    torch.serialization.register_package(PRIORITY, lambda storage: None, _reader(note))
    for name in ("_StorageBase", "TypedStorage", "_TypedStorage"):
        replace(getattr(torch.storage, name, None), "cuda", _storage_cuda)
    replace(torch, "Generator", lambda original: _generator(original, note))


def _reader(note):
    """torch asks it for every `map_location`: none, a name, a device, a dict, and what a function leaves open."""

    def read(storage, location):
        if not names_cuda(location):
            return None
        note("redirect", "torch.load")
        put_storage(storage, ON_CUDA)
        return storage

    return read


def _storage_cuda(original):
    """For `map_location=lambda storage, location: storage.cuda(0)`. A fresh storage, so no copy is needed."""

    @functools.wraps(original)
    def cuda(self, device=None, non_blocking=False, **kwargs):
        put_storage(self, ON_CUDA)
        return self

    return cuda


def _generator(original, note):
    """A generator for CUDA is one of the CPU. Every generator of torch counts as an instance of the new class."""

    class Kind(type(original)):
        def __instancecheck__(cls, value):
            return isinstance(value, original)

    class Generator(original, metaclass=Kind):
        def __new__(cls, device="cpu"):
            if names_cuda(device):
                note("redirect", "torch.Generator")
                device = "cpu"
            return super().__new__(cls, device)

    Generator.__module__, Generator.__qualname__ = "torch", "Generator"
    return Generator
