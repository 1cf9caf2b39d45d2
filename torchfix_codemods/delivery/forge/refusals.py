"""What GitHub's refusals mean, and what helps: cause and cure in one line."""

from __future__ import annotations

import math

from torchfix_codemods.delivery.errors import ForgeFailed


class AlreadyExists(ForgeFailed):
    """There is an open pull request from this branch already."""


class MayNotWrite(ForgeFailed):
    """The token reads only: a fork's, or the job was not given the permission."""


_SETTING = (
    'allow it in the repository under Settings > Actions > General > Workflow permissions, "Allow GitHub Actions to '
    'create and approve pull requests", and in the organisation that owns it under the same name; or give another token'
)
_PERMISSIONS = (
    "the token may not do this; give the job `permissions:` with `contents: write` and `pull-requests: write` (on a "
    "pull request from a fork the token only reads, whatever the workflow says)"
)


def refusal(method: str, path: str, status: int, said: str, wait: float | None) -> ForgeFailed:
    """The error for an answer that is none; `said` is GitHub's own message, `wait` the seconds it asks to wait."""
    what = f"GitHub refused {method} {path} ({status}{': ' if said else ''}{said})"
    if wait is not None and status in (403, 429):
        minutes = math.ceil(wait / 60)
        return ForgeFailed(
            f"{what}: the rate limit is reached; run this again in {minutes} minute{'s' * (minutes > 1)}"
        )
    if status == 422 and "a pull request already exists" in said.lower():
        return AlreadyExists(what)
    if status == 403 and "resource not accessible" in said.lower():
        return MayNotWrite(f"{what}: {_PERMISSIONS}")
    cure = _cure(status, said.lower())
    return ForgeFailed(f"{what}: {cure}" if cure else what)


def unreachable(api_url: str, error: Exception) -> str:
    """The line for an answer that never came."""
    reason = getattr(error, "reason", None) or error
    return f"GitHub's API at {api_url} does not answer: {reason or type(error).__name__}"


def _cure(status: int, said: str) -> str:
    """What helps against a refusal, where that is known."""
    if 300 <= status < 400:
        return "the repository has moved; give its new name"
    if status == 401:
        return "the token is not valid, or has expired"
    if status == 403 and "not permitted to create" in said:
        return _SETTING
    if status == 403:
        return "the token lacks a permission: contents and pull requests must both be writable"
    if status == 404:
        return "there is no such repository, or the token does not reach it"
    if status == 422 and "no commits between" in said:
        return "the base branch holds these fixes already"
    if status == 422 and "base invalid" in said:
        return "there is no such base branch"
    if status >= 500:
        return "GitHub has a problem of its own; run this again later"
    return ""
