"""TFC205 beyond its page: which windows are meant, and what may take care of their size."""

from __future__ import annotations

from textwrap import indent

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules.gradient_accumulation import RULE

HEAD = """\
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

net = nn.Linear(4, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
loader = DataLoader(data, batch_size=4)
"""
LOOP = """\
for i, (x, y) in enumerate(loader):
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    if (i + 1) % window == 0 or i + 1 == len(loader):
        optimizer.step()
        optimizer.zero_grad()
"""
STEP = "        optimizer.step"
OPEN = LOOP.replace(" or i + 1 == len(loader)", "")
TOO_OFTEN = """\
for i, (x, y) in enumerate(loader):
    optimizer.zero_grad()
    loss = F.cross_entropy(net(x), y) / window
    loss.backward()
    if (i + 1) % window == 0:
        optimizer.step()
"""


def messages(findings, body: str, head: str = HEAD) -> list[str]:
    """The findings of a body in few words; all are suggestions."""
    found = findings({"main.py": head + body}, RULE)
    assert all(finding.level is Level.SUGGESTION for finding in found)
    words = {"not divided": "sum", "in every round": "often", "no multiple": "rest"}
    return [next(short for long, short in words.items() if long in finding.message) for finding in found]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (LOOP, ["sum"]),
        (OPEN, ["sum", "rest"]),
        (TOO_OFTEN, ["often"]),
        (LOOP.replace("(i + 1) % window == 0", "i % window == window - 1"), ["sum"]),
        (LOOP.replace("(i + 1) % window == 0", "not (i + 1) % window"), ["sum"]),
        (LOOP.replace("window", "args.accumulate"), ["sum"]),
        (LOOP.replace("window", "8"), ["sum"]),
        (LOOP.replace("optimizer.zero_grad", "net.zero_grad"), ["sum"]),
        (TOO_OFTEN.replace("optimizer.zero_grad", "net.zero_grad"), ["often"]),
    ],
)
def test_windows_are_known_by_their_modulo(body, expected, findings):
    """However the condition, the size and the clearing are written."""
    assert messages(findings, body) == expected


@pytest.mark.parametrize(
    "body",
    [
        LOOP.replace("loss.backward", "(loss / window).backward"),
        LOOP.replace("    loss.backward", "    loss /= window\n    loss.backward"),
        LOOP.replace("    loss.backward", "    loss = loss * (1 / window)\n    loss.backward"),
        LOOP.replace("    loss.backward", "    loss = loss / float(window)\n    loss.backward"),
        LOOP.replace("    loss.backward", "    loss = loss.div(window)\n    loss.backward"),
        LOOP.replace("    loss.backward", "    loss = loss * weight\n    loss.backward"),
        LOOP.replace("F.cross_entropy(net(x), y)", "loss_of(net, x, y, window)"),
        LOOP.replace(STEP, "        for p in net.parameters(): p.grad /= window\n" + STEP),
        LOOP.replace(STEP, "        optimizer.param_groups[0]['lr'] = 0.1 / window\n" + STEP),
        LOOP.replace("window", "1"),
        LOOP.replace("(i + 1) % window == 0", "full"),
        LOOP.replace("        optimizer.step", "        F.mse_loss(net(x), y).backward()\n        optimizer.step"),
        LOOP.replace("    if", "    hooks.run()\n    if"),
        LOOP.replace("    loss.backward()", "    accelerator.backward(loss)"),
        LOOP.replace("optimizer.step()", "scheduler.step()"),
        TOO_OFTEN.replace("    optimizer.zero_grad()", "    if fresh:\n        optimizer.zero_grad()"),
        TOO_OFTEN.replace("        optimizer.step()", "        scheduler.step()\n    optimizer.step()"),
    ],
)
def test_what_is_divided_somewhere_or_no_window_is_left_alone(body, findings):
    """Nothing is said where the size may be accounted for, or where the step does not follow a modulo."""
    assert messages(findings, body) == []


@pytest.mark.parametrize(
    "body",
    [
        OPEN + "optimizer.step()\n",
        OPEN.replace("enumerate(loader)", "enumerate(loader, 1)"),
        OPEN.replace("for i, (x, y) in enumerate(loader):", "for i in range(8):\n    x, y = data[i]"),
        OPEN.replace("(i + 1)", "step"),
        OPEN + "    else:\n        print(i)\n",
    ],
)
def test_the_rest_is_spoken_of_only_where_it_is_lost_for_certain(body, findings):
    """A step behind the loop, a count that is not the loop's, a loop whose length was chosen."""
    assert messages(findings, body) == ["sum"]


def test_the_division_keeps_what_is_logged(applied):
    """`loss` stays what it is where it is read afterwards."""
    body = LOOP + "    print(loss.item())\n"
    fixed = applied({"main.py": HEAD + body}, RULE, Level.SUGGESTION)["main.py"]
    assert "    (loss / window).backward()\n" in fixed and "loss = loss / window" not in fixed


def test_the_sum_and_the_rest_are_repaired_together(applied, findings):
    """Both changes stand in one loop, and nothing is found afterwards."""
    fixed = applied({"main.py": HEAD + OPEN}, RULE, Level.SUGGESTION)
    assert "loss = loss / window\n    loss.backward()" in fixed["main.py"]
    assert "% window == 0 or i + 1 == len(loader):" in fixed["main.py"]
    assert findings(fixed, RULE) == []


def test_clearing_moves_behind_both_ways_of_a_step(applied):
    """A scaler takes it, or not; the clearing comes behind the choice."""
    body = """\
scaler = torch.amp.GradScaler() if flag else None
for i, (x, y) in enumerate(loader):
    optimizer.zero_grad()
    loss = F.cross_entropy(net(x), y) / 4
    if scaler is not None:
        scaler.scale(loss).backward()
    else:
        loss.backward()
    if i % 4 == 3:
        if scaler is not None:
            scaler.step(optimizer)
            scaler.update()
        else:
            optimizer.step()
"""
    fixed = applied({"main.py": HEAD + body}, RULE, Level.SUGGESTION)["main.py"]
    assert fixed.count("zero_grad") == 1
    assert fixed.endswith("            optimizer.step()\n        optimizer.zero_grad()\n")


def test_cleared_in_every_round_and_behind_the_step(applied, findings):
    """The clearing that is too much goes, the other one stays."""
    body = TOO_OFTEN + STEP.replace("step", "zero_grad") + "()\n"
    assert messages(findings, body) == ["often"]
    fixed = applied({"main.py": HEAD + body}, RULE, Level.SUGGESTION)["main.py"]
    assert fixed.count("zero_grad") == 1 and fixed.endswith("optimizer.step()\n        optimizer.zero_grad()\n")


def test_a_clearing_under_a_condition_is_left_alone(findings):
    """It may be the first of a window."""
    body = TOO_OFTEN.replace("    optimizer.zero_grad()", "    if i % window == 0:\n        optimizer.zero_grad()", 1)
    assert messages(findings, body) == []


def test_a_function_that_is_called_in_every_epoch(findings):
    """Its clearing and its step are seen more than once, in different rounds of the epochs."""
    function = "def epoch():\n    optimizer.zero_grad()\n" + indent(TOO_OFTEN, "    ") + "\n"
    assert messages(findings, function + "for _ in range(3):\n    epoch()\n") == ["often"]


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("F.cross_entropy(net(x), y) + 0.1 * penalty(x)", ["sum"]),
        ("F.cross_entropy(net(x), y) / 4 + penalty(x) / 4", []),
        ("(F.cross_entropy(net(x), y) + penalty(x)) * 0.25", []),
        ("0.5 * F.cross_entropy(net(x), y) - 0.5 * penalty(x)", []),
    ],
)
def test_the_weight_of_one_term_divides_nothing(loss, expected, findings):
    assert messages(findings, LOOP.replace("F.cross_entropy(net(x), y)", loss)) == expected
