"""What becomes of a graph that a backward pass keeps: needed, needless, or the cause of a crash."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.graphs.state import is_deep
from torchfix_codemods.analysis.graphs.values import Graph, Moment, Thing, union
from torchfix_codemods.analysis.graphs.walk import Walk, walked
from torchfix_codemods.analysis.notebook_text import in_one_cell
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.program import Program, program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Backward, place_of
from torchfix_codemods.analysis.values import FunctionRef

Root = ParsedFile | FunctionRef
MAX_ROOTS = 6
_PASSES = ("backward", "grad")
_HIDDEN = re.compile(r"(?<![.\w])(?:exec|eval|globals|locals|vars)\((?!args|opt|self\.args|cfg|config|parser|hparams)")
_HOOKS = re.compile(r"register_(?:forward|full|backward|module|hook|multi)")


@dataclass(frozen=True)
class Fate:
    """What happens to one kept graph. `kind` is "needed", "needless", "crash" or "unseen".

    `later` is the next pass through it, `steps` are the optimizer steps between the two, `doubts` what was not seen.
    """

    kind: str
    walk: Walk
    root: Root
    index: int
    doubts: frozenset[str] = frozenset()
    later: int = -1
    steps: tuple[Moment, ...] = ()

    @property
    def moment(self) -> Moment:
        """The pass that keeps its graph."""
        return self.walk.moments[self.index]

    @property
    def next_pass(self) -> Moment:
        """The later pass of a crash."""
        return self.walk.moments[self.later]

    @property
    def shared(self) -> frozenset[int]:
        """The operations that both passes go through."""
        return self.moment.graph.nodes & self.next_pass.graph.nodes

    @property
    def stepped(self) -> frozenset[Thing]:
        """What the steps between the two passes change."""
        return union(step.graph for step in self.steps).learned

    @property
    def carried(self) -> bool:
        """Whether the later pass is the same one in the next round."""
        return same_node(self.moment, self.next_pass)


def same_node(one: Moment, other: Moment) -> bool:
    """Whether two moments are executions of one expression."""
    return place_of(one.file.path, one.node) == place_of(other.file.path, other.node)


def roots_of(file: ParsedFile, project: Project, node: ast.Call) -> list[Root]:
    """From where the code around a call is run: scripts, and functions that nobody calls."""
    place = place_of(file.path, node)
    found: dict[object, Root] = {}
    for _, event in program_for(project, file.path).events(Backward):
        if event.place != place:
            continue
        chain = list(event.context.chain())
        functions = [context for context in chain if context.kind == "function"]
        if functions and functions[-1].call is None and (ref := functions[-1].function) is not None:
            found.setdefault(ref, ref)
        elif (script := project.parse_whole(chain[-1].place.path)) is not None:
            found.setdefault(script.path, script)
    return list(found.values())[:MAX_ROOTS]


def walk_from(project: Project, root: Root) -> Walk:
    """The walk from a root, remembered while the rules look at a file."""
    known: dict[object, Walk] = project.memory.setdefault("walks", {})
    key = root if isinstance(root, FunctionRef) else root.path
    if key not in known:
        if len(known) > MAX_ROOTS:
            known.clear()
        known[key] = walked(project, root)
    return known[key]


def fates_in(walk: Walk, root: Root, file: ParsedFile, node: ast.Call, program: Program) -> Iterator[Fate]:
    """What becomes of the graph at every execution of a backward pass."""
    place = place_of(file.path, node)
    for index, moment in enumerate(walk.moments):
        if moment.kind in _PASSES and place_of(moment.file.path, moment.node) == place:
            yield _fate(walk, root, index, program)


def combined(fates: Iterable[Fate]) -> Fate | None:
    """One fate for all executions: needed once is needed; the first crash counts; doubts add up."""
    found = list(fates)
    kinds = {fate.kind for fate in found}
    if not found or "unseen" in kinds or {"needed", "crash"} <= kinds:
        return None
    doubts = frozenset[str]().union(*(fate.doubts for fate in found))
    chosen = next((fate for fate in found if fate.kind in ("crash", "needed")), found[0])
    places = {place_of(f.next_pass.file.path, f.next_pass.node) for f in found if f.later >= 0}
    if len(places) > 1:
        doubts |= {"several passes go through the graph"}
    return Fate(chosen.kind, chosen.walk, chosen.root, chosen.index, doubts, chosen.later, chosen.steps)


def _fate(walk: Walk, root: Root, index: int, program: Program) -> Fate:
    moment = walk.moments[index]
    graph = moment.graph
    if not walk.complete or not graph.nodes or _escapes(walk, root, moment, program):
        return Fate("unseen", walk, root, index)
    doubts = (
        graph.unknown
        | walk.doubts
        | frozenset(_other_cells(walk, moment))
        | frozenset(_doubts(program))
        | frozenset(_unseen_callers(walk, root, moment, program))
    )
    later = next(
        (
            number
            for number, other in enumerate(walk.moments[index + 1 :], index + 1)
            if other.kind in _PASSES and other.graph.nodes & graph.nodes and not other.excludes(moment)
        ),
        -1,
    )
    if later < 0:
        return _needless(walk, root, index, doubts)
    return _crash(walk, root, index, later, doubts)


def _needless(walk: Walk, root: Root, index: int, doubts: frozenset[str]) -> Fate:
    """No other pass is in view. Where something was not seen, only a step that follows says that this is training."""
    moment = walk.moments[index]
    used = users_of(walk, moment.graph.nodes)
    steps = [step for step in walk.moments[index + 1 :] if step.kind == "step"]
    trains = any(step.graph.learned & used or not step.graph.learned for step in steps)
    if not trains and (doubts or not used):
        return Fate("unseen", walk, root, index)
    return Fate("needless", walk, root, index, doubts)


def _crash(walk: Walk, root: Root, index: int, later: int, doubts: frozenset[str]) -> Fate:
    """Whether parameters that both passes need are changed between them."""
    between = walk.moments[index + 1 : later]
    other = walk.moments[later]
    steps = tuple(
        moment
        for number, moment in enumerate(between, index + 1)
        if moment.kind == "step" and not moment.excludes(walk.moments[index]) and _has_gradients(walk, number)
    )
    if any(not step.graph.learned for step in steps):
        return Fate("unseen", walk, root, index)
    hits = tuple(step for step in steps if made_stale(walk, other, step))
    if not hits:
        return Fate("needed", walk, root, index, doubts | other.graph.unknown, later)
    doubts |= {"a net of one layer may not need its old parameters"} if _shallow(walk, hits, other) else frozenset()
    return Fate("crash", walk, root, index, doubts | other.graph.unknown, later, hits)


def _has_gradients(walk: Walk, index: int) -> bool:
    """Whether some pass since the last clearing gave gradients to what a step holds: without any it changes nothing."""
    step = walk.moments[index]
    left = set(step.graph.learned)
    for moment in reversed(walk.moments[:index]):
        if moment.kind == "clear":
            left -= moment.graph.learned
        elif moment.kind == "backward" and users_of(walk, moment.graph.nodes) & left:
            return True
        if step.graph.learned and not left:
            return False
    return not step.graph.learned


def made_stale(walk: Walk, later: Moment, step: Moment) -> frozenset[int]:
    """The operations of a pass that were computed with parameters that a step before the pass has changed."""
    return frozenset(number for number in uses(walk, later.graph, step.graph.learned) if number < step.so_far)


def _shallow(walk: Walk, steps: tuple[Moment, ...], later: Moment) -> bool:
    """Whether no changed net is sure to need its parameters for the gradients: one layer on plain data doesn't."""
    stale = [walk.operations[number] for step in steps for number in made_stale(walk, later, step)]
    return not any(operation.inputs or is_deep(walk.project, thing) for operation in stale for thing in operation.by)


def users_of(walk: Walk, nodes: frozenset[int]) -> frozenset[Thing]:
    """The things whose parameters some operations use."""
    return frozenset[Thing]().union(*(walk.operations[number].by for number in nodes))


def uses(walk: Walk, graph: Graph, things: frozenset[Thing]) -> frozenset[int]:
    """The operations of a graph that use the parameters of some things."""
    return frozenset(number for number in graph.nodes if walk.operations[number].by & things)


def _escapes(walk: Walk, root: Root, moment: Moment, program: Program) -> bool:
    """Whether the graph leaves what was followed: returned to somebody unseen, kept where others may read it."""
    for other in walk.moments:
        if other.kind == "escape" and other.graph.nodes & moment.graph.nodes:
            return True
        if (
            other.kind == "keep"
            and other.graph.nodes & moment.graph.nodes
            and _read_elsewhere(walk, root, other, program)
        ):
            return True
    return False


def _read_elsewhere(walk: Walk, root: Root, kept: Moment, program: Program) -> bool:
    """Whether what is kept under a name may be read by code that was not walked."""
    name = kept.name.rpartition(".")[2]
    if isinstance(root, FunctionRef) and not name.startswith("_") and "loss" not in name.lower():
        return True
    return any(True for _ in _unwalked_readers(walk, program, name))


def _unwalked_readers(walk: Walk, program: Program, name: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions of the program that read a name or an attribute, and were not walked."""
    said = re.compile(rf"\b{re.escape(name)}\b(?!\s*=[^=])")
    for path in program.files:
        file = program.project.parse_whole(path) if said.search(program.project.read(path) or "") else None
        for node in ast.walk(file.tree) if file is not None else ():
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node in walk.visited:
                continue
            if any(_loads(inner, name) for inner in ast.walk(node)):
                yield node


def _loads(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Attribute(attr=found, ctx=ast.Load()) | ast.Name(id=found, ctx=ast.Load()):
            return found == name
        case _:
            return False


def _unseen_callers(walk: Walk, root: Root, moment: Moment, program: Program) -> Iterator[str]:
    """Code that may call the function of the pass, or change what it calls, and was not walked."""
    if isinstance(root, FunctionRef) and root.owner is not None:
        yield f"who calls {root.name}() is not in view"
    function = moment.file.enclosing_function(moment.node)
    if function is None or function.name.startswith("__"):
        return
    for node in _unwalked_readers(walk, program, function.name):
        if node is not function:
            yield f"{node.name}() may call {function.name}(), and was not walked"


def _other_cells(walk: Walk, moment: Moment) -> Iterator[str]:
    """In a notebook the cell of a pass can be run again, without the cell that made its graph."""
    file = moment.file
    here = moment.calls[0] if moment.calls else moment.node
    nodes = [walk.operations[number].node for number in moment.graph.nodes]
    own = [node for node in nodes if file.parents.get(node) is not None and file.enclosing_function(node) is None]
    if file.parents.get(here) is None or file.enclosing_function(here) is not None:
        return
    place = file.enclosing_statement(here)
    if not all(in_one_cell(file, *_ordered(file.enclosing_statement(node), place)) for node in own):
        yield "another cell makes this graph, and this one may be run twice"


def _ordered(one: ast.stmt, other: ast.stmt) -> tuple[ast.stmt, ast.stmt]:
    return (one, other) if one.lineno <= other.lineno else (other, one)


def _doubts(program: Program) -> Iterator[str]:
    if not program.complete:
        yield "not all files that use this one were read"
    if any(_HOOKS.search(program.project.read(path) or "") for path in program.files):
        yield "hooks are registered in this program, and they may keep the graph"
    if any(_HIDDEN.search(program.project.read(path) or "") for path in program.files):
        yield "names are looked up by their text, and code is run that was not read"
