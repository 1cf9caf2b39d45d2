"""A pass that reaches into a net which it does not train: the missing `detach()` of a GAN."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from torchfix_codemods.analysis.graphs.values import Moment, Thing
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.rewrite.verbs import CannotRewrite
from torchfix_codemods.rules._retain_fate import Fate, users_of
from torchfix_codemods.rules._retain_orders import detachable


@dataclass(frozen=True)
class MissingDetach:
    """The arguments that should be detached; `cleared` says that the stray gradients are thrown away today."""

    arguments: tuple[ast.expr, ...]
    cleared: bool


def missing_detach(fate: Fate, project: Project) -> MissingDetach | None:
    """Where the output of a net that others train goes into the net that this pass trains."""
    if fate.doubts:
        return None
    after = fate.walk.moments[fate.index + 1 :]
    own = _stepped_next(after)
    trained = frozenset(t for m in fate.walk.moments if m.kind == "step" for t in m.graph.learned)
    others = (users_of(fate.walk, fate.moment.graph.nodes) & trained) - own
    cleared = _cleared(after, others)
    if not own or not others or _reads_gradients(fate, own) or not (cleared or _are_adversaries(fate, own, others)):
        return None
    try:
        arguments = detachable(fate, project, fate.moment.graph.nodes, own, others)
    except CannotRewrite:
        return None
    return MissingDetach(tuple(arguments), cleared) if arguments else None


def _are_adversaries(fate: Fate, own: frozenset[Thing], others: frozenset[Thing]) -> bool:
    """Whether the next pass that trains the others goes through the own net too: as the generator's does.

    Else the others may be meant to learn from both losses, as a trunk with two heads is.
    """
    for moment in fate.walk.moments[fate.index + 1 :]:
        used = users_of(fate.walk, moment.graph.nodes) if moment.kind == "backward" else frozenset()
        if used & others:
            return bool(used & own)
    return False


def _stepped_next(after: list[Moment]) -> frozenset[Thing]:
    """What the steps between this pass and the next one change."""
    found: set[Thing] = set()
    for moment in after:
        if moment.kind in ("backward", "grad"):
            break
        if moment.kind == "step":
            found |= moment.graph.learned
    return frozenset(found)


_READS = re.compile(
    r"\.grad\b(?!\s*=\s*None)|clip_grad_\w+\((?P<clipped>(?:[^()]|\([^()]*\))*)\)|unscale_\(|grad_norm\("
)


def _reads_gradients(fate: Fate, own: frozenset[Thing]) -> bool:
    """Whether the file looks at gradients, other than to clip those of the net that this pass trains."""
    file = fate.moment.file
    names = {f"{name}.parameters()" for thing in own for name in _names(file, thing)}
    found = (match["clipped"] for match in _READS.finditer(file.text))
    return any(given is None or given.partition(",")[0].strip() not in names for given in found)


def _names(file: ParsedFile, thing: Thing) -> list[str]:
    """What an object is assigned to where it is made."""
    statement = file.parents.get(thing.node) if thing.node is not None else None
    while isinstance(statement, ast.Call | ast.Attribute):
        statement = file.parents.get(statement)
    return [file.source(target) for target in statement.targets] if isinstance(statement, ast.Assign) else []


def _cleared(after: list[Moment], things: frozenset[Thing]) -> bool:
    """Whether the gradients of things are cleared before they are used, and before a pass adds to them."""
    left = set(things)
    for moment in after:
        if moment.kind == "clear":
            left -= moment.graph.learned
        elif moment.kind == "step" and moment.graph.learned & left:
            return False
        if not left:
            return True
    return False
