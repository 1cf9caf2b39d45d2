"""Cells of a notebook are run again: an inserted `eval()` must not leave the model so for the training."""

from __future__ import annotations

import pytest

from torchfix_codemods.rules import missing_eval_mode

EVAL_MODE = missing_eval_mode.RULE

DATA = """\
import torch
from torch import nn
from torch.nn import functional as F

loader = [(torch.randn(6, 4), torch.randint(0, 3, (6,))) for _ in range(3)]
seen = []
"""
MODEL = """\
net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))
optimizer = torch.optim.SGD(net.parameters(), 0.1)
"""
TRAIN = """\
for epoch in range(2):
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
        seen.append(net.training)
"""
FUNCTION = """\
def train(model):
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        seen.append(model.training)
"""
STEP = """\
x, y = loader[0]
optimizer.zero_grad()
F.cross_entropy(net(x), y).backward()
optimizer.step()
"""
MEASURE = """\
right = 0
with torch.no_grad():
    for x, y in loader:
        right += (net(x).argmax(1) == y).sum().item()
"""


def text(*cells: str) -> str:
    """What the rules see of a notebook."""
    return "".join(f"# _ipython_cell_{number}\n{cell}" for number, cell in enumerate(cells, 1))


def again(notebook: str, number: int) -> list[bool]:
    """The mode at each training step: all cells are run in their order, then one of them again."""
    cells = notebook.split("# _ipython_cell_")[1:]
    space: dict[str, object] = {}
    for cell in (*cells, cells[number - 1]):
        exec(cell.partition("\n")[2], space)
    seen = space["seen"]
    assert isinstance(seen, list) and seen
    return seen


@pytest.mark.parametrize(
    ("cells", "number"),
    [
        ((DATA + MODEL, TRAIN, MEASURE), 2),
        ((DATA, MODEL, "net.train()\n", TRAIN, MEASURE), 4),
        ((DATA + MODEL, FUNCTION, "train(net)\n", MEASURE), 3),
        ((DATA + MODEL, FUNCTION, "for epoch in range(2):\n    train(net)\n", MEASURE), 3),
        ((DATA + MODEL, TRAIN + MEASURE), 2),
    ],
)
def test_a_cell_that_is_run_again_trains_in_training_mode(cells, number, applied):
    before = {"a.ipynb": text(*cells)}
    after = applied(before, EVAL_MODE)["a.ipynb"]
    assert after.count("net.eval()") == 1 and after.count(".train()\n") == before["a.ipynb"].count(".train()\n") + 1
    assert all(again(after, number))
    assert applied({"a.ipynb": after}, EVAL_MODE)["a.ipynb"] == after


@pytest.mark.parametrize(
    ("cells", "number"),
    [
        ((DATA + MODEL, "net.train()\n" + TRAIN, MEASURE), 2),
        ((DATA + MODEL, FUNCTION, "net.train()\ntrain(net)\n", MEASURE), 3),
        ((DATA, MODEL + TRAIN, MEASURE), 2),
    ],
)
def test_a_cell_that_cares_for_its_mode_stays_as_it_is(cells, number, applied):
    before = text(*cells)
    after = applied({"a.ipynb": before}, EVAL_MODE)["a.ipynb"]
    assert after == before.replace("with torch.no_grad", "net.eval()\nwith torch.no_grad")
    assert all(again(after, number))


IN_TURN = TRAIN.replace(
    "loader:\n",
    "loader:\n        " + "if len(seen) % 2:\n            for v, t in loader:\n"
    "                accuracy = (net(v).argmax(1) == t).sum().item()\n",
)


def test_a_loop_that_trains_and_evaluates_in_turn_gets_one_train(applied):
    before = text(DATA + MODEL, IN_TURN, MEASURE)
    after = applied({"a.ipynb": before}, EVAL_MODE)["a.ipynb"]
    assert (after.count("net.train()"), after.count("net.eval()")) == (1, 2)
    assert all(again(after, 2))


def test_an_evaluation_beside_training_gets_no_train(applied):
    """Lists of results that go from cell to cell are no training."""
    cells = (DATA + MODEL, TRAIN.replace("seen.append", "kept = [net(x)]\n        seen.append"), MEASURE, MEASURE)
    after = applied({"a.ipynb": text(*cells)}, EVAL_MODE)["a.ipynb"]
    assert (after.count("net.train()"), after.count("net.eval()")) == (1, 2)


def test_a_script_is_run_from_its_beginning(applied):
    before = DATA + MODEL + TRAIN + MEASURE
    assert applied({"a.py": before}, EVAL_MODE)["a.py"] == before.replace("with torch", "net.eval()\nwith torch")


def test_a_step_without_a_place_for_train_is_left_alone(findings):
    found = findings({"a.ipynb": text(DATA + MODEL, STEP, MEASURE)}, EVAL_MODE)
    assert [f.fix for f in found] == [None]
    assert "no single place for train()" in (found[0].no_fix_reason or "")
