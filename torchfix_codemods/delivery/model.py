"""The words of a delivery: chapters of a proposal, what was left out of it, and what became of it. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.rules.rule import Rule


class Operation(str, Enum):
    """What became of a pull request."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    CLOSED = "closed"  # nothing was left to propose
    SKIPPED_EDITED = "skipped-edited"  # somebody has pushed to its branch
    SKIPPED_DECLINED = "skipped-declined"  # all that is left was in a pull request which somebody closed
    SKIPPED_CAP = "skipped-cap"  # enough pull requests are open already
    SKIPPED_NARROWED = "skipped-narrowed"  # this run did not look at all that is in it
    SKIPPED_NEWER = "skipped-newer"  # its branch stands, or its files were changed, on a later commit than ours
    SKIPPED_TAKEN = "skipped-taken"  # somebody else has a branch of its name
    NONE = "none"  # nothing to propose, and nothing open


class Reason(str, Enum):
    """Why a fix is not in a pull request."""

    WITHHELD = "withheld"  # the runs speak against it
    NOT_VERIFIED = "not-verified"  # no run confirmed it, and only confirmed ones were asked for
    DECLINED = "declined"  # it was in a pull request that somebody closed without merging
    OVER_THE_CAP = "over-the-cap"  # there are more fixes or files than one pull request holds
    NOT_TRACKED = "not-tracked"  # git does not hold its file as a plain one, or holds other bytes
    SUGGESTION = "suggestion"  # needs its author's intent
    ABOVE_LEVEL = "above-level"  # it does more to the program than was asked for (`--up-to`)
    NOT_PLANNED = "not-planned"  # another fix came first, or it would not parse


@dataclass(frozen=True)
class Kept:
    """A finding with a fix that is not in the pull request, and why; `detail` is one line for people."""

    outcome: Outcome
    reason: Reason
    detail: str = ""


@dataclass(frozen=True)
class Chapter:
    """The fixes of one rule: one commit, one section of the body.

    `files` holds the whole new bytes of each file that the commit changes, by its path from the top of the repository,
    on top of the chapters before it; `patch` is the same as a unified patch.
    """

    rule: Rule
    fixes: tuple[Outcome, ...]
    files: Mapping[str, bytes]
    patch: bytes


@dataclass(frozen=True)
class Proposal:
    """One pull request to be: its chapters in the order of the rules, and what it leaves out.

    `report` is that of the analysis, with the verdicts of the report that was read. `rule` is the only rule of a pull
    request with one (`--group-by rule`), else None.
    """

    report: Report
    chapters: tuple[Chapter, ...]
    kept: tuple[Kept, ...] = ()
    rule: Rule | None = None

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The ids of its findings, in the order of its chapters."""
        return tuple(outcome.finding.id for chapter in self.chapters for outcome in chapter.fixes)
