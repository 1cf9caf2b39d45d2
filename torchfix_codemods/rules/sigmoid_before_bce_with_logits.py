"""TFC103: a sigmoid on the way into a loss that applies sigmoid itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchfix_codemods.analysis.activations import Flow
from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.late_readers import read_flows
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.program import program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Finding
from torchfix_codemods.rules import ours
from torchfix_codemods.rules._activation_flow import has_branches, texts_of
from torchfix_codemods.rules._needless_activation import needless

IDENTITY = ("TFC103", "sigmoid-before-bce-with-logits")
_LOSSES = {"bce_with_logits": "binary cross entropy with logits"}
_LOSS_WORD = re.compile(r"cross_entropy_with_logits|BCEWithLogits|MultiLabelSoftMargin")


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Sigmoids of the file whose output reaches a loss that contains one."""
    if Topic.ACTIVATION not in topics_of(project, file.path):
        return
    program = program_for(project, file.path)
    if not any(map(_LOSS_WORD.search, texts_of(program))):
        return
    program, flows = read_flows(program, file.path, _is_mistake)
    for flow in flows:
        if not has_branches(flow, file):
            yield needless(IDENTITY, flow, file, program, _LOSSES, "sigmoid")


def _is_mistake(flow: Flow) -> bool:
    reaches = any(loss.loss == "bce_with_logits" for loss in flow.losses)
    return flow.activation.kind == "sigmoid" and reaches


RULE = ours(IDENTITY[0])
