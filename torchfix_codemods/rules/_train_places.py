"""Where `model.train()` belongs, so that training is in training mode again behind an evaluation."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Context, ModelCall, ModeSet
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules._block_order import are_branches, in_one_block, node_in, statements_around
from torchfix_codemods.rules._shared import function_node, node_of
from torchfix_codemods.rules._train_home import home_of

_Bodied = ast.For | ast.While | ast.FunctionDef | ast.AsyncFunctionDef


def train_edits(
    project: Project,
    phases: Phases,
    calls: Sequence[tuple[ModelCall, Context]],
    evaluations: Sequence[ModelCall | ModeSet] = (),
) -> list[Edit] | None:
    """A `model.train()` for each call that trains, with the loop that brings it round; None without a place for one.

    It comes behind the `evaluations` of the same function: before the statement that trains, where that follows; else
    at the top of the function that trains, or of the loop's body.
    """
    spots: list[_Spot] = []
    for call, loop in calls:
        spot = _spot(project, phases, call, loop, evaluations)
        if spot is None:
            return None
        if not any(known.serves(spot) for known in spots):
            spots.append(spot)
    lines: dict[tuple[ast.stmt, bool], list[_Spot]] = {}
    for spot in spots:
        lines.setdefault((spot.statement, spot.first), []).append(spot)
    return [edit for there in lines.values() for edit in there[0].edits([spot.line for spot in there])]


@dataclass(frozen=True, eq=False)
class _Spot:
    """A line before a statement, or (`first`) before all others in the body of a loop or function."""

    file: ParsedFile
    statement: ast.stmt
    line: str
    first: bool

    def edits(self, lines: Sequence[str]) -> list[Edit]:
        """The edits that put these lines here."""
        if self.first and isinstance(self.statement, _Bodied):
            return verbs.insert_first(self.file, self.statement, lines)
        return verbs.insert_before(self.file, self.statement, lines)

    def serves(self, other: _Spot) -> bool:
        """Whether the line that stands here does for the other too: a block trains on once it has begun to."""
        if self.file is not other.file or self.line != other.line or self.first != other.first:
            return False
        if self.first:
            return self.statement is other.statement
        same_block = self.file.block_of(self.statement) is self.file.block_of(other.statement)
        return same_block and self.statement.lineno <= other.statement.lineno


def _spot(
    project: Project, phases: Phases, call: ModelCall, loop: Context, evaluations: Sequence[ModelCall | ModeSet]
) -> _Spot | None:
    home = home_of(project, phases, call, loop)
    file = project.parse(home.frame.place.path) if home is not None else None
    node = node_in(file, call, home.frame) if file is not None and home is not None else None
    if home is None or file is None or node is None:
        return None
    line, frame = f"{home.receiver}.train()", home.frame
    behind = _behind(file, node, frame, [e for e in evaluations if e.context.inside(frame)])
    if behind is None:
        return None
    if behind:  # of statements around one call the innermost begins last
        last = max(behind, key=lambda statement: statement.lineno)
        return _Spot(file, _in_its_branch(file, node, last), line, first=False)
    target = node_of(file, loop.place) if frame is loop.frame() else function_node(file, frame)
    return _Spot(file, target, line, first=True) if isinstance(target, _Bodied) else None


def _in_its_branch(file: ParsedFile, call: ast.AST, around: ast.stmt) -> ast.stmt:
    """The statement that trains, in the branch where it is alone: another branch may evaluate."""
    inner = reversed(list(takewhile(lambda statement: statement is not around, statements_around(file, call))))
    for statement in inner:
        if not isinstance(around, ast.If | ast.Match | ast.Try | ast.With | ast.AsyncWith):
            break
        around = statement
    return around


def _behind(
    file: ParsedFile, call: ast.AST, frame: Context, evaluations: Sequence[ModelCall | ModeSet]
) -> list[ast.stmt] | None:
    """The statements around a training call that follow an evaluation; None where the order is not plain."""
    found = []
    for evaluation in evaluations:
        where = node_in(file, evaluation, frame)
        if where is None:
            return None
        trains, evaluates = in_one_block(file, call, where)
        if trains is evaluates and not are_branches(file, trains, call, where):
            return None
        if trains.lineno > evaluates.lineno:
            found.append(trains)
    return found


__all__ = ["train_edits"]
