"""Lists that a loop or a branch leaves behind: of several that grew from one another, which one counts."""

from __future__ import annotations

from torchfix_codemods.analysis.values import Sequence, Value, force, options


def longest(value: Value) -> Value:
    """Of lists that are the beginnings of one of them that one, as if the loop had run; any other value as it is."""
    found = [force(option) for option in options(value)]
    lists = [o for o in found if isinstance(o, Sequence) and o.kind == "list"]
    if not lists or len(lists) < len(found):
        return force(value)
    most = max(lists, key=lambda o: len(o.items))
    return most if all(o.items == most.items[: len(o.items)] for o in lists) else force(value)


def spread(value: Value) -> Value:
    """What `*value` puts among the arguments: the longest of such lists, if those that hold something end in the same.

    Which layer is the last must not depend on how often a loop ran.
    """
    most = longest(value)
    if not isinstance(most, Sequence):
        return most
    ends = [o.items[-1] for o in map(force, options(value)) if isinstance(o, Sequence) and o.items]
    return most if all(end == ends[0] for end in ends) else force(value)


__all__ = ["longest", "spread"]
