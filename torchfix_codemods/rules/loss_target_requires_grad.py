"""TFC105: gradients are computed for the target of a loss, and nobody uses them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import phases_of
from torchfix_codemods.analysis.program import Program, program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.unseen import unseen
from torchfix_codemods.findings import Edit, Finding, Level, Location, Step
from torchfix_codemods.rules import ours
from torchfix_codemods.rules._shared import is_test_code, location_of, node_of, propose
from torchfix_codemods.rules._target_cases import Cases, Kind, Sink
from torchfix_codemods.rules._target_edits import TargetEdits
from torchfix_codemods.rules._target_leaves import drop_flag, leaf_doubts, leaf_node
from torchfix_codemods.rules._target_proof import Proof

IDENTITY = ("TFC105", "loss-target-requires-grad")
TEACHER = "the target of {loss} has a graph: gradients are computed for {name}, which this loss does not train"
LEAF = "the target of {loss} was made with requires_grad=True: a gradient is computed for it, and nobody uses it"
BOOTSTRAPPED = "the target of {loss} comes from the network that it trains: its gradient flows through both sides"
SWAPPED = "the input and the target of {loss} are swapped: what the model says stands in the place of the target"
TOGETHER = "the target is computed together with something else"

# Names that people give to networks which only compute targets. They decide nothing but whether a doubt is reported.
_SAYS_TEACHER = re.compile(
    r"teacher|target|(?:^|[_.])ema|momentum|frozen|(?:^|[_.])old|(?:^|[_.])ref(?:erence)?(?:$|_)", re.I
)

MOST_LATE = 40  # functions that are run for this rule alone, with those of other files that call them
_LOSS_CALL = re.compile(r"(?:[lL]oss|[cC]riterion|kl_div|cross_entropy)\w*\(")


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Losses of the file whose target carries a graph for nothing."""
    if not topics_of(project, file.path) & Topic.TARGET:
        return
    cases = Cases(file, phases_of(_with_losses(program_for(project, file.path))))
    for sink in cases.sinks():
        node = node_of(file, sink.place, ast.expr)
        if not isinstance(node, ast.expr) or is_test_code(file, file.enclosing_function(node)):
            continue
        finding = _FINDINGS[sink.kind](cases, sink, file.location(node)) if sink.kind in _FINDINGS else None
        if finding is not None:
            yield finding


def _with_losses(program: Program) -> Program:
    """The program with the functions that compute a loss and hand it on: to other rules they say nothing."""
    late = unseen(program, _LOSS_CALL)
    if len(late) > MOST_LATE:
        late = [ref for ref in late if ref.path == program.path]
    return program.and_also(late) if late else program


def _teacher(cases: Cases, sink: Sink, where: Location) -> Finding | None:
    proof, edits = Proof(cases), TargetEdits(cases, sink)
    calls = list(sink.teachers())
    if any(call.volatile or proof.cuts_inside(call) for call in calls):
        return None  # `volatile=True` is another rule's business
    if cases.optimizers.moves_tensors:
        return None  # perhaps the input of both networks is what learns
    doubts = list(dict.fromkeys(proof.doubts(sink)))
    named = [c for c in calls if _SAYS_TEACHER.search(proof.receiver(c)) or proof.is_followed_up(c)]
    if doubts and not named:
        return None
    name = next(filter(None, map(proof.receiver, [*named, *calls])), "")
    if not edits.is_alone():
        doubts.append(TOGETHER)
    project = cases.phases.program.project
    places = dict.fromkeys(call.place for call in calls)
    steps = [Step(location_of(project, place), "a network runs here with gradients on") for place in places]
    steps += [Step(where, f"not certain: {doubt}") for doubt in doubts]
    return propose(
        IDENTITY,
        Level.SUGGESTION if doubts else Level.EQUIVALENT,
        where,
        TEACHER.format(loss=sink.event.loss, name=name or "a network"),
        steps,
        "Compute the target without a graph",
        edits.build,
    )


def _leaf(cases: Cases, sink: Sink, where: Location) -> Finding | None:
    file, call = cases.file, leaf_node(cases, sink)
    if call is None or not all(any(cases.learns(c.model) for c in use.inputs) for use in sink.uses):
        return None
    doubts = list(leaf_doubts(cases, sink, call))
    steps = [Step(file.location(call), "the target is told to need gradients here")]
    steps += [Step(where, f"not certain: {doubt}") for doubt in doubts]

    def build() -> list[Edit]:
        return drop_flag(file, call)

    return propose(
        IDENTITY,
        Level.SUGGESTION if doubts else Level.EQUIVALENT,
        where,
        LEAF.format(loss=sink.event.loss),
        steps,
        "Make the target without requires_grad",
        build,
    )


def _bootstrapped(cases: Cases, sink: Sink, where: Location) -> Finding:
    project = cases.phases.program.project
    steps = [Step(location_of(project, c.place), "this call is a part of the target") for c in sink.teachers()]
    return propose(
        IDENTITY,
        Level.SUGGESTION,
        where,
        BOOTSTRAPPED.format(loss=sink.event.loss),
        steps,
        "Stop the gradient at the target (another algorithm: most papers mean this one)",
        TargetEdits(cases, sink).detach,
    )


def _swapped(cases: Cases, sink: Sink, where: Location) -> Finding:
    project = cases.phases.program.project
    steps = [Step(location_of(project, c.place), "a model's output, given as the target") for c in sink.teachers()]
    steps.append(Step(location_of(project, sink.event.input), "data, given as the input"))
    reason = "which of the two is meant to be which is for the author to say"
    return propose(IDENTITY, Level.SUGGESTION, where, SWAPPED.format(loss=sink.event.loss), steps, "", None, reason)


_FINDINGS = {Kind.TEACHER: _teacher, Kind.LEAF: _leaf, Kind.BOOTSTRAPPED: _bootstrapped, Kind.SWAPPED: _swapped}

RULE = ours(IDENTITY[0])
