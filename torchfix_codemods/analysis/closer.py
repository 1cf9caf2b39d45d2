"""What a file may be about, after a closer look at the words that the gate found in its bytes.

The gate asks for words; most files that say one have no finding. A look reads the few functions around the words and
asks whether a rule of the topic could have a finding in the file at all. It errs on the side of more: what it doesn't
understand stays, and a test compares what is found with and without. The interpreter, which is a hundred times slower,
sees only the files that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torchfix_codemods.analysis.gate import Topic, topics
from torchfix_codemods.analysis.looks.activations import activations_meet_losses, logarithms_meet_losses
from torchfix_codemods.analysis.looks.dropouts import may_drop_always
from torchfix_codemods.analysis.looks.targets import may_leak_into_target
from torchfix_codemods.analysis.phase_gate import may_have_phases
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.source.old_names import STAND_IN

#: Whether a rule of a topic may have a finding in the file of this path. Asked only where the gate found the topic.
Look = Callable[[Project, str], bool]

LOOKS: tuple[tuple[Topic, Look], ...] = (
    (Topic.PHASES, may_have_phases),
    (Topic.DROPOUT, may_drop_always),
    (Topic.TARGET, may_leak_into_target),
    (Topic.ACTIVATION, activations_meet_losses),
    (Topic.LOG, logarithms_meet_losses),
)

_KEPT = frozenset({"gated", "topics", "reach", "star imports"})  # the answers, and what programs ask for too


def topics_of(project: Project, path: str) -> Topic:
    """The topics of which a rule may have a finding in a file; remembered with the project."""
    known: dict[str, Topic] = project.memory.setdefault("topics", {})
    if path not in known:
        known[path] = _looked_at(project, path)
    return known[path]


def note_topics(project: Project, found: Mapping[str, Topic]) -> None:
    """Tell a project what the gate has found in the bytes of files; it is not asked once more then."""
    project.memory["gated"] = found


def forget_looks(project: Project) -> None:
    """Let go of what the looks learned on the way, more than all trees together hold: their answers stay."""
    for name in project.memory.keys() - _KEPT:
        del project.memory[name]


def _looked_at(project: Project, path: str) -> Topic:
    text = project.read(path) or ""
    gated: Mapping[str, Topic] = project.memory.get("gated", {})
    left = gated[path] if path in gated else topics(text.encode("utf-8", "surrogatepass"))
    if STAND_IN in text:
        left |= Topic.OLD_NAME  # the word itself is replaced when a text is read
    for topic, look in LOOKS:
        if left & topic and not _may_find(look, project, path):
            left &= ~topic
    return left


def _may_find(look: Look, project: Project, path: str) -> bool:
    try:
        return look(project, path)
    except Exception:  # too deeply nested, say: what a look can't stand the rules may still understand
        return True
