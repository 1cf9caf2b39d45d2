"""Proposals whose every text comes from somebody else."""

from __future__ import annotations

from hostile_reports import reports
from hypothesis import strategies as st
from markdown_reader import HOSTILE
from toy_rules import TOYS

from torchfix_codemods.delivery.model import Chapter, Kept, Proposal, Reason
from torchfix_codemods.report.outcome import outcomes


@st.composite
def proposals(draw: st.DrawFn) -> Proposal:
    """A proposal with some of the fixes of a report; the others are kept, for any reason."""
    report = draw(reports())
    chapters, kept = [], []
    for rule in TOYS:
        own = tuple(outcome for outcome in outcomes(report) if outcome.finding.code == rule.code)
        if own and (not chapters or draw(st.booleans())):
            chapters.append(Chapter(rule, own, {outcome.path: b"" for outcome in own}, b""))
        else:
            kept += [Kept(outcome, draw(st.sampled_from(Reason)), draw(HOSTILE)) for outcome in own]
    return Proposal(report, tuple(chapters), tuple(kept))
