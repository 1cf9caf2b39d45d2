"""The words of the domain. Plain data, no behaviour beyond comparison: every other module speaks in these.

Offsets are always **characters of the decoded text** (without a byte order mark), start inclusive, end
exclusive. Paths are posix strings, relative to the working folder where the file lies below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """What a fix does to the program (not how sure we are: that is the proof's business)."""

    EQUIVALENT = 0  # same parameters and outputs up to float tolerance
    CRASH_FIX = 1  # raises on current torch, runs afterwards
    BEHAVIOR = 2  # numbers change on purpose, because they were wrong
    SUGGESTION = 3  # needs the author's intent

    @property
    def label(self) -> str:
        """The word people type and read: `equivalent`, `crash-fix`, `behavior`, `suggestion`."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, order=True)
class Location:
    """A range of characters in one file."""

    path: str
    start: int
    end: int


@dataclass(frozen=True)
class Step:
    """One link of the reasoning: what was seen, and where."""

    location: Location
    text: str


@dataclass(frozen=True, order=True)
class Edit:
    """Replace `[start, end)` of the text of `path` by `new`; an insertion has `start == end`."""

    path: str
    start: int
    end: int
    new: str


@dataclass(frozen=True)
class Fix:
    """Edits that belong together, possibly in several files: all of them or none."""

    title: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Finding:
    """One mistake at one place.

    `level` is the level of the fix, also of one that may not be made here because it would change a file which was not
    given; SUGGESTION where there is no fix. A finding without a fix says why in `no_fix_reason`. `location` is where
    the mistake stands, `steps` is the evidence in reading order. `id` is a fingerprint which survives shifted lines;
    the pipeline fills it in.
    """

    rule: str
    code: str
    level: Level
    location: Location
    message: str
    steps: tuple[Step, ...] = ()
    fix: Fix | None = None
    no_fix_reason: str | None = None
    id: str = ""


@dataclass(frozen=True)
class Skipped:
    """A file that was not analysed, and why. `reason` is a stable kebab-case word, `detail` is for people."""

    path: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class LeftOut:
    """Something in a cell of a notebook that was not analysed, though it may be Python; `cell` counts from 1."""

    path: str
    cell: int
    reason: str
    detail: str


@dataclass(frozen=True)
class Problem:
    """Something of ours that went wrong on one file (a rule that raised): reported, never swallowed."""

    path: str
    rule: str
    detail: str
