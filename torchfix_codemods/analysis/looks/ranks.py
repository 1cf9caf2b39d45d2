"""How many dimensions the interpreter may believe that a value has, and whether it may take it for whole numbers.

Always more than the interpreter can conclude, never less: what is not understood may be anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

#: All numbers of dimensions that matter: one more than any that interpolation takes.
ALL = frozenset(range(7))


@dataclass(frozen=True)
class Known:
    """What may be known of a value: its possible ranks as a tensor, and of its items as a container.

    No rank at all: the interpreter can't know it. `whole`: it may know that the type is one of whole numbers.
    """

    ranks: frozenset[int] = frozenset()
    whole: bool = False
    items: Known | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may be an object of the project, or anything else."""
        return self == ANYTHING


NOTHING = Known()
ANYTHING = Known(ALL, True)


def container(items: Iterable[Known]) -> Known:
    """A list, tuple or dictionary of these."""
    return Known(items=union(items))


def union(values: Iterable[Known]) -> Known:
    """What may be known of one of several values."""
    found = list(dict.fromkeys(values))
    if len(found) == 1:
        return found[0]
    if ANYTHING in found:
        return ANYTHING
    inner = [value.items for value in found if value.items is not None]
    return Known(
        frozenset[int]().union(*(value.ranks for value in found)),
        any(value.whole for value in found),
        union(inner) if inner else None,
    )


def shifted(value: Known, least: int, most: int) -> Known:
    """The tensor with so many dimensions more."""
    if value.ranks == ALL:
        return Known(ALL, value.whole)
    return Known(frozenset(r + d for r in value.ranks for d in range(least, most + 1)) & ALL, value.whole)


def fewer(value: Known) -> Known:
    """The tensor with as many dimensions, or fewer."""
    return Known(frozenset(range(max(value.ranks, default=-1) + 1)), value.whole)


def of_rank(value: Known, rank: int | None) -> Known:
    """The same numbers with so many dimensions; None: with any number of them."""
    return Known(ALL if rank is None else frozenset([rank]) & ALL, value.whole)


def floats(value: Known) -> Known:
    """The same after a conversion to floating point, or to a type that nobody knows."""
    return replace(value, whole=False, items=None)


def item(value: Known) -> Known:
    """What a loop over a value, or an index, gets."""
    if value.is_open:
        return ANYTHING
    row = shifted(value, -1, -1)
    return row if value.items is None else union([row, value.items] if value.ranks else [value.items])
