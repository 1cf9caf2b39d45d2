"""Single keys of a terminal; the first letters of lines where standard input is none."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Any

import click

_END_OF_INPUT = "\x04"


class Keys:
    """Reads keys while it is entered: the terminal is left as it was found.

    The mode is switched once and not for every key, or what is typed ahead would be lost between two questions. Ctrl-C
    keeps its meaning.
    """

    def __init__(self) -> None:
        self._typed = ""
        self._saved: list[Any] | None = None

    def __enter__(self) -> Keys:
        if sys.stdin.isatty() and sys.platform != "win32":
            import termios
            import tty

            self._saved = termios.tcgetattr(sys.stdin.fileno())
            tty.setcbreak(sys.stdin.fileno(), termios.TCSADRAIN)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._saved is not None:
            import termios

            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._saved)

    def read(self, prompt: str) -> str:
        """The next key, empty for an empty line. Raises `EOFError` at the end of the input."""
        sys.stderr.write(prompt)
        sys.stderr.flush()
        if not sys.stdin.isatty():
            line = sys.stdin.readline()
            if not line:
                raise EOFError
            key = line.strip()[:1]
        else:
            key = self._pressed()
        sys.stderr.write(f"{key if key.isprintable() else ''}\n")
        return key

    def _pressed(self) -> str:
        while not self._typed:
            typed = self._next()
            # Arrows and their like come as one escape sequence; Enter only confirms what needs no confirmation.
            self._typed = "\x1b" if typed.startswith("\x1b") else typed.replace("\r", "").replace("\n", "")
        key, self._typed = self._typed[0], self._typed[1:]
        if key == _END_OF_INPUT:
            raise EOFError
        return key

    def _next(self) -> str:
        if self._saved is None:
            return click.getchar()
        typed = os.read(sys.stdin.fileno(), 32)
        if not typed:
            raise EOFError
        return typed.decode("utf-8", "replace")
