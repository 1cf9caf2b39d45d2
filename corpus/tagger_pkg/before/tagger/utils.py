from __future__ import annotations

import torch

Batch = tuple[torch.Tensor, torch.Tensor]


def get_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def toy_corpus(n_batches: int, seed: int) -> list[Batch]:
    """Words are tagged by their number modulo 4."""
    generator = torch.Generator().manual_seed(seed)
    words = [torch.randint(40, (8, 7), generator=generator) for _ in range(n_batches)]
    return [(batch, batch % 4) for batch in words]
