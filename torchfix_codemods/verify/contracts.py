"""What each rule promises, as a question to two runs: premise, observable, invariants, magnitude.

A contract is asked only when both runs ended well and the changed lines ran. *Neutral* fixes must leave training bit
for bit as it is, so many of them can be judged in one run; the others are run alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torchfix_codemods.verify.comparison import Comparison
from torchfix_codemods.verify.invariants import Judgement, less_training
from torchfix_codemods.verify.judge_gradients import no_graph, volatile
from torchfix_codemods.verify.judge_modes import evaluation_mode, functional_dropout, training_mode
from torchfix_codemods.verify.judge_old_code import parses_today
from torchfix_codemods.verify.judge_values import batched, logits, resized
from torchfix_codemods.verify.model import Evidence, VerdictName


@dataclass(frozen=True)
class Contract:
    """How a rule's fixes are judged. `crashes` are the exceptions that the rule's mistake raises on current torch;
    `cured` says what else must be seen before one that is gone counts as fixed.

    `keeps`: evaluations give the same as before. `seeds`: a claim about a loss needs further pairs of runs; `holds`:
    so does what reads the outputs, with parameters that stay as they are. `steers`: so does a training that changed,
    which evaluations may steer (by a learning rate). `repeats`: evaluations are asked twice.
    """

    judge: Callable[[Comparison], Judgement]
    neutral: bool
    keeps: bool = False
    crashes: tuple[str, ...] = ()
    cured: Callable[[Comparison], Judgement | None] = lambda comparison: None
    seeds: bool = False
    holds: bool = False
    steers: bool = False
    repeats: bool = False


def unchanged(comparison: Comparison) -> Judgement:
    """For a rule without a contract of its own: the same numbers or nothing that can be said."""
    evidence = (Evidence("parameters", "", comparison.trajectory()),)
    if broken := less_training(comparison, evidence):
        return broken
    same = comparison.same_training and not comparison.other_outputs() and not comparison.other_prints()
    if comparison.before.checksums and same and not comparison.noisy:
        return Judgement(VerdictName.EQUIVALENT, "the same numbers", evidence)
    return Judgement(VerdictName.INCONCLUSIVE, "the run changed, and nothing says what this rule promises", evidence)


#: `model.train = True` makes a later `model.train()` or `model.eval()` raise, wherever that stands.
_OVERWRITTEN = "TypeError: object is not callable"

CONTRACTS: dict[str, Contract] = {
    "TFC101": Contract(logits, neutral=False, seeds=True, holds=True),
    "TFC201": Contract(volatile, neutral=True, keeps=True, crashes=("ValueError", "TypeError", "RuntimeError")),
    "TFC202": Contract(no_graph, neutral=True, keeps=True, crashes=("RuntimeError", "OutOfMemoryError")),
    "TFC301": Contract(evaluation_mode, neutral=True, steers=True, crashes=("ValueError", _OVERWRITTEN)),
    "TFC302": Contract(training_mode, neutral=False, crashes=(_OVERWRITTEN,)),
    "TFC303": Contract(functional_dropout, neutral=True, repeats=True),
    "TFC401": Contract(
        batched, neutral=False, crashes=("ValueError", "NotImplementedError", "RuntimeError"), cured=resized
    ),
    "TFC501": Contract(parses_today, neutral=True, keeps=True),
}


def contract_of(code: str) -> Contract:
    """The contract of a rule, by its code."""
    return CONTRACTS.get(code, Contract(unchanged, neutral=False))
