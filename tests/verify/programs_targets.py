"""Programs whose losses have targets with a graph: of a teacher, a leaf, a network that learns, a part that learns."""

from __future__ import annotations

_HEAD = """
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(5)
inputs = torch.randn(48, 6)
"""
_STEP = """
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("%.4f" % loss.item())
"""

#: A teacher that nobody trains, behind it a projection that learns.
TEACHER = (
    _HEAD
    + """
teacher = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Dropout(0.2), nn.Linear(24, 4))
student = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
projection = nn.Linear(4, 4)
criterion = nn.MSELoss()
optimizer = torch.optim.SGD([*student.parameters(), *projection.parameters()], lr=0.1)
for x in inputs.split(12):
    hint = teacher(x)
    output = projection(student(x))
    loss = criterion(output, hint) + criterion(student(x), projection(hint))
"""
    + _STEP
)

#: Like it, with the teacher in the call, and its parameters frozen.
FROZEN_TEACHER = (
    _HEAD
    + """
teacher = nn.Linear(6, 4).requires_grad_(False)
student = nn.Linear(6, 4)
optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
for x in inputs.split(12):
    loss = F.mse_loss(student(x), teacher(x))
"""
    + _STEP
)

#: Both sides learn.
MUTUAL = (
    _HEAD
    + """
one, two = nn.Linear(6, 4), nn.Linear(6, 4)
optimizer = torch.optim.SGD([*one.parameters(), *two.parameters()], lr=0.1)
for x in inputs.split(12):
    loss = F.mse_loss(one(x), two(x))
"""
    + _STEP
)

#: One network on both sides of a bootstrapped target.
BOOTSTRAPPED = (
    _HEAD
    + """
value = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(value.parameters(), lr=0.1)
for x in inputs.split(12):
    wanted = x[:, :1] + 0.9 * value(x.roll(1, 0))
    loss = F.smooth_l1_loss(value(x), wanted)
"""
    + _STEP
)

#: A target that was told to need gradients.
LEAF = (
    _HEAD
    + """
net = nn.Linear(6, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for x in inputs.split(12):
    y = torch.tensor(x.sum(1, keepdim=True).tolist(), requires_grad=True)
    loss = F.l1_loss(net(x), y)
"""
    + _STEP
)

TARGETS = {
    "teacher": TEACHER,
    "frozen_teacher": FROZEN_TEACHER,
    "mutual": MUTUAL,
    "bootstrapped": BOOTSTRAPPED,
    "leaf": LEAF,
}
