"""TFC103: a sigmoid on the way into a loss that applies sigmoid itself."""

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
from torchfix_codemods.rules._activation_flow import doubt, has_branches, steps, texts_of
from torchfix_codemods.rules._shared import propose
from torchfix_codemods.rules._unsoftmax import removal_edits

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
    for flow in flows_of(program, file.path):
        if _is_mistake(flow) and not has_branches(flow, file):
            yield _finding(flow, file, project, program)


def _is_mistake(flow: Flow) -> bool:
    reaches = any(loss.loss == "bce_with_logits" for loss in flow.losses)
    return flow.activation.kind == "sigmoid" and reaches


def _finding(flow: Flow, file: ParsedFile, project: Project, program: Program) -> Finding:
    site = flow.activation.site
    reason, level = doubt(flow, program, _LOSSES, "sigmoid"), Level.BEHAVIOR
    if reason is not None:
        level = Level.SUGGESTION

    def build() -> list[Edit]:
        return removal_edits(flow, file, project)

    return propose(
        IDENTITY,
        level,
        Location(site.path, site.start, site.end),
        "sigmoid before a loss that applies sigmoid itself" + (f"; {reason}" if reason else ""),
        list(steps(flow, project, "sigmoid", _LOSSES, "the loss is built here; it applies sigmoid itself")),
        "Hand the loss the logits: drop the sigmoid",
        build,
        reason,
    )


RULE = ours(IDENTITY[0])
