"""Tensors inside what a program hands around: tuples, lists, dictionaries, dataclasses."""

import torch


def tensors(value, depth=0):
    """Every tensor in a value, to a small depth."""
    if isinstance(value, torch.Tensor):
        yield value
    elif depth > 4:
        return
    elif isinstance(value, dict):
        for item in value.values():
            for found in tensors(item, depth + 1):
                yield found
    elif isinstance(value, (list, tuple)):
        for item in value:
            for found in tensors(item, depth + 1):
                yield found
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            for found in tensors(getattr(value, name, None), depth + 1):
                yield found


def number(value):
    """A float, or None for what is no number. Waits for a GPU."""
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        return None
