"""Random numbers: one seed for all generators, and programs that seed from the clock."""

import random
import sys

import torch

_torch_seed = torch.manual_seed
_python_seed = random.seed


def seed_all(value):
    """Seed Python, torch and (where the program uses it) numpy."""
    _python_seed(value)
    _torch_seed(value)
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
