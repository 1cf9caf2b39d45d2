"""Rules about modes and gradients on programs put together by chance: what runs must not come to harm."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mode_programs import HEAD, ModeProgram, run

from torchfix_codemods.rules import eval_without_no_grad, missing_eval_mode, missing_train_mode

NO_GRAD, EVAL_MODE, TRAIN_MODE = eval_without_no_grad.RULE, missing_eval_mode.RULE, missing_train_mode.RULE
SLOW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOW
@given(random=st.randoms(use_true_random=False))
def test_no_grad_changes_no_training(random: Random, settled):
    before = ModeProgram(random).text()
    after = settled(before, NO_GRAD)
    (batches, parameters), (batches_after, parameters_after) = run(before), run(after)
    assert parameters == parameters_after
    assert [(b.trains, b.training) for b in batches] == [(b.trains, b.training) for b in batches_after]
    assert all(b.grad for b in batches_after if b.trains)


@SLOW
@given(random=st.randoms(use_true_random=False))
def test_eval_leaves_training_in_training_mode(random: Random, settled):
    before = ModeProgram(random).text()
    batches, after = run(before)[0], run(settled(before, EVAL_MODE))[0]
    assert [b.trains for b in batches] == [b.trains for b in after]
    for one, other in zip(batches, after, strict=True):
        assert other.training or not one.training if one.trains else one.training or not other.training


@SLOW
@given(random=st.randoms(use_true_random=False))
def test_train_takes_no_training_mode_away(random: Random, settled):
    before = ModeProgram(random).text()
    batches, after = run(before)[0], run(settled(before, TRAIN_MODE))[0]
    assert [b.trains for b in batches] == [b.trains for b in after]
    assert all(other.training or not one.training for one, other in zip(batches, after, strict=True) if one.trains)


def test_the_programs_are_of_many_kinds():
    texts = [ModeProgram(Random(seed)).text().removeprefix(HEAD) for seed in range(200)]
    for word in ("class Trainer", "def main", "def train", "net.eval()", "no_grad", "net.train()", "else:", "if i % 2"):
        assert 10 < sum(word in text for text in texts) < 200
    assert len(set(texts)) > 190
    with pytest.raises(SyntaxError):
        run("for epoch in")
