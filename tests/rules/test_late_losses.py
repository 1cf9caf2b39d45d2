"""TFC105 where a function computes the loss and hands it on, and whoever goes backward with it says nothing else."""

from __future__ import annotations

import pytest

from torchfix_codemods.rules.loss_target_requires_grad import RULE

AGENT = """import copy

import torch
from torch import nn


class Agent:
    def __init__(self, memory):
        self.memory = memory
        self.net = nn.Linear(4, 1)
        self.target_net = copy.deepcopy(self.net)
        self.optimizer = torch.optim.Adam(self.net.parameters())
        self.loss = nn.MSELoss()

    def {name}(self):
        x, reward, after = {batch}
        with torch.set_grad_enabled({grad}):
            target = reward + 0.9 * self.target_net(after)
        return self.loss(self.net(x), target)

    def descend(self, loss):
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def play(self, steps):
        for step in range(steps):
            self.descend(self.{name}())
"""


def agent(name="value_loss", batch="self.memory[0]", grad="True"):
    return {"agent.py": AGENT.format(name=name, batch=batch, grad=grad)}


@pytest.mark.parametrize("name", ["value_loss", "compute", "forward"])
def test_the_loss_is_computed_where_nothing_else_is_said(name, findings):
    (finding,) = findings(agent(name), RULE)
    assert "self.target_net" in finding.message


def test_the_network_is_named_and_not_the_memory(findings):
    (finding,) = findings(agent(batch="self.memory.sample(64)"), RULE)
    assert "self.target_net" in finding.message


def test_the_target_has_no_graph(findings):
    assert findings(agent(grad="False"), RULE) == []
