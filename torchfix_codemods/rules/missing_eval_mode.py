"""TFC301: an evaluation that runs the model in training mode."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.frameworks import Care, care_around
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.modes import ModeDependence, mode_dependence
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phase_gate import EVALUATION_WORDS
from torchfix_codemods.analysis.phases import Execution, Phases, outermost_call, phases_of, trained_ids
from torchfix_codemods.analysis.program import program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Context, ModelCall, ModeSet, Trace
from torchfix_codemods.findings import Edit, Finding, Level, Step
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules import ours
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
    counts,
    is_for_its_effect,
    is_resolved,
    walks_data,
)
from torchfix_codemods.rules._shared import is_test_code, location_of, node_of, propose
from torchfix_codemods.rules._training_ahead import trains_itself, trains_next
from torchfix_codemods.rules._trials import (
    asks_twice,
    begins_a_step,
    comes_after_training,
    is_loaded,
    is_trained_out_of_sight,
    is_trial,
    may_be_meant,
    runs_once,
    stands_alone,
)
from torchfix_codemods.rules.missing_train_mode import freezes, train_edits

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
        if not is_test_code(file, region.function):
            wrong = [w for w in _in_training_mode(region, regions, file, phases) if w.receiver not in done]
            if wrong:
                yield _finding(region, wrong, file, project, regions)
    yield from _phase_loops(file, project, phases)


_OTHER_WORK = re.compile(r"^_*(?:sample|generate|update|adapt|calibrate|recalibrate|collect)|(?:^|_)bn(?:_|$)", re.I)
_SAMPLES = re.compile(r"(?:^|_)sampl(?:es?|ing)(?:_|$)", re.I)
_MEASURES = re.compile(r"crit|loss|acc|err|metric|score|mse|mae", re.I)
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
        between = _is_between_epochs(region, regions)
        if not between and not _is_evaluation(region, regions, receiver):
            continue
        call = node_of(file, event.place, ast.Call) if event.place.path == file.path else None
        if isinstance(call, ast.Call) and is_for_its_effect(file, call):
            continue
        if isinstance(call, ast.Call) and not between and asks_repeatedly(file, call):
            continue
        if isinstance(call, ast.Call) and is_flagged_off(phases.program.project, event.model, call):
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
            not _is_called_evaluation(region, regions, receiver) or switches_a_part(event.model, phases)
        ):
            continue
        if not is_a_loss and not overrides_mode(phases.program.project, event.model):
            found[receiver] = Wrong(receiver, execution, dependence)
    depending = [w for w in found.values() if w.dependence.depends]
    return depending or list(found.values())[:1]


def _is_evaluation(region: Region, regions: Regions, receiver: str) -> bool:
    """More than "nothing trains here": samples of a generator are drawn in training mode on purpose."""
    match region.kind:
        case "loop":
            return walks_data(region) and not is_trial(region, regions)
        case "function":
            assert region.function is not None
            name = region.function.name
            says_so = EVALUATION_WORDS.search(name) is not None
            means_so = says_so or _runs_in_a_data_loop(region) or _is_put_back(region, receiver)
            return means_so and not _OTHER_WORK.search(name)
        case _:
            return _uses_what_was_loaded(region, regions, receiver) or _measures_what_was_trained(region, regions)


def _uses_what_was_loaded(region: Region, regions: Regions, receiver: str) -> bool:
    return is_loaded(regions, receiver) and stands_alone(region)


def _measures_what_was_trained(region: Region, regions: Regions) -> bool:
    """Whether models are asked once, behind their training, without gradients, and for a number."""
    if not runs_once(region) or (region.function is not None and ".backward(" not in regions.file.text):
        return False  # of a file that trains nothing, the look at its words has left out such functions
    measured = any(_MEASURES.search(regions.file.source(s)) for s in regions.file.block_of(region.node))
    return measured and all(e.event.grad is False and comes_after_training(e, regions) for e in region.executions)


def _is_called_evaluation(region: Region, regions: Regions, receiver: str) -> bool:
    """Whether a function's name says that it evaluates. Where nothing depends on the mode, no less is worth a word."""
    if region.kind == "statements":
        return _uses_what_was_loaded(region, regions, receiver) or _is_between_epochs(region, regions)
    return region.function is None or region.kind != "function" or bool(EVALUATION_WORDS.search(region.function.name))


def _is_between_epochs(region: Region, regions: Regions) -> bool:
    """Whether statements without gradients stand in a loop that trains in loops of its own: they measure an epoch."""
    if region.kind != "statements" or any(e.event.grad is not False for e in region.executions):
        return False
    if not any(_MEASURES.search(regions.file.source(s)) for s in regions.file.block_of(region.node)):
        return False  # pictures of a generator, pseudo-labels
    chain = region.executions[0].event.context.chain()
    inner = next(c for c in chain if c.kind in ("loop", "function", "module"))
    trained = all(regions.phases.optimised(e.event.model) for e in region.executions)
    return inner.kind == "loop" and trained and inner.place in regions.training and inner.place not in regions.stepping


def _runs_in_a_data_loop(region: Region) -> bool:
    """Whether every model of a function runs in a loop of it over something else than a range of numbers."""
    loops = [n for n in ast.walk(region.node) if isinstance(n, ast.For) and not counts(n)]
    lines = {e.event.place.line for e in region.executions if e.event.context.frame() is region.frame}
    return bool(lines) and all(any(n.lineno < line <= (n.end_lineno or 0) for n in loops) for line in lines)


def _is_put_back(region: Region, receiver: str) -> bool:
    """Whether a function that computes no gradients ends by putting the model into training mode again."""
    without = all(e.event.grad is False for e in region.executions)
    last = max(e.event.place.line for e in region.executions)
    return without and any(ast.unparse(s) == f"{receiver}.train()" for s in _behind(region, last))


def _behind(region: Region, line: int) -> Iterator[ast.stmt]:
    """The statements of a function's own block behind a line of it: what they set is for what comes afterwards."""
    function = region.function if region.kind == "function" else None
    inside = function is not None and function.lineno <= line <= (function.end_lineno or 0)
    yield from (s for s in function.body if s.lineno > line) if function is not None and inside else ()


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
    if _is_between_epochs(region, regions):
        proven = False  # it may make what the next epoch learns from
    if region.kind == "statements" and (not stands_alone(region) or may_be_meant(region, regions)):
        proven = False  # the function may be called again, and train once more; or nobody knows who trains on
    if region.function is not None and region.kind == "function" and _SAMPLES.search(region.function.name):
        proven = False  # such a function may serve training too, which draws in its own mode
    if is_trained_out_of_sight(region, regions) or (region.kind == "loop" and asks_twice(region, regions)):
        proven = False
    if begins_a_step(region, regions):
        proven = False  # the backward pass may stand in another cell, or is still to be written
    switch = _train_inside(region, trace, event, phases, file) if len(wrong) == 1 else None
    resumes = [
        [] if _is_resumed(region, w) else _resume_edits(file, project, phases, w.execution.trace, w.execution.event)
        for w in wrong
    ]
    if any(resumes) and any(freezes(file, phases, w.execution.event) for w in wrong):
        proven = False  # the `train()` that has to follow would also switch parts that are kept in evaluation mode
    lines = [f"{w.receiver}.eval()" for w in wrong]

    def build() -> list[Edit]:
        if any(resume is None for resume in resumes):
            raise verbs.CannotRewrite("training goes on afterwards, and there is no single place for train()")
        resume = [edit for edits in resumes for edit in edits or ()]
        if switch is not None:
            assert isinstance(switch.func, ast.Attribute)
            return [*resume, *verbs.replace_expression(file, switch, f"{file.source(switch.func.value)}.eval()")]
        if region.kind == "function" and region.function is not None:
            return [*resume, *verbs.insert_first(file, region.function, lines)]
        return [*resume, *verbs.insert_before(file, _outermost_with(file, region.node), lines)]

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


def _outermost_with(file: ParsedFile, node: ast.stmt) -> ast.stmt:
    """The `with torch.no_grad():` that holds the loop and nothing else, so that `eval()` comes before it."""
    parent = file.parents[node]
    while (
        isinstance(parent, ast.With) and parent.body[0] is node and "grad" in file.source(parent.items[0].context_expr)
    ):
        node, parent = parent, file.parents[parent]
    return node


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
            behind = [s.lineno for s in _behind(region, event.place.line)] if event.place.path == file.path else []
            if change.place.line in behind:
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


def _resume_edits(
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
    return resume_in(file, project, phases, trace, event, loop)


def _is_resumed(region: Region, wrong: Wrong) -> bool:
    """Whether the function itself goes back to training mode before it ends, on its only way out."""
    behind = _behind(region, wrong.execution.event.place.line)
    back = next((s for s in behind if ast.unparse(s) == f"{wrong.receiver}.train()"), None)
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


def resume_in(
    file: ParsedFile, project: Project, phases: Phases, trace: Trace, event: ModelCall, loop: Context
) -> list[Edit] | None:
    """`model.train()` at the top of what trains inside `loop`."""
    trained = trained_ids(trace)
    for other in trace.events:
        if not isinstance(other, ModelCall) or other.id not in trained or not other.context.inside(loop):
            continue
        if phases.same(other.model, event.model):
            return train_edits(project, outermost_call(trace, other), loop)
    return None


RULE = ours(IDENTITY[0])
