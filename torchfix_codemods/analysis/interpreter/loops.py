"""Loops: how often a body is walked, and what one round leaves to the next."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from torchfix_codemods.analysis.interpreter import expressions, statements, tensors
from torchfix_codemods.analysis.interpreter.shapes import constant
from torchfix_codemods.analysis.interpreter.state import Frame, merge_envs, merge_states
from torchfix_codemods.analysis.trace import Context, place_of
from torchfix_codemods.analysis.values import (
    Const,
    Mapping,
    Sequence,
    Value,
    force,
)

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.machine import Machine

MAX_UNROLLED = 4
MAX_TWICE = 3  # loops nested more deeply than this are walked once per round of the outer ones


def run_for(m: Machine, node: ast.For | ast.AsyncFor, frame: Frame) -> bool:
    iterated = force(expressions.evaluate(m, node.iter, frame))
    if isinstance(iterated, Mapping):
        iterated = iterated.keys()
    if (
        isinstance(iterated, Sequence)
        and 0 < len(iterated.items) <= MAX_UNROLLED
        and all(map(_is_word, iterated.items))
    ):
        for item in iterated.items:
            _walk(m, node, frame, item, rounds=1, detail=repr(constant(item)))
        return statements.run_block(m, node.orelse, frame)
    item = tensors.item_of(m, iterated, node.iter, frame)
    run_loop(m, node, frame, item)
    return statements.run_block(m, node.orelse, frame)


def _is_word(value: Value) -> bool:
    return isinstance(value, Const) and isinstance(value.value, str)


def run_loop(m: Machine, node: ast.For | ast.AsyncFor | ast.While, frame: Frame, item: Value | None) -> None:
    nesting = sum(c.kind == "loop" for c in frame.context.chain())
    _walk(m, node, frame, item, rounds=2 if nesting < MAX_TWICE else 1)


def _walk(
    m: Machine,
    node: ast.For | ast.AsyncFor | ast.While,
    frame: Frame,
    item: Value | None,
    rounds: int,
    detail: str = "",
) -> None:
    outside = frame.context
    frame.context = Context("loop", place_of(frame.file.path, node), outside, detail=detail)
    exits_before, frame.exits = frame.exits, []
    skipped = (dict(frame.env), frame.state.copy())
    for _ in range(rounds):
        if item is not None and not isinstance(node, ast.While):
            statements.assign(m, node.target, item, frame)
        start = frame.state.snapshot()
        falls = statements.run_block(m, node.body, frame)
        ends = [*frame.exits, *([(frame.env, frame.state)] if falls else [])]
        frame.exits = []
        if ends:
            frame.env = merge_envs([e for e, _ in ends])
            frame.state = merge_states([s for _, s in ends])
        else:
            frame.env, frame.state = skipped
            break
        if rounds == 2 and frame.state.snapshot() == start and not _carries(skipped[0], frame.env):
            break
    frame.exits = exits_before
    frame.context = outside
    if not detail:  # a loop over words runs; any other may run zero times, but its effects count as done
        frame.env = merge_envs([frame.env, skipped[0]])


def _carries(before: dict[str, Value], after: dict[str, Value]) -> bool:
    """Whether a round left a variable changed that had a value before, so that the next round sees another."""
    return any(name in after and after[name] is not value and after[name] != value for name, value in before.items())
