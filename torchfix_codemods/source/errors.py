"""What goes wrong for reasons that the person at the keyboard can mend: one clear line each, no traceback."""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN = 3


class TorchfixError(Exception):
    """Base of all refusals; `str()` of it is one printable line."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class UsageError(TorchfixError):
    """A path, an option or a rule name that makes no sense."""


class SettingsError(TorchfixError):
    """`[tool.torchfix]` can't be read, or holds something unknown or of the wrong type."""


class WriteRefused(TorchfixError):
    """Nothing was written (or everything was put back), and why."""


class UndoRefused(TorchfixError):
    """Nothing was taken back, and why."""


class OutsideFailed(TorchfixError):
    """Git or the forge could not do its part: not a mistake of usage, and trying again may help."""


class GitFailed(OutsideFailed):
    """Git could not say or do what it was asked."""


class GitNotInstalled(GitFailed):
    """There is no program called git."""


def printable(text: str) -> str:
    """`text` on one line; control characters and undecodable bytes (file names hold both) are escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def name_some(names: Sequence[str]) -> str:
    """The first few of `names`, and how many more there are."""
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
