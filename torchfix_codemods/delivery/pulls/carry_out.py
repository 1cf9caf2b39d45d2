"""Carrying out the steps of a decision, one after the other."""

from __future__ import annotations

from torchfix_codemods.delivery.errors import ForgeFailed
from torchfix_codemods.delivery.forge.github import Pull
from torchfix_codemods.delivery.pulls.decide import Decision
from torchfix_codemods.delivery.pulls.parties import Forge, Remote
from torchfix_codemods.delivery.pulls.steps import Change, Delete, Label, Open, Push, Say, Step
from torchfix_codemods.source.errors import GitFailed


def carry_out(decision: Decision, remote: Remote, forge: Forge) -> tuple[Pull | None, tuple[str, ...]]:
    """The pull request as it is afterwards, and warnings about what could not be done and may be missing.

    Raises `LeaseLost` and `AlreadyExists` where somebody was faster, else `ForgeFailed` and `GitFailed`.
    """
    pull, warnings = decision.pull, []
    for step in decision.steps:
        if isinstance(step, Label | Say | Delete):
            warnings += _try(step, pull, remote, forge)
        else:
            pull = _do(step, pull, remote, forge)
    return pull, tuple(warnings)


def _do(step: Push | Open | Change, pull: Pull | None, remote: Remote, forge: Forge) -> Pull | None:
    """A step without which the rest makes no sense."""
    match step:
        case Push(sha, branch, expected):
            remote.push(sha, branch, expected)
            return pull
        case Open(title, body, head, base, draft):
            return forge.create(title, body, head, base, draft)
        case Change(number, title, body, state, base):
            return forge.update(number, title=title, body=body, state=state, base=base)


def _try(step: Label | Say | Delete, pull: Pull | None, remote: Remote, forge: Forge) -> list[str]:
    """A step that is only nice to have: where it fails, a warning."""
    try:
        match step:
            case Label(number, labels) if number is not None or pull is not None:
                forge.add_labels(number or (pull.number if pull else 0), labels)
            case Say():
                _say(step, forge)
            case Delete(branch, expected):
                remote.delete(branch, expected)
    except (ForgeFailed, GitFailed) as error:
        return [f"{_what(step)}: {error}"]
    return []


def _say(step: Say, forge: Forge) -> None:
    if not any(step.key in comment.body for comment in forge.comments(step.number)):
        forge.comment(step.number, step.body)


def _what(step: Step) -> str:
    match step:
        case Label(_, labels):
            return f"the labels {', '.join(labels)} were not added"
        case Delete(branch):
            return f"the branch {branch} was not deleted"
        case _:
            return "the comment was not made"
