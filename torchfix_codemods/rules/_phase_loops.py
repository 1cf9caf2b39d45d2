"""`for phase in ["train", "val"]`: one body that trains for one word and evaluates for the others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import CallSite, Execution, Phases
from torchfix_codemods.analysis.trace import Backward, Context, ModelCall
from torchfix_codemods.rules._shared import node_of


@dataclass(frozen=True)
class PhaseLoop:
    """The loop over words, the statement of its body that holds the call, and one execution that evaluates.

    `condition` is the expression that holds while training, as in `phase == "train"`.
    """

    loop: ast.For
    inner: ast.stmt
    call: ast.Call
    condition: str
    evaluated: ModelCall


def phase_loops(file: ParsedFile, phases: Phases) -> Iterator[PhaseLoop]:
    """Every loop over words whose body calls a model in training and in evaluation, once per loop and model call."""
    for site in phases.sites.values():
        call = node_of(file, site.place, ast.Call) if site.place.path == file.path else None
        if not isinstance(call, ast.Call):
            continue
        for evaluated, trained in _mixed(site):
            found = _loop_of(file, evaluated.context, trained)
            if found is not None:
                loop, word = found
                assert isinstance(loop.target, ast.Name)
                condition = f"{loop.target.id} == {word}"
                inner = _statement_in(file, loop, call)
                if inner is not None:
                    yield PhaseLoop(loop, inner, call, condition, evaluated)


def _mixed(site: CallSite) -> Iterator[tuple[ModelCall, str]]:
    """Executions that evaluate, with the word of the one phase that trains."""
    training = {_word(e.event.context) for e in site.executions if e.trained}
    if len(training) != 1 or "" in training or not any(e.trained and _goes_backward(e) for e in site.executions):
        return
    for execution in site.executions:
        word = _word(execution.event.context)
        if execution.evaluation and word and word not in training and not _differentiates(execution, word):
            yield execution.event, next(iter(training))


def _goes_backward(execution: Execution) -> bool:
    """Whether the backward pass happens in the phase itself: else the loop prepares what trains behind it."""
    backwards = (e for e in execution.trace.events if isinstance(e, Backward))
    return any(_word(e.context) == _word(execution.event.context) for e in backwards)


def _differentiates(execution: Execution, word: str) -> bool:
    """Whether something in this phase goes backward too: an attack on the batch, say."""
    backwards = (e for e in execution.trace.events if isinstance(e, Backward))
    return any(_word(e.context) == word for e in backwards)


def _word(context: Context) -> str:
    return next((c.detail for c in context.chain() if c.kind == "loop" and c.detail), "")


def _loop_of(file: ParsedFile, context: Context, trained: str) -> tuple[ast.For, str] | None:
    """The loop, and its word for training as the source writes it."""
    around = next((c for c in context.chain() if c.kind == "loop" and c.detail and c.place.path == file.path), None)
    loop = node_of(file, around.place, ast.For) if around is not None else None
    if not isinstance(loop, ast.For) or not isinstance(loop.target, ast.Name):
        return None
    if not isinstance(loop.iter, ast.List | ast.Tuple):
        return loop, trained
    words = [e for e in loop.iter.elts if isinstance(e, ast.Constant) and repr(e.value) == trained]
    return (loop, file.source(words[0])) if words else (loop, trained)


def _statement_in(file: ParsedFile, loop: ast.For, call: ast.Call) -> ast.stmt | None:
    """The statement of the loop's own body that holds the call; None where a function stands between the two."""
    node: ast.AST = call
    while not isinstance(node, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
        parent = file.parents[node]
        if parent is loop and isinstance(node, ast.stmt):
            return node if node in loop.body else None
        node = parent
    return None
