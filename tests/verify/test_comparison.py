"""Noise: a GPU that sums in another order is tolerated as far as the two unchanged runs show it, nothing else is."""

from __future__ import annotations

from torchfix_codemods.verify.comparison import Comparison
from torchfix_codemods.verify.runs import Backward, RunReport, Step


def run(device: str, *losses: float, crc: int = 0) -> RunReport:
    backwards = [Backward(loss, False, 0) for loss in losses]
    steps = [Step(crc + number, 1.0, True, 1) for number in range(len(losses))]
    return RunReport("finished", backwards=backwards, steps=steps, device=device)


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
