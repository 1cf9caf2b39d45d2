"""Noise: a GPU that sums in another order is tolerated as far as the two unchanged runs show it, nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from torchfix_codemods.verify.comparison import Comparison
from torchfix_codemods.verify.contracts import contract_of
from torchfix_codemods.verify.runs import Backward, Call, Failure, Forward, RunReport, Step
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


NAN = float("nan")


@pytest.mark.parametrize("losses", [(2.0, 0.99998, NAN), (2.0, NAN, 0.5), (NAN, 0.99998, 0.5), (2.0, 0.99998, 1e999)])
def test_a_loss_that_is_no_number_is_no_noise(losses: tuple[float, ...]):
    before, again = run("cuda", 2.0, 1.0, 0.5), run("cuda", 2.0, 1.00001, 0.5, crc=9)
    assert not Comparison(before, again, run("cuda", *losses, crc=7)).same_training
    assert Comparison(before, run("cuda", *losses, crc=7), before).gpu_noise == 0
    lost, again = run("cuda", 2.0, 1.0, NAN), run("cuda", 2.0, 1.00001, NAN, crc=9)
    assert Comparison(lost, again, run("cuda", 2.0, 0.99998, NAN, crc=7)).same_training


@pytest.mark.parametrize(("part", "kept"), [
    ({"norm": 1.002}, True),
    ({"norm": 1.5}, False),  # gradients that were not cleared
    ({"cleared": False}, False),
    ({"gradients": 3}, False),
    ({"backwards": 2}, False),
])  # fmt: skip
def test_steps_are_made_in_the_same_way_on_a_gpu_too(part: dict[str, float], kept: bool):
    """In the few steps of a run the losses hardly show it, where the learning rate is small."""
    before, again, after = (run("cuda", 2.0, loss, crc=crc) for loss, crc in ((1.0, 0), (1.0002, 9), (0.9999, 7)))
    after.steps[-1] = replace(after.steps[-1], **part)
    assert Comparison(before, again, after).same_training is kept


def test_forwards_are_trained_in_the_same_mode_on_a_gpu_too():
    before, again, after = (
        run("cuda", 2.0, loss, crc=crc, outputs=[5.0]) for loss, crc in ((1.0, 0), (1.0002, 9), (0.9999, 7))
    )
    for one in (before, again, after):
        one.forwards[0] = replace(one.forwards[0], used=True, mode="train")
    assert Comparison(before, again, after).same_training
    after.forwards[0] = replace(after.forwards[0], mode="eval")
    assert not Comparison(before, again, after).same_training


def test_what_is_the_same_up_to_noise_is_not_called_the_same_bits():
    before, again = run("cuda", 2.0, 1.0), run("cuda", 2.0, 1.00001, crc=9)
    assert Comparison(before, again, before).exactly == "bit for bit"
    assert Comparison(before, again, run("cuda", 2.0, 0.99998, crc=7)).exactly == "up to the noise of the GPU"


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


@pytest.mark.parametrize(("said", "told"), [
    ("accuracy 432/1000", True),
    ("accuracy 13/1000", False),  # no noise, but another quantity
    ("accuracy nan/1000", False),
    ("a new best, accuracy 432/1000", True),
])  # fmt: skip
def test_numbers_that_are_printed_after_a_noisy_training_are_held_to_their_size(said: str, told: bool):
    before, again, after = (
        run("cuda", 2.0, loss, crc=crc, said=text)
        for loss, crc, text in ((1.0, 0, "accuracy 431/1000"), (1.0002, 9, "accuracy 431/1000"), (0.9999, 7, said))
    )
    assert Comparison(before, again, after).other_prints() == (None if told else ("accuracy 431/1000", said))


def test_outputs_and_prints_of_what_repeats_itself_are_held_to_rounding():
    before = run("cuda", 2.0, 1.0, outputs=[5.0], said="accuracy 431/1000")
    after = run("cuda", 2.0, 1.0, outputs=[5.0], said="accuracy 432/1000")
    assert Comparison(before, before, after).other_prints() == ("accuracy 431/1000", "accuracy 432/1000")
    other = run("cuda", 2.0, 1.0, crc=1, outputs=[5.002])
    assert Comparison(before, before, other).other_outputs() == "Net gives other values"


INT_TARGET = "nll_loss_forward_reduce_cuda_kernel_2d_index\" not implemented for 'Int'"


ASSERTED = "CUDA error: device-side assert triggered"


@pytest.mark.parametrize(("code", "kind", "message", "line", "own"), [
    ("TFC402", "NotImplementedError", INT_TARGET, 3, True),
    ("TFC402", "AcceleratorError", ASSERTED, 3, True),
    ("TFC402", "AcceleratorError", ASSERTED, 8, False),  # a class that is not there, say
    ("TFC402", "RuntimeError", ASSERTED, 3, True),
    ("TFC402", "RuntimeError", ASSERTED, 8, False),
    ("TFC104", "AcceleratorError", ASSERTED, 8, True),
    ("TFC104", "RuntimeError", ASSERTED, 8, True),
    ("TFC402", "AcceleratorError", "CUDA error: an illegal memory access was encountered", 3, False),
    ("TFC302", "NotImplementedError", INT_TARGET, 3, False),
])  # fmt: skip
def test_what_a_gpu_says_of_a_mistake_is_an_error_of_the_rule(code: str, kind: str, message: str, line: int, own: bool):
    before, after = run("cuda"), run("cuda")
    before.status, before.failure = "crashed", Failure(kind, message, ("main.py", line))
    judged = _crashes(contract_of(code), Comparison(before, before, after, {"main.py": [(3, 3)]}))
    assert judged is not None and (judged.reason != "an error is gone that is not the one of this rule") == own


@pytest.mark.parametrize(("outside", "name"), [(True, "FIXED_CRASH"), (False, "INCONCLUSIVE")])
def test_an_assert_of_a_gpu_is_that_of_a_loss_only_where_it_got_scores(outside: bool, name: str):
    """A wrong class ends in the same words."""
    before, after = run("cuda"), run("cuda")
    facts = {"activation": None, "backs": 0, "meant": 0.7, "outside": outside, "loss": None}
    before.calls.append(Call("bce", ("main.py", 8), facts))
    after.calls.append(Call("bce_logits", ("main.py", 8), {**facts, "outside": False, "loss": 0.7}))
    before.status, before.failure = "crashed", Failure("AcceleratorError", ASSERTED, ("main.py", 8))
    judged = _crashes(contract_of("TFC104"), Comparison(before, before, after, {"main.py": [(3, 3)]}))
    assert judged is not None and judged.name.name == name
