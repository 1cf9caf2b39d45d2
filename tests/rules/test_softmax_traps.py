"""A softmax before cross entropy whose output somebody sees by another way than its name."""

from __future__ import annotations

from textwrap import dedent

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules import softmax_before_cross_entropy

HEAD = """
import torch, torch.nn as nn
import torch.nn.functional as F
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.act = nn.Softmax(dim=1)
    def forward(self, x):
        return self.act(self.layer(x))
{}
net = Net()
loss = nn.CrossEntropyLoss()(net(torch.randn(2, 4)), torch.tensor([0, 1]))
loss.backward()
{}
"""
SEEN = {
    "a forward hook of the model": "net.register_forward_hook(lambda m, i, o: print(o.sum()))",
    "a forward hook of the layer": "net.act.register_forward_hook(lambda m, i, o: print(o.sum()))",
    "another softmax": "F.softmax = lambda x, dim: 2 * x",
    "another loss": "nn.CrossEntropyLoss = nn.NLLLoss",
}


def program(inside: str = "", below: str = "") -> dict[str, str]:
    return {"main.py": HEAD.format(inside, dedent(below))}


def test_without_them_it_is_written(findings):
    (found,) = findings(program(), softmax_before_cross_entropy.RULE)
    assert found.fix and found.level == Level.BEHAVIOR


@pytest.mark.parametrize("below", SEEN.values(), ids=SEEN)
def test_what_sees_the_output_from_outside_makes_it_a_suggestion(findings, below):
    for found in findings(program(below=below), softmax_before_cross_entropy.RULE):
        assert found.level == Level.SUGGESTION


def test_a_layer_that_is_asked_for_by_its_name_stays(applied):
    inside = "    def predict(self, x):\n        return getattr(self, 'act')(self.layer(x))"
    (text,) = applied(program(inside), softmax_before_cross_entropy.RULE).values()
    assert "return self.layer(x)\n" in text
    assert "self.act = nn.Softmax(dim=1)\n" in text
