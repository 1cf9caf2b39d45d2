"""What goes wrong between us and a forge: each is one clear line, and exit code 4."""

from __future__ import annotations

from torchfix_codemods.source.errors import TorchfixError


class ForgeFailed(TorchfixError):
    """The forge refused something, or does not answer; the message names the cure where one is known."""
