"""Cells of a notebook are run again: training in one of them finds the model in the mode that an evaluation left."""

from __future__ import annotations

from collections.abc import Iterator

from torchfix_codemods.analysis.notebook_text import cell_at
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases, outermost_call, trained_ids
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Context, ModelCall, ModeSet, Place, Trace
from torchfix_codemods.analysis.values import Instance, options
from torchfix_codemods.findings import Edit
from torchfix_codemods.rules.missing_train_mode import train_edits


def rerun_edits(
    file: ParsedFile, project: Project, phases: Phases, trace: Trace, event: ModelCall
) -> list[Edit] | None:
    """The `train()` of each cell that would train in evaluation mode when it is run again. None: no place for one."""
    if not file.path.endswith(".ipynb"):
        return []
    found: dict[Edit, None] = {}
    for training in _trainings(trace, event, phases):
        if _is_cared_for(file, phases, trace, training):
            continue
        edits = train_edits(project, outermost_call(trace, training), _outermost_loop(training.context))
        if edits is None:
            return None
        found |= dict.fromkeys(edits)
    return list(found)


def _trainings(trace: Trace, event: ModelCall, phases: Phases) -> Iterator[ModelCall]:
    trained = trained_ids(trace)
    for other in trace.events:
        if isinstance(other, ModelCall) and other.id in trained and phases.same(other.model, event.model):
            yield other


def _is_cared_for(file: ParsedFile, phases: Phases, trace: Trace, training: ModelCall) -> bool:
    """Whether the cell that trains makes the model anew, or puts it into training mode first."""
    cell = _cell_of(file, training.place, training.context)
    if cell is None or cell in _cells_that_make(file, training):
        return True
    return any(
        isinstance(change, ModeSet)
        and change.mode == "train"
        and phases.same(change.model, training.model)
        and _cell_of(file, change.place, change.context) == cell
        for change in trace.events[: trace.events.index(training)]
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


def _outermost_loop(context: Context) -> Context:
    """The loop around everything that trains there; the top level of the file where there is none."""
    *_, outermost = (c for c in context.chain() if c.kind in ("loop", "module"))
    loops = [c for c in context.chain() if c.kind == "loop" and c.frame() is outermost]
    return loops[-1] if loops else outermost
