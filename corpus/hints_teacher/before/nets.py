import torch.nn as nn


def block(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.ReLU())


class Encoder(nn.Module):
    """Codes of `width` numbers; `depth` blocks make them."""

    def __init__(self, width=16, depth=1, n_in=12, code=8):
        super().__init__()
        self.blocks = nn.Sequential(block(n_in, width), *[block(width, width) for _ in range(depth - 1)])
        self.project = nn.Linear(width, code)

    def forward(self, x):
        return self.project(self.blocks(x))
