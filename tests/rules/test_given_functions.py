"""TFC101 where a function of a function, or a lambda, that asks the model goes to code that is not in the project."""

from __future__ import annotations

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules.softmax_before_cross_entropy import RULE

PROGRAM = """import app
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 2), nn.Softmax(dim=1))

    def forward(self, x):
        return self.layers(x)


def fit(net, batches):
    optimizer = torch.optim.Adam(net.parameters())
    for x, y in batches:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()


def main():
    net = Net()
    fit(net, [])
    {rest}


main()
"""
SHOW = "\n    def show(event):\n        print((net(event.x) > 0.9).sum())\n\n    app.on('click', show)"


def program(rest):
    return {"main.py": PROGRAM.format(rest=rest)}


@pytest.mark.parametrize(
    "rest",
    [
        "\n    def ask(x):\n        return net(x)\n\n    app.serve(ask)",
        "app.serve(lambda x: net(x)[0])",
        "app.serve(name='net', function=lambda x: {'scores': net(x)})",
    ],
)
def test_whoever_calls_it_may_count_on_probabilities(rest, findings):
    (finding,) = findings(program(rest), RULE)
    assert finding.level == Level.SUGGESTION
    assert "its output leaves what can be followed: returned by" in finding.message


def test_it_looks_at_the_numbers_itself(findings, applied):
    (finding,) = findings(program(SHOW), RULE)
    assert finding.level == Level.BEHAVIOR
    assert "(torch.softmax(net(event.x), dim=1) > 0.9).sum()" in applied(program(SHOW), RULE)["main.py"]


@pytest.mark.parametrize(
    "rest",
    [
        "app.serve(lambda x: net(x).argmax(dim=1))",
        "print(sorted([3, 1], key=lambda x: -x))",
        "\n    def ask(x):\n        return net(x)\n\n    print(ask(torch.zeros(1, 8)).argmax(dim=1))",
    ],
)
def test_nobody_reads_the_numbers(rest, findings):
    (finding,) = findings(program(rest), RULE)
    assert finding.level == Level.BEHAVIOR
