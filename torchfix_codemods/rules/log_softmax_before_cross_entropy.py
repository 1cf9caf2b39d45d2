"""TFC102: a log_softmax on the way into cross entropy, which takes it again: redundant, and without effect."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchfix_codemods.analysis.activations import Flow
from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.interpreter.tensors import NORMALISED_AGAIN
from torchfix_codemods.analysis.late_readers import read_flows
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.program import Program, program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Edit, Finding, Level, Location
from torchfix_codemods.rules import ours
from torchfix_codemods.rules._activation_flow import doubt, project_says, steps
from torchfix_codemods.rules._shared import propose
from torchfix_codemods.rules._unsoftmax import removal_edits

IDENTITY = ("TFC102", "log-softmax-before-cross-entropy")
_LOSSES = {"cross_entropy": "cross entropy"}
_LOSS_WORD = re.compile(r"\bcross_entropy\b|CrossEntropyLoss")
_REASON = "the numbers stay as they are; it is a matter of style"


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """log_softmaxes of the file whose output goes into cross entropy, and whose numbers nobody else needs."""
    if Topic.LOG not in topics_of(project, file.path) or not project_says(project, _LOSS_WORD):
        return
    program, flows = read_flows(program_for(project, file.path), file.path, _is_redundant)
    for flow in flows:
        yield _finding(flow, file, project, program)


def _is_redundant(flow: Flow) -> bool:
    """Whether cross entropy gets it on every path, and everybody else asks for their order, or a softmax of them."""
    activation = flow.activation
    if activation.kind != "log_softmax" or activation.form == "log" or flow.conditional or flow.wrong_dimension:
        return False
    alone = all(loss.loss in _LOSSES for loss in flow.losses)
    return alone and all(use.kind == "invariant" or use.why == NORMALISED_AGAIN for use in flow.uses)


def _finding(flow: Flow, file: ParsedFile, project: Project, program: Program) -> Finding:
    site = flow.activation.site
    reason = doubt(flow, program, _LOSSES, "log_softmax") or _REASON

    def build() -> list[Edit]:
        return removal_edits(flow, file, project)

    return propose(
        IDENTITY,
        Level.SUGGESTION,
        Location(site.path, site.start, site.end),
        f"log_softmax before a loss that applies it itself; {reason}",
        list(steps(flow, project, "log_softmax", _LOSSES, "the loss is built here; it applies log_softmax itself")),
        "Drop the log_softmax: the loss applies it",
        build,
        reason,
    )


RULE = ours(IDENTITY[0])
