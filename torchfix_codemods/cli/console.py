"""The two streams: reports and patches go to standard output, everything else to standard error."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from torchfix_codemods.source.errors import UsageError, printable

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Terminal:
    """How this run talks. `color` is auto, always or never; standard streams are looked up at each use."""

    color: str = "auto"
    quiet: bool = False
    verbose: bool = False

    def decorated(self, stream: IO[str]) -> bool:
        """Whether a stream gets rich output: a terminal, or because it was asked for."""
        if self.color == "auto":
            return stream.isatty() and os.environ.get("TERM") != "dumb"
        return self.color == "always"

    def console(self, stream: IO[str]) -> Console:
        """A rich console that prints exactly what it is given: no markup, no emoji, no guessed highlighting."""
        from rich.console import Console

        # An explicit --color always beats NO_COLOR; otherwise rich honours it by itself.
        return Console(
            file=stream,
            markup=False,
            emoji=False,
            highlight=False,
            soft_wrap=True,
            force_terminal=True if self.color == "always" else None,
            no_color=False if self.color == "always" else True if self.color == "never" else None,
        )

    def say(self, line: str, style: str = "") -> None:
        """One line on standard error, not when quiet."""
        if not self.quiet:
            self._line(sys.stderr, line, style)

    def complain(self, line: str) -> None:
        """One line on standard error, quiet or not."""
        self._line(sys.stderr, line, "bold red")

    def out(self, line: str, style: str = "") -> None:
        """One line of a report on standard output."""
        self._line(sys.stdout, line, style)

    def _line(self, stream: IO[str], line: str, style: str) -> None:
        text = "\t".join(map(printable, line.split("\t")))
        if style and self.decorated(stream):
            self.console(stream).print(text, style=style)
        else:
            stream.write(text + "\n")


def write_bytes(data: bytes) -> None:
    """Bytes on standard output as they are: a patch, or a rewritten file."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def working_folder() -> Path:
    """The current folder. Raises `UsageError` where it has been deleted."""
    try:
        return Path.cwd()
    except OSError as error:
        raise UsageError("the current folder is gone") from error


def open_missing_streams() -> None:
    """Write into nothing where the caller has closed an output (`>&-`): Python then has None for the stream."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def tolerate_narrow_encodings() -> None:
    """Never die of a character that the terminal's encoding lacks: show its escape."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
