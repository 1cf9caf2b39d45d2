"""Gradient accumulation: loops in which the optimizer steps in every n-th round only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Backward, GradientsCleared
from torchfix_codemods.rules import _updates
from torchfix_codemods.rules._shared import function_node, is_test_code, node_of
from torchfix_codemods.rules._updates import Update

_Loop = ast.For | ast.AsyncFor | ast.While


@dataclass(frozen=True)
class Window:
    """`if (i + 1) % size == 0: optimizer.step()` in a loop whose every round runs `backward()`."""

    update: Update
    loop: _Loop
    condition: ast.If
    modulo: ast.BinOp
    size: str
    backward: Backward
    several: bool  # the backward pass stands in both branches of an `if`
    call: ast.Call  # of the backward pass
    step: ast.stmt
    name: str  # of the optimizer, "" where it has none

    def clears(self, phases: Phases) -> Iterator[tuple[GradientsCleared, bool]]:
        """What clears in the loop, and whether that happens in the branch of the step only."""
        for cleared in self.update.clears:
            if _updates.may_clear(phases, cleared, self.update.optimizer):
                inside = _updates.branches(cleared, self.update.loop.place)
                yield cleared, any((p.line, p.column) == _start(self.condition) and d == "0" for p, d in inside)


def windows(file: ParsedFile, project: Project, phases: Phases) -> Iterator[Window]:
    """The windows of the file, one for each step in one. Every execution of the step has to be in it."""
    for group in _updates.updates(phases):
        if group[0].step.place.path != file.path:
            continue
        found = [_window(file, project, phases, update) for update in group]
        if found[0] is not None and all(found):
            yield found[0]


def _window(file: ParsedFile, project: Project, phases: Phases, update: Update) -> Window | None:
    loop = _updates.loop_node(file, update)
    frame = update.step.context.frame()
    if loop is None or update.loop.frame() is not frame or is_test_code(file, function_node(file, frame)):
        return None
    condition = _condition(file, update)
    modulo = _modulo(condition.test) if condition is not None else None
    if condition is None or modulo is None or not _is_size(modulo.right):
        return None
    end = update.step.place.line
    step = next(s for s in condition.body if s.lineno <= end <= (s.end_lineno or s.lineno))
    own = update.own(phases)
    backward = own[-1] if own else None
    call = node_of(file, backward.place, ast.Call) if backward is not None else None
    if backward is None or not isinstance(call, ast.Call) or not _is_plain(update, own):
        return None
    if _in(condition, [b.place.line for b in update.backwards if b.place.path == file.path]):
        return None  # a loss of its own in every n-th round: that of a generator
    name = _updates.optimizer_text(project, update, frame)
    several = len({b.place for b in own}) > 1
    return Window(update, loop, condition, modulo, file.source(modulo.right), backward, several, call, step, name)


def _is_plain(update: Update, own: tuple[Backward, ...]) -> bool:
    """Whether a backward pass runs in every round, in the function of the loop."""
    stop, frame = update.loop.place, update.step.context.frame()
    here = all(b.context.frame().place == frame.place and not _updates.inner_loops(b, stop) for b in own)
    around = _updates.conditions(own, stop)
    return here and around is not None and around < _updates.branches(update.step, stop)


def _condition(file: ParsedFile, update: Update) -> ast.If | None:
    """The `if` with a `%`, around the step and inside the loop, in whose body the step stands."""
    for place, detail in _updates.branches(update.step, update.loop.place):
        node = node_of(file, place)
        if isinstance(node, ast.If) and detail == "0" and _modulo(node.test) is not None:
            return node
    return None


def _modulo(test: ast.expr) -> ast.BinOp | None:
    """The only `a % b` of a condition."""
    found = [n for n in ast.walk(test) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mod)]
    return found[0] if len(found) == 1 else None


def _is_size(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int) and node.value > 1
    return _updates.is_name(node)


def _in(condition: ast.If, lines: list[int]) -> bool:
    return any(condition.lineno <= line <= (condition.end_lineno or 0) for line in lines)


def _start(node: ast.stmt) -> tuple[int, int]:
    return node.lineno, node.col_offset
