"""The "did you mean" of every message about a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?` for the nearest known word; empty where none is near."""
    lowered = word.lower()
    near = sorted((_distance(lowered, name.lower()), name) for name in known)
    if near and near[0][0] <= max(1, len(word) // 3):
        return f", did you mean '{near[0][1]}'?"
    holding = sorted((len(name), name) for _, name in near if len(word) >= 4 and lowered in name.lower())
    return f", did you mean '{holding[0][1]}'?" if holding else ""


def _distance(left: str, right: str) -> int:
    """Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other."""
    before: list[int] = []
    previous = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        current = [i]
        for j, b in enumerate(right, 1):
            cost = min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        before, previous = previous, current
    return previous[-1]
