"""torchfix-codemods: find the well-known mistakes of PyTorch programs and rewrite them."""

__version__ = "0.1.0"
