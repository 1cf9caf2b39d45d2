"""TFC105 in agents of other people: networks that keep an optimizer, and that are called by `forward`."""

from __future__ import annotations

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules.loss_target_requires_grad import RULE

AGENT = """import torch
from torch import nn, optim


class QNet(nn.Module):
    def __init__(self, lr):
        super().__init__()
        self.body = nn.Linear(4, 16)
        self.head = nn.Linear(16, 2)
        {own}

    def forward(self, x):
        return self.head(torch.relu(self.body(x)))


class Agent:
    def __init__(self):
        self.online = QNet(0.001)
        self.later = QNet(0.001)
        self.loss = nn.MSELoss()
        {optimizer}

    def sync(self):
        {sync}

    def learn(self, x, action, reward, after, done):
        now = self.online.forward(x)[torch.arange(len(x)), action]
        future = {future}
        future[done] = 0.0
        loss = self.loss(reward + 0.99 * future, now)
        self.online.zero_grad()
        loss.backward()
        {step}


agent = Agent()
for step in range(100):
    state = torch.randn(8, 4), torch.randint(2, (8,)), torch.randn(8), torch.randn(8, 4), torch.rand(8) > 0.5
    agent.learn(*state)
    agent.sync()
"""
OWN = "self.optimizer = optim.Adam(self.parameters(), lr=lr)"
SYNC = "self.later.load_state_dict(self.online.state_dict())"
FUTURE = "self.later.forward(after).max(dim=1)[0]"


def program(own=OWN, optimizer="pass", sync=SYNC, future=FUTURE, step="self.online.optimizer.step()", name="later"):
    text = AGENT.format(own=own, optimizer=optimizer, sync=sync, future=future, step=step)
    return {"agent.py": text.replace("later", name)}


ONE = {
    "own": "pass",
    "optimizer": "self.optimizer = optim.Adam(self.online.parameters())",
    "step": "self.optimizer.step()",
}


def test_the_layers_inside_of_forward_belong_to_the_network(findings, applied):
    files = program(**ONE, name="target")
    (finding,) = findings(files, RULE)
    assert finding.level == Level.EQUIVALENT
    after = applied(files, RULE)["agent.py"]
    assert "with torch.no_grad():\n            future = self.target.forward(after).max(dim=1)[0]\n" in after
    assert findings({"agent.py": after}, RULE) == []


def test_what_the_learner_says_in_the_same_statement_is_no_layer(findings):
    future = "self.later.forward(after).max(dim=1)[0] + 0.1 * self.online.forward(after).max(dim=1)[0]"
    assert all(f.level == Level.SUGGESTION for f in findings(program(**ONE, future=future, name="target"), RULE))


def test_a_network_whose_own_optimizer_never_steps_is_not_trained(findings, applied):
    for files in (program(), program(name="target"), program(sync="pass", name="target")):
        (finding,) = findings(files, RULE)
        assert finding.level == Level.SUGGESTION
        assert any("keeps an optimizer, of which no step was seen" in step.text for step in finding.steps)
        assert "with torch.no_grad():" in applied(files, RULE, Level.SUGGESTION)["agent.py"]


@pytest.mark.parametrize(
    "parts",
    [
        {"sync": "pass"},  # a name that says nothing, and nobody copies to it
        {"sync": "self.later.load_state_dict(torch.load('later.pt'))"},
        {"step": "self.online.optimizer.step()\n        self.later.optimizer.step()"},
        {"step": "for net in (self.online, self.later):\n            net.optimizer.step()"},
        {"optimizer": "self.both = optim.SGD([*self.online.parameters(), *self.later.parameters()])"}
        | {"step": "self.both.step()"},
        {"step": "self.finish()"},
    ],
)
def test_a_network_that_may_learn_stays(parts, findings):
    assert findings(program(**parts), RULE) == []
