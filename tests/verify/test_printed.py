"""What is printed is compared without what changes by itself."""

from __future__ import annotations

import pytest

from torchfix_codemods.verify.printed import difference, has_no_number


@pytest.mark.parametrize(
    "before, again, after",
    [
        ("loss 0.1234\n", "loss 0.1234\n", "loss 0.1235\n"),
        ("loss tensor(0.5, grad_fn=<MeanBackward0>)", "loss tensor(0.5, grad_fn=<MeanBackward0>)", "loss tensor(0.5)"),
        (
            "tensor([[0.5,\n         0.25]],\n       grad_fn=<StackBackward0>) end\n",
            "tensor([[0.5,\n         0.25]],\n       grad_fn=<StackBackward0>) end\n",
            "tensor([[0.5,\n         0.25]]) end\n",
        ),
        ("took 3 s\nright 7\n", "took 3 s\nright 7\n", "took 9 s\nright 7\n"),
        ("id 17 right 7\n", "id 18 right 7\n", "id 19 right 7\n"),
        (" 50%|#  |\r100%|###|\ndone\n", "100%|###|\ndone\n", " 20%|  |\r 30%|  |\r100%|###|\ndone\n"),
        ("lucky\n", "unlucky\n", "neither\n"),
        (
            "<A at 0x7f01>\n2026-11-26 12:00:01,5 begin\n",
            "<A at 0x7f01>\n2026-11-26 12:00:01,5 begin\n",
            "<A at 0x8a>\nbegin",
        ),
        ("1e-05 and nan\n", "1e-05 and nan\n", "1.0001e-05 and nan\n"),
        ("", "", ""),
    ],
)
def test_what_is_the_same(before: str, again: str, after: str):
    assert difference(before, again, after) is None


@pytest.mark.parametrize(
    "before, after",
    [
        ("right 23\n", "right 24\n"),
        ("loss 0.1234\n", "loss 0.1334\n"),
        ("loss 0.5\n", "loss nan\n"),
        ("epoch 1\nepoch 2\n", "epoch 1\n"),
        ("saved\n", "not saved\n"),
        ("-0.5\n", "0.5\n"),
    ],
)
def test_what_differs(before: str, after: str):
    assert difference(before, before, after) is not None


def test_no_numbers_are_words():
    assert has_no_number("loss nan\n") and has_no_number("-inf")
    assert not has_no_number("information of nancy")
