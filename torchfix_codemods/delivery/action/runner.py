"""What a runner of GitHub Actions gives a step and takes from it: the event, outputs, the summary, commands in the log.

A runner obeys any line of the log that looks like a command, whoever wrote it. So text goes out between `plain` marks,
where the runner obeys nothing, and commands only with escaped values.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torchfix_codemods.delivery.git.masks import basic
from torchfix_codemods.report.github import escaped
from torchfix_codemods.source.errors import UsageError, printable

_EVENT_BYTES = 32 * 2**20
_DEPENDABOT = "dependabot[bot]"


@dataclass(frozen=True)
class Runner:
    """The runner's variables; where it gives no file for something (on nobody's runner), that is left out."""

    environ: Mapping[str, str]

    @property
    def event_name(self) -> str:
        """What started the workflow: push, schedule, pull_request, ..."""
        return self.environ.get("GITHUB_EVENT_NAME", "")

    @property
    def on_pull_request(self) -> bool:
        """Whether a pull request started it."""
        return self.event_name in ("pull_request", "pull_request_target")

    def event(self) -> Mapping[str, Any]:
        """The payload of the event, empty where there is none. Raises `UsageError` where it can't be read."""
        name = self.environ.get("GITHUB_EVENT_PATH", "")
        if not name or not os.path.isfile(name):
            return {}
        try:
            with open(name, "rb") as file:
                payload = json.loads(file.read(_EVENT_BYTES))
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(f"the event of the workflow (GITHUB_EVENT_PATH) cannot be read: {error}") from error
        return payload if isinstance(payload, dict) else {}

    def only_reads(self) -> str:
        """Why the token of this event cannot write, in words; empty where it should be able to."""
        if self.on_pull_request:
            head = _inside(self.event(), "pull_request", "head", "repo", "full_name")
            own = head is not None and head == self.environ.get("GITHUB_REPOSITORY")
            return "" if own else "this pull request comes from a fork, for which GitHub gives a token that only reads"
        if self.environ.get("GITHUB_ACTOR") == _DEPENDABOT:
            return "Dependabot started this run, for which GitHub gives a token that only reads"
        return ""

    def base_of_pull_request(self) -> str:
        """The commit that a pull request is to be merged into; empty on other events."""
        found = _inside(self.event(), "pull_request", "base", "sha") if self.on_pull_request else None
        return found if isinstance(found, str) else ""

    def output(self, name: str, value: str) -> None:
        """Set an output of the step. The delimiter is random: a known one could be part of the value."""
        file = self.environ.get("GITHUB_OUTPUT")
        if file:
            mark = f"torchfix_{secrets.token_hex(16)}"
            _append(file, f"{name}<<{mark}\n{value}\n{mark}\n")

    def summary(self, markdown: str) -> None:
        """Add to the summary of the job."""
        file = self.environ.get("GITHUB_STEP_SUMMARY")
        if file:
            _append(file, markdown.rstrip("\n") + "\n")


def mask(token: str) -> None:
    """Have the runner replace a token, and what git sends for it, by `***` in all that follows in the log."""
    for secret in (token, basic(token)):
        command("add-mask", secret)


def command(name: str, value: str, title: str = "") -> None:
    """One command in the log, such as an annotation `error`."""
    title = f" title={escaped(title, ':,')}" if title else ""
    _print(f"::{name}{title}::{escaped(value)}")


@contextmanager
def plain() -> Iterator[None]:
    """Between these marks the runner obeys no line, whatever it looks like. The word that ends it can't be guessed."""
    mark = secrets.token_hex(16)
    _print(f"::stop-commands::{mark}")
    try:
        yield
    finally:
        _print(f"::{mark}::")


def say(lines: Iterable[str]) -> None:
    """Print text that the runner must not obey."""
    with plain():
        for line in lines:
            _print("\n".join(map(printable, line.splitlines())))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _append(file: str, text: str) -> None:
    with Path(file).open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
        stream.write(text)


def _inside(value: object, *keys: str) -> object | None:
    """A value within mappings; None where one of the keys is missing."""
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value
