"""Every rule, in the order in which it is run and listed. A rule's code is never used again for another one."""

from __future__ import annotations

from torchfix_codemods.rules import (
    async_argument,
    eval_without_no_grad,
    frozen_batch_norm_statistics,
    functional_dropout_training,
    gradient_accumulation,
    index_select_index,
    interpolate_needs_batch,
    log_softmax_before_cross_entropy,
    loss_target_requires_grad,
    missing_eval_mode,
    missing_train_mode,
    missing_zero_grad,
    nll_loss_needs_log_softmax,
    retain_graph,
    sigmoid_before_bce_with_logits,
    softmax_before_cross_entropy,
    volatile_variable,
)
from torchfix_codemods.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    softmax_before_cross_entropy.RULE,
    log_softmax_before_cross_entropy.RULE,
    sigmoid_before_bce_with_logits.RULE,
    nll_loss_needs_log_softmax.RULE,
    loss_target_requires_grad.RULE,
    volatile_variable.RULE,
    eval_without_no_grad.RULE,
    retain_graph.RULE,
    missing_zero_grad.RULE,
    gradient_accumulation.RULE,
    missing_eval_mode.RULE,
    missing_train_mode.RULE,
    functional_dropout_training.RULE,
    frozen_batch_norm_statistics.RULE,
    interpolate_needs_batch.RULE,
    index_select_index.RULE,
    async_argument.RULE,
)
