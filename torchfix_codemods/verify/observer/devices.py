"""Which device a program runs on, what is reported about it, and what a GPU can tell."""

import torch

CUDA = "cuda"
REDIRECT = "cpu-redirect"
WANTED = ("auto", CUDA, REDIRECT)


class NoDevice(ValueError):
    """The device that was asked for is not there."""


def choose(wanted):
    """The device of a run: "cuda" with a usable GPU, else "cpu-redirect", for which `redirect.install` is called next.

    `wanted` is auto, cuda or cpu-redirect. Asking for a GPU initialises CUDA, which a later fork doesn't survive: call
    it in the process that runs the program. Raises ValueError for another word and `NoDevice`, with one line for
    people, for a GPU that isn't usable.
    """
    if wanted not in WANTED:
        raise ValueError(f"unknown device '{wanted}', expected one of: {', '.join(WANTED)}")
    if wanted == REDIRECT:
        return REDIRECT
    trouble = _trouble()
    if trouble is None:
        return CUDA
    if wanted == CUDA:
        raise NoDevice("device cuda is not usable: " + trouble)
    return REDIRECT


def told(chosen, counts):
    """What the report says: "cuda", "cpu-redirect", or "cpu" for a program that never asked for CUDA.

    `counts` are the notes of the run: anything that gives (kind, what, ...) when it is walked through.
    """
    if chosen == CUDA:
        return CUDA
    return REDIRECT if any(entry[0] in ("redirect", "amp") for entry in counts) else "cpu"


def memory():
    """The most memory that tensors had in bytes, by GPU: {"cuda:0": 123}.

    None is "not observed": no GPU, CUDA never used, or a torch that can't tell.
    """
    ask = getattr(torch.cuda, "max_memory_allocated", None)
    if ask is None or not _initialised():
        return None
    return {f"cuda:{index}": int(ask(index)) for index in range(torch.cuda.device_count())}


def _initialised():
    """Whether a real GPU is in use. The redirect answers False too."""
    ask = getattr(torch.cuda, "is_initialized", None)
    return bool(ask is not None and ask())


def _trouble():
    """Why no GPU is usable, or None. A GPU that is seen may still be too old for this torch, or full."""
    if getattr(torch.version, "cuda", None) is None and getattr(torch.version, "hip", None) is None:
        return f"torch {torch.__version__} is built without CUDA"
    if not torch.cuda.is_available():
        return f"torch {torch.__version__} sees no GPU"
    try:
        works = (torch.ones(2, device="cuda") + 1).sum().item() == 4.0
    except (RuntimeError, AssertionError) as error:
        return str(error).strip().partition("\n")[0]
    return None if works else "it gives a wrong sum"
