"""What goes wrong on the way to the forge: one line each, with the cure where there is one, never with a token."""

from __future__ import annotations

from torchfix_codemods.source.errors import GitFailed, OutsideFailed


class ForgeFailed(OutsideFailed):
    """The forge's interface refused or did not answer."""


class RemoteFailed(GitFailed):
    """The remote repository could not be read."""


class LeaseLost(RemoteFailed):
    """The branch is not where it was expected: somebody else has pushed, made or deleted it. Nothing was changed."""


class PushRefused(RemoteFailed):
    """The server does not take the push. `str()` says why and what would help. Nothing was changed."""
