"""Programs whose optimizers step with old gradients, with none, or with the gradients of several batches."""

from __future__ import annotations

_HEAD = """
import torch
from torch import nn

inputs = torch.randn(48, 6)
targets = inputs[:, :3].argmax(1)
batches = list(zip(inputs.split(8), targets.split(8)))
net = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
"""

#: Nothing clears.
UNCLEARED = (
    _HEAD
    + """
for epoch in range(3):
    for x, y in batches:
        output = net(x)
        loss = criterion(output, y)
        loss.backward()
        optimizer.step()
    print("epoch", epoch)
"""
)

#: Cleared between the backward pass and the step.
LOST = (
    _HEAD
    + """
for epoch in range(2):
    for x, y in batches:
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
    print("epoch", epoch)
"""
)

#: Three batches for a step, divided and cleared as it should be.
WINDOWS = (
    _HEAD
    + """
for epoch in range(2):
    for i, (x, y) in enumerate(batches):
        loss = criterion(net(x), y) / 3
        loss.backward()
        if (i + 1) % 3 == 0:
            optimizer.step()
            optimizer.zero_grad()
    print("epoch", epoch)
"""
)

#: Three batches for a step, and the sum of three means.
SUMMED = WINDOWS.replace(" / 3\n", "\n")

#: Two batches for a step, and nothing clears.
ENDLESS = (
    _HEAD
    + """
for epoch in range(2):
    for i, (x, y) in enumerate(batches):
        loss = criterion(net(x), y) / 2
        loss.backward()
        if i % 2:
            optimizer.step()
    print("epoch", epoch)
"""
)

#: Three batches for a step, of which two are thrown away.
THROWN = (
    _HEAD
    + """
for epoch in range(2):
    for i, (x, y) in enumerate(batches):
        optimizer.zero_grad()
        loss = criterion(net(x), y) / 3
        loss.backward()
        if (i + 1) % 3 == 0:
            optimizer.step()
    print("epoch", epoch)
"""
)

#: Cleared by hand.
BY_HAND = (
    _HEAD
    + """
for epoch in range(2):
    for x, y in batches:
        for p in net.parameters():
            p.grad = None
        criterion(net(x), y).backward()
        optimizer.step()
    print("epoch", epoch)
"""
)

#: Two optimizers, of which one is never cleared.
FORGOTTEN = """
import torch
from torch import nn

generator = nn.Linear(4, 2)
discriminator = nn.Linear(2, 1)
optimizer_g = torch.optim.SGD(generator.parameters(), lr=0.05)
optimizer_d = torch.optim.SGD(discriminator.parameters(), lr=0.05)
for step in range(8):
    fake = generator(torch.randn(8, 4))
    real_loss = -discriminator(torch.randn(8, 2)).mean()
    real_loss.backward()
    fake_loss = discriminator(fake.detach()).mean()
    fake_loss.backward()
    optimizer_d.step()
    optimizer_g.zero_grad()
    g_loss = -discriminator(fake).mean()
    g_loss.backward()
    optimizer_g.step()
    print(step)
"""

STEPS: dict[str, str | dict[str, str]] = {
    "uncleared": UNCLEARED,
    "lost": LOST,
    "windows": WINDOWS,
    "summed": SUMMED,
    "endless": ENDLESS,
    "thrown": THROWN,
    "byhand": BY_HAND,
    "forgotten": FORGOTTEN,
}
