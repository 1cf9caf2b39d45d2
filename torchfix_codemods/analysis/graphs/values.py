"""What an expression may carry: numbered operations, things that learn, objects, and what could not be seen."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.values import ClassRef, External, FunctionRef

_SERIAL = count()


@dataclass(frozen=True, eq=False)
class Thing:
    """An object: `kind` is "module", "leaf", "optimizer", "object", "code", "def", or "stranger" for what a
    caller out of view gives; `node` is where it is made.
    """

    kind: str
    node: ast.AST | None = None
    ref: ClassRef | FunctionRef | External | None = None
    frame: Any = None  # of a function inside a function: where it was defined
    serial: int = field(default_factory=lambda: next(_SERIAL), repr=False)


@dataclass(frozen=True)
class Graph:
    """`nodes` are the operations behind a value, `learned` the things whose own parameters it is or holds.

    `things` are the objects that it may be, `items` the parts of a tuple, `unknown` the reasons for doubt.
    """

    nodes: frozenset[int] = frozenset()
    learned: frozenset[Thing] = frozenset()
    things: frozenset[Thing] = frozenset()
    unknown: frozenset[str] = frozenset()
    items: tuple[Graph, ...] = field(default=())

    @property
    def plain(self) -> bool:
        """Whether no gradient can flow through it, as far as is known."""
        return not self.nodes and not self.learned

    def without_items(self) -> Graph:
        """The same, taken as one value."""
        return replace(self, items=())


PLAIN = Graph()


def in_order(things: Iterable[Thing]) -> list[Thing]:
    """Things in the order in which they were made: a set of them has another order in every process."""
    return sorted(things, key=lambda thing: thing.serial)


def union(graphs: Iterable[Graph]) -> Graph:
    """What any of them may carry; tuples of one length are joined item by item."""
    found = [graph for graph in graphs if graph is not PLAIN]
    if not found:
        return PLAIN
    if len(found) == 1:
        return found[0]
    lengths = {len(graph.items) for graph in found}
    items: tuple[Graph, ...] = ()
    if len(lengths) == 1 and 0 not in lengths:
        items = tuple(union(parts) for parts in zip(*(graph.items for graph in found), strict=True))
    return Graph(
        frozenset().union(*(graph.nodes for graph in found)),
        frozenset().union(*(graph.learned for graph in found)),
        frozenset().union(*(graph.things for graph in found)),
        frozenset().union(*(graph.unknown for graph in found)),
        items,
    )


def merged(envs: list[dict[str, Graph]]) -> dict[str, Graph]:
    """Variables after branches come together."""
    return {name: union(env.get(name, PLAIN) for env in envs) for name in {n for env in envs for n in env}}


def doubt(reason: str) -> Graph:
    """Something that was not followed, with the reason."""
    return Graph(unknown=frozenset([reason]))


@dataclass(frozen=True, eq=False)
class Operation:
    """One recorded operation: the call or the arithmetic, whose parameters it uses, and what flows into it."""

    node: ast.AST
    by: frozenset[Thing]
    inputs: frozenset[int]


@dataclass(frozen=True, eq=False)
class Moment:
    """Something that happens: `kind` is "backward", "grad", "step", "clear", "escape" or "keep".

    `graph` flows into a pass or leaves what is followed; of a step or a clearing, `graph.learned` are the things whose
    parameters change. `arms` are the branches taken, `calls` the calling expressions around it, outermost first, and
    `so_far` is how many operations there were.
    """

    kind: str
    node: ast.AST
    file: ParsedFile
    graph: Graph
    arms: frozenset[tuple[int, int]]
    calls: tuple[ast.AST, ...]
    so_far: int
    name: str = ""

    def excludes(self, other: Moment) -> bool:
        """Whether the two stand in different branches of one `if`, run once."""
        taken = dict(self.arms)
        return any(taken.get(number, arm) != arm for number, arm in other.arms)
