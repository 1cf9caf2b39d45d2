"""Rules about activations before losses on programs put together by chance: who reads an output gets what it got."""

from __future__ import annotations

import math
import re
from random import Random

import pytest
from activation_programs import LOSS, ActivationProgram, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torchfix_codemods.rules import (
    nll_loss_needs_log_softmax,
    sigmoid_before_bce_with_logits,
    softmax_before_cross_entropy,
)

RULES = {
    "softmax": softmax_before_cross_entropy.RULE,
    "sigmoid": sigmoid_before_bce_with_logits.RULE,
}
_NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?|nan|inf")


def is_same(one: str, other: str) -> bool:
    """Whether two lines say the same, up to rounding."""
    numbers = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    return _NUMBER.sub("#", one).split() == _NUMBER.sub("#", other).split() and all(
        a == b or math.isclose(float(a), float(b), rel_tol=1e-3, abs_tol=1e-4) for a, b in numbers
    )


@pytest.mark.parametrize("activation", RULES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(random=st.randoms(use_true_random=False))
def test_readers_of_an_output_get_what_they_got(activation: str, random: Random, settled):
    before = ActivationProgram(random, activation).text()
    after = settled(settled(before, RULES[activation]), nll_loss_needs_log_softmax.RULE)
    old, new = ([line for line in run(text) if not line.startswith(LOSS)] for text in (before, after))
    assert len(old) == len(new)
    assert all(map(is_same, old, new)), after


@pytest.mark.parametrize("activation", RULES)
def test_many_of_the_programs_are_fixed(activation: str, settled):
    texts = [ActivationProgram(Random(seed), activation).text() for seed in range(30)]
    assert len(set(texts)) == 30
    assert sum(settled(text, RULES[activation]) != text for text in texts) > 8
