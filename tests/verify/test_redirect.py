"""Programs for CUDA give the bits of the same programs for the CPU, and see what CUDA shows of moves."""

from __future__ import annotations

from functools import cache

import pytest
from device_facts import FACTS
from device_programs import CUDA_ONLY, EITHER, HEAD, for_cpu
from device_runner import Ran, run_all


@cache
def ran() -> dict[tuple[str, str], Ran]:
    """Everything of this file in one process: importing torch takes longer than all of it."""
    jobs = {(name, "plain"): HEAD + for_cpu(text) for name, text in EITHER.items()}
    jobs |= {(name, "redirect"): HEAD + text for name, text in (EITHER | CUDA_ONLY | FACTS).items()}
    jobs |= {(name, "plain"): HEAD + text for name, text in CUDA_ONLY.items()}
    jobs |= {(name, "old"): HEAD + text for name, text in (EITHER | CUDA_ONLY).items()}
    jobs["asked for nothing", "plain"] = HEAD + FACTS["asked for nothing"]
    return run_all(jobs)


@cache
def ran_with_the_compiler_imported_after_us() -> dict[tuple[str, str], Ran]:
    names = ("asked for nothing", "scripts and compilers")
    return run_all({(name, "redirect"): HEAD + FACTS[name] for name in names}, first="nothing")


def fact(name: str) -> Ran:
    return ran()[name, "redirect"]


def said(name: str) -> object:
    assert fact(name).error == ""
    return fact(name).said


@pytest.mark.parametrize("name", EITHER)
def test_the_bits_are_those_of_the_same_program_for_the_cpu(name: str):
    plain, redirected = ran()[name, "plain"], ran()[name, "redirect"]
    assert plain.error == redirected.error == ""
    assert plain.crc is not None and plain.crc == redirected.crc
    assert redirected.device == "cpu-redirect"


@pytest.mark.parametrize("name", [*EITHER, *CUDA_ONLY])
def test_the_bits_are_the_same_where_storages_keep_nothing(name: str):
    """As on torch below 2.1, where the place is kept by the tensor."""
    assert ran()[name, "old"].error == ""
    assert ran()[name, "old"].crc == ran()[name, "redirect"].crc


@pytest.mark.parametrize("name", CUDA_ONLY)
def test_programs_for_cuda_alone_run(name: str):
    assert ran()[name, "plain"].error
    assert ran()[name, "redirect"].error == ""


def test_a_move_copies_the_first_time_only():
    assert said("a move copies once") == [False, False, True, True, True, True]
    assert said("views are where their memory is") == [True, True, False]
    assert said("a copy is written alone") == [0.0, 0.0, 3.0]
    assert said("a snapshot on the CPU doesn't follow") is False


def test_every_form_of_a_move_converts_copies_and_stays_there():
    assert said("every form of a move") == 4 * 4 * 3 * 2 * 2


def test_a_moved_tensor_is_no_leaf():
    assert "can't optimize a non-leaf Tensor" in fact("a non-leaf can't be optimized").error
    assert fact("a leaf can").error == ""


def test_parameters_stay_the_objects_that_they_are():
    assert said("parameters stay the objects they are") == [True, True, True, False]


def test_legacy_types():
    kinds = ["torch.int64", "torch.float16", "torch.uint8"]
    assert said("types") == [*kinds, True, False, False, True, "torch.FloatTensor", "torch.float32", True]
    assert ("redirect", "torch.cuda.ByteTensor") in fact("types").notes


def test_all_that_takes_a_device():
    assert said("all that takes a device") == [True, ["torch.float64", "torch.float32", "torch.int32"]]
    assert said("modules are made there") is True
    assert said("default device") == [True, True, False, "meta"]
    assert said("another index") == 0.0


def test_generators():
    assert said("generators") == [True, True, True, False, 1]
    assert fact("generators").notes["redirect", "torch.Generator"] == 1


def test_files_from_a_gpu_are_loaded():
    there = [True, False, True, True, True, True, False, False, True, True]
    assert said("files") == [[2.0, on_gpu] for on_gpu in there]


def test_mixed_precision_is_off_and_told():
    kinds = ["torch.float32"] * 4 + ["torch.bfloat16"]
    assert said("mixed precision is off for CUDA") == [*kinds, False, False, True]
    notes = fact("mixed precision is off for CUDA").notes
    assert notes["amp", "autocast"] == 4 and notes["amp", "GradScaler"] == 2


def test_mixed_precision_that_is_switched_off_is_not_told():
    assert not [kind for kind, _ in fact("no mixed precision asked for").notes if kind == "amp"]
    assert fact("no mixed precision asked for").error == ""


def test_script_and_compiler_know_the_new_functions():
    """torch._dynamo refuses to start where two names share one function."""
    for answers in ran(), ran_with_the_compiler_imported_after_us():
        assert answers["scripts and compilers", "redirect"].error == ""
        assert answers["scripts and compilers", "redirect"].said == [[[2.0, 2.0]], True, True]


def test_subclasses_and_vmap():
    assert said("modes and subclasses see no loop") == ["Mine", True, "Mine", 2.0]


def test_data_parallel_keeps_its_names():
    assert said("DataParallel") == [True, 7, [0, 1], ["module.weight", "module.bias"], 4.0]


def test_other_devices_are_left_alone():
    assert said("other devices are left alone") == [True, True, True, True, "meta", "meta"]
    assert fact("other devices are left alone").device == "cpu"


def test_tensors_say_cpu():
    """torch's own code chooses kernels by it; the shadow run answers as CUDA does."""
    assert said("x.is_cuda stays False") == [False, "cpu"]


def test_a_program_for_the_cpu_is_untouched_and_reported_so():
    plain, redirected = ran()["asked for nothing", "plain"], fact("asked for nothing")
    assert plain.error == redirected.error == ""
    assert plain.crc == redirected.crc and plain.said == redirected.said
    assert redirected.notes == {} and redirected.device == "cpu"
    assert ran_with_the_compiler_imported_after_us()["asked for nothing", "redirect"] == redirected


def test_asking_whether_there_is_a_gpu_is_told():
    assert said("asked whether there is one") is True
    assert fact("asked whether there is one").notes == {("redirect", "torch.cuda.is_available"): 1}
    assert fact("asked whether there is one").device == "cpu-redirect"


def test_what_is_not_redirected_fails_as_on_any_cpu_machine():
    assert fact("what isn't redirected raises").error.startswith("RuntimeError")
