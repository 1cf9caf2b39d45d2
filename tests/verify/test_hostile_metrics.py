"""Programs in which what is evaluated steers the training, or the next random numbers: a right fix is no regression."""

from __future__ import annotations

import pytest
from fixes import change, judge_all
from running import Programs

PROGRAM = """\
import torch
import torch.nn.functional as F
from torch import nn

net = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 3))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
x, y = torch.randn(64, 8), torch.randint(0, 3, (64,))
teacher = nn.Sequential(nn.Linear(8, 3), nn.Dropout(0.5))

def evaluate():
    with torch.no_grad():
        return F.cross_entropy(net(x), y).item()

def targets(inputs):
    with torch.no_grad():
        return teacher(inputs)

best = 100.0
for epoch in range(3):
    net.train()
    for rows in {rows}:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x[rows]), y[rows]) + 0.1 * (net(x[rows]) - targets(x[rows])).square().mean()
        loss.backward()
        optimizer.step()
    value = evaluate()
    {after}
"""
RIGHT = change("TFC301", ("def evaluate():\n", "def evaluate():\n    net.eval()\n"))
TEACHER = change("TFC301", ("def targets(inputs):\n", "def targets(inputs):\n    teacher.eval()\n"))
SCHEDULE = "optimizer.param_groups[0]['lr'] = 0.1 * value"


def judged(programs: Programs, fix: object, after: str, rows: str = "torch.arange(64).split(16)") -> tuple[str, str]:
    text = PROGRAM.format(rows=rows, after=after)
    (found,) = judge_all(programs, text, [fix], limits={"outer": 3})
    return found.judgement.name.value, found.judgement.reason


@pytest.mark.parametrize("after", [SCHEDULE, "for g in optimizer.param_groups: g['weight_decay'] = value"])
def test_a_schedule_that_follows_the_evaluation(programs: Programs, after: str):
    name, reason = judged(programs, RIGHT, after)
    assert name == "CHANGED_AS_INTENDED" and "steer the training" in reason


def test_an_early_stop_that_follows_the_evaluation(programs: Programs):
    losses = [programs.run(PROGRAM.format(rows="torch.arange(64).split(16)", after="print(value)")).output.split()]
    assert losses[0]
    middle = f"if value {{}} {losses[0][0]}:\n        break"
    names = {judged(programs, RIGHT, middle.format(sign)) for sign in ("<", ">")}
    assert any(name == "INCONCLUSIVE" and "steers the training" in reason for name, reason in names)
    assert all(name in ("INCONCLUSIVE", "CHANGED_AS_INTENDED") for name, _ in names)


def test_data_drawn_after_an_evaluation_that_drops_nothing_any_more(programs: Programs):
    assert judged(programs, RIGHT, "print(value)", "torch.randperm(64).split(16)")[0] == "CHANGED_AS_INTENDED"


def test_other_targets_are_a_change_of_training_all_the_same(programs: Programs):
    assert judged(programs, TEACHER, "print(value)")[0] == "REGRESSED"
    assert judged(programs, TEACHER, SCHEDULE)[0] == "REGRESSED"


def test_a_call_that_is_not_seen_is_no_proof_of_absence(programs: Programs):
    text = PROGRAM.format(rows="torch.arange(64).split(16)", after="print(value)")
    text = text.replace("return F.cross_entropy(net(x), y).item()", "return F.linear(x, net[0].weight).sum().item()")
    fix = change("TFC301", ("def evaluate():\n", "def evaluate():\n    net.eval()\n"))
    quiet = text.replace("+ 0.1 * (net(x[rows]) - targets(x[rows])).square().mean()", "")
    (found,) = judge_all(programs, quiet, [fix])
    assert (found.judgement.name.value, found.judgement.reason) == ("NOT_EXERCISED", "nothing is evaluated in the run")
