"""A progress bar on standard error, only on a terminal and only when it takes long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torchfix_codemods.cli.console import Terminal
from torchfix_codemods.pipeline import Progress
from torchfix_codemods.source.errors import printable

_PATIENCE = 1.0  # seconds before anything is shown
_PERIOD = 0.1  # seconds between two looks
_WIDTH = 30


@contextmanager
def shown_progress(terminal: Terminal) -> Iterator[Progress]:
    """A function that hears stage, done and total; what it showed is gone at the end.

    Drawn by hand: rich's bar runs a thread, and processes are forked while it is shown.
    """
    bar = _Bar(enabled=not terminal.quiet and sys.stderr.isatty() and terminal.color != "never")
    try:
        yield bar.hear
    finally:
        bar.clear()


@contextmanager
def shown_phase(terminal: Terminal) -> Iterator[Callable[[str, int, int], None]]:
    """A function that hears what is run, how many runs were made and about how many there are; with the time left.

    What it showed is gone at the end.
    """
    enabled = not terminal.quiet and sys.stderr.isatty() and terminal.color != "never"
    started = time.monotonic()

    def told(phase: str, done: int, about: int) -> None:
        nonlocal started
        if not done:
            started = time.monotonic()  # another script
        if enabled:
            elapsed = time.monotonic() - started
            left = f", about {elapsed / done * (about - done):.0f} s left" if done else ""
            sys.stderr.write(f"\r{printable(phase)} (run {done + 1} of about {about}{left})\x1b[K")
            sys.stderr.flush()

    try:
        yield told
    finally:
        if enabled:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


class _Bar:
    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled
        self._next = time.monotonic() + _PATIENCE
        self._drawn = False

    def hear(self, stage: str, done: int, total: int) -> None:
        if not self._enabled or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PERIOD
        filled = _WIDTH * done // max(total, 1)
        bar = "#" * filled + "-" * (_WIDTH - filled)
        sys.stderr.write(f"\r{stage:9} [{bar}] {done}/{total}\x1b[K")
        sys.stderr.flush()
        self._drawn = True

    def clear(self) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
