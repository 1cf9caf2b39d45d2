"""Programs about what values are: probabilities and logits, shapes of images, attention."""

from __future__ import annotations

_HEAD = """
import torch
import torch.nn.functional as F
from torch import nn

inputs = torch.randn(64, 8)
targets = inputs[:, :3].argmax(1)
"""

_SOFTMAX = (
    _HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate, self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 16), nn.Linear(16, 3)

    def forward(self, x):
        weights = torch.softmax(self.gate(x), dim=1)
        x = self.second(torch.relu(self.first(x * weights)))
        return F.softmax(x, dim=1)

net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.3)
for epoch in range(2):
    for x, y in zip(inputs.split(16), targets.split(16)):
        output = net(x)
        loss = {loss}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        output = net(inputs)
        {evaluation}
"""
)

#: Softmax before cross entropy; only the largest class is asked for.
ARGMAX = _SOFTMAX.format(
    loss="F.cross_entropy(output, y)",
    evaluation='print("right", (output.argmax(1) == targets).sum().item())',
)
#: The same, but the evaluation compares probabilities.
THRESHOLD = _SOFTMAX.format(
    loss="F.cross_entropy(output, y)",
    evaluation='print("sure", (output.max(1)[0] > 0.4).float().mean().item())',
)
#: The same, but the evaluation takes logarithms of probabilities.
ENTROPY = _SOFTMAX.format(
    loss="F.cross_entropy(output, y)",
    evaluation='print("entropy", -(output * output.log()).sum(1).mean().item())',
)
#: The same, but the evaluation draws from the probabilities.
DRAWING = _SOFTMAX.format(
    loss="F.cross_entropy(output, y)",
    evaluation='print("drawn", torch.multinomial(output, 1).flatten().bincount(minlength=3).tolist())',
)
#: Right: the loss takes the logarithm of the probabilities.
LIKELIHOOD = _SOFTMAX.format(
    loss="F.nll_loss(torch.log(output), y)",
    evaluation='print("right", (output.argmax(1) == targets).sum().item())',
)
#: Right: the squared error of probabilities.
BRIER = _SOFTMAX.format(
    loss="F.mse_loss(output, F.one_hot(y, 3).float())",
    evaluation='print("right", (output.argmax(1) == targets).sum().item())',
)

_IMAGES = """
import torch
import torch.nn.functional as F
from torch import nn

net = nn.Sequential(nn.Conv2d({channels}, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(0))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

def load(number):
    image = torch.rand({channels}, 12, 16)
    image = {resize}
    return image

for number in range(4):
    image = load(number)
    loss = (net(image) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(tuple(image.shape))
"""
#: Raises: one image without a batch.
IMAGE = _IMAGES.format(channels=3, resize='F.interpolate(image, size=(8, 8), mode="bilinear")')
#: Raises: the image has one channel.
GREY = _IMAGES.format(channels=1, resize='F.interpolate(image, size=(8, 8), mode="bilinear")')
#: Scales the width alone.
WIDTH = _IMAGES.format(channels=3, resize="F.interpolate(image, scale_factor=2)")

#: Right: a batch of images.
BATCH = """
import torch
import torch.nn.functional as F
from torch import nn

net = nn.Conv2d(3, 2, 3)
for number in range(3):
    images = torch.rand(1, 3, 12, 16)
    images = F.interpolate(images, size=(8, 8))
    net(images).mean().backward()
"""

#: Right: sequences with one dimension.
SIGNAL = """
import torch
import torch.nn.functional as F
from torch import nn

net = nn.Conv1d(6, 2, 3)
for number in range(3):
    signals = torch.rand(4, 6, 20)
    signals = F.interpolate(signals, size=32)
    net(signals).mean().backward()
"""

#: Attention with padding: evaluation mode without gradients takes a faster way elsewhere.
ATTENTION = (
    _HEAD
    + """
layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
net = nn.Sequential(nn.TransformerEncoder(layer, 1, enable_nested_tensor=False), nn.Linear(8, 3))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

def score():
    net.eval()
    hidden = net[0](inputs.view(8, 8, 8), src_key_padding_mask=torch.arange(8).expand(8, 8) > 5)
    return net[1](hidden).mean().item()

for epoch in range(2):
    net.train()
    for x, y in zip(inputs.split(16), targets.split(16)):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x.view(2, 8, 8)).flatten(0, 1), y)
        loss.backward()
        optimizer.step()
    print("score %.4f" % score())
"""
)

VALUES = {
    "argmax": ARGMAX,
    "threshold": THRESHOLD,
    "entropy": ENTROPY,
    "drawing": DRAWING,
    "likelihood": LIKELIHOOD,
    "brier": BRIER,
    "image": IMAGE,
    "grey": GREY,
    "width": WIDTH,
    "batch": BATCH,
    "signal": SIGNAL,
    "attention": ATTENTION,
}
