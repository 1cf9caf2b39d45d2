"""The little of an outline that is asked for again and again, small enough to be kept for every file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from torchfix_codemods.analysis.facts import Imported
from torchfix_codemods.analysis.outline import Outline


@dataclass(frozen=True)
class Top:
    """What the top level of a file may define, and the imports of the file by the name that they bind."""

    functions: frozenset[str]
    classes: frozenset[str]
    variables: frozenset[str]
    bound: Mapping[str, tuple[Imported, ...]]

    @property
    def defined(self) -> frozenset[str]:
        """The names that the file defines itself."""
        return self.functions | self.classes | self.variables

    @property
    def names(self) -> frozenset[str]:
        """Every name that the top level may define, but for what star imports give."""
        return self.defined.union(self.bound)


def top_of(outline: Outline) -> Top:
    """The top level of an outline."""
    bound = {name: tuple(entries) for name, entries in outline.bound.items()}
    return Top(frozenset(outline.functions), frozenset(outline.classes), frozenset(outline.variables), bound)


def mentions_in(outline: Outline, names: Collection[str]) -> dict[str, tuple[str, ...]]:
    """For each definition of the top level those of the names that it says, but for its own."""
    said: dict[str, set[str]] = {}
    units = [(unit.owner or unit.name, unit) for unit in outline.units if unit.name]
    units += [(name, unit) for name, units in outline.variables.items() for unit in units]
    for name, unit in units:
        said.setdefault(name, set()).update(word for word in unit.words if word in names and word != name)
    return {name: tuple(words) for name, words in said.items() if words}
