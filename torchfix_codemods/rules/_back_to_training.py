"""The `train()` that an inserted `eval()` needs where training goes on."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torchfix_codemods.analysis.interpreter.state import identities
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phase_gate import EVALUATION_WORDS
from torchfix_codemods.analysis.phases import Phases, outermost_call, trained_ids
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Context, ModelCall, Place, Trace
from torchfix_codemods.findings import Edit
from torchfix_codemods.rules._evaluation_signs import MEASURES, behind
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
    calls = [(outermost_call(trace, training), loop) for training, loop in _needy(phases, trace, event)]
    if not calls:
        return rerun_edits(file, project, phases, trace, event)
    own = [(call, loop) for call, loop in calls if not _is_part(phases, call, event)]
    return train_edits(project, phases, own or calls, [event])


@dataclass(frozen=True)
class _Switch:
    """A `train()` of the program, or one that is to come (for the model of a call): when and where it is run."""

    order: int
    context: Context
    call: ModelCall | None = None


def _needy(phases: Phases, trace: Trace, event: ModelCall) -> Iterator[tuple[ModelCall, Context]]:
    """What would train in evaluation mode behind an evaluation, and the innermost loop around both, if there is one.

    Once for each place, however often a loop was run: with the innermost of its loops.
    """
    *_, whole = event.context.chain()
    order = {id(e): number for number, e in enumerate(trace.events)}
    changes = [c for t, c in phases.mode_changes(event.model) if t is trace and c.mode == "train"]
    switches = [_Switch(order[id(change)], change.context) for change in changes]
    found: dict[Place, tuple[ModelCall, Context]] = {}
    for training in _trainings(trace, event, phases):
        loop = next((c for c in training.context.chain() if c.kind == "loop" and event.context.inside(c)), whole)
        goes_on = training.mode != "eval" and (loop is not whole or training.id > event.id)
        if not goes_on or any(_serves(phases, s, event, training, order) for s in switches):
            continue
        switches.append(_Switch(order[id(training)], _context_of_train(training, event, loop), training))
        known = found.get(training.place)
        if known is None or len(list(known[1].chain())) < len(list(loop.chain())):
            found[training.place] = training, loop
    yield from found.values()


def _context_of_train(training: ModelCall, event: ModelCall, loop: Context) -> Context:
    """Where the `train()` for a training will stand (see `train_edits`): in its function, its loop, or its branch."""
    frame = training.context.frame()
    if frame is not loop.frame():
        return frame
    return loop if loop.kind == "loop" and training.id < event.id else training.context


def _serves(phases: Phases, switch: _Switch, event: ModelCall, training: ModelCall, order: Mapping[int, int]) -> bool:
    """Whether a `train()` comes between an evaluation and a training, whichever way leads there."""
    then, now = order[id(event)], order[id(training)]
    return (
        switch.order < now
        and not switch.order < then < now
        and _is_always_run(switch.context, training.context, event.context)
        and not (switch.call is not None and _is_part(phases, switch.call, training))
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
