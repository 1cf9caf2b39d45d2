"""Which device a program runs on, what is reported about it, and what a GPU can tell."""

import contextlib
import functools
import os
import select
import signal
import time
import warnings

import torch

CUDA = "cuda"
REDIRECT = "cpu-redirect"
WANTED = ("auto", CUDA, REDIRECT)
_VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
_PATIENCE = 60.0  # seconds for a GPU to start
_FAREWELL = 5.0  # seconds for a killed child to go
_NOT_BUILT = f"torch {torch.__version__} is built without CUDA"
_NONE_SEEN = f"torch {torch.__version__} sees no GPU"


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
            _start()
            return CUDA
        if wanted == CUDA:
            raise NoDevice("device cuda is not usable: " + reason)
        if reason not in (_NOT_BUILT, _NONE_SEEN):
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
    peaks = {f"cuda:{index}": int(ask(index)) for index in range(torch.cuda.device_count())}
    return peaks if any(peaks.values()) else None


def _initialised():
    """Whether a real GPU is in use. The redirect answers False too."""
    ask = getattr(torch.cuda, "is_initialized", None)
    return bool(ask is not None and ask())


def trouble(env=None):
    """Why no GPU is usable, or None. A GPU that is seen may be too old for this torch, full, or shut by the sandbox.

    `env` are variables that a run gets besides our own. A server asks before its runs: each answer is kept.
    """
    if getattr(torch.version, "cuda", None) is None and getattr(torch.version, "hip", None) is None:
        return _NOT_BUILT
    return _tried(tuple((env or {}).get(name, os.environ.get(name)) for name in _VISIBLE))


@functools.lru_cache(maxsize=None)
def _tried(visible):
    """The same, for these values of the variables that say which GPUs are to be seen.

    A child finds it out: a process in which CUDA has begun to start can neither fork nor hide the GPU any more, and
    with an old torch, or without NVIDIA's library for it, even asking whether there is a GPU starts it.
    """

    def ask():
        _set_visible(visible)
        return _trial()

    return _told_by_a_child(ask)


def _trial():
    """Why a small sum can't be had of the GPU; "" where it can."""
    if not torch.cuda.is_available():
        return _NONE_SEEN
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
    _reap(child)
    return answer[1:].decode("utf-8", "replace") or None if answer else "its trial ended without a word"


def _reap(child):
    """Wait for a killed child, but not for ever: the kernel may hold one that waits for a driver."""
    limit = time.monotonic() + _FAREWELL
    while not os.waitpid(child, os.WNOHANG)[0] and time.monotonic() < limit:
        time.sleep(0.005)


def _start():
    """Start CUDA with the GPUs that were tried: programs name those of their author's machine later.

    It shall add in the same order each time, where it can: runs are compared bit for bit.
    """
    torch.cuda.init()
    torch.cuda.device_count()  # from now on it is this count
    torch.backends.cudnn.deterministic = True


def _hide_gpus():
    """Let no part of torch find a GPU in this process: a backward would start it, and fail where it does not work.

    torch counts them once, and programs set these variables themselves later.
    """
    count = getattr(torch._C, "_cuda_getDeviceCount", None)
    if count is None:
        return
    before = tuple(os.environ.get(name) for name in _VISIBLE)
    _set_visible([""] * len(_VISIBLE))
    with warnings.catch_warnings(), contextlib.suppress(RuntimeError):
        warnings.simplefilter("ignore")
        count()
    _set_visible(before)


def _set_visible(values):
    for name, value in zip(_VISIBLE, values):
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
