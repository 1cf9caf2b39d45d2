"""TFC101: a softmax (or sigmoid) on the way into a loss that applies softmax itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchfix_codemods.analysis.activations import Flow, flows_of
from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.program import Program, program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Edit, Finding, Level, Location
from torchfix_codemods.rules import ours
from torchfix_codemods.rules._activation_flow import doubt, steps, texts_of
from torchfix_codemods.rules._shared import propose
from torchfix_codemods.rules._unsoftmax import removal_edits

IDENTITY = ("TFC101", "softmax-before-cross-entropy")
_NAMES = {"softmax": "softmax", "sigmoid": "sigmoid"}
_LOSSES = {"cross_entropy": "cross entropy", "log_softmax": "log_softmax"}
_LOSS_WORD = re.compile(r"ross_entropy|rossEntropyLoss|nll_loss|NLLLoss")


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Activations of the file whose output reaches a loss that contains one."""
    if Topic.ACTIVATION not in topics_of(project, file.path):
        return
    program = program_for(project, file.path)
    if not _mentions_a_loss(program):
        return
    for flow in flows_of(program, file.path):
        if _is_mistake(flow):
            yield _finding(flow, file, project, program)


def _mentions_a_loss(program: Program) -> bool:
    return any(map(_LOSS_WORD.search, texts_of(program)))


def _is_mistake(flow: Flow) -> bool:
    """softmax or sigmoid into cross entropy; softmax into a log_softmax whose output goes on into a loss (P9)."""
    kind = flow.activation.kind
    if kind not in _NAMES or flow.conditional:
        return False
    direct = any(loss.loss == "cross_entropy" for loss in flow.losses)
    return direct or (kind == "softmax" and flow.feeds_log_softmax_loss)


def _finding(flow: Flow, file: ParsedFile, project: Project, program: Program) -> Finding:
    activation = flow.activation
    name = _NAMES[activation.kind]
    reason, level = doubt(flow, program, _LOSSES, "softmax"), Level.BEHAVIOR
    if reason is not None:
        level = Level.SUGGESTION

    def build() -> list[Edit]:
        return removal_edits(flow, file, project)

    return propose(
        IDENTITY,
        level,
        Location(activation.site.path, activation.site.start, activation.site.end),
        f"{name} before a loss that applies softmax itself" + (f"; {reason}" if reason else ""),
        list(steps(flow, project, name, _LOSSES, "the loss is built here; it applies softmax itself")),
        f"Hand the loss the logits: drop the {name}",
        build,
        reason,
    )


RULE = ours(IDENTITY[0])
