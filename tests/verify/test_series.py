"""What runs recorded over time: bounded, finite, and left out where it tells nothing."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from running import Programs

from torchfix_codemods.verify.model import Series
from torchfix_codemods.verify.runs import Backward, Forward, RunReport, Step
from torchfix_codemods.verify.series import POINTS, series_of

FORWARD = Forward((), "Net", "eval", 0, 0, True, True, 0, 0, 0, None, None)
NUMBERS = st.lists(st.floats() | st.none(), max_size=600)


def run(losses=(), norms=(), saved=(), live=()) -> RunReport:
    """A run with these values; norms are pairs of an optimizer's number and a norm."""
    backwards = [Backward(loss, False, 0) for loss in losses] + [Backward(1.0, False, held) for held in live]
    steps = [Step(None, norm, True, 1, optimizer=optimizer) for optimizer, norm in norms]
    return RunReport(backwards=backwards, steps=steps, forwards=[replace(FORWARD, saved=size) for size in saved])


def named(before: RunReport, after: RunReport) -> dict[str, Series]:
    return {series.what: series for series in series_of(before, after)}


def test_runs_that_recorded_nothing_have_no_series():
    assert series_of(RunReport(), RunReport()) == ()


def test_what_is_no_finite_number_is_none():
    (loss,) = series_of(run(losses=[1.5, math.nan, -math.inf, None]), run(losses=[0.5]))
    assert loss == Series("loss", "", "backward pass", (1.5, None, None, None), (0.5,), 4)


def test_norms_of_two_optimizers_are_two_series_and_unseen_ones_are_left_out():
    before = run(norms=[(3, 1.0), (7, 20.0), (3, 2.0), (7, 30.0), (3, None)])
    found = named(before, run(norms=[(3, 1.5)]))
    assert found["gradient norm, optimizer 1"].before == (1.0, 2.0)
    assert found["gradient norm, optimizer 1"].after == (1.5,)
    assert found["gradient norm, optimizer 2"].before == (20.0, 30.0)
    assert found["gradient norm, optimizer 2"].after == ()


def test_one_optimizer_has_the_plain_name():
    assert named(run(norms=[(1, 2.0)]), run())["gradient norm"].over == "optimizer step"


def test_saved_bytes_are_those_of_evaluations_that_were_looked_at():
    before, after = run(saved=[100, None, 200]), run(saved=[0, 0])
    before.forwards.append(replace(FORWARD, saved=999, used=True))
    saved = named(before, after)["saved for backward"]
    assert (saved.before, saved.after, saved.unit, saved.over) == ((100, 200), (0, 0), "bytes", "evaluation")


def test_memory_that_tells_nothing_is_left_out():
    assert series_of(run(saved=[0, 0]), run(saved=[0, 0])) == ()
    assert set(named(run(live=[5, 6]), run(live=[5, 6]))) == {"loss"}
    assert named(run(live=[5, 6]), run(live=[5, 0]))["held after backward"].after == (5, 0)


@given(NUMBERS, NUMBERS)
def test_any_series_is_bounded_and_keeps_its_ends(before: list, after: list):
    for loss in series_of(run(losses=before), run(losses=after)):
        assert loss.count == max(len(before), len(after))
        assert loss.points == min(loss.count, POINTS)
        assert all(value is None or math.isfinite(value) for value in (*loss.before, *loss.after))
        longer, kept = max((before, loss.before), (after, loss.after), key=lambda pair: len(pair[0]))
        for end in (0, -1):
            wanted = longer[end] if longer[end] is not None and math.isfinite(longer[end]) else None
            assert kept[end] == wanted


def test_a_long_run_is_thinned_out_evenly_and_alike_on_both_sides():
    (loss,) = series_of(run(losses=range(2000)), run(losses=range(1000)))
    steps = {b - a for a, b in zip(loss.before, loss.before[1:], strict=False)}
    assert (len(loss.before), steps) == (POINTS, {7, 8})
    assert loss.after == loss.before[: len(loss.after)]


PROGRAM = """
import torch, torch.nn as nn, torch.nn.functional as F
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(4):
    loss = F.cross_entropy(net(torch.randn(16, 4)), torch.randint(2, (16,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
net.eval()
for batch in range(2):
    net(torch.randn(16, 4))
"""


def test_the_series_of_a_real_run(programs: Programs):
    ran = programs.run(PROGRAM)
    found = named(ran, ran)
    assert {name: (series.points, series.same) for name, series in found.items()} == {
        "loss": (4, True),
        "gradient norm": (4, True),
        "saved for backward": (2, True),
    }
    assert all(0 < value < 2 for value in found["loss"].before)
    assert all(value > 0 for value in found["saved for backward"].before)
