"""A text of many parts within a limit: the least needed is dropped first, and somebody is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """A part of a text in ever shorter forms; `lost` names what each form after the first has less than the one before.

    A part that must stay whole has one form.
    """

    forms: tuple[str, ...]
    lost: tuple[str, ...] = ()


def fitted(parts: Sequence[Part], room: int, order: Sequence[str]) -> tuple[list[str], Counter[str]]:
    """The parts in forms that have room together, where that is possible, and how often what was dropped.

    `order` says what is dropped first; `room` is in UTF-16 units, the shorter of what forges call characters.
    """
    chosen = [0] * len(parts)
    lost: Counter[str] = Counter()
    total = sum(size(part.forms[0]) for part in parts)
    for what in order:
        for index in reversed(range(len(parts))):
            part, form = parts[index], chosen[index]
            if total <= room:
                return _texts(parts, chosen), lost
            if form < len(part.lost) and part.lost[form] == what:
                chosen[index] += 1
                lost[what] += part.forms[form] != part.forms[form + 1]
                total += size(part.forms[form + 1]) - size(part.forms[form])
    return _texts(parts, chosen), lost


def size(text: str) -> int:
    """How long a text is for a program that counts as JavaScript does."""
    return len(text) + sum(character > "\uffff" for character in text)


def _texts(parts: Sequence[Part], chosen: Sequence[int]) -> list[str]:
    return [part.forms[form] for part, form in zip(parts, chosen, strict=True)]
