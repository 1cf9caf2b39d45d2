"""Every rule, in the order in which it is run and listed. A rule's code is never used again for another one."""

from __future__ import annotations

from torchfix_codemods.rules import (
    async_argument,
    eval_without_no_grad,
    functional_dropout_training,
    interpolate_needs_batch,
    missing_eval_mode,
    missing_train_mode,
    softmax_before_cross_entropy,
    volatile_variable,
)
from torchfix_codemods.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    softmax_before_cross_entropy.RULE,
    volatile_variable.RULE,
    eval_without_no_grad.RULE,
    missing_eval_mode.RULE,
    missing_train_mode.RULE,
    functional_dropout_training.RULE,
    interpolate_needs_batch.RULE,
    async_argument.RULE,
)
