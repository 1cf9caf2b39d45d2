"""TFC302: training that stays in evaluation mode after the first evaluation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.frameworks import Care, care_around
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.modes import mode_dependence
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import CallSite, Phases, outermost_call, phases_of
from torchfix_codemods.analysis.program import program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Context, ModelCall, ModeSet, Place, Trace
from torchfix_codemods.analysis.values import ClassRef, Instance, options
from torchfix_codemods.findings import Edit, Finding, Level, Step
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules import ours
from torchfix_codemods.rules._between_batches import evaluating_call, resume_behind
from torchfix_codemods.rules._modes import (
    finding_of_misspelt,
    misspelt_mode_changes,
    overrides_mode,
    receiver_text,
    stills_a_part,
)
from torchfix_codemods.rules._other_object import is_another, name_in
from torchfix_codemods.rules._regions import is_resolved
from torchfix_codemods.rules._shared import function_node, location_of, node_of, propose
from torchfix_codemods.rules._train_home import home_of
from torchfix_codemods.rules._train_places import train_edits

IDENTITY = ("TFC302", "missing-train-mode")
_FREEZES = re.compile(
    r"freeze_?bn|BatchNorm\w*\)?:?\s*\n?.{0,80}\.eval\(\)|set_bn_eval|fix_bn|\.training\s*=\s*False", re.S | re.I
)


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Loops of the file in which a model trains after an `eval()` that nothing takes back."""
    if Topic.PHASES not in topics_of(project, file.path):
        return
    program = program_for(project, file.path)
    phases = phases_of(program)
    misspelt = [change for change in misspelt_mode_changes(file, program) if change.mode == "train"]
    yield from (finding_of_misspelt(IDENTITY, file, program, change) for change in misspelt)
    done = {change.receiver for change in misspelt}
    seen: set[int] = set()
    found = list(_stuck(phases))
    for stuck in found:
        if _is_covered(stuck, found, phases):
            continue
        where = _place_of_fix(project, phases, file, stuck)
        if where is None or where.lineno in seen or _receiver(file, stuck) in done:
            continue
        if overrides_mode(project, stuck.call.model):
            continue
        seen.add(where.lineno)
        yield _finding(file, project, phases, stuck, where)


@dataclass(frozen=True)
class Stuck:
    """A training call in evaluation mode, every `eval()` that causes it, and the loop that brings it round."""

    call: ModelCall
    evals: tuple[ModeSet, ...]
    loop: Context

    @property
    def change(self) -> ModeSet:
        """The last `eval()` before the next round."""
        return self.evals[-1]

    @property
    def between_batches(self) -> bool:
        """M5: the evaluation happens between two batches, in the very loop of the training call."""
        innermost = next((c for c in self.call.context.chain() if c.kind == "loop"), None)
        around = self.loop.parent.chain() if self.loop.parent else ()
        return innermost is self.loop and any(c.kind == "loop" for c in around)


def _stuck(phases: Phases) -> Iterator[Stuck]:
    for site in phases.sites.values():
        if not site.trained or _is_deliberate(site):
            continue
        for execution in site.executions:
            if execution.event.mode not in ("eval", "mixed") or not execution.trained:
                continue
            call = outermost_call(execution.trace, execution.event)  # there the mode is set, not inside of a forward
            if phases.optimised(call.model) is False:
                continue  # a frozen part of the loss: features, a teacher
            if care_around(phases.program.project, call.context) & Care.MODES:
                continue
            found = _eval_in_shared_loop(phases, execution.trace, call)
            if found is not None and not _is_of_another(phases.program.project, call, *found):
                yield Stuck(call, *found)


def _is_covered(stuck: Stuck, found: list[Stuck], phases: Phases) -> bool:
    """Whether a function around the one that calls the model trains it too: its `train()` is enough for both."""
    frame = stuck.call.context.frame()
    around = {c.place for c in stuck.call.context.chain() if c.kind == "function" and c is not frame}
    return any(
        other.call.context.frame().place in around
        and other.call.context.frame() is not other.loop.frame()
        and other.loop.place == stuck.loop.place
        and phases.same(other.call.model, stuck.call.model)
        for other in found
    )


def _is_deliberate(site: CallSite) -> bool:
    """Whether the model is in evaluation mode from the first round on: somebody wants to train so."""
    return all(e.event.mode == "eval" for e in site.executions if e.trained)


def _eval_in_shared_loop(phases: Phases, trace: Trace, call: ModelCall) -> tuple[tuple[ModeSet, ...], Context] | None:
    """The innermost loop around the training call that also holds an `eval()` of the model, and no `train()`."""
    changes = [c for t, c in phases.mode_changes(call.model) if t is trace]
    for loop in call.context.chain():
        if loop.kind != "loop" or loop.detail:
            continue
        inside = [c for c in changes if c.context.inside(loop)]
        evals = tuple(c for c in inside if c.mode == "eval")
        if not evals:
            continue
        if any(c.mode in ("train", "unknown") for c in inside) or _trains_a_part(phases, trace, call, loop):
            return None
        return evals, loop
    return None


def _trains_a_part(phases: Phases, trace: Trace, call: ModelCall, loop: Context) -> bool:
    """Whether a part of the model, or its own code, goes back to training mode in the loop: what is left stays as it is
    on purpose."""
    classes = {o.cls for o in options(call.model) if isinstance(o, Instance)}
    changes = (e for e in trace.events if isinstance(e, ModeSet) and e.mode == "train" and e.context.inside(loop))
    return any(phases.covers(call.model, change.model) or _owner(change) in classes for change in changes)


def _owner(change: ModeSet) -> ClassRef | None:
    """The class of the module whose method sets the mode."""
    frame = change.context.frame()
    return frame.function.owner if frame.of_module and frame.function is not None else None


def _is_of_another(project: Project, call: ModelCall, evals: Sequence[ModeSet], loop: Context) -> bool:
    """Whether every `eval()` in the loop is one of another object that looks the same."""
    trained = (_receiver_at(project, call.place), call.context)
    switched = [(_receiver_at(project, change.place), change.context) for change in evals]
    return all(name for name, _ in (trained, *switched)) and all(
        is_another(project, other, trained, loop) for other in switched
    )


def _receiver_at(project: Project, place: Place) -> str:
    """What stands before `.eval()`, or the model that is called."""
    file = project.parse(place.path)
    node = node_of(file, place, ast.Call) if file is not None else None
    if file is None or not isinstance(node, ast.Call):
        return ""
    switches = isinstance(node.func, ast.Attribute) and node.func.attr in ("eval", "train", "forward")
    return file.source(node.func.value if switches and isinstance(node.func, ast.Attribute) else node.func)


def _receiver(file: ParsedFile, stuck: Stuck) -> str:
    node = node_of(file, stuck.call.place, ast.Call) if stuck.call.place.path == file.path else None
    return receiver_text(file, node, stuck.call.method) if isinstance(node, ast.Call) else ""


def _place_of_fix(project: Project, phases: Phases, file: ParsedFile, stuck: Stuck) -> ast.stmt | None:
    """Where the mistake stands: the function or loop that needs a `train()`, or the evaluation between two batches."""
    home = home_of(project, phases, stuck.call, stuck.loop)
    frame = home.frame if home is not None else stuck.call.context.frame()
    if frame.place.path != file.path:
        return None
    if stuck.between_batches:
        call = evaluating_call(file, stuck.change, stuck.loop)
        return file.enclosing_statement(call) if call is not None else None
    node = node_of(file, stuck.loop.place) if frame is stuck.loop.frame() else function_node(file, frame)
    return node if isinstance(node, ast.stmt) else None


def _finding(file: ParsedFile, project: Project, phases: Phases, stuck: Stuck, where: ast.stmt) -> Finding:
    call = stuck.call
    dependence = mode_dependence(phases.program.machine, call.model)
    receiver = _receiver(file, stuck) or "the model"
    steps = [
        Step(location_of(project, stuck.change.place), "the model is put into evaluation mode here, inside the loop"),
        Step(location_of(project, call.place), "and trained here in the next round, with no train() in between"),
    ]
    if dependence.step is not None:
        steps.append(dependence.step)
    followed = phases.program.followed
    proven = followed and dependence.depends and is_resolved(call.model) and not freezes(file, phases, call)

    def build() -> list[Edit]:
        if stuck.between_batches:
            name = name_in(project, _receiver(file, stuck), call.context, stuck.loop.frame())
            if not name:
                raise verbs.CannotRewrite("the loop over the batches has no name for the model")
            return resume_behind(file, stuck.evals, stuck.loop, name)
        edits = train_edits(project, phases, [(call, stuck.loop)], stuck.evals)
        if edits is None:
            raise verbs.CannotRewrite("there is no single place for the call of train()")
        return edits

    consequence = "its dropout is off and its statistics are frozen" if dependence.depends else "nothing sets it back"
    return propose(
        IDENTITY,
        Level.BEHAVIOR if proven else Level.SUGGESTION,
        file.location(where),
        f"{receiver} stays in evaluation mode after the first evaluation: {consequence}",
        steps,
        f"Switch {receiver} back to training mode",
        build,
    )


def freezes(file: ParsedFile, phases: Phases, call: ModelCall) -> bool:
    """Whether parts of the model are kept in evaluation mode on purpose: a plain `train()` would undo that."""
    program = phases.program
    paths = {file.path, *program.files, *(path for trace in program.traces for path in trace.files)}
    if any(_FREEZES.search(program.project.read(path) or "") for path in paths):
        return True
    if stills_a_part(program.project, call.model):
        return True
    own = [c for _, c in phases.mode_changes(call.model)]
    for _, change in phases.program.events(ModeSet):
        if change.mode == "eval" and change not in own and phases.same(change.model, call.model):
            return True
    return False


RULE = ours(IDENTITY[0])
