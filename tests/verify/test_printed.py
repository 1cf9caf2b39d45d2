"""What is printed is compared without what changes by itself."""

from __future__ import annotations

import pytest

from torchfix_codemods.verify.printed import difference, has_no_number

#: A tensor that is too wide for one more word, as torch prints it.
WIDE = "tensor([[ 0.1000,  0.2000],\n        [ 0.3000,  0.4000]]{})\n"


@pytest.mark.parametrize(
    "before, again, after",
    [
        ("loss 0.1234\n", "loss 0.1234\n", "loss 0.1235\n"),
        ("loss tensor(0.5, grad_fn=<MeanBackward0>)", "loss tensor(0.5, grad_fn=<MeanBackward0>)", "loss tensor(0.5)"),
        (WIDE.format(",\n       grad_fn=<AddmmBackward0>"),) * 2 + (WIDE.format(""),),
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


def printing(graph: str, bar: str = "") -> str:
    """What is kept of the output of a program that prints tensors: its last 20,000 bytes."""
    text = "".join(f"step {step}: loss tensor(0.5{graph}) {bar}\n" for step in range(2000))
    return text.encode()[-20_000:].decode("utf-8", "replace")


def test_what_is_left_of_the_first_line_of_a_long_output_is_chance():
    # 3 bytes less of the one word that has nothing to say, and the tail begins elsewhere in a line
    before = printing("", "ab")
    for after in (before[3:], before[7:], printing(", grad_fn=<AddBackward0>", "ab")):
        assert difference(before, before, after) is None
    assert difference(before, before, before[3:].replace("step 1990: loss", "step 1990: lost")) is not None


def test_the_length_that_counts_is_that_of_the_bytes():
    few, many = printing("", "█" * 20), printing("", "█" * 40)
    assert len(few) < 19_000 and difference(few, few, many) is None


def test_no_numbers_are_words():
    assert has_no_number("loss nan\n") and has_no_number("-inf")
    assert not has_no_number("information of nancy")


def test_where_in_the_text_something_was_printed_is_not_compared():
    stack = 'Traceback (most recent call last):\n  File "a.py", line {}, in f\n    f(x)\n{}ValueError: bad{}\nend\n'
    frame = '  File "contextlib.py", line 9, in inner\n    return func(*args)\n'
    before, after = stack.format(3, "", ""), stack.format(4, frame, "")
    assert difference(before, before, after) is None
    assert difference(before, before, stack.format(4, frame, "ly")) is not None  # look-alike: another message
    assert difference("train.py:12 done\n", "train.py:12 done\n", "train.py:13 done\n") is None
    assert difference("right: 12\n", "right: 12\n", "right: 13\n") is not None


def test_a_tensor_that_has_no_graph_any_more_may_take_a_line_less():
    values = "tensor([[0.5, 1.0],\n        [2.0, 3.0]"
    before, after = f"{values}],\n       grad_fn=<AddmmBackward0>)\nend\n", f"{values}])\nend\n"
    assert difference(before, before, after) is None
    assert difference(before, before, after.replace("3.0", "3.5")) is not None
    leaf = "tensor([1.0], requires_grad=True)\n"
    assert difference(leaf, leaf, "tensor([1.0])\n") is None
