"""Calls that differ only in their model calls: what is used again of the last one, and when a call is run anew."""

from __future__ import annotations

import pytest
from test_program import events, program_of

from torchfix_codemods.analysis.interpreter.alike import RUNS, Alike, Outcome, without_calls
from torchfix_codemods.analysis.interpreter.state import State
from torchfix_codemods.analysis.phases import phases_of
from torchfix_codemods.analysis.trace import Backward
from torchfix_codemods.analysis.values import NONE, Choice, ListOf, Sequence, Tensor, Unknown, Value

OLD, NEW = frozenset({1}), frozenset({2, 3})
SCRIPT = """
import torch
from torch import nn
def show(value):
{body}
net = nn.Linear(2, 2)
optimizer = torch.optim.SGD(net.parameters(), 0.1)
for a in range(3):
    for b in range(3):
        for c in range(3):
            loss = net(torch.zeros(1, 2)).sum()
            {call}
"""


def _values(calls: frozenset[int]) -> list[Value]:
    unknown, tensor = Unknown("some", "key", calls), Tensor(rank=2, calls=calls)
    return [unknown, tensor, Sequence((tensor, NONE)), ListOf(unknown), Choice((unknown, NONE))]


@pytest.mark.parametrize(("one", "other"), list(zip(_values(OLD), _values(NEW), strict=True)))
def test_the_answer_has_the_model_calls_at_hand(one: Value, other: Value):
    assert without_calls(one) == without_calls(other) and one != other
    known = Alike("key").asked(OLD).after(Outcome(one, State(), ran=False), (), keeps=False)
    assert known.asked(NEW).answer == other and known.runs == 1


def test_a_graph_that_is_kept_is_followed_each_time():
    known = Alike("key").asked(OLD).after(Outcome(NONE, State(), ran=False), (), keeps=True)
    assert known.runs == 0 < RUNS


@pytest.mark.parametrize(
    ("body", "call"),
    [
        ("    value.backward()", "show(loss)"),
        ("    return value * 2", "show(loss).backward()"),
        ("    return [value]", "show(loss)[0].backward()"),
        ("    value.backward(); print(value)", "show(show.__name__ and loss)"),
    ],
)
def test_what_a_helper_hands_on_is_trained(body: str, call: str):
    program = program_of({"a.py": SCRIPT.format(body=body, call=call)}, "a.py")
    assert events(program, Backward)
    assert all(e.trained for site in phases_of(program).sites.values() for e in site.executions)
