"""TFC202: an evaluation that builds autograd graphs for nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.frameworks import Care, care_around
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phase_gate import EVALUATION_WORDS
from torchfix_codemods.analysis.phases import Execution, Phases, phases_of
from torchfix_codemods.analysis.program import program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Place
from torchfix_codemods.analysis.weightless import is_weightless
from torchfix_codemods.findings import Edit, Finding, Level, Step
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules import ours
from torchfix_codemods.rules._phase_loops import PhaseLoop, phase_loops
from torchfix_codemods.rules._regions import (
    LOSS_WORDS,
    Region,
    Regions,
    is_constructed,
    is_given,
    is_resolved,
    walks_data,
)
from torchfix_codemods.rules._shared import is_test_code, location_of, propose, refuse_coroutine
from torchfix_codemods.rules._trials import begins_a_step, is_trial, uses_weights_once

IDENTITY = ("TFC202", "eval-without-no-grad")
MESSAGE = "this only evaluates {model}, and builds a graph for every call: no torch.no_grad() around it"
_TRAINS = re.compile(r"_*(?:train|fit)(?:_(?:one_)?(?:epoch|batch|step|model|net|loop))?$")


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Evaluation regions of the file in which gradients are on."""
    if Topic.PHASES not in topics_of(project, file.path):
        return
    phases = phases_of(program_for(project, file.path))
    regions = Regions(file, phases)
    for region in regions.evaluation(Care.GRADIENTS):
        if _is_reported(region, file, regions):
            yield _finding(region, file, project, regions)
    yield from _phase_loops(file, project, phases)


def _is_reported(region: Region, file: ParsedFile, regions: Regions) -> bool:
    if region.volatile or not any(e.event.grad is True for e in region.executions):
        return False
    if is_test_code(file, region.function) or regions.differentiates(region):
        return False
    if all(map(regions.evaluates_itself, region.executions)):
        return False
    if all(_builds_no_graph(file, regions, region, e) for e in region.executions if e.event.grad is not False):
        return False
    if "eval" not in region.modes() and regions.collects(region):
        return False
    if region.kind == "function" and region.function is not None and _belongs_to_training(file, region.function.name):
        return False
    if "eval" in region.modes() or all(regions.phases.optimised(e.event.model) for e in region.executions):
        one_mode = region.modes() == {"eval"} or "eval" not in region.modes()
        return region.kind != "statements" or one_mode or (_each_has_its_mode(region) and not _in_loop(region))
    match region.kind:
        case "statements":
            return uses_weights_once(region, regions)
        case "loop":
            return walks_data(region) and not is_trial(region, regions)
        case _:
            return _says_so(region) or any(is_resolved(e.event.model) for e in region.executions)


def _belongs_to_training(file: ParsedFile, name: str) -> bool:
    """Whether a function is the closure of an optimizer's step, or says by its name that it trains: somebody does."""
    is_closure = re.search(rf"\.step\(\s*(?:closure\s*=\s*)?{re.escape(name)}\s*[,)]", file.text) is not None
    return is_closure or (_TRAINS.match(name) is not None and not EVALUATION_WORDS.search(name))


def _each_has_its_mode(region: Region) -> bool:
    """Whether two calls of two models stand together, and one model was put into evaluation mode."""
    events = [e.event for e in region.executions]
    by_model = {(event.model, event.mode) for event in events}
    by_place = {(event.place, event.mode) for event in events}
    return len({m for m, _ in by_model}) == len(by_model) and len({p for p, _ in by_place}) == len(by_place)


def _says_so(region: Region) -> bool:
    """Whether the function says by its name that it evaluates."""
    return region.function is not None and bool(EVALUATION_WORDS.search(region.function.name))


def _builds_no_graph(file: ParsedFile, regions: Regions, region: Region, execution: Execution) -> bool:
    """A frozen model, or a loss written as a module, without parameters that somebody trains."""
    receiver = regions.receiver(region, execution)
    is_loss = LOSS_WORDS.search(receiver) is not None and not regions.phases.optimised(execution.event.model)
    return is_loss or _is_frozen(file, receiver) or is_weightless(regions.phases.program.project, execution.event.model)


def _is_frozen(file: ParsedFile, receiver: str) -> bool:
    """Whether no parameter of the model asks for a gradient: then there is no graph."""
    name = re.escape(receiver)
    frozen = (
        rf"\b{name}\.requires_grad_\(False\)|in {name}\.parameters\(\):\s+\w+\.requires_grad(?:_\(False\)|\s*=\s*False)"
    )
    return bool(receiver) and re.search(frozen, file.text) is not None


def _finding(region: Region, file: ParsedFile, project: Project, regions: Regions) -> Finding:
    first = next(e for e in region.executions if e.event.grad is True)
    name = regions.receiver(region, first) or "the model"
    alone = region.kind == "statements" and region.modes() != {"eval"} and not _in_loop(region)
    proven = (
        regions.phases.program.followed
        and not alone
        and not begins_a_step(region, regions)
        and not regions.hands_model_out(region)
        and (_says_so(region) or not regions.hands_graph_on(region))
        and all(
            is_constructed(e.event.model) or (e.event.mode == "eval" and is_given(e.event.model))
            for e in region.executions
        )
    )
    where = region.function if region.kind == "function" and region.function is not None else region.node

    def build() -> list[Edit]:
        torch, edits = verbs.ensure_import(file, "torch", visible_from=region.node)
        if region.kind == "function" and region.function is not None:
            refuse_coroutine(region.function)
            return [*edits, *verbs.add_decorator(file, region.function, f"{torch}.no_grad()")]
        refuse_coroutine(region.function, regions.statements(region))
        return [*edits, *verbs.wrap_in_with(file, regions.statements(region), f"{torch}.no_grad()")]

    return propose(
        IDENTITY,
        Level.EQUIVALENT if proven else Level.SUGGESTION,
        file.location(where),
        MESSAGE.format(model=name),
        list(_steps(region, project)),
        "Evaluate under torch.no_grad()",
        build,
    )


def _in_loop(region: Region) -> bool:
    chain = region.executions[0].event.context.chain()
    return next(c for c in chain if c.kind in ("loop", "function", "module")).kind == "loop"


def _steps(region: Region, project: Project) -> Iterator[Step]:
    seen: set[Place] = set()
    for execution in region.executions:
        event = execution.event
        if event.place in seen or event.grad is not True:
            continue
        seen.add(event.place)
        mode = ", in evaluation mode" if event.mode == "eval" else ""
        text = f"a model runs here with gradients on{mode}; nothing of it reaches a backward pass"
        yield Step(location_of(project, event.place), text)


def _phase_loops(file: ParsedFile, project: Project, phases: Phases) -> Iterator[Finding]:
    """One loop body that trains in one phase and evaluates in another, with gradients on in both."""
    seen: set[int] = set()
    for found in phase_loops(file, phases):
        if care_around(project, found.evaluated.context) & Care.GRADIENTS:
            continue
        is_loss = LOSS_WORDS.search(file.source(found.call.func)) and not phases.optimised(found.evaluated.model)
        if found.evaluated.grad is True and not is_loss and id(found.loop) not in seen:
            seen.add(id(found.loop))
            yield _phase_finding(file, project, found)


def _phase_finding(file: ParsedFile, project: Project, found: PhaseLoop) -> Finding:
    model = found.evaluated.model

    def build() -> list[Edit]:
        refuse_coroutine(None, [found.inner])
        torch, edits = verbs.ensure_import(file, "torch", visible_from=found.inner)
        return [*edits, *verbs.wrap_in_with(file, [found.inner], f"{torch}.set_grad_enabled({found.condition})")]

    return propose(
        IDENTITY,
        Level.EQUIVALENT if is_constructed(model) or found.evaluated.mode == "eval" else Level.SUGGESTION,
        file.location(found.inner),
        f"this trains while {found.condition} and evaluates otherwise, with gradients on in both",
        [Step(location_of(project, found.evaluated.place), f"{file.source(found.call.func)}(...) runs in both phases")],
        f"Switch gradients by the phase: torch.set_grad_enabled({found.condition})",
        build,
    )


RULE = ours(IDENTITY[0])
