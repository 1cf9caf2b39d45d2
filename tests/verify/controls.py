"""Fixes as they are written in data modules: a heading, and hunks that are found by what they say.

# PROGRAM RULE VERDICT[/VERDICT]: what the fix does
@@ [file, main.py where none is given]
 a line that stays
-a line that goes
+a line that comes
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from fixes import Change
from negative_controls_indices import INDICES
from negative_controls_statistics import STATISTICS
from programs_graphs import GRAPHS
from programs_losses import LOSSES
from programs_noisy import NOISY
from programs_other import OTHERS
from programs_steps import STEPS
from programs_supervised import SUPERVISED
from programs_targets import TARGETS
from programs_values import VALUES

PROGRAMS: dict[str, str | dict[str, str]] = {
    **SUPERVISED,
    **OTHERS,
    **VALUES,
    **NOISY,
    **STEPS,
    **GRAPHS,
    **TARGETS,
    **LOSSES,
    **INDICES,
    **STATISTICS,
}
_HEADING = re.compile(r"^# (\w+) (TFC\d+) ([A-Z_/]+): (.+)\n", re.M)
_HUNK = re.compile(r"^@@(.*)\n", re.M)


@dataclass(frozen=True)
class Control:
    """A fix of one rule for a program, and the verdicts that are right for it."""

    title: str
    program: str
    changes: tuple[Change, ...]
    expected: frozenset[str]

    def __str__(self) -> str:
        return f"{self.program}, {self.changes[0].code}, {self.title}"


def controls(text: str) -> list[Control]:
    """The controls of a data module."""
    _, *parts = _HEADING.split(text)
    rows = zip(*(parts[column::5] for column in range(5)), strict=True)
    return [
        Control(title, program, _changes(code, body), frozenset(expected.split("/")))
        for program, code, expected, title, body in rows
    ]


def _changes(code: str, body: str) -> tuple[Change, ...]:
    """One change for each file, in the order of the files."""
    _, *parts = _HUNK.split(body)
    files: dict[str, list[tuple[str, str]]] = {}
    for path, hunk in zip(parts[::2], parts[1::2], strict=True):
        files.setdefault(path.strip() or "main.py", []).append((_side(hunk, "-"), _side(hunk, "+")))
    return tuple(Change(code, tuple(pairs), path) for path, pairs in files.items())


def _side(hunk: str, sign: str) -> str:
    return "".join(line[1:] for line in hunk.splitlines(keepends=True) if line[:1] in (" ", sign))


def files_of(program: str) -> dict[str, str]:
    """The files of a program by path."""
    given = PROGRAMS[program]
    files = {"main.py": given} if isinstance(given, str) else given
    return {path: textwrap.dedent(text) for path, text in files.items()}
