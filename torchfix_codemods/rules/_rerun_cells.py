"""Cells of a notebook are run again: training in one of them finds the model in the mode that an evaluation left."""

from __future__ import annotations

from collections.abc import Sequence

from torchfix_codemods.analysis.notebook_text import cell_at
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases, outermost_call, trained_ids, trains_inside
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Backward, Context, ModelCall, ModeSet, OptimizerStep, Place, Trace
from torchfix_codemods.analysis.values import Instance, options
from torchfix_codemods.findings import Edit
from torchfix_codemods.rules._train_places import train_edits


def rerun_edits(
    file: ParsedFile, project: Project, phases: Phases, trace: Trace, event: ModelCall
) -> list[Edit] | None:
    """The `train()` of each cell that would train in evaluation mode when it is run again. None: no place for one."""
    if not file.path.endswith(".ipynb"):
        return []
    found: dict[Edit, None] = {}
    trained = trained_ids(trace)
    calls = [e for e in trace.events if isinstance(e, ModelCall) and phases.same(e.model, event.model)]
    used = [call for call in calls if call.id not in trained]
    for training in (call for call in calls if call.id in trained):
        if _is_cared_for(file, phases, trace, training):
            continue
        loop, evaluations = _loop_of(training.context, used)
        if loop.kind == "loop" and not trains_inside(trace, loop):
            continue  # nothing says that it trains but a value that may have come from it
        edits = train_edits(project, phases, [(outermost_call(trace, training), loop)], evaluations)
        if edits is None:
            return None
        found |= dict.fromkeys(edits)
    return list(found)


def _is_cared_for(file: ParsedFile, phases: Phases, trace: Trace, training: ModelCall) -> bool:
    """Whether the cell makes the model anew, puts it into training mode first, or does not train at all."""
    cell = _cell_of(file, training.place, training.context)
    if cell is None or cell in _cells_that_make(file, training):
        return True
    there = [e for e in trace.events if _cell_of(file, e.place, e.context) == cell]
    if not any(isinstance(e, Backward | OptimizerStep) for e in there):
        return True
    return any(
        isinstance(e, ModeSet) and e.mode == "train" and phases.same(e.model, training.model)
        for e in there[: there.index(training)]
    )


def _cell_of(file: ParsedFile, place: Place, context: Context) -> int | None:
    """The cell that has to be run for something to happen; None where another file does it."""
    for around in context.chain():
        if around.kind == "function" and around.call is not None:
            place = around.call
    return cell_at(file, file.offset(place.line, place.column)) if place.path == file.path else None


def _cells_that_make(file: ParsedFile, training: ModelCall) -> set[int]:
    sites = (model.site for model in options(training.model) if isinstance(model, Instance))
    return {cell_at(file, site.start) for site in sites if site is not None and site.path == file.path}


def _loop_of(context: Context, used: Sequence[ModelCall]) -> tuple[Context, list[ModelCall]]:
    """The loop that trains and evaluates in turn, with its evaluations; else the one around all training.

    The top level of the file where there is no loop.
    """
    around = list(context.chain())
    for loop in (c for c in around if c.kind == "loop"):
        if inside := [call for call in used if call.context.inside(loop)]:
            return loop, inside
    loops = [c for c in around if c.kind == "loop" and c.frame() is around[-1]]
    return loops[-1] if loops else around[-1], []
