"""Where `model.eval()` belongs: at the top of an evaluation, or deeper where something in it goes back to training."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from itertools import takewhile

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases
from torchfix_codemods.analysis.trace import Context, ModelCall, ModeSet, Trace
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules._block_order import in_one_block, node_in
from torchfix_codemods.rules._regions import Region


def eval_edits(file: ParsedFile, phases: Phases, region: Region, models: Mapping[str, ModelCall]) -> list[Edit]:
    """The `eval()` of some models, by what they are called in the region. Raises `CannotRewrite` without a place."""
    places: dict[ast.stmt | None, list[str]] = {}
    for receiver, event in models.items():
        places.setdefault(_deeper(file, phases, region, event), []).append(f"{receiver}.eval()")
    return [edit for there, lines in places.items() for edit in _inserted(file, region, there, lines)]


def _inserted(file: ParsedFile, region: Region, deeper: ast.stmt | None, lines: list[str]) -> list[Edit]:
    if deeper is None and region.kind == "function" and region.function is not None:
        return verbs.insert_first(file, region.function, lines)
    return verbs.insert_before(file, _outermost_with(file, deeper or region.node), lines)


def _deeper(file: ParsedFile, phases: Phases, region: Region, event: ModelCall) -> ast.stmt | None:
    """The statement of the region before which `eval()` has to stand, if its beginning does not do."""
    first = region.function if region.kind == "function" and region.function is not None else region.node
    lines, found = range(first.lineno, region.end_line + 1), []
    for execution in (e for e in region.executions if e.event.place == event.place):
        trace, model = execution.trace, execution.event.model
        frame = next((c for c in execution.event.context.chain() if c.place == region.frame.place), None)
        changes = [c for t, c in phases.mode_changes(model) if t is trace and c.mode == "train"]
        if frame is not None and changes:
            found.append(_eval_statement(file, trace, execution.event, frame, changes, lines))
    return max((s for s in found if s is not None), key=lambda statement: statement.lineno, default=None)


def _eval_statement(
    file: ParsedFile, trace: Trace, event: ModelCall, frame: Context, changes: Sequence[ModeSet], lines: range
) -> ast.stmt | None:
    """The statement before which `eval()` has to stand, since a `train()` in those lines comes first or comes round.

    None where there is no such line. Raises `CannotRewrite` where one statement holds that line and the evaluation.
    """
    order = {id(e): number for number, e in enumerate(trace.events)}
    node = node_in(file, event, frame)
    loops = [c for c in takewhile(lambda c: c is not frame, event.context.chain()) if c.kind == "loop"]
    found = []
    for change in (c for c in changes if c.context.inside(frame)):
        where = node_in(file, change, frame)
        if node is None or where is None or file.enclosing_statement(where).lineno not in lines:
            continue
        around = any(change.context.inside(c) for c in loops if c.frame() is not frame or c.place.line in lines)
        if order[id(change)] < order[id(event)] or around:
            evaluates, switches = in_one_block(file, node, where)
            if evaluates is switches:
                raise verbs.CannotRewrite("something in the evaluation goes back to training mode")
            found.append(evaluates)
    return max(found, key=lambda statement: statement.lineno, default=None)


def _outermost_with(file: ParsedFile, node: ast.stmt) -> ast.stmt:
    """The `with torch.no_grad():` that holds the loop and nothing else, so that `eval()` comes before it."""
    parent = file.parents[node]
    while (
        isinstance(parent, ast.With) and parent.body[0] is node and "grad" in file.source(parent.items[0].context_expr)
    ):
        node, parent = parent, file.parents[parent]
    return node
