"""The `train()` that an inserted `eval()` needs where training goes on."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torchfix_codemods.analysis.interpreter.state import identities
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases, outermost_call, trained_ids
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Context, ModelCall, Trace
from torchfix_codemods.findings import Edit
from torchfix_codemods.rules._evaluation_signs import behind
from torchfix_codemods.rules._regions import Region
from torchfix_codemods.rules._rerun_cells import rerun_edits
from torchfix_codemods.rules._train_places import train_edits
from torchfix_codemods.rules._training_ahead import trains_next


def resume_edits(
    file: ParsedFile, project: Project, phases: Phases, trace: Trace, event: ModelCall
) -> list[Edit] | None:
    """The `train()` that the inserted `eval()` needs where training goes on. None: needed, and no place for it.

    Of the parts that train, where the model does not train itself.
    """
    *_, whole = event.context.chain()
    calls = []
    for training in _trainings(trace, event, phases):
        loop = next((c for c in training.context.chain() if c.kind == "loop" and event.context.inside(c)), whole)
        goes_on = loop is not whole or training.id > event.id
        if goes_on and training.mode != "eval" and not _is_switched(phases, trace, event, training):
            calls.append((outermost_call(trace, training), loop))
    own = [(call, loop) for call, loop in calls if not _is_part(phases, call, event)]
    return train_edits(project, own or calls, [event]) if calls else rerun_edits(file, project, phases, trace, event)


def _is_switched(phases: Phases, trace: Trace, event: ModelCall, training: ModelCall) -> bool:
    """Whether a `train()` of the program comes between an evaluation and a training, whichever way leads there."""
    order = {id(e): number for number, e in enumerate(trace.events)}
    changes = [c for t, c in phases.mode_changes(event.model) if t is trace and c.mode == "train"]
    return any(
        order[id(change)] < order[id(training)]
        and not order[id(change)] < order[id(event)] < order[id(training)]
        and _is_always_run(change.context, training.context, event.context)
        for change in changes
    )


def _is_always_run(change: Context, training: Context, evaluation: Context) -> bool:
    """Whether a change is made whenever a training is, and in every loop that comes back from the evaluation."""
    around = list(change.chain())
    chosen = (c for c in around if c.kind in ("branch", "loop"))
    rounds = (c for c in training.chain() if c.kind == "loop" and evaluation.inside(c))
    return all(training.inside(c) for c in chosen) and all(change.inside(c) for c in rounds)


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
