"""The verdicts that the rule pages show are those of the runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from examples import Example, all_examples
from page_verdicts import shown, verdict_of
from running import Programs

SHOWN = shown(all_examples())
#: Gradients that another net's pass leaves behind are gone: no run can tell whether they were wanted.
UNDECIDED = {"retain-graph-G2c"}
WRONG = ("REGRESSED", "PREMISE_ABSENT", "NOT_FIXED", "CANNOT_RUN", "INCONCLUSIVE")


@pytest.mark.slow
@pytest.mark.parametrize("example", SHOWN, ids=lambda example: example.id)
def test_the_page_shows_what_the_runs_show(example: Example, programs: Programs, tmp_path: Path):
    assert example.verdict == verdict_of(example, programs, tmp_path)


def test_no_fix_of_a_page_fails_its_verdict():
    assert len(SHOWN) > 90
    doubted = {e.id for e in SHOWN if not e.verdict or any(word in e.verdict for word in WRONG)}
    assert doubted == UNDECIDED
    assert all("INCONCLUSIVE" in e.verdict for e in SHOWN if e.id in UNDECIDED)
