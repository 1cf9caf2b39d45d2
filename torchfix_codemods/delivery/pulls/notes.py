"""The comments that we leave on pull requests: each once, found again by an invisible mark of its own."""

from __future__ import annotations

from torchfix_codemods.delivery.forge.github import Pull
from torchfix_codemods.delivery.pulls.acts import Say
from torchfix_codemods.delivery.pulls.marker import read_marker

_EDITED = """\
Somebody has pushed to this branch, so torchfix leaves it and this pull request as they are from now on. What it finds \
later is not added here.{back}"""

_BACK = " To have it updated again, set the branch back to {sha}."

_SKIPPED = """\
{reason} Somebody has pushed to this branch, so torchfix does not close this pull request itself (autoclosing \
skipped)."""

_CLOSED = """\
{reason} So torchfix closes this pull request and deletes its branch. Closed this way it declines nothing: what turns \
up again is proposed again."""

#: Why a pull request is closed.
NOTHING_LEFT = "Nothing is left to propose here: the code has changed, or the fixes are no longer wanted."
ELSEWHERE = "These fixes are proposed in other pull requests now."


def edited(pull: Pull) -> Say:
    """That the branch is somebody's now."""
    marker = read_marker(pull.body)
    back = _BACK.format(sha=marker.head) if marker else ""
    return Say(pull.number, "<!-- torchfix:edited -->", _EDITED.format(back=back))


def autoclosing_skipped(pull: Pull, reason: str) -> Say:
    """That nothing is left to propose, and that the branch is somebody's now."""
    return Say(pull.number, "<!-- torchfix:autoclosing-skipped -->", _SKIPPED.format(reason=reason))


def closed(pull: Pull, reason: str, head: str) -> Say:
    """Why we close it, once for each state (`head`) of the branch: it may be opened and closed again."""
    return Say(pull.number, f"<!-- torchfix:closed {head[:16]} -->", _CLOSED.format(reason=reason))
