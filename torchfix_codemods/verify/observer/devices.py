"""Which device a program runs on, what is reported about it, and what a GPU can tell."""

import contextlib
import functools
import os
import select
import signal
import warnings

import torch

CUDA = "cuda"
REDIRECT = "cpu-redirect"
WANTED = ("auto", CUDA, REDIRECT)
_VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
_PATIENCE = 60.0  # seconds for a GPU to start


class NoDevice(ValueError):
    """The device that was asked for is not there."""


def choose(wanted, note=lambda kind, what: None):
    """The device of a run: "cuda" with a usable GPU, else "cpu-redirect", for which `redirect.install` is called next.

    `wanted` is auto, cuda or cpu-redirect. Without a GPU, torch sees none from then on. `note` hears of one that is
    there and does not work. Raises ValueError for another word and `NoDevice`, with one line for people, for a GPU that
    isn't usable.
    """
    if wanted not in WANTED:
        raise ValueError(f"unknown device '{wanted}', expected one of: {', '.join(WANTED)}")
    if wanted != REDIRECT:
        reason = trouble()
        if reason is None:
            _repeat_sums()
            return CUDA
        if wanted == CUDA:
            raise NoDevice("device cuda is not usable: " + reason)
        if _sees_gpu():
            note("gpu", reason)
    _hide_gpus()
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


def _sees_gpu():
    """Whether torch sees a GPU. CUDA isn't started for that, if PYTORCH_NVML_BASED_CUDA_CHECK is set."""
    return _is_for_gpus() and torch.cuda.is_available()


def _is_for_gpus():
    return getattr(torch.version, "cuda", None) is not None or getattr(torch.version, "hip", None) is not None


@functools.lru_cache(maxsize=None)
def trouble():
    """Why no GPU is usable, or None. A GPU that is seen may be too old for this torch, full, or shut by the sandbox.

    A child finds it out: a process in which CUDA has begun to start can neither fork nor hide the GPU any more. Called
    by a server once for all its runs.
    """
    if not _is_for_gpus():
        return f"torch {torch.__version__} is built without CUDA"
    if not _sees_gpu():
        return f"torch {torch.__version__} sees no GPU"
    return _told_by_a_child(_trial)


def _trial():
    """Why a small sum can't be had of the GPU; "" where it can."""
    try:
        works = (torch.ones(2, device="cuda") + 1).sum().item() == 4.0
    except (RuntimeError, AssertionError) as error:
        return str(error).strip().partition("\n")[0] or type(error).__name__
    return "" if works else "it gives a wrong sum"


def _told_by_a_child(ask):
    """What `ask` answers in a fork of this process, None for ""; a fork that crashes or hangs is a reason too."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os.write(writing, b"+" + ask().encode("utf-8", "replace"))
        os._exit(0)
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], _PATIENCE)
    answer = os.read(reading, 65536) if ready else b"+it does not answer"
    os.close(reading)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return answer[1:].decode("utf-8", "replace") or None if answer else "its trial ended without a word"


def _repeat_sums():
    """Let the GPU add in the same order each time, where it can: runs are compared bit for bit."""
    torch.backends.cudnn.deterministic = True


def _hide_gpus():
    """Let no part of torch find a GPU in this process: a backward would start it, and fail where it does not work.

    torch counts them once, and programs set these variables themselves later.
    """
    count = getattr(torch._C, "_cuda_getDeviceCount", None)
    if count is None:
        return
    before = {name: os.environ.get(name) for name in _VISIBLE}
    os.environ.update(dict.fromkeys(_VISIBLE, ""))
    with warnings.catch_warnings(), contextlib.suppress(RuntimeError):
        warnings.simplefilter("ignore")
        count()
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
