"""Programs whose loss gets something else than it wants: probabilities for logits, scores for log-probabilities."""

from __future__ import annotations

_PROGRAM = """
import torch
import torch.nn.functional as F
from torch import nn

inputs = torch.randn(64, 8)
targets = {targets}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 16), nn.Linear(16, {classes})

    def forward(self, x):
        x = self.second(torch.relu(self.first(x)))
        return {output}

net = Net()
weight = torch.tensor([1.0, 3.0, 0.5])
criterion = {criterion}
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(2):
    for x, y in zip(inputs.split(16), targets.split(16)):
        output = net(x)
        loss = criterion(output, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        output = net(inputs)
        {evaluation}
"""


def _classes(output: str, criterion: str, evaluation: str = "print((output.argmax(1) == targets).sum().item())") -> str:
    return _PROGRAM.format(
        targets="inputs[:, :3].argmax(1)", classes=3, output=output, criterion=criterion, evaluation=evaluation
    )


def _two(output: str, criterion: str, evaluation: str) -> str:
    targets = "(inputs[:, :1] > 0).float()"
    return _PROGRAM.format(targets=targets, classes=1, output=output, criterion=criterion, evaluation=evaluation)


LOSSES: dict[str, str | dict[str, str]] = {
    "nll_softmax": _classes("F.softmax(x, dim=1)", "nn.NLLLoss(weight=weight)"),
    "nll_scores": _classes("x", "nn.NLLLoss(weight=weight)"),
    "nll_log": _classes("torch.log(F.softmax(x, dim=1))", "nn.NLLLoss()"),
    "nll_right": _classes("F.log_softmax(x, dim=1)", "nn.NLLLoss()"),
    "ce_log_softmax": _classes("F.log_softmax(x, dim=1)", "nn.CrossEntropyLoss()"),
    "ce_read": _classes(
        "F.log_softmax(x, dim=1)", "nn.CrossEntropyLoss()", 'print(f"{output.exp().sum().item():.2f}")'
    ),
    "bce_twice": _two("torch.sigmoid(x)", "nn.BCEWithLogitsLoss()", "print((output > 0.5).sum().item())"),
    "bce_right": _two("torch.sigmoid(x)", "nn.BCELoss()", "print((output > 0.5).sum().item())"),
    "bce_scores": _two("x * 5", "nn.BCELoss()", "print(output.mean().item())"),
}
