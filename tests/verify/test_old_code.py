"""TFC501 by runs: the right fix of a file that Python refuses, and wrong ones."""

from __future__ import annotations

import pytest
from fixes import Change, judge_units, unit
from running import Programs

OLD = """
import torch, torch.nn as nn

torch.manual_seed(0)
net = nn.Linear(4, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
batches = [(torch.randn(8, 4), torch.randint(0, 2, (8,))) for _ in range(6)]
for epoch in range(2):
    for x, y in batches:
        x = x.cuda(async=True)
        y = y.cuda(0, async=True)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
"""
X, Y = "x = x.cuda(async=True)", "y = y.cuda(0, async=True)"


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(X, "x = x.cuda(non_blocking=True)"), (Y, "y = y.cuda(0, non_blocking=True)")], "FIXED_CRASH"),
        ([(X, "x = x.cuda(non_blocking=True)")], "FIXED_CRASH"),
        ([(X, "x = x.cuda(async=True).clone()")], "NOT_FIXED"),
        ([(X, "x = 2 * x.cuda()"), (Y, "y = y.cuda(0)")], "REGRESSED"),
        ([(X, "x = x.cuda(blocking=True)"), (Y, "y = y.cuda(0)")], "REGRESSED"),
        ([("net(x)", "net(x.detach())")], "NOT_FIXED"),
    ],
)
def test_what_runs_say(programs: Programs, pairs: list[tuple[str, str]], expected: str):
    files = {"main.py": OLD}
    (found,) = judge_units(programs, files, [unit(1, (Change("TFC501", tuple(pairs)),), files)])
    assert found.judgement.name.value == expected, found.judgement


def test_a_program_that_python_accepts_has_no_such_mistake(programs: Programs):
    files = {"main.py": OLD.replace("async", "non_blocking")}
    change = Change("TFC501", (("x = x.cuda(non_blocking=True)", "x = x.cuda()"),))
    (found,) = judge_units(programs, files, [unit(1, (change,), files)])
    assert found.judgement.name.value == "PREMISE_ABSENT", found.judgement
