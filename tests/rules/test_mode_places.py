"""Where training follows an evaluation in one loop, it is back in training mode: shown by running the programs."""

from __future__ import annotations

import pytest

from torchfix_codemods.rules import missing_eval_mode, missing_train_mode

EVAL_MODE, TRAIN_MODE = missing_eval_mode.RULE, missing_train_mode.RULE

HEAD = """\
import torch
from torch import nn
from torch.nn import functional as F

loader = [(torch.randn(6, 4), torch.randint(0, 3, (6,))) for _ in range(3)]
net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))
optimizer = torch.optim.SGD(net.parameters(), 0.1)
trained, evaluated = [], []


def evaluate(model):
    right = 0
    with torch.no_grad():
        for v, t in loader:
            right += (model(v).argmax(1) == t).sum().item()
            evaluated.append(model.training)
    return right


"""
STEP = """\
optimizer.zero_grad()
F.cross_entropy(net(x), y).backward()
optimizer.step()
trained.append(net.training)
"""


def indented(text: str, width: int) -> str:
    return "".join(" " * width + line for line in text.splitlines(keepends=True))


BATCHES = "for x, y in loader:\n" + indented(STEP, 4)
LOOPS = {
    "evaluation first": "for epoch in range(3):\n    print(evaluate(net))\n" + indented(BATCHES, 4),
    "evaluation last": "for epoch in range(3):\n" + indented(BATCHES, 4) + "    print(evaluate(net))\n",
    "evaluation now and then": "for epoch in range(4):\n    if epoch % 2:\n        print(evaluate(net))\n"
    + indented(BATCHES, 4),
    "evaluation between": "for epoch in range(3):\n"
    + indented(BATCHES, 4)
    + "    print(evaluate(net))\n"
    + indented(BATCHES, 4),
    "evaluation between batches": "for x, y in loader * 2:\n    if len(trained) % 2:\n        print(evaluate(net))\n"
    + indented(STEP, 4),
    "evaluation in the text": "for epoch in range(3):\n    for v, t in loader:\n        print(net(v).argmax(1))\n"
    "        evaluated.append(net.training)\n" + indented(BATCHES, 4),
    "evaluation in a branch": "for epoch in range(4):\n    if epoch % 2:\n        print(evaluate(net))\n    else:\n"
    + indented(BATCHES, 8),
    "two steps in a round": "for x, y in loader:\n    print(evaluate(net))\n" + indented(STEP * 2, 4),
    "a function that does both": "def epoch_of(n):\n    print(n, evaluate(net))\n"
    + indented(BATCHES, 4)
    + "\n\nfor n in range(3):\n    epoch_of(n)\n",
    "before and after": "print(evaluate(net))\nfor epoch in range(2):\n"
    + indented(BATCHES, 4)
    + "print(evaluate(net))\n",
    "before a function": "def fit():\n" + indented(BATCHES, 4) + "\n\nfit()\nprint(evaluate(net))\nfit()\n",
    "a function that trains": "def fit():\n"
    + indented(BATCHES, 4)
    + "\n\nfor n in range(3):\n    print(evaluate(net))\n    fit()\n",
}


def modes(text: str) -> tuple[set[bool], set[bool]]:
    """In which modes a program trained, and evaluated."""
    space: dict[str, list[bool]] = {}
    exec(text, space)
    return set(space["trained"]), set(space["evaluated"])


@pytest.mark.parametrize("name", LOOPS)
def test_training_is_in_training_mode_behind_an_inserted_eval(name, applied):
    before = HEAD + LOOPS[name]
    after = applied({"a.py": before}, EVAL_MODE)["a.py"]
    assert modes(before) == ({True}, {True})
    assert modes(after) == ({True}, {False})
    assert after.count("net.train()\n") == (2 if name == "evaluation between" else 1)
    assert applied({"a.py": after}, EVAL_MODE)["a.py"] == after
    assert applied({"a.py": after}, TRAIN_MODE)["a.py"] == after


def test_an_evaluation_in_the_condition_of_the_training_is_left_to_people(findings):
    text = HEAD + "for epoch in range(3):\n    if evaluate(net) < 18:\n" + indented(BATCHES, 8)
    found = findings({"a.py": text}, EVAL_MODE)
    assert [f.fix for f in found] == [None]
    assert "no single place for train()" in (found[0].no_fix_reason or "")


STUCK = HEAD.replace("    right = 0\n", "    model.eval()\n    right = 0\n")


IN_A_BRANCH = (
    "for epoch in range(4):\n    if epoch % 2:\n        print(evaluate(net))\n    if epoch == 3:\n"
    "        for v, t in loader:\n            print(net(v).argmax(1))\n            evaluated.append(net.training)\n"
    "    else:\n" + indented(BATCHES, 8)
)


@pytest.mark.parametrize(
    "loop",
    [*map(LOOPS.get, ("evaluation last", "evaluation now and then", "evaluation between batches")), IN_A_BRANCH],
)
def test_stuck_training_is_freed_behind_the_evaluation(loop, applied):
    before = STUCK + loop
    after = applied({"a.py": before}, TRAIN_MODE)["a.py"]
    assert modes(before)[1] == modes(after)[1] == {False}
    assert False in modes(before)[0]
    assert modes(after)[0] == {True}
    assert applied({"a.py": after}, TRAIN_MODE)["a.py"] == after
