"""The side of the host: starts the observer in the user's interpreter, hands it runs, reads what they show."""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol

from torchfix_codemods.source.errors import TorchfixError
from torchfix_codemods.verify.runs import RunReport, report_of

_START = 180.0  # seconds in which torch must be imported
_GRACE = 20.0  # seconds beyond a run's own limit until the whole observer is given up
_MAX_EVENTS = 300_000
_LONGEST_LINE = 1 << 22  # bytes of an event; more without an end of line is a program's own
_PACKAGE = "torchfix_observer"


class Starter(Protocol):
    """What a sandbox gives. `apart` is a folder that programs can read and not write."""

    apart: Path

    def start(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdin: int | IO[Any] | None,
        stdout: int | IO[Any] | None,
        stderr: int | IO[Any] | None,
        pass_fds: Collection[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a program inside."""

    def kill(self, process: subprocess.Popen[Any]) -> None:
        """End it and all that it started."""


class ObserverFailed(TorchfixError):
    """The user's interpreter could not start the observer (no torch, say)."""


class Client:
    """One observer process, started when it is needed, and again after it was lost. Use as a context manager."""

    def __init__(self, sandbox: Starter, python: str, env: Mapping[str, str]) -> None:
        self._sandbox = sandbox
        self._python = python
        self.env = env
        self._process: subprocess.Popen[bytes] | None = None
        self._events = -1
        self._rest = b""
        self._errors: IO[bytes] | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def run(self, job: Mapping[str, Any]) -> RunReport:
        """Make one run. Raises `ObserverFailed` where the observer does not start."""
        if self._process is None:
            self._start()
        token = secrets.token_hex(16)
        line = json.dumps({**job, "token": token}).encode() + b"\n"
        try:
            self._hand_over(line)
        except BrokenPipeError:  # it ended since the run before
            self.close()
            self._start()
            self._hand_over(line)
        deadline = time.monotonic() + float(job["limits"]["seconds"]) + _GRACE
        report = report_of(self._until_done(token, deadline))
        report.overdue |= report.status == "killed" and time.monotonic() >= deadline
        if not report.whole:
            self.close()  # the observer itself hangs or is gone: the next run gets a new one
        return report

    def close(self) -> None:
        """End the observer and all that it started."""
        process, errors, events = self._process, self._errors, self._events
        self._process, self._errors, self._events, self._rest = None, None, -1, b""
        if process is not None:
            self._sandbox.kill(process)
            if process.stdin is not None:
                with suppress(BrokenPipeError):  # a job that it never read
                    process.stdin.close()
        if errors is not None:
            errors.close()
        if events >= 0:
            os.close(events)

    def _hand_over(self, line: bytes) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def _start(self) -> None:
        home = self._sandbox.apart / "observer"
        if not home.is_dir():
            shutil.copytree(Path(__file__).parent / "observer", home / _PACKAGE, ignore=_only_code)
        self._events, writing = os.pipe()
        path = os.pathsep.join(filter(None, (str(home), self.env.get("PYTHONPATH"))))
        self._errors = (self._sandbox.apart / "observer.log").open("w+b")
        try:
            self._process = self._sandbox.start(
                [self._python, "-m", _PACKAGE, str(writing)],
                cwd=home,
                env={**self.env, "PYTHONPATH": path},
                stdin=subprocess.PIPE,
                stdout=self._errors,
                stderr=self._errors,
                pass_fds=(writing,),
            )
        finally:
            os.close(writing)
        event = next(self._events_of("", time.monotonic() + _START), None)
        if event is None or event.get("e") != "ready":
            raise ObserverFailed(self._refusal())

    def _refusal(self) -> str:
        """Why the observer did not start, with what helps: mostly it is an interpreter without torch."""
        words, keys = self._last_words(), "--python EXE, or python = ... in [tool.torchfix.verify]"
        if "No module named 'torch'" in words:
            return f"{self._python} has no torch: name the interpreter of the project ({keys})"
        return f"{self._python} cannot run the observer: {words} ({keys})"

    def _last_words(self) -> str:
        """The last line that the observer printed, and the end of it."""
        assert self._errors is not None
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        self.close()
        return lines[-1] if lines else "it ended without a word"

    def _until_done(self, token: str, deadline: float) -> Iterator[dict[str, Any]]:
        for number, event in enumerate(self._events_of(token, deadline)):
            if number < _MAX_EVENTS or event.get("e") in ("end", "done"):
                yield event
            if event.get("e") == "done":
                return

    def _events_of(self, token: str, deadline: float) -> Iterator[dict[str, Any]]:
        """The events of one run as they come; none after the deadline or the end of the observer.

        Torn lines are passed over, and whatever a program has written there: an event begins with the run's token.
        """
        while time.monotonic() < deadline:
            line, found, rest = self._rest.partition(b"\n")
            if found:
                self._rest = rest
                _, known, text = line.rpartition(token.encode()) if token else (b"", True, line)
                event = _parsed(text) if known else None
                if event is not None:
                    yield event
                continue
            left = deadline - time.monotonic()
            if left <= 0:  # even if there is more: one that never stops telling is given up too
                return
            ready, _, _ = select.select([self._events], [], [], left)
            piece = os.read(self._events, 1 << 16) if ready else b""
            if not piece:
                return
            self._rest = (self._rest + piece)[-_LONGEST_LINE:]


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _only_code(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__"]
