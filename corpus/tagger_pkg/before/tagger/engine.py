"""One epoch of training, one of evaluation."""
from __future__ import annotations

import torch
from torch import nn

from .utils import Batch


def fit(net: nn.Module, batches: list[Batch], optimizer, device, loss_fn=nn.CrossEntropyLoss()) -> float:
    net.train()
    total = 0.0
    for words, tags in batches:
        words, tags = words.to(device), tags.to(device)
        scores = net(words)
        loss = loss_fn(scores.view(-1, scores.size(-1)), tags.view(-1))

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(batches)


def evaluate(net: nn.Module, batches: list[Batch], device, loss_fn=nn.CrossEntropyLoss()):
    """Mean loss and share of right tags."""

    total, right, count = 0.0, 0, 0
    for words, tags in batches:
        words, tags = words.to(device), tags.to(device)
        scores = net(words)
        total += loss_fn(scores.view(-1, scores.size(-1)), tags.view(-1)).item()
        right += (scores.argmax(-1) == tags).sum().item()
        count += tags.numel()
    return total / len(batches), right / count
