"""The `train()` that an inserted `eval()` needs where training goes on."""

from __future__ import annotations

import ast

from torchfix_codemods.analysis.interpreter.state import identities
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phase_gate import EVALUATION_WORDS
from torchfix_codemods.analysis.phases import Phases, outermost_call, trained_ids
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Context, ModelCall, ModeSet, Trace
from torchfix_codemods.findings import Edit
from torchfix_codemods.rules._evaluation_signs import MEASURES, behind
from torchfix_codemods.rules._regions import Region
from torchfix_codemods.rules._train_place import train_edits
from torchfix_codemods.rules._training_ahead import trains_next


def resume_edits(
    file: ParsedFile, project: Project, phases: Phases, trace: Trace, event: ModelCall
) -> list[Edit] | None:
    """The `train()` that the inserted `eval()` needs where training goes on. None: needed, and no place for it."""
    loop = _shared_loop(trace, event, phases)
    if loop is None:
        return None if trains_next(trace, event, phases) else []
    for other, change in phases.mode_changes(event.model):
        switches = other is trace and change.mode == "train" and change.context.inside(loop)
        if switches and not _in_evaluation(change, trace, phases):
            return []
    return _resume_in(file, project, phases, trace, event, loop)


def makes_for_training(region: Region, file: ParsedFile, phases: Phases) -> bool:
    """Whether a region that measures nothing comes before the training in each round of a loop: that may use it."""
    text = file.source(region.node)
    if MEASURES.search(text) or EVALUATION_WORDS.search(text):
        return False
    execution = region.executions[0]
    loop = _shared_loop(execution.trace, execution.event, phases)
    trained = trained_ids(execution.trace)
    ids = [
        e.id
        for e in execution.trace.events
        if isinstance(e, ModelCall) and e.id in trained and loop is not None and e.context.inside(loop)
    ]
    return bool(ids) and execution.event.id < min(ids)


def is_resumed(region: Region, receiver: str, line: int) -> bool:
    """Whether the function itself goes back to training mode behind a line, on its only way out."""
    back = next((s for s in behind(region, line) if ast.unparse(s) == f"{receiver}.train()"), None)
    if back is None or region.function is None:
        return False
    leaves = (n for n in ast.walk(region.function) if isinstance(n, ast.Return | ast.Raise))
    return all(n.lineno > back.lineno for n in leaves)


def _shared_loop(trace: Trace, event: ModelCall, phases: Phases) -> Context | None:
    """The innermost loop around the evaluation in which the same model also trains."""
    trained = trained_ids(trace)
    for context in event.context.chain():
        if context.kind != "loop":
            continue
        for other in trace.events:
            if not isinstance(other, ModelCall) or other.id not in trained or not other.context.inside(context):
                continue
            if phases.same(other.model, event.model):
                return context
    return None


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


def _resume_in(
    file: ParsedFile, project: Project, phases: Phases, trace: Trace, event: ModelCall, loop: Context
) -> list[Edit] | None:
    """`model.train()` at the top of what trains inside `loop`; of the parts that train, where it does not itself."""
    trained, parts = trained_ids(trace), list[ModelCall]()
    for other in trace.events:
        if not isinstance(other, ModelCall) or other.id not in trained or not other.context.inside(loop):
            continue
        if phases.same(other.model, event.model):
            call = outermost_call(trace, other)
            if not _is_part(phases, call, event):
                return train_edits(project, phases, [call], loop)
            parts.append(call)
    return train_edits(project, phases, parts, loop) if parts else None


def _is_part(phases: Phases, call: ModelCall, whole: ModelCall) -> bool:
    """Whether the model of a call is a part of another, and not that model itself."""
    ours, theirs = identities(call.model), identities(whole.model)
    return not any(o == t or phases.holds(o, t) for o in ours for t in theirs)
