"""TFC301: an evaluation that runs the model in training mode."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.frameworks import Care, care_around
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.modes import ModeDependence, mode_dependence
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Execution, Phases, phases_of
from torchfix_codemods.analysis.program import program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import ModelCall, ModeSet, Trace
from torchfix_codemods.analysis.weightless import is_weightless
from torchfix_codemods.findings import Edit, Finding, Level, Step
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules import ours
from torchfix_codemods.rules._back_to_training import comes_first, is_resumed, makes_for_training, resume_edits
from torchfix_codemods.rules._eval_places import eval_edits
from torchfix_codemods.rules._evaluation_signs import behind, is_between_epochs, is_called_evaluation, is_evaluation
from torchfix_codemods.rules._flagged_layers import is_flagged_off
from torchfix_codemods.rules._modes import (
    finding_of_misspelt,
    has_a_critic,
    misspelt_mode_changes,
    overrides_mode,
    receiver_text,
    stills_a_part,
    switches_a_part,
)
from torchfix_codemods.rules._phase_loops import phase_loops
from torchfix_codemods.rules._regions import (
    LOSS_WORDS,
    Region,
    Regions,
    asks_repeatedly,
    is_for_its_effect,
    is_resolved,
)
from torchfix_codemods.rules._shared import is_test_code, location_of, node_of, propose
from torchfix_codemods.rules._training_ahead import trains_itself
from torchfix_codemods.rules._trials import (
    asks_twice,
    begins_a_step,
    is_trained_out_of_sight,
    may_be_meant,
    stands_alone,
)
from torchfix_codemods.rules.missing_train_mode import freezes

IDENTITY = ("TFC301", "missing-eval-mode")


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Evaluation regions whose model is in training mode."""
    if Topic.PHASES not in topics_of(project, file.path):
        return
    program = program_for(project, file.path)
    phases = phases_of(program)
    misspelt = [change for change in misspelt_mode_changes(file, program) if change.mode == "eval"]
    yield from (finding_of_misspelt(IDENTITY, file, program, change) for change in misspelt)
    regions = Regions(file, phases)
    done = {change.receiver for change in misspelt}
    for region in regions.evaluation(Care.MODES):
        if not region.frame.of_module and not is_test_code(file, region.function):
            wrong = [w for w in _in_training_mode(region, regions, file, phases) if w.receiver not in done]
            if wrong:
                yield _finding(region, wrong, file, project, regions)
    yield from _phase_loops(file, project, phases)


_SAMPLES = re.compile(r"(?:^|_)sampl(?:es?|ing)(?:_|$)", re.I)
_GENERATOR = re.compile(r"(?:^|[._])(?:(?:net|model)_?[gG](?![a-z])|G|gen|generator)\w*$")


@dataclass(frozen=True)
class Wrong:
    """A model that an evaluation runs in training mode."""

    receiver: str
    execution: Execution
    dependence: ModeDependence


def _in_training_mode(region: Region, regions: Regions, file: ParsedFile, phases: Phases) -> list[Wrong]:
    """The models of a region that are in training mode, each once; those that depend on it, if any do."""
    found: dict[str, Wrong] = {}
    for execution in region.executions:
        event = execution.event
        receiver = regions.receiver(region, execution)
        if event.mode != "train" or not receiver or receiver in found or trains_itself(event, phases):
            continue
        between = is_between_epochs(region, regions)
        if not between and not is_evaluation(region, regions, receiver):
            continue
        call = node_of(file, event.place, ast.Call) if event.place.path == file.path else None
        if isinstance(call, ast.Call) and is_for_its_effect(file, call):
            continue
        if isinstance(call, ast.Call) and not between and asks_repeatedly(file, call):
            continue
        if isinstance(call, ast.Call) and is_flagged_off(phases.program.project, event.model, call):
            continue
        if is_weightless(phases.program.project, event.model):
            continue
        dependence = mode_dependence(phases.program.machine, event.model)
        optimised = phases.optimised(event.model)
        is_a_loss = (optimised is False and not phases.optimises_such(event.model)) or (
            dependence.depends is False and (optimised is None or LOSS_WORDS.search(receiver))
        )
        if _is_chosen(region, execution.trace, event, phases, file) or (between and not dependence.depends):
            continue
        if not optimised and stills_a_part(phases.program.project, event.model):
            continue  # it is only used here, and puts what it holds into evaluation mode itself
        if dependence.depends is False and (
            not is_called_evaluation(region, regions, receiver) or switches_a_part(event.model, phases)
        ):
            continue
        if not is_a_loss and not overrides_mode(phases.program.project, event.model):
            found[receiver] = Wrong(receiver, execution, dependence)
    depending = [w for w in found.values() if w.dependence.depends]
    return depending or list(found.values())[:1]


def _finding(region: Region, wrong: list[Wrong], file: ParsedFile, project: Project, regions: Regions) -> Finding:
    phases, first = regions.phases, wrong[0]
    trace, event = first.execution.trace, first.execution.event
    steps = []
    for model in wrong:
        place = model.execution.event.place
        steps.append(Step(location_of(project, place), f"{model.receiver} runs in training mode here"))
        steps += [model.dependence.step] if model.dependence.step is not None else []
    proven = all(w.dependence.depends and is_resolved(w.execution.event.model) for w in wrong)
    if not phases.program.followed or any(w.dependence.branches for w in wrong):
        proven = False  # in evaluation mode it may return something else, for which this code is not made
    if any(_GENERATOR.search(w.receiver) or has_a_critic(w.execution.trace, w.execution.event, phases) for w in wrong):
        proven = False  # samples are often drawn with the statistics of the batch
    if is_between_epochs(region, regions):
        proven = False  # it may make what the next epoch learns from
    if region.kind == "statements" and (not stands_alone(region) or may_be_meant(region, regions)):
        proven = False  # the function may be called again, and train once more; or nobody knows who trains on
    if region.function is not None and region.kind == "function" and _SAMPLES.search(region.function.name):
        proven = False  # such a function may serve training too, which draws in its own mode
    if is_trained_out_of_sight(region, regions) or (region.kind == "loop" and asks_twice(region, regions)):
        proven = False
    if begins_a_step(region, regions) or comes_first(region, phases) or makes_for_training(region, file, phases):
        proven = False  # the backward pass may stand in another cell; what comes first may be made for the training
    switch = _train_inside(region, trace, event, phases, file) if len(wrong) == 1 else None
    resumes = [_resumed(region, w, file, project, phases) for w in wrong]
    if any(resumes) and any(freezes(file, phases, w.execution.event) for w in wrong):
        proven = False  # the `train()` that has to follow would also switch parts that are kept in evaluation mode

    def build() -> list[Edit]:
        if any(resume is None for resume in resumes):
            raise verbs.CannotRewrite("training goes on afterwards, and there is no single place for train()")
        resume = [edit for edits in resumes for edit in edits or ()]
        if switch is not None:
            assert isinstance(switch.func, ast.Attribute)
            return [*resume, *verbs.replace_expression(file, switch, f"{file.source(switch.func.value)}.eval()")]
        return [*resume, *eval_edits(file, phases, region, {w.receiver: w.execution.event for w in wrong})]

    where: ast.expr | ast.stmt = region.node
    if switch is not None:
        where = switch
    names = " and ".join(w.receiver for w in wrong)
    return propose(
        IDENTITY,
        Level.BEHAVIOR if proven else Level.SUGGESTION,
        file.location(where),
        f"{names} evaluated in training mode" + _consequence(first.dependence),
        steps,
        f"Switch {names} to evaluation mode" + (", and back for training" if any(resumes) else ""),
        build,
    )


def _resumed(region: Region, wrong: Wrong, file: ParsedFile, project: Project, phases: Phases) -> list[Edit] | None:
    """The edits that bring the model back to training; None: needed, and no place for them."""
    if is_resumed(region, wrong.receiver, wrong.execution.event.place.line):
        return []
    edits: dict[Edit, None] = {}  # every loop that trains and asks for this evaluation, each edit once
    for execution in _each_loop(e for e in region.executions if e.event.place == wrong.execution.event.place):
        found = resume_edits(file, project, phases, execution.trace, execution.event)
        if found is None:
            return None
        edits |= dict.fromkeys(found)
    return list(edits)


def _each_loop(executions: Iterable[Execution]) -> Iterator[Execution]:
    """One execution for every way of loops and functions that leads to it."""
    seen = set()
    for execution in executions:
        way = (id(execution.trace), tuple(c.place for c in execution.event.context.chain()))
        if way not in seen:
            seen.add(way)
            yield execution


def _phase_loops(file: ParsedFile, project: Project, phases: Phases) -> Iterator[Finding]:
    """One loop body that trains and evaluates, always in training mode."""
    seen: set[int] = set()
    for found in phase_loops(file, phases):
        event = found.evaluated
        receiver = receiver_text(file, found.call, event.method)
        if event.mode != "train" or id(found.loop) in seen or not receiver:
            continue
        if any(c.mode != "train" and _is_inside(file, c, found.loop) for _, c in phases.mode_changes(event.model)):
            continue
        if overrides_mode(project, event.model) or care_around(project, event.context) & Care.MODES:
            continue
        seen.add(id(found.loop))
        dependence = mode_dependence(phases.program.machine, event.model)
        steps = [Step(location_of(project, event.place), f"{receiver} runs in training mode in every phase")]
        yield propose(
            IDENTITY,
            Level.BEHAVIOR
            if dependence.depends and is_resolved(event.model) and not freezes(file, phases, event)
            else Level.SUGGESTION,
            file.location(found.inner),
            f"{receiver} evaluated in training mode" + _consequence(dependence),
            [*steps, dependence.step] if dependence.step is not None else steps,
            f"Set the mode by the phase: {receiver}.train({found.condition})",
            partial(verbs.insert_first, file, found.loop, [f"{receiver}.train({found.condition})"]),
        )


def _is_inside(file: ParsedFile, change: ModeSet, loop: ast.For) -> bool:
    """Whether a change of the mode happens in the loop, or in what it calls."""
    inside = (c.place for c in change.context.chain() if c.kind == "loop" and c.place.path == file.path)
    return any(node_of(file, place) is loop for place in inside)


def _consequence(dependence: ModeDependence) -> str:
    match dependence.depends:
        case True:
            return ": dropout stays on, batch statistics are used and updated"
        case False:
            return "; it has no layer that depends on the mode, so nothing changes today"
        case _:
            return "; its layers could not be read"


def _train_inside(region: Region, trace: Trace, event: ModelCall, phases: Phases, file: ParsedFile) -> ast.Call | None:
    """A `model.train()` inside the evaluation itself (M4): the word is wrong, not the call missing."""
    for other, change in phases.mode_changes(event.model):
        if other is trace and change.mode == "train" and change.place.path == file.path:
            first, last = region.node.lineno, region.node.end_lineno or region.node.lineno
            node = node_of(file, change.place, ast.Call)
            here = event.place.path == file.path
            if here and any(change.place.line == s.lineno for s in behind(region, event.place.line)):
                continue  # back to training, as it should be
            if first <= change.place.line <= last and isinstance(node, ast.Call) and not node.args:
                return node
    return None


def _is_chosen(region: Region, trace: Trace, event: ModelCall, phases: Phases, file: ParsedFile) -> bool:
    """Whether the evaluation itself says `train()` below an `if`: its author lets the caller choose the mode."""
    node: ast.AST | None = _train_inside(region, trace, event, phases, file)
    while node is not None and node is not region.node:
        if isinstance(node, ast.If):
            return True
        node = file.parents.get(node)
    return False


RULE = ours(IDENTITY[0])
