"""Random numbers: one seed for all generators, and programs that seed from the clock."""

import random
import sys

import torch

_torch_seed = torch.manual_seed
_python_seed = random.seed
#: Other devices with generators: whether one is in use, and how all of its kind are seeded.
_devices = tuple(
    (device.is_initialized, device.manual_seed_all)
    for device in (getattr(torch, name, None) for name in ("cuda", "xpu"))
    if hasattr(device, "is_initialized") and hasattr(device, "manual_seed_all")
)
_mps = getattr(torch.backends, "mps", None)
_has_mps = _mps is not None and _mps.is_available()


def seed_all(value):
    """Seed Python, torch and (where the program uses it) numpy.

    `torch.manual_seed` keeps the seed and its caller's stack for every device that is not in use yet: 0.4 ms and a
    little memory at each call. This is called several times in a training step, so only what is in use is seeded.
    """
    _python_seed(value)
    torch.default_generator.manual_seed(value)
    for in_use, seed in _devices:
        if in_use():
            seed(value)
    if _has_mps:
        torch.mps.manual_seed(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "random"):
        _numpy_seed(numpy)(value & 0xFFFFFFFF)


def _numpy_seed(numpy):
    return getattr(numpy.random.seed, "_torchfix_original", numpy.random.seed)


def override(value, notes):
    """From now on the program's own seeds are replaced by one value: a seed from the clock differs in every run."""

    def fixed(original, result):
        def seed(*args, **kwargs):
            notes("seed", "the program's own seed")
            original(value)
            return result()

        seed._torchfix_original = original
        return seed

    torch.manual_seed = fixed(_torch_seed, lambda: torch.default_generator)
    torch.seed = fixed(_torch_seed, lambda: value)
    random.seed = fixed(_python_seed, lambda: None)
    try:
        import numpy
    except ImportError:
        return
    numpy.random.seed = fixed(_numpy_seed(numpy), lambda: None)
