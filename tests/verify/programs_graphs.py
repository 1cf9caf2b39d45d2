"""Programs in which a backward pass keeps its graph: needed, needless, or for a pass that fails."""

from __future__ import annotations

_NETS = """
import torch
from torch import nn

generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 8))
discriminator = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
g_optimizer = torch.optim.Adam(generator.parameters(), lr=0.01)
d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=0.01)
"""

#: Both losses before the step: the second pass fails.
LISTING = (
    _NETS
    + """
for step in range(6):
    fake = generator(torch.randn(16, 4))
    score = discriminator(fake)
    d_loss = score.mean() - discriminator(torch.randn(16, 8)).mean()
    g_loss = -score.mean()
    d_optimizer.zero_grad()
    d_loss.backward(retain_graph=True)
    d_optimizer.step()
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
"""
)

#: The missing detach: all is cleared, so only memory is lost.
UNDETACHED = (
    _NETS
    + """
for step in range(6):
    fake = generator(torch.randn(16, 4))
    d_loss = discriminator(fake).mean() - discriminator(torch.randn(16, 8)).mean()
    d_optimizer.zero_grad()
    d_loss.backward(retain_graph=True)
    d_optimizer.step()
    g_loss = -discriminator(fake).mean()
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
"""
)

NEEDLESS = """
import torch
from torch import nn

net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(6):
    x, y = torch.randn(16, 4), torch.randint(2, (16,))
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
    print(loss.item())
"""

#: The trunk is to learn from both heads, and is cleared once a round.
TRUNK = """
import torch
from torch import nn

trunk = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 8))
left, right = nn.Linear(8, 1), nn.Linear(8, 1)
left_optimizer = torch.optim.SGD(left.parameters(), lr=0.1)
optimizer = torch.optim.SGD([*trunk.parameters(), *right.parameters()], lr=0.1)
for step in range(6):
    optimizer.zero_grad()
    left_optimizer.zero_grad()
    features = trunk(torch.randn(16, 4))
    loss = left(features).pow(2).mean()
    loss.backward(retain_graph=True)
    left_optimizer.step()
    other = right(features).pow(2).mean()
    other.backward()
    optimizer.step()
    print(loss.item(), other.item())
"""

RECURRENT = """
import torch
from torch import nn

cell, head = nn.GRU(4, 8), nn.Linear(8, 1)
optimizer = torch.optim.SGD([*cell.parameters(), *head.parameters()], lr=0.1)
state = torch.zeros(1, 3, 8)
for step in range(6):
    output, state = cell(torch.randn(5, 3, 4), state)
    loss = head(output).pow(2).mean()
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
"""

GRAPHS = {
    "listing": LISTING,
    "undetached": UNDETACHED,
    "needless": NEEDLESS,
    "trunk": TRUNK,
    "recurrent": RECURRENT,
}
