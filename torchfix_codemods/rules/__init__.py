"""Every rule, in the order in which it is run and listed. A rule's code is never used again for another one.

A rule stands in the module that is named as it is. The modules are imported when there is something to check: most of
the files of the world need none of them, and listing rules doesn't either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from torchfix_codemods.findings import Finding, Level
from torchfix_codemods.rules.rule import Check, Rule

if TYPE_CHECKING:
    from torchfix_codemods.analysis.parsed import ParsedFile
    from torchfix_codemods.analysis.project import Project


def _ours(code: str, name: str, level: Level, summary: str) -> Rule:
    return Rule(code, name, summary, level, _check_of(f"{__name__}.{name.replace('-', '_')}"))


def _check_of(module: str) -> Check:
    def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
        found: Check = import_module(module).check
        return found(file, project)

    check.__module__ = module
    return check


RULES: tuple[Rule, ...] = (
    _ours("TFC101", "softmax-before-cross-entropy", Level.BEHAVIOR, "softmax before a loss that contains it"),
    _ours("TFC102", "log-softmax-before-cross-entropy", Level.SUGGESTION, "log_softmax before a loss that contains it"),
    _ours("TFC103", "sigmoid-before-bce-with-logits", Level.BEHAVIOR, "sigmoid before a loss that contains it"),
    _ours(
        "TFC104", "nll-loss-needs-log-softmax", Level.BEHAVIOR, "a loss on (log-)probabilities that gets something else"
    ),
    _ours("TFC105", "loss-target-requires-grad", Level.EQUIVALENT, "gradients leak into the target of a loss"),
    _ours("TFC201", "volatile-variable", Level.BEHAVIOR, "`volatile=True` without effect: graphs in evaluation"),
    _ours("TFC202", "eval-without-no-grad", Level.EQUIVALENT, "an evaluation loop or function that builds graphs"),
    _ours("TFC203", "retain-graph", Level.CRASH_FIX, "a graph that is kept needlessly, or for a pass that fails"),
    _ours("TFC204", "missing-zero-grad", Level.BEHAVIOR, "gradients that are never, or wrongly, cleared"),
    _ours("TFC205", "gradient-accumulation", Level.SUGGESTION, "accumulated gradients with the wrong sum or window"),
    _ours("TFC301", "missing-eval-mode", Level.BEHAVIOR, "an evaluation in training mode"),
    _ours("TFC302", "missing-train-mode", Level.BEHAVIOR, "training that stays in evaluation mode"),
    _ours("TFC303", "functional-dropout-training", Level.BEHAVIOR, "functional dropout that ignores model.eval()"),
    _ours(
        "TFC304",
        "frozen-batch-norm-statistics",
        Level.BEHAVIOR,
        "running statistics of batch normalisation that move where they must not",
    ),
    _ours(
        "TFC401", "interpolate-needs-batch", Level.CRASH_FIX, "interpolation of an image that has no batch dimension"
    ),
    _ours("TFC402", "index-select-index", Level.CRASH_FIX, "an index of the wrong type, or out of range"),
    _ours("TFC501", "async-argument", Level.CRASH_FIX, "`async=True`, for which today's Python refuses the whole file"),
)


def ours(code: str) -> Rule:
    """Our rule of this code."""
    return next(rule for rule in RULES if rule.code == code)


def import_rules(rules: Iterable[Rule]) -> None:
    """Import the modules of our rules among these: processes that are forked from this one need not do it then."""
    for rule in rules:
        if rule in RULES:
            import_module(rule.check.__module__)
