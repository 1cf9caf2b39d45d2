"""Programs that train and evaluate, put together from parts: what the tests of three rules share."""

from __future__ import annotations

from textwrap import dedent

HEAD = """\
import contextlib, copy, functools
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.drop = nn.Dropout()

    def forward(self, x):
        return self.drop(self.fc(x))


"""
TRAIN = """\
def train(net, loader, opt):
    net.train()
    for x, y in loader:
        loss = F.cross_entropy(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()


"""
TEST = """\
def test(net, loader):
    for x, y in loader:
        print(net(x).argmax(1))


"""
MAIN = """\
net = Net()
opt = torch.optim.SGD(net.parameters(), 0.1)
loader = DataLoader(data)
for epoch in range(3):
    train(net, loader, opt)
    test(net, loader)
"""


def program(test: str = TEST, main: str = MAIN, train: str = TRAIN) -> dict[str, str]:
    """One file with a model, a training function, `test` and a main program."""
    return {"main.py": HEAD + train + dedent(test).strip("\n") + "\n\n\n" + dedent(main).lstrip("\n")}
