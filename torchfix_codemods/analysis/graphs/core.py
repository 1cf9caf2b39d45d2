"""What the parts of the walk share: the operations, the moments, the objects and the frames."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from torchfix_codemods.analysis.graphs.state import kept_by
from torchfix_codemods.analysis.graphs.values import PLAIN, Graph, Moment, Operation, Thing, union
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.values import ClassRef, External, FunctionRef

MAX_STATEMENTS = 30_000
MAX_INLINED = 8


@dataclass(eq=False)
class Frame:
    """One function, or the top level of a file, in progress."""

    file: ParsedFile
    env: dict[str, Graph] = field(default_factory=dict)
    outer: Frame | None = None
    returns: list[Graph] = field(default_factory=list)
    depth: int = 0
    module: bool = False  # the top level of a file
    own: Thing | None = None  # what `self` is
    own_name: str = ""
    globals: set[str] = field(default_factory=set)


class Core:
    """The state of one walk."""

    def __init__(self, project: Project, detached: Iterable[ast.expr] = ()) -> None:
        self.project = project
        self.detached = frozenset(detached)  # arguments that are taken as if `.detach()` stood behind them
        self.operations: list[Operation] = []
        self.moments: list[Moment] = []
        self.heap: dict[tuple[Thing, str], Graph] = {}
        self.things: dict[tuple[ast.AST, object], Thing] = {}
        self.tops: dict[str, Frame] = {}
        self.visited: set[ast.AST] = set()
        self.statements = 0
        self.no_grad = 0
        self.muted = 0
        self.arms: list[tuple[int, int]] = []
        self.calls: list[ast.AST] = []
        self._branches = 0
        self._kept: dict[Thing, int] = {}

    @property
    def complete(self) -> bool:
        """Whether all statements were walked."""
        return self.statements <= MAX_STATEMENTS

    def thing(self, kind: str, node: ast.AST, ref: ClassRef | FunctionRef | External | None = None) -> Thing:
        """The object that is made at a node: one for all rounds, and one for each class that a setting may choose."""
        key = (node, ref)
        if key not in self.things:
            self.things[key] = Thing(kind, node, ref)
        return self.things[key]

    def code(self, ref: object) -> Graph:
        """A class, a function or something external, by its name."""
        assert isinstance(ref, ClassRef | FunctionRef | External)
        return Graph(things=frozenset([Thing("code", ref=ref)]))

    def operation(
        self, node: ast.AST, inputs: Iterable[Graph], by: frozenset[Thing] = frozenset(), *, surely: bool = False
    ) -> Graph:
        """A new operation, where anything that flows into it learns (or `surely`); else something plain."""
        given = union(inputs)
        uses = given.learned | by
        if self.no_grad or not (given.nodes or uses or surely):
            return Graph(unknown=given.unknown)
        self.operations.append(Operation(node, uses, given.nodes))
        return Graph(given.nodes | {len(self.operations) - 1}, unknown=given.unknown)

    def left_by(self, thing: Thing) -> Graph:
        """What a module keeps of its forwards: one operation that all of them share."""
        if thing not in self._kept:
            self.operations.append(Operation(thing.node or ast.Pass(), frozenset(), frozenset()))
            self._kept[thing] = len(self.operations) - 1
        return Graph(frozenset([self._kept[thing]]))

    def kept(self, thing: Thing) -> Graph:
        """What is added to the output of a module that keeps something of its forwards, or was not read."""
        if not isinstance(thing.ref, ClassRef):
            return PLAIN
        kept = kept_by(self.project, thing.ref)
        asked = any(f".{name}" in (self.project.read(path) or "") for name in kept.left for path in self._others(thing))
        state = self.left_by(thing) if kept.carried or asked else PLAIN
        given = [graph.nodes for (holder, _), graph in self.heap.items() if holder is thing]
        return Graph(state.nodes.union(*given), unknown=kept.unknown)

    def _others(self, thing: Thing) -> list[str]:
        """The files that were walked, where they are not the one of the class."""
        assert isinstance(thing.ref, ClassRef)
        return [path for path in self.tops if path != thing.ref.path]

    def tell(self, kind: str, node: ast.AST, frame: Frame, graph: Graph, name: str = "") -> None:
        """Write down that something happens."""
        if not self.muted:
            arms, calls = frozenset(self.arms), tuple(self.calls)
            self.moments.append(Moment(kind, node, frame.file, graph, arms, calls, len(self.operations), name))

    def branch(self) -> int:
        """A number for an `if` that is run once."""
        self._branches += 1
        return self._branches

    def evaluate(self, node: ast.expr, frame: Frame) -> Graph:
        """What an expression may carry."""
        raise NotImplementedError  # the walk does

    def run(self, body: list[ast.stmt], frame: Frame) -> None:
        """Walk statements."""
        raise NotImplementedError  # the walk does

    def top_of(self, path: str) -> Frame | None:
        """The top level of a file."""
        raise NotImplementedError  # the walk does
