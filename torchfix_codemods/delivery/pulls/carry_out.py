"""Carrying out the acts of a decision, one after the other."""

from __future__ import annotations

from torchfix_codemods.delivery.errors import ForgeFailed
from torchfix_codemods.delivery.forge.github import GitHub, Pull
from torchfix_codemods.delivery.git.remote import Remote
from torchfix_codemods.delivery.pulls.acts import Act, Change, Delete, Label, Open, Push, Say
from torchfix_codemods.delivery.pulls.decide import Decision
from torchfix_codemods.source.errors import GitFailed


def carry_out(decision: Decision, remote: Remote, forge: GitHub) -> tuple[Pull | None, tuple[str, ...]]:
    """The pull request as it is afterwards, and warnings about what could not be done and may be missing.

    Raises `LeaseLost` and `AlreadyExists` where somebody was faster, else `ForgeFailed` and `GitFailed`.
    """
    pull, warnings = decision.pull, []
    for act in decision.acts:
        if isinstance(act, Label | Say | Delete):
            warnings += _try(act, pull, remote, forge)
        else:
            pull = _do(act, pull, remote, forge)
    return pull, tuple(warnings)


def _do(act: Push | Open | Change, pull: Pull | None, remote: Remote, forge: GitHub) -> Pull | None:
    """An act without which the rest makes no sense."""
    match act:
        case Push(sha, branch, expected):
            remote.push(sha, branch, expected)
            return pull
        case Open(title, body, head, base, draft):
            return forge.create(title, body, head, base, draft)
        case Change(number, title, body, state, base):
            return forge.update(number, title=title, body=body, state=state, base=base)


def _try(act: Label | Say | Delete, pull: Pull | None, remote: Remote, forge: GitHub) -> list[str]:
    """An act that is only nice to have: where it fails, a warning."""
    try:
        match act:
            case Label(number, labels) if number is not None or pull is not None:
                forge.add_labels(number or (pull.number if pull else 0), labels)
            case Say():
                _say(act, forge)
            case Delete(branch, expected):
                remote.delete(branch, expected)
    except (ForgeFailed, GitFailed) as error:
        return [f"{_what(act)}: {error}"]
    return []


def _say(act: Say, forge: GitHub) -> None:
    if not any(act.key in comment.body for comment in forge.comments(act.number)):
        forge.comment(act.number, act.body)


def _what(act: Act) -> str:
    match act:
        case Label(_, labels):
            return f"the labels {', '.join(labels)} were not added"
        case Delete(branch):
            return f"the branch {branch} was not deleted"
        case _:
            return "the comment was not made"
