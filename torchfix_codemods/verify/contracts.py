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
from torchfix_codemods.verify.judge_graphs import kept_graph, net_by_net
from torchfix_codemods.verify.judge_indices import chosen, indexed
from torchfix_codemods.verify.judge_losses import likelihoods, logits_for_two, not_twice, sigmoid_in_the_loss
from torchfix_codemods.verify.judge_modes import evaluation_mode, functional_dropout, training_mode
from torchfix_codemods.verify.judge_old_code import parses_today
from torchfix_codemods.verify.judge_statistics import frozen_statistics, still_normalised
from torchfix_codemods.verify.judge_steps import accumulated, cleared
from torchfix_codemods.verify.judge_targets import released
from torchfix_codemods.verify.judge_values import batched, logits, resized
from torchfix_codemods.verify.model import Evidence, VerdictName
from torchfix_codemods.verify.runs import ASSERTED


@dataclass(frozen=True)
class Contract:
    """How a rule's fixes are judged. `crashes` are the exceptions that the rule's mistake raises on current torch;
    `cured` says what else must be seen before one that is gone counts as fixed. `asserts`: so is what a GPU refuses at
    lines of the fix.

    `keeps`: evaluations give the same as before. `seeds`: a claim about a loss needs further pairs of runs; `holds`:
    so does what reads the outputs, with parameters that stay as they are. `steers`: so does a training that changed,
    which evaluations may steer (by a learning rate). `repeats`: evaluations are asked twice.
    """

    judge: Callable[[Comparison], Judgement]
    neutral: bool
    keeps: bool = False
    crashes: tuple[str, ...] = ()
    asserts: bool = False
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

#: What binary cross entropy says of scores that are no probabilities.
_REFUSED = "RuntimeError: all elements of input should be between 0 and 1"
#: The same on a GPU, up to torch 2.7 by the second name.
_ASSERTED = (f"AcceleratorError: {ASSERTED}", f"RuntimeError: {ASSERTED}")
#: The errors of passes over graphs that are gone or changed; they are raised by a pass far from what caused them.
_GRAPH_ERRORS = (
    "RuntimeError: modified by an inplace operation",
    "RuntimeError: backward through the graph a second time",
    "TypeError: retain_variables",
)

CONTRACTS: dict[str, Contract] = {
    "TFC101": Contract(logits, neutral=False, seeds=True, holds=True),
    "TFC102": Contract(not_twice, neutral=False),
    "TFC103": Contract(logits_for_two, neutral=False, holds=True),
    "TFC104": Contract(
        likelihoods, neutral=False, holds=True, crashes=(_REFUSED, *_ASSERTED), cured=sigmoid_in_the_loss
    ),
    "TFC105": Contract(released, neutral=True),
    "TFC201": Contract(volatile, neutral=True, keeps=True, crashes=("ValueError", "TypeError", "RuntimeError")),
    "TFC202": Contract(no_graph, neutral=True, keeps=True, crashes=("RuntimeError", "OutOfMemoryError")),
    "TFC203": Contract(kept_graph, neutral=True, crashes=_GRAPH_ERRORS, cured=net_by_net),
    "TFC204": Contract(cleared, neutral=False),
    "TFC205": Contract(accumulated, neutral=False),
    "TFC301": Contract(evaluation_mode, neutral=True, steers=True, crashes=("ValueError", _OVERWRITTEN)),
    "TFC302": Contract(training_mode, neutral=False, crashes=(_OVERWRITTEN,)),
    "TFC303": Contract(functional_dropout, neutral=True, repeats=True),
    "TFC304": Contract(
        frozen_statistics, neutral=False, crashes=("ValueError: more than 1 value per channel",), cured=still_normalised
    ),
    "TFC401": Contract(
        batched, neutral=False, crashes=("ValueError", "NotImplementedError", "RuntimeError"), cured=resized
    ),
    "TFC402": Contract(
        indexed,
        neutral=False,
        crashes=("RuntimeError", "TypeError", "IndexError", "NotImplementedError"),
        asserts=True,
        cured=chosen,
    ),
    "TFC501": Contract(parses_today, neutral=True, keeps=True),
}


def contract_of(code: str) -> Contract:
    """The contract of a rule, by its code."""
    return CONTRACTS.get(code, Contract(unchanged, neutral=False))
