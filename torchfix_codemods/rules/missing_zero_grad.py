"""TFC204: gradients that nobody clears between two steps, or that are cleared before they are used."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases, phases_of
from torchfix_codemods.analysis.program import program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Backward, GradientsCleared
from torchfix_codemods.findings import Edit, Finding, Level, Step
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules import _clearing_place as places
from torchfix_codemods.rules import _updates, ours
from torchfix_codemods.rules._lost_gradients import lost_gradients
from torchfix_codemods.rules._regions import counts
from torchfix_codemods.rules._shared import function_node, is_test_code, location_of, propose
from torchfix_codemods.rules._unseen_clearing import may_be_unseen
from torchfix_codemods.rules._updates import Update

IDENTITY = ("TFC204", "missing-zero-grad")
TITLE = "Clear the gradients before each backward pass"


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Backward passes of the file whose gradients are added to old ones, or lost."""
    if ".backward" not in file.text:
        return
    phases = phases_of(program_for(project, file.path))
    together: dict[int, list[Missing]] = {}  # optimizers that step after one backward pass are cleared by one fix
    for group in _updates.updates(phases):
        found = _missing(file, project, phases, group)
        if found is not None:
            together.setdefault(found.statement.lineno, []).append(found)
    for several in together.values():
        yield _finding(file, project, phases, several)
    yield from lost_gradients(IDENTITY, file, project, phases)


@dataclass(frozen=True)
class Missing:
    """A step whose gradients are not cleared in its loop. `statement` holds its first own backward pass."""

    update: Update
    backward: Backward
    seldom: bool  # the step is taken in some rounds only, or applies what an inner loop adds up
    statement: ast.stmt
    receiver: str
    outside: tuple[GradientsCleared, ...]  # what clears them between two rounds of an outer loop, or once
    others: tuple[GradientsCleared, ...]  # what clears other gradients in the loop
    doubt: str  # why this may be meant, "" where it can't be


def _missing(file: ParsedFile, project: Project, phases: Phases, group: list[Update]) -> Missing | None:
    found = [_missing_in(file, project, phases, update) for update in group]
    known = [each for each in found if each is not None]
    if not known or len(known) != len(found):
        return None  # somewhere the same step follows a clearing
    return max(known, key=lambda each: each.doubt != "")


def _missing_in(file: ParsedFile, project: Project, phases: Phases, update: Update) -> Missing | None:
    if any(_updates.may_clear(phases, c, update.optimizer) for c in update.clears):
        return None
    own = update.own(phases)
    if not own or own[0].place.path != file.path:
        return None
    frame = places.shared_frame(update, own[0])
    statement = _updates.statement_in(project, own[0], frame) if frame is not None else None
    loop = places.loop_statement(project, update)
    if frame is None or statement is None or loop is None or places.ends_after_one_round(loop[1]):
        return None
    receiver = _updates.optimizer_text(project, update, frame)
    if is_test_code(file, function_node(file, frame)) or may_be_unseen(project, *_in(loop, update), receiver):
        return None
    outside = [c for c in _clears(update) if _updates.may_clear(phases, c, update.optimizer)]
    outside.sort(key=lambda c: not _updates.clears_all(phases, c, update.optimizer))
    doubt = _doubt(phases, update, own, loop, bool(outside))
    lines = [step.place.line for step in update.same_steps()] + [b.place.line for b in update.backwards]
    statement = places.choice(file, statement, lines)
    seldom = _steps_seldom(update, own)
    return Missing(update, own[0], seldom, statement, receiver, tuple(outside), update.clears, doubt)


def _in(loop: tuple[ParsedFile, ast.stmt], update: Update) -> tuple[ParsedFile, Update, ast.stmt]:
    return loop[0], update, loop[1]


def _clears(update: Update) -> list[GradientsCleared]:
    return [event for event in update.trace.events if isinstance(event, GradientsCleared)]


def _doubt(
    phases: Phases,
    update: Update,
    own: tuple[Backward, ...],
    loop: tuple[ParsedFile, ast.stmt],
    outside: bool,
) -> str:
    """Why it may be meant, or is not certain; "" where everything was followed."""
    stop = update.loop.place
    if any(_updates.inner_loops(b, stop) for b in own):
        return "several backward passes are added up for each step"
    if not update.steps_whenever(own):
        return "the step and the backward pass depend on different conditions"
    if update.clears:
        return "other gradients are cleared in the loop"
    if not any(update.feeds(phases, b) for b in own):
        return "it was not seen that the backward pass goes through what the optimizer holds"
    if not any(update.is_new(b) for b in own):
        return "the graph comes from outside of the loop"
    if outside and isinstance(loop[1], ast.For | ast.AsyncFor) and counts(loop[1]):
        return "the loop takes several steps for one clearing"
    return ""


def _finding(file: ParsedFile, project: Project, phases: Phases, several: list[Missing]) -> Finding:
    found = several[0]
    names = list(dict.fromkeys(each.receiver or "the optimizer" for each in several))

    def build() -> list[Edit]:
        for each in several:
            _refuse_unnamed(project, each)
        target = places.target(file, phases, found.update, found.backward, found.statement)
        return verbs.insert_before(file, target, [f"{name}.zero_grad()" for name in names])

    return propose(
        IDENTITY,
        Level.SUGGESTION if any(each.doubt for each in several) else Level.BEHAVIOR,
        location_of(project, found.backward.place),
        _message(found, " and ".join(names), "steps" if len(names) == 1 else "step"),
        list(_steps(project, several)),
        TITLE,
        None if any(each.seldom for each in several) else build,
        "where the gradients have to be cleared depends on what is meant to be added up",
    )


def _refuse_unnamed(project: Project, found: Missing) -> None:
    """No clearing of what has no name at the backward pass, or is another object in each round."""
    if not found.receiver:
        raise verbs.CannotRewrite("the optimizer has no name where the backward pass is")
    loop = places.loop_statement(project, found.update)
    if loop is not None and places.is_bound_in(loop[1], found.receiver):
        raise verbs.CannotRewrite(f"{found.receiver} gets its value inside the loop")


def _steps_seldom(update: Update, own: tuple[Backward, ...]) -> bool:
    return not update.steps_whenever(own) or any(_updates.inner_loops(b, update.loop.place) for b in own)


def _message(found: Missing, name: str, steps: str) -> str:
    if found.others:
        return f"the gradients that {name} {steps} with are not cleared in this loop, others are"
    if found.outside:
        return f"{name} {steps} in each round of this loop, but the gradients are cleared outside of it only"
    return f"the gradients that {name} {steps} with are never cleared: each backward pass adds to all before"


def _steps(project: Project, several: list[Missing]) -> Iterator[Step]:
    found = next((each for each in several if each.doubt), several[0])
    for each in several:
        yield Step(location_of(project, each.update.step.place), "the step that uses these gradients")
    for cleared in found.outside[:1]:
        yield Step(location_of(project, cleared.place), "they are cleared here, outside of the loop")
    for cleared in found.others[:1]:
        yield Step(location_of(project, cleared.place), "here the gradients of something else are cleared")
    if found.doubt:
        yield Step(location_of(project, found.update.loop.place), f"may be meant: {found.doubt}")


RULE = ours(IDENTITY[0])
