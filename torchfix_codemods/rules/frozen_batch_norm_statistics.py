"""TFC304: running statistics of batch normalisation that move where they must not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property

from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases, phases_of
from torchfix_codemods.analysis.program import Program, program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Edit, Finding, Level, Step
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules import missing_train_mode, ours
from torchfix_codemods.rules._frozen_parts import (
    LOOKS_AFTER,
    FrozenPart,
    TrainCall,
    evaluates,
    follows_another,
    frozen_part,
    is_wrapped,
    may_learn,
    recalibrates,
    train_calls,
)
from torchfix_codemods.rules._norm_calls import dummy_forwards, last_single_batches, unswitched_teachers
from torchfix_codemods.rules._shared import location_of, propose
from torchfix_codemods.rules._undone_eval import UndoneEval, undone_eval

IDENTITY = ("TFC304", "frozen-batch-norm-statistics")
_WORDS = re.compile(r"requires_grad|\.eval\(|[Bb]atch_?[Nn]orm|\bbn\d*\b|deepcopy|torch\.(?:rand|randn|zeros|ones)\(")


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Calls of `train()` that undo what was frozen, and other ways by which statistics move or fail."""
    if Topic.PHASES not in topics_of(project, file.path):
        return
    program = program_for(project, file.path)
    phases = phases_of(program)
    texts = _Texts(program)  # read where there is something to say only: that is seldom, and programs are large
    calls = list(train_calls(file, phases))
    if calls and not texts.concerned:
        return
    looked_after = any(recalibrates(phases, c) for c in calls) or (bool(calls) and texts.looked_after)
    for call in calls:
        undone = undone_eval(file, phases, call)
        part = None if undone or looked_after else frozen_part(phases, call)
        if part is not None and texts.keep_in_evaluation(part.path):
            continue
        if undone is not None:
            yield _moved(file, program, call, undone, _waits(file, project))
        elif part is not None:
            yield _frozen(file, project, program, call, part)
    batches = list(last_single_batches(file, phases))
    if batches and texts.concerned:
        yield from (_finding_of_batch(file, found) for found in batches)
    if not looked_after:
        said = list(_suggestions(file, phases))
        if said and texts.concerned and not texts.looked_after:
            yield from said


class _Texts:
    """The code of all files that a program went through, searched when somebody asks."""

    def __init__(self, program: Program) -> None:
        self.program = program

    @cached_property
    def concerned(self) -> bool:
        """Whether any of it speaks of normalisations, or of parameters that are frozen."""
        return any(map(_WORDS.search, self._all))

    @cached_property
    def looked_after(self) -> bool:
        """Whether some code looks after the statistics itself."""
        return any(map(LOOKS_AFTER.search, self._all))

    def keep_in_evaluation(self, path: str) -> bool:
        """Whether some code puts a frozen attribute into evaluation mode, or lets it follow another."""
        return any(evaluates(text, path) or follows_another(text, path) for text in self._all)

    @property
    def _all(self) -> Iterator[str]:
        return (self.program.project.read(path) or "" for path in _paths(self.program))


def _waits(file: ParsedFile, project: Project) -> str:
    """Why a fix has to wait: a `train()` that another rule puts into the loop would undo it; "" where nothing does."""
    others = (f for f in missing_train_mode.check(file, project) if f.fix is not None)
    return "a train() is missing in the loop, and has to be there first" if any(others) else ""


def _paths(program: Program) -> list[str]:
    return sorted({program.path, *program.files, *(path for trace in program.traces for path in trace.files)})


# --- B1: frozen parameters -----------------------------------------------------------------------------------------


def _frozen(file: ParsedFile, project: Project, program: Program, call: TrainCall, part: FrozenPart) -> Finding:
    frozen = f"{call.receiver}.{part.path}" if part.path else call.receiver
    learns = next((why for path in _paths(program) if (why := may_learn(project.read(path) or "", part.path))), "")
    doubt = part.doubt or learns or ("" if program.followed else "the program is too large to be followed as a whole")
    wrapped = bool(part.path) and any(is_wrapped(project.read(path) or "") for path in _paths(program))
    reason = "the model may be in a wrapper that hides its attributes" if wrapped else _waits(file, project)
    steps = [Step(location_of(project, part.place), f"the parameters of {frozen} are frozen here")]
    steps += [Step(file.location(call.statement), doubt)] if doubt else []

    def build() -> list[Edit]:
        return verbs.insert_after(file, call.statement, _lines(file, call.statement, frozen))

    return propose(
        IDENTITY,
        Level.SUGGESTION if doubt else Level.BEHAVIOR,
        file.location(call.statement),
        f"{call.receiver}.train() lets the running statistics of {frozen} move, whose parameters are frozen",
        steps,
        f"Keep the batch normalisation of {frozen} in evaluation mode",
        None if reason or part.doubt else build,
        reason or part.doubt or None,
    )


def _lines(file: ParsedFile, statement: ast.stmt, frozen: str) -> list[str]:
    """The loop that puts the normalisations of a part back into evaluation mode."""
    nn, edits = verbs.ensure_import(file, "torch.nn", statement)
    if edits:
        raise verbs.CannotRewrite("torch.nn has no name here")
    used = {node.id for node in ast.walk(file.tree) if isinstance(node, ast.Name)}
    used |= {node.arg for node in ast.walk(file.tree) if isinstance(node, ast.arg)}
    name = next((word for word in ("m", "module", "layer", "submodule", "norm") if word not in used), "")
    if not name:
        raise verbs.CannotRewrite("there is no free name for the loop")
    return [
        f"for {name} in {frozen}.modules():  # keep frozen BatchNorm statistics",
        f"    if isinstance({name}, {nn}.modules.batchnorm._BatchNorm):",
        f"        {name}.eval()",
    ]


# --- B2: an eval() that is undone ----------------------------------------------------------------------------------


def _moved(file: ParsedFile, program: Program, call: TrainCall, undone: UndoneEval, waits: str) -> Finding:
    what = " ".join(file.source(undone.statement).split("\n")[0].split())
    doubt = undone.doubt or ("" if program.followed else "the program is too large to be followed as a whole")
    steps = [Step(file.location(undone.statement), f"{what} puts normalisations into evaluation mode")]
    steps += [Step(file.location(call.statement), doubt)] if doubt else []

    def build() -> list[Edit]:
        lines = _dedented(file, undone.statement)
        return [
            *verbs.delete_statement(file, undone.statement),
            *verbs.insert_after(file, call.statement, lines),
        ]

    return propose(
        IDENTITY,
        Level.SUGGESTION if doubt else Level.BEHAVIOR,
        file.location(call.statement),
        f"{call.receiver}.train() undoes {what}: the running statistics move",
        steps,
        f"Move {what} behind {call.receiver}.train()",
        None if undone.doubt or waits else build,
        undone.doubt or waits or None,
    )


def _dedented(file: ParsedFile, statement: ast.stmt) -> list[str]:
    """The lines of a statement as `insert_after` wants them. Comments inside would be lost when it is deleted."""
    text = file.source(statement)
    if "#" in text or '"""' in text or "\t" in text:
        raise verbs.CannotRewrite("the statement has comments of its own")
    first, *rest = text.splitlines()
    return [first, *(line[statement.col_offset :] for line in rest)]


# --- B4, B5, B6 ----------------------------------------------------------------------------------------------------


def _finding_of_batch(file: ParsedFile, found: tuple[ast.Call, int, int, ast.Call]) -> Finding:
    loader, count, size, run = found

    def build() -> list[Edit]:
        return verbs.add_keyword(file, loader, "drop_last", "True")

    return propose(
        IDENTITY,
        Level.CRASH_FIX,
        file.location(loader),
        f"{count} items in batches of {size} leave a last batch of one, which BatchNorm1d refuses: this raises",
        [Step(file.location(run), "the model trains on the batches here")],
        "Drop the last batch where it is not full",
        build,
    )


def _suggestions(file: ParsedFile, phases: Phases) -> Iterator[Finding]:
    for call, name in unswitched_teachers(file, phases):
        yield propose(
            IDENTITY,
            Level.SUGGESTION,
            file.location(call),
            f"{name} learns nothing here, but runs in training mode: its running statistics move",
            [],
            "",
            None,
            f"{name}.eval() before the loop would stop that; some methods want the statistics of the batch",
        )
    for call, name in dummy_forwards(file, phases):
        yield propose(
            IDENTITY,
            Level.SUGGESTION,
            file.location(call),
            f"{name} runs on made-up numbers in training mode before it trains: its running statistics begin with them",
            [],
            "",
            None,
            f"call {name}.eval() before and {name}.train() behind it, or use a copy",
        )


RULE = ours(IDENTITY[0])
