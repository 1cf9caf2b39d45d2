"""Old code that today's Python refuses: TFC501."""

from __future__ import annotations

from torchfix_codemods.verify.comparison import Comparison
from torchfix_codemods.verify.invariants import Judgement, both, changed_results, changed_training
from torchfix_codemods.verify.model import Evidence, VerdictName

#: What the observer tells of each `async` that it read as `non_blocking`, so that the program ran at all.
_SHIM = ("legacy", "async as a name")


def parses_today(comparison: Comparison) -> Judgement:
    """TFC501: the program ran only because `async` was read as another name; it needs that less, and is the same."""
    needed = [sum(count for kind, what, count in run.notes if (kind, what) == _SHIM) for run in both(comparison)]
    evidence = (
        Evidence("names that are keywords today", *map(str, needed)),
        Evidence("parameters", "", comparison.trajectory()),
    )
    if not needed[0]:
        return Judgement(VerdictName.PREMISE_ABSENT, "Python accepts the program as it is", evidence)
    if broken := changed_training(comparison, evidence) or changed_results(comparison, evidence):
        return broken
    if needed[1] >= needed[0]:
        return Judgement(VerdictName.NOT_FIXED, "as many names that are keywords today", evidence)
    reason = "it was a syntax error, and runs now" if not needed[1] else "one syntax error less"
    return Judgement(
        VerdictName.FIXED_CRASH, f"{reason}; with the name replaced for the run, the numbers are the same", evidence
    )
