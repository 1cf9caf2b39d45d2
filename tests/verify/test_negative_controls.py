"""Wrong fixes must come out as wrong, and right fixes of the same programs as right."""

from __future__ import annotations

import pytest
from controls import Control, controls, files_of
from fixes import judge_units, unit
from negative_controls import GRADIENTS
from negative_controls_graphs import GRAPHS
from negative_controls_indices import RIGHT_INDICES, WRONG_INDICES
from negative_controls_losses import LOSSES
from negative_controls_losses import RIGHT as RIGHT_LOSSES
from negative_controls_statistics import RIGHT_STATISTICS, WRONG_STATISTICS
from negative_controls_steps import STEPS
from negative_controls_targets import TARGET_FIXES
from negative_controls_values import MODES, VALUES
from positive_controls import POSITIVE
from positive_controls_graphs import GRAPHS as RIGHT_GRAPHS
from positive_controls_steps import STEPS as RIGHT_STEPS
from positive_controls_targets import RIGHT_TARGET_FIXES
from running import Programs

from torchfix_codemods.verify.invariants import Judgement

_WRONG = (GRADIENTS, MODES, VALUES, LOSSES, STEPS, GRAPHS, TARGET_FIXES, WRONG_INDICES, WRONG_STATISTICS)
_RIGHT = (POSITIVE, RIGHT_LOSSES, RIGHT_STEPS, RIGHT_GRAPHS, RIGHT_TARGET_FIXES, RIGHT_INDICES, RIGHT_STATISTICS)
NEGATIVE = [control for text in _WRONG for control in controls(text)]
RIGHT = [control for text in _RIGHT for control in controls(text)]


def judged(programs: Programs, control: Control) -> Judgement:
    """The judgement of one control, by real runs."""
    files = files_of(control.program)
    (found,) = judge_units(programs, files, [unit(1, control.changes, files)])
    return found.judgement


@pytest.mark.parametrize("control", NEGATIVE, ids=str)
def test_wrong_fixes(programs: Programs, control: Control):
    judgement = judged(programs, control)
    assert judgement.name.value in control.expected, judgement
    assert judgement.name.value not in ("FIXED_CRASH", "IMPROVED", "CHANGED_AS_INTENDED", "EQUIVALENT")


@pytest.mark.parametrize("control", RIGHT, ids=str)
def test_right_fixes(programs: Programs, control: Control):
    judgement = judged(programs, control)
    assert judgement.name.value in control.expected, judgement


def test_there_are_enough_of_both():
    assert len(NEGATIVE) >= 40 and len(RIGHT) >= 25
    assert all(control.expected.isdisjoint(("FIXED_CRASH", "IMPROVED", "EQUIVALENT")) for control in NEGATIVE)
