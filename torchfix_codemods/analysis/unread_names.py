"""What the name of code that was not read says of it: whether it may store what it gets, or train with it."""

from __future__ import annotations

from functools import lru_cache

from torchfix_codemods.analysis import torch_api as api


def stores(callee: str) -> bool:
    """Whether the name says that what is given is put away for later."""
    return callee.rpartition(".")[2] in api.STORING_NAMES


@lru_cache(maxsize=4096)
def may_train(callee: str) -> bool:
    """Whether the name says that it trains; a step of decoding does not."""
    name = callee.lower().rpartition(".")[2]
    return "decode" not in name and any(word in name for word in api.TRAINING_NAMES)


def matters(callee: str) -> bool:
    """Whether anything may come of a graph that such a callee is given."""
    return stores(callee) or may_train(callee)
