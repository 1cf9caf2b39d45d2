"""TFC101: a softmax (or sigmoid) on the way into a loss that applies softmax itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchfix_codemods.analysis.activations import Flow
from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.late_readers import read_flows
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.program import Program, program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Finding
from torchfix_codemods.rules import ours
from torchfix_codemods.rules._activation_flow import texts_of
from torchfix_codemods.rules._needless_activation import needless

IDENTITY = ("TFC101", "softmax-before-cross-entropy")
_KINDS = ("softmax", "sigmoid")
_LOSSES = {"cross_entropy": "cross entropy", "log_softmax": "log_softmax"}
_LOSS_WORD = re.compile(r"ross_entropy|rossEntropyLoss|nll_loss|NLLLoss")


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Activations of the file whose output reaches a loss that contains one."""
    if Topic.ACTIVATION not in topics_of(project, file.path):
        return
    program = program_for(project, file.path)
    if not _mentions_a_loss(program):
        return
    program, flows = read_flows(program, file.path, _is_mistake)
    for flow in flows:
        yield needless(IDENTITY, flow, file, program, _LOSSES, "softmax")


def _mentions_a_loss(program: Program) -> bool:
    return any(map(_LOSS_WORD.search, texts_of(program)))


def _is_mistake(flow: Flow) -> bool:
    """softmax or sigmoid into cross entropy; softmax into a log_softmax whose output goes on into a loss (P9)."""
    kind = flow.activation.kind
    if kind not in _KINDS or flow.conditional:
        return False
    direct = any(loss.loss == "cross_entropy" for loss in flow.losses)
    return direct or (kind == "softmax" and flow.feeds_log_softmax_loss)


RULE = ours(IDENTITY[0])
