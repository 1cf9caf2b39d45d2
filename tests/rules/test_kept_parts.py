"""TFC301 and TFC302 where a class keeps a part of its model in evaluation mode: `train()` would undo that."""

from __future__ import annotations

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules import missing_eval_mode, missing_train_mode

PARTS = {
    "chained": "models.resnet18().eval()",
    "statement": "models.resnet18()\n        self.trunk.eval()",
    "train False": "models.resnet18()\n        self.trunk.train(False)",
    "keyword": "models.resnet18()\n        self.trunk.train(mode=False)",
    "in a list": "nn.Sequential(*list(models.resnet18().children())[:-1]).eval()",
}
PLAIN = "models.resnet18()"
HEAD = """\
import torch
import torch.nn.functional as F
from torch import nn, optim
from torchvision import models


class Tail(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = TRUNK
        self.fc = nn.Linear(1000, 2)

    def forward(self, x):
        return self.fc(self.trunk(x).flatten(1))


"""
OUTER = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.tail = Tail()

    def forward(self, x):
        return self.tail(x)


"""
LOOP = """\
net = NET()
opt = optim.Adam(net.parameters())
for epoch in range(3):
    for x, y in train_loader:
        loss = F.cross_entropy(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    EVAL
    with torch.no_grad():
        for x, y in test_loader:
            print(F.cross_entropy(net(x), y).item())
"""


def _program(trunk: str, mode: str, outer: str = "") -> dict[str, str]:
    loop = LOOP.replace("NET", "Net" if outer else "Tail").replace("EVAL", mode)
    return {"main.py": HEAD.replace("TRUNK", trunk) + outer + loop}


@pytest.mark.parametrize("outer", ["", OUTER], ids=["alone", "in a net"])
@pytest.mark.parametrize("trunk", PARTS.values(), ids=PARTS)
def test_an_evaluation_between_epochs(trunk, outer, findings):
    found = findings(_program(trunk, "pass", outer), missing_eval_mode.RULE)
    assert all(f.level == Level.SUGGESTION for f in found)


@pytest.mark.parametrize("outer", ["", OUTER], ids=["alone", "in a net"])
@pytest.mark.parametrize("trunk", PARTS.values(), ids=PARTS)
def test_training_that_stays_in_evaluation_mode(trunk, outer, findings):
    found = findings(_program(trunk, "net.eval()", outer), missing_train_mode.RULE)
    assert all(f.level == Level.SUGGESTION for f in found)


@pytest.mark.parametrize("outer", ["", OUTER], ids=["alone", "in a net"])
def test_nothing_is_kept(outer, findings):
    (found,) = findings(_program(PLAIN, "pass", outer), missing_eval_mode.RULE)
    assert found.level == Level.BEHAVIOR
    (found,) = findings(_program(PLAIN, "net.eval()", outer), missing_train_mode.RULE)
    assert found.level == Level.BEHAVIOR


def test_a_model_that_switches_itself(findings):
    own = "    def predict(self, x):\n        self.eval()\n        return self(x)\n\n    def forward"
    files = _program(PLAIN, "pass")
    (found,) = findings({"main.py": files["main.py"].replace("    def forward", own)}, missing_eval_mode.RULE)
    assert found.level == Level.BEHAVIOR
