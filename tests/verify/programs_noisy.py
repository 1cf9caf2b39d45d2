"""Programs whose output is not the same in every run, though their training is, and one that differs altogether."""

from __future__ import annotations

_TRAINING = """
import os, sys, time
import torch
from torch import nn

began = time.time()
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for x in range(4):
    loss = net(torch.randn(8, 4)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    {}
quality = net(torch.randn(8, 4)).mean()
print("quality", quality)
"""

#: Times and speeds of many kinds.
CLOCK = _TRAINING.format(
    'print("loss %.4f, took %.1f s (%d it/s), at %s" % (loss, time.time() - began, os.urandom(1)[0], time.ctime()))'
)
#: A progress bar that is drawn as often as it likes.
BAR = _TRAINING.format('sys.stdout.write("\\r%d%%|###| " % x * (os.urandom(1)[0] % 3 + 1))')
#: Addresses, numbers and lines by chance.
CHANCE = _TRAINING.format("print(object(), os.urandom(1)[0], os.getpid()); print('lucky ' * os.urandom(1)[0])")
#: Every run trains something else.
NOISE = _TRAINING.format("net[0].weight.data += os.urandom(1)[0]")

NOISY = {"clock": CLOCK, "bar": BAR, "chance": CHANCE, "noise": NOISE}
