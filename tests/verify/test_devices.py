"""Which device is chosen and what is told of it, with a GPU that is pretended by a fake torch.cuda."""

from __future__ import annotations

from functools import cache

from device_runner import Ran, run_all

#: A GPU as torch shows it. `ones(device="cuda")` is the trial of `choose`.
FAKE = """
import torch
from observer import devices, redirect
def trial(*args, **kwargs):
    if BROKEN:
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device" + chr(10) + "more")
    kwargs.pop("device", None)
    started_here.append(1)
    return real(*args, **kwargs)
real, torch.ones, BROKEN, peaks, started = torch.ones, trial, False, {0: 5000, 1: 70}, True
started_here, notes = [], []
torch.version.cuda = "12.6"
torch.cuda.is_available = lambda: True
torch.cuda.is_initialized = lambda: started
torch.cuda.init = lambda: None
torch.cuda.device_count = lambda: 2
torch.cuda.max_memory_allocated = lambda index: peaks[index]
def tried(wanted):
    try:
        return devices.choose(wanted, lambda kind, what: notes.append([kind, what]))
    except ValueError as error:
        return str(error)
"""

ALL = 'said = [tried("auto"), tried("cuda"), tried("cpu-redirect"), tried("tpu")]'

PROGRAMS = {
    "usable": FAKE + ALL,
    "here": FAKE + ALL + "\nsaid = started_here",
    "broken": FAKE + "BROKEN = True\n" + ALL + "\nsaid.append(notes)",
    "invisible": FAKE + "torch.cuda.is_available = lambda: False\n" + ALL + "\nsaid.append(notes)",
    "asked here": FAKE
    + """
asked = []
torch.cuda.is_available = lambda: asked.append(1) or False
said = [tried("auto"), asked]
""",
    "named by the run": FAKE
    + """
import os
name = "CUDA_VISIBLE_DEVICES"
torch.cuda.is_available = lambda: os.environ.get(name, "0") == "0"
os.environ.pop(name, None)
said = [devices.trouble(), devices.trouble({name: ""}), os.environ.get(name)]
os.environ[name] = ""
said += [tried("auto"), notes]
""",
    "named by the program": FAKE
    + """
counted = []
torch.cuda.init = lambda: counted.append("started")
torch.cuda.device_count = lambda: counted.append("counted")
said = [tried("auto"), counted]
""",
    "not to be killed": FAKE
    + """
import time
devices._PATIENCE = devices._FAREWELL = 0.1
torch.ones, devices.os.kill = lambda *args, **kwargs: time.sleep(3), lambda *args: None
begun = time.monotonic()
said = [tried("cuda"), time.monotonic() - begun < 2]
""",
    "crashing": FAKE + "import os\ntorch.ones = lambda *args, **kwargs: os.abort()\nsaid = tried('cuda')",
    "hanging": FAKE
    + """
import time
devices._PATIENCE, torch.ones = 0.1, lambda *args, **kwargs: time.sleep(60)
said = tried("cuda")
""",
    "hidden": FAKE
    + """
import os
names = "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"
os.environ["CUDA_VISIBLE_DEVICES"] = "1"
seen = []
torch._C._cuda_getDeviceCount = lambda: seen.append([os.environ[name] for name in names])
said = [tried("auto"), list(seen), tried("cpu-redirect"), seen, [os.environ.get(name) for name in names]]
""",
    "no CUDA in this torch": FAKE.split("real, torch.ones")[0]
    + "\ntorch.version.cuda = None\ndef tried"
    + FAKE.split("def tried")[1]
    + ALL,
    "memory": FAKE
    + """
said = [devices.memory()]
started = False
said.append(devices.memory())
started, peaks = True, {0: 0, 1: 0}
said.append(devices.memory())
""",
    "memory without a GPU": """
from observer import devices, redirect
said = [devices.memory()]
redirect.install(lambda kind, what: None)
import torch
torch.ones(9).cuda()
said.append(devices.memory())
""",
    "memory with a GPU that isn't used": FAKE
    + """
redirect.install(lambda kind, what: None)
said = devices.memory()
""",
    "words": """
from observer import devices
import collections
redirected, amp, other = ("redirect", "Tensor.cuda"), ("amp", "autocast"), ("dataset", "MNIST")
said = [devices.told("cuda", [redirected]), devices.told("cpu-redirect", collections.Counter([redirected, other])),
        devices.told("cpu-redirect", [[*amp, 1]]), devices.told("cpu-redirect", [other]),
        devices.told("cpu-redirect", {})]
""",
}


@cache
def ran() -> dict[tuple[str, str], Ran]:
    return run_all({(name, "plain"): text for name, text in PROGRAMS.items()}, first="nothing")


def said(name: str) -> object:
    assert ran()[name, "plain"].error == ""
    return ran()[name, "plain"].said


UNKNOWN = "unknown device 'tpu', expected one of: auto, cuda, cpu-redirect"


def test_a_usable_gpu_is_taken_unless_the_redirect_is_wanted():
    assert said("usable") == ["cuda", "cuda", "cpu-redirect", UNKNOWN]


def test_a_gpu_that_fails_its_trial_is_not_taken():
    auto, cuda, redirect, _, notes = said("broken")  # type: ignore[misc]
    assert auto == redirect == "cpu-redirect"
    reason = "CUDA error: no kernel image is available for execution on the device"
    assert cuda == f"device cuda is not usable: {reason}"
    assert notes == [["gpu", reason]]


def test_the_trial_is_not_made_in_the_process_that_runs_the_program():
    """Where CUDA has begun to start, nothing hides the GPU any more, and a backward asks for it."""
    assert said("here") == []


def test_nor_is_it_asked_there_whether_there_is_a_gpu():
    """An old torch, and one for AMD's GPUs, starts CUDA for that."""
    assert said("asked here") == ["cpu-redirect", []]


def test_a_run_with_another_choice_of_gpus_is_tried_apart():
    started, none, left, chosen, notes = said("named by the run")  # type: ignore[misc]
    assert started is None and none.endswith(" sees no GPU") and left is None
    assert (chosen, notes) == ("cpu-redirect", [])


def test_a_program_that_asks_for_a_gpu_of_another_machine_gets_the_one_here():
    """`os.environ["CUDA_VISIBLE_DEVICES"] = "3"` is read when CUDA starts, and torch counts anew until then."""
    assert said("named by the program") == ["cuda", ["started", "counted"]]


def test_a_trial_that_the_kernel_holds_is_left():
    assert said("not to be killed") == ["device cuda is not usable: it does not answer", True]


def test_a_trial_that_crashes_or_hangs_is_a_reason():
    assert said("crashing") == "device cuda is not usable: its trial ended without a word"
    assert said("hanging") == "device cuda is not usable: it does not answer"


def test_no_gpu_is_seen_by_a_redirected_program():
    """Torch counts them once: that the program says later which it wants to see changes nothing."""
    assert said("hidden") == ["cuda", [], "cpu-redirect", [["", ""]], ["1", None]]


def test_no_gpu_is_said_in_one_line():
    auto, cuda, _, _, notes = said("invisible")  # type: ignore[misc]
    assert notes == []
    assert auto == "cpu-redirect"
    assert cuda.startswith("device cuda is not usable: torch ") and cuda.endswith(" sees no GPU")
    assert said("no CUDA in this torch")[1].endswith(" is built without CUDA")  # type: ignore[index]


def test_memory_is_the_peak_of_each_gpu():
    assert said("memory") == [{"cuda:0": 5000, "cuda:1": 70}, None, None]


def test_memory_is_not_observed_without_a_gpu_and_never_zero():
    assert said("memory without a GPU") == [None, None]
    assert said("memory with a GPU that isn't used") is None


def test_the_word_of_the_report():
    assert said("words") == ["cuda", "cpu-redirect", "cpu-redirect", "cpu", "cpu"]
