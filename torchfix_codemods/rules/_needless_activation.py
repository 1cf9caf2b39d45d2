"""The finding of an activation before a loss that applies the same one itself."""

from __future__ import annotations

from collections.abc import Mapping

from torchfix_codemods.analysis.activations import Flow
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.program import Program
from torchfix_codemods.findings import Edit, Finding, Level, Location
from torchfix_codemods.rules._activation_flow import doubt, steps
from torchfix_codemods.rules._shared import propose
from torchfix_codemods.rules._unsoftmax import removal_edits


def needless(
    identity: tuple[str, str], flow: Flow, file: ParsedFile, program: Program, losses: Mapping[str, str], applied: str
) -> Finding:
    """The activation of a flow is to go: the `losses` (what they are called, by kind) have `applied` in them."""
    project = program.project
    activation = flow.activation
    reason = doubt(flow, program, losses, applied)

    def build() -> list[Edit]:
        return removal_edits(flow, file, project)

    return propose(
        identity,
        Level.BEHAVIOR if reason is None else Level.SUGGESTION,
        Location(activation.site.path, activation.site.start, activation.site.end),
        f"{activation.kind} before a loss that applies {applied} itself" + (f"; {reason}" if reason else ""),
        list(steps(flow, project, activation.kind, losses, f"the loss is built here; it applies {applied} itself")),
        f"Hand the loss the logits: drop the {activation.kind}",
        build,
        reason,
    )
