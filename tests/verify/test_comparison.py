"""Noise: a GPU that sums in another order is tolerated as far as the two unchanged runs show it, nothing else is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from torchfix_codemods.verify.comparison import Comparison
from torchfix_codemods.verify.contracts import contract_of
from torchfix_codemods.verify.runs import Backward, Failure, Forward, RunReport, Step
from torchfix_codemods.verify.verdict import _crashes


def run(device: str, *losses: float, crc: int = 0, outputs: Sequence[float] = (), said: str = "") -> RunReport:
    backwards = [Backward(loss, False, 0) for loss in losses]
    steps = [Step(crc + number, 1.0, True, 1) for number in range(len(losses))]
    forwards = [
        Forward((), "Net", "eval", 0, 0, False, False, 0, 0, 0, number, None, digest=(output, output))
        for number, output in enumerate(outputs, 10 * crc)
    ]
    return RunReport("finished", backwards=backwards, steps=steps, forwards=forwards, device=device, output=said)


def test_a_gpu_may_differ_as_much_as_it_does_by_itself():
    before, again = run("cuda", 2.0, 1.0), run("cuda", 2.0, 1.00001, crc=9)
    close, far = run("cuda", 2.0, 0.99998, crc=7), run("cuda", 2.0, 0.99, crc=7)
    assert not Comparison(before, again, close).noisy
    assert Comparison(before, again, close).same_training
    assert "up to the noise of the GPU" in Comparison(before, again, close).trajectory()
    assert not Comparison(before, again, far).same_training
    assert not Comparison(before, again, run("cuda", 2.0, crc=7)).same_training


def test_a_gpu_that_differs_much_is_noisy():
    wild = Comparison(run("cuda", 2.0, 1.0), run("cuda", 2.0, 1.2, crc=9), run("cuda", 2.0, 1.1, crc=7))
    assert wild.noisy and not wild.same_training


def test_a_gpu_that_repeats_itself_is_held_to_its_bits():
    before, again = run("cuda", 2.0, 1.0), run("cuda", 2.0, 1.0)
    assert Comparison(before, again, before).same_training
    assert not Comparison(before, again, run("cuda", 2.0, 1.00001, crc=9)).same_training


def test_a_cpu_is_held_to_its_bits():
    before, again = run("cpu", 2.0, 1.0), run("cpu", 2.0, 1.00001, crc=9)
    assert Comparison(before, again, before).noisy
    assert not Comparison(before, before, again).same_training


def test_outputs_and_prints_after_a_noisy_training_are_no_others():
    """The two unchanged runs may be closer to one another than to a third: they all differ in the parameters."""
    before = run("cuda", 2.0, 1.0, outputs=[5.0], said="accuracy 431/1000")
    again = run("cuda", 2.0, 1.0002, crc=9, outputs=[5.0], said="accuracy 431/1000")
    after = run("cuda", 2.0, 0.9999, crc=7, outputs=[5.002], said="accuracy 432/1000")
    noisy = Comparison(before, again, after)
    assert (noisy.other_outputs(), noisy.other_prints()) == ("", None)
    far = run("cuda", 2.0, 0.9999, crc=7, outputs=[5.2])
    assert Comparison(before, again, far).other_outputs() == "Net gives other values"


def test_outputs_and_prints_of_what_repeats_itself_are_held_to_rounding():
    before = run("cuda", 2.0, 1.0, outputs=[5.0], said="accuracy 431/1000")
    after = run("cuda", 2.0, 1.0, outputs=[5.0], said="accuracy 432/1000")
    assert Comparison(before, before, after).other_prints() == ("accuracy 431/1000", "accuracy 432/1000")
    other = run("cuda", 2.0, 1.0, crc=1, outputs=[5.002])
    assert Comparison(before, before, other).other_outputs() == "Net gives other values"


INT_TARGET = "nll_loss_forward_reduce_cuda_kernel_2d_index\" not implemented for 'Int'"


@pytest.mark.parametrize(("code", "kind", "message", "own"), [
    ("TFC402", "NotImplementedError", INT_TARGET, True),
    ("TFC402", "AcceleratorError", "CUDA error: device-side assert triggered", True),
    ("TFC104", "AcceleratorError", "CUDA error: device-side assert triggered", True),
    ("TFC104", "RuntimeError", "CUDA error: device-side assert triggered", True),
    ("TFC402", "AcceleratorError", "CUDA error: an illegal memory access was encountered", False),
    ("TFC302", "NotImplementedError", INT_TARGET, False),
])  # fmt: skip
def test_what_a_gpu_says_of_a_mistake_is_an_error_of_the_rule(code: str, kind: str, message: str, own: bool):
    before, after = run("cuda"), run("cuda")
    before.status, before.failure = "crashed", Failure(kind, message, ("main.py", 3))
    judged = _crashes(contract_of(code), Comparison(before, before, after, {"main.py": [(3, 3)]}))
    assert judged is not None and (judged.reason != "an error is gone that is not the one of this rule") == own
