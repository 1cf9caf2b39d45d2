"""The `train()` that an inserted `eval()` needs where training goes on."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torchfix_codemods.analysis.interpreter.state import identities
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases, outermost_call, trained_ids
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Context, ModelCall, ModeSet, Trace
from torchfix_codemods.findings import Edit
from torchfix_codemods.rules._evaluation_signs import behind
from torchfix_codemods.rules._regions import Region
from torchfix_codemods.rules._rerun_cells import rerun_edits
from torchfix_codemods.rules._train_places import train_edits
from torchfix_codemods.rules._training_ahead import trains_next


def resume_edits(
    file: ParsedFile, project: Project, phases: Phases, trace: Trace, event: ModelCall
) -> list[Edit] | None:
    """The `train()` that the inserted `eval()` needs where training goes on. None: needed, and no place for it."""
    loop = _shared_loop(trace, event, phases)
    if loop is None:
        if trains_next(trace, event, phases):
            *_, whole = event.context.chain()
            return _resume_in(project, phases, trace, event, whole)
        return rerun_edits(file, project, phases, trace, event)
    for other, change in phases.mode_changes(event.model):
        switches = other is trace and change.mode == "train" and change.context.inside(loop)
        if switches and not _in_evaluation(change, trace, phases):
            return []
    return _resume_in(project, phases, trace, event, loop)


def comes_first(region: Region, phases: Phases) -> bool:
    """Whether it is only a look at the model before its training."""
    return all(
        _shared_loop(e.trace, e.event, phases) is None
        and trains_next(e.trace, e.event, phases)
        and not any(other.id < e.event.id for other in _trainings(e.trace, e.event, phases))
        for e in region.executions
    )


def is_resumed(region: Region, receiver: str, line: int) -> bool:
    """Whether the function itself goes back to training mode behind a line, on its only way out."""
    back = next((s for s in behind(region, line) if ast.unparse(s) == f"{receiver}.train()"), None)
    if back is None or region.function is None:
        return False
    leaves = (n for n in ast.walk(region.function) if isinstance(n, ast.Return | ast.Raise))
    return all(n.lineno > back.lineno for n in leaves)


def _shared_loop(trace: Trace, event: ModelCall, phases: Phases) -> Context | None:
    """The innermost loop around the evaluation in which the same model also trains."""
    trainings = list(_trainings(trace, event, phases))
    loops = (context for context in event.context.chain() if context.kind == "loop")
    return next((loop for loop in loops if any(other.context.inside(loop) for other in trainings)), None)


def _in_evaluation(change: ModeSet, trace: Trace, phases: Phases) -> bool:
    """Whether the change stands in a function that only evaluates: training does not see it."""
    frames = {
        e.event.context.frame().place
        for site in phases.sites.values()
        for e in site.executions
        if e.evaluation and e.trace is trace and e.event.context.frame().kind == "function"
    }
    training = {
        c.place for site in phases.sites.values() for e in site.executions if e.trained for c in e.event.context.chain()
    }
    return any(c.place in frames - training for c in change.context.chain())


def _resume_in(project: Project, phases: Phases, trace: Trace, event: ModelCall, around: Context) -> list[Edit] | None:
    """`model.train()` for all that trains inside a loop; where `around` is none, for what trains behind the event.

    Of the parts that train, where the model does not train itself.
    """
    calls = [
        outermost_call(trace, other)
        for other in _trainings(trace, event, phases)
        if other.context.inside(around) and (around.kind == "loop" or other.id > event.id)
    ]
    own = [call for call in calls if not _is_part(phases, call, event)]
    return train_edits(project, own or calls, around, [event])


def _trainings(trace: Trace, event: ModelCall, phases: Phases) -> Iterator[ModelCall]:
    """The calls of the same model that a backward pass goes through."""
    trained = trained_ids(trace)
    for other in trace.events:
        if isinstance(other, ModelCall) and other.id in trained and phases.same(other.model, event.model):
            yield other


def _is_part(phases: Phases, call: ModelCall, whole: ModelCall) -> bool:
    """Whether the model of a call is a part of another, and not that model itself."""
    ours, theirs = identities(call.model), identities(whole.model)
    return not any(o == t or phases.holds(o, t) for o in ours for t in theirs)
