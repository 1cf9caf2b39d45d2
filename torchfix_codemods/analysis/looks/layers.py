"""How many dimensions the output of a layer of torch has, as the interpreter knows it."""

from __future__ import annotations

from torchfix_codemods.analysis.looks.ranks import NOTHING, Known, shifted

_TURNED_OVER = frozenset(["LSTM", "GRU", "RNN", "LSTMCell", "MultiheadAttention"])


def layer(kind: str, given: Known) -> Known:
    """What `nn.<kind>(...)` makes of an input."""
    if kind in _TURNED_OVER:
        return NOTHING
    if kind == "Embedding":
        return shifted(Known(given.ranks), 1, 1)
    if "Conv2d" in kind or "ConvTranspose2d" in kind or "Pool2d" in kind or kind in ("BatchNorm2d", "PixelShuffle"):
        return Known(given.ranks | {4})
    if kind.startswith(("Linear", "LayerNorm", "BatchNorm", "Conv", "ReLU", "GELU", "GroupNorm")):
        return Known(given.ranks)
    return Known(given.ranks, given.whole)
