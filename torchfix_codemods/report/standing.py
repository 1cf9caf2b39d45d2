"""What a verdict means for whoever reads it: four honest groups, and one line on what the run showed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import Enum

from torchfix_codemods.verify.model import Evidence, Verdict, VerdictName

_NOT_RUN = frozenset((VerdictName.NOT_RUN, VerdictName.CANNOT_RUN, VerdictName.NOT_EXERCISED))


class Standing(Enum):
    """How a fix stands, best first; the value is what people read."""

    VERIFIED = "verified"
    NOT_RUN = "not run"
    NOT_CONFIRMED = "not confirmed"
    CONTRADICTED = "contradicted"
    REGRESSED = "regressed"

    @property
    def sign(self) -> str:
        """A sign that the eye finds in a table."""
        return {Standing.VERIFIED: "✅", Standing.NOT_RUN: "⚪", Standing.NOT_CONFIRMED: "⚠️"}.get(self, "❌")

    @property
    def meaning(self) -> str:
        """One sentence for somebody who meets the word for the first time."""
        return _MEANINGS[self]


_MEANINGS = {
    Standing.VERIFIED: "the program ran before and after: what the rule looks at changed as declared, the rest stayed",
    Standing.NOT_RUN: "no run reached the changed lines, so there is only the reasoning to go by",
    Standing.NOT_CONFIRMED: "the program was run, and the run did not show that the fix does what it is for",
    Standing.CONTRADICTED: "the program was run, and the mistake was not there",
    Standing.REGRESSED: "the program was run, and it did worse with the fix",
}


def standing(verdict: Verdict | None) -> Standing:
    """The group of a verdict; a fix without one was not run."""
    if verdict is None or verdict.name in _NOT_RUN:
        return Standing.NOT_RUN
    if verdict.verified:
        return Standing.VERIFIED
    if verdict.name is VerdictName.REGRESSED:
        return Standing.REGRESSED
    return Standing.CONTRADICTED if verdict.withheld else Standing.NOT_CONFIRMED


def tally(verdicts: Iterable[Verdict | None]) -> str:
    """How many stand how, best first: `4 verified, 1 not run`; `all verified`, of one `verified`; empty for none."""
    counted = Counter(map(standing, verdicts))
    if len(counted) == 1:
        [(kind, number)] = counted.items()
        return kind.value if number == 1 else f"all {kind.value}"
    return ", ".join(f"{counted[kind]:,} {kind.value}" for kind in Standing if counted[kind])


def telling(verdict: Verdict | None) -> Evidence | None:
    """The first quantity that the fix changed: what to show where there is room for one."""
    found = verdict.evidence if verdict else ()
    return next((evidence for evidence in found if evidence.before and evidence.before != evidence.after), None)
