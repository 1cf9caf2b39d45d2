"""torch.cuda itself: one GPU that is called "CPU redirect", with streams, events and random numbers of the CPU."""

import sys
import time
import types

import torch

from .redirect_places import CUDA

NAME = "CPU redirect (no GPU)"
MEMORY = 16 << 30  # bytes that the pretended GPU has: enough for a program that asks before it starts
#: Older than Ampere: programs then don't choose kernels (flash attention, TF32) that the CPU has not.
CAPABILITY = (7, 0)
#: What a CPU torch answers in the same way, so that nothing is redirected by it.
_AS_ON_CPU = frozenset(("manual_seed", "manual_seed_all", "empty_cache", "memory_allocated", "max_memory_allocated"))
#: Libraries that ask for themselves, not for the program.
_LIBRARIES = frozenset(("torch", "torchvision", "torchaudio", "torchtext"))


class Event:
    """torch.cuda.Event with the CPU's clock."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False):
        self._seconds = 0.0

    def record(self, stream=None):
        self._seconds = time.perf_counter()

    def elapsed_time(self, end_event):
        """Milliseconds, as torch counts."""
        return (end_event._seconds - self._seconds) * 1000.0

    def wait(self, stream=None):
        pass

    def query(self):
        return True

    def synchronize(self):
        pass


class Stream:
    """torch.cuda.Stream: what is queued has already run."""

    device = CUDA
    cuda_stream = 0

    def __init__(self, device=None, priority=0, **kwargs):
        self.priority = priority

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def record_event(self, event=None):
        event = event or torch.cuda.Event()
        event.record(self)
        return event

    def wait_event(self, event):
        pass

    def wait_stream(self, stream):
        pass

    def query(self):
        return True

    def synchronize(self):
        pass


class Selected:
    """`with torch.cuda.device(0)`, `with torch.cuda.stream(s)`, an NVTX range: nothing to select."""

    def __init__(self, *args, **kwargs):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


def _nothing(*args, **kwargs):
    return None


def _zero(*args, **kwargs):
    return 0


def _stream(*args, **kwargs):
    return torch.cuda.Stream()


def _properties(device=None):
    major, minor = CAPABILITY
    return types.SimpleNamespace(
        name=NAME, major=major, minor=minor, total_memory=MEMORY, multi_processor_count=1, is_integrated=0, warp_size=32
    )


def _set_rng_state(new_state, device="cuda"):
    """A state from a real GPU (in a checkpoint) has another size, and means nothing to the CPU."""
    if new_state.numel() == torch.get_rng_state().numel():
        torch.set_rng_state(new_state)


def _set_rng_states(new_states):
    for state in new_states:
        _set_rng_state(state)


#: Seeds do nothing, as on a CPU torch: the numbers come from the generator of the CPU, which has its own seed.
ANSWERS = {
    "is_available": lambda: True,
    "device_count": lambda: 1,
    "current_device": lambda: 0,
    "get_device_name": lambda device=None: NAME,
    "get_device_capability": lambda device=None: CAPABILITY,
    "get_device_properties": _properties,
    "get_arch_list": list,
    "is_initialized": lambda: False,
    "can_device_access_peer": lambda device, peer_device: False,
    "is_bf16_supported": lambda *args, **kwargs: True,
    "init": _nothing,
    "set_device": _nothing,
    "synchronize": _nothing,
    "ipc_collect": _nothing,
    "set_per_process_memory_fraction": _nothing,
    "empty_cache": _nothing,
    "reset_peak_memory_stats": _nothing,
    "reset_accumulated_memory_stats": _nothing,
    "reset_max_memory_allocated": _nothing,
    "reset_max_memory_cached": _nothing,
    "memory_allocated": _zero,
    "max_memory_allocated": _zero,
    "memory_reserved": _zero,
    "max_memory_reserved": _zero,
    "memory_cached": _zero,
    "max_memory_cached": _zero,
    "memory_stats": lambda device=None: {},
    "memory_summary": lambda *args, **kwargs: "",
    "mem_get_info": lambda device=None: (MEMORY, MEMORY),
    "utilization": _zero,
    "manual_seed": _nothing,
    "manual_seed_all": _nothing,
    "seed": _nothing,
    "seed_all": _nothing,
    "initial_seed": lambda: torch.initial_seed(),
    "get_rng_state": lambda device="cuda": torch.get_rng_state(),
    "get_rng_state_all": lambda: [torch.get_rng_state()],
    "set_rng_state": _set_rng_state,
    "set_rng_state_all": _set_rng_states,
    "current_stream": _stream,
    "default_stream": _stream,
    "set_stream": _nothing,
    "stream": Selected,
}
MARKS = ("range_push", "range_pop", "range_start", "range_end", "mark")


def _asked_by_the_program():
    """Whether the caller of this function's caller is no library that asks for itself."""
    name = sys._getframe(2).f_globals.get("__name__") or ""
    return name.partition(".")[0] not in _LIBRARIES


def _answering(note, name, answer):
    """A function of its own for each name: torch._dynamo refuses two names that share one object."""

    def answered(*args, **kwargs):
        if name not in _AS_ON_CPU and _asked_by_the_program():
            note("redirect", "torch.cuda." + name)
        return answer(*args, **kwargs)

    answered.__name__ = answered.__qualname__ = name
    return answered


def _noted(note, cls):
    """A class of its own that tells its use by the program; the name and place are torch's."""

    class Noted(cls):
        def __init__(self, *args, **kwargs):
            if _asked_by_the_program():
                note("redirect", "torch.cuda." + cls.__name__)
            super().__init__(*args, **kwargs)

    Noted.__name__ = Noted.__qualname__ = cls.__name__
    Noted.__module__ = "torch.cuda"
    return Noted


def install(note):
    """Answer in the place of torch.cuda."""
    cuda = torch.cuda
    for module in (cuda, getattr(cuda, "memory", None), getattr(cuda, "random", None)):
        for name, answer in ANSWERS.items():
            if hasattr(module, name):
                setattr(module, name, _answering(note, name, answer))
    for cls in (Event, Stream):
        noted = _noted(note, cls)
        for module in (cuda, getattr(cuda, "streams", None)):
            if hasattr(module, cls.__name__):
                setattr(module, cls.__name__, noted)
    for name in ("device", "device_of"):
        setattr(cuda, name, type(name, (Selected,), {"__module__": "torch.cuda"}))
    cuda.default_generators = (torch.default_generator,)
    _install_profiling(note)


def _install_profiling(note):
    """NVTX ranges and the profiler's switch, which a CPU torch raises on."""
    nvtx, profiler = getattr(torch.cuda, "nvtx", None), getattr(torch.cuda, "profiler", None)
    for module, names in ((nvtx, MARKS), (profiler, ("start", "stop"))):
        for name in names:
            if hasattr(module, name):
                setattr(module, name, _answering(note, name, _nothing))
    for module, name in ((nvtx, "range"), (profiler, "profile")):
        if hasattr(module, name):
            setattr(module, name, type(name, (Selected,), {}))
