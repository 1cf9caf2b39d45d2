"""Whether a run of a mutant shows the mistake that was planted: what the unchanged program's run doesn't."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Seen = Mapping[str, Any]
_NUMBER = re.compile(r"-?\d+\.\d+")


def shows(code: str, base: Seen, mutant: Seen) -> bool:
    """The mistake of a rule is seen in the mutant's run, and was not (or less often) in the program's."""
    if mutant["exception"] is not None:
        return code in _CRASHES
    return _SHOWN[code](base, mutant)


#: Rules whose mistakes may end the program.
_CRASHES = ("TFC104", "TFC203", "TFC401", "TFC402")


def _more(count: Callable[[Seen], int]) -> Callable[[Seen, Seen], bool]:
    return lambda base, mutant: count(mutant) > count(base)


def _given(loss: str, activation: str) -> Callable[[Seen], int]:
    return lambda seen: sum(i["loss"] == loss and i["last"] == activation for i in seen["inputs"])


def _no_log(seen: Seen) -> int:
    return sum(i["loss"] == "nll_loss" and i["grad"] and i["last"] != "LogSoftmax" for i in seen["inputs"])


def _redundant(base: Seen, mutant: Seen) -> bool:
    """Cross entropy gets log-probabilities, and nobody else needed the scores: all numbers stay, but for rounding."""
    losses = [[number for backward in seen["backwards"] for number in backward] for seen in (base, mutant)]
    printed = [[float(number) for number in _NUMBER.findall(seen["output"])] for seen in (base, mutant)]
    return _more(_given("cross_entropy", "LogSoftmax"))(base, mutant) and all(_near(*two) for two in (losses, printed))


def _near(one: Sequence[float], other: Sequence[float]) -> bool:
    """The same up to what the rounding of one step makes of a whole training."""
    return len(one) == len(other) and all(
        math.isclose(a, b, rel_tol=0.02, abs_tol=0.02) for a, b in zip(one, other, strict=True)
    )


def _norms_in_training(seen: Seen) -> int:
    return sum(forward["norms"] for forward in seen["forwards"])


def _target_graphs(seen: Seen) -> int:
    return sum(i["target_grad"] for i in seen["inputs"])


def _evaluations_with_graph(seen: Seen) -> int:
    return sum(f["requires_grad"] and not f["backward"] for f in seen["forwards"] if "requires_grad" in f)


def _evaluations_in_training(seen: Seen) -> int:
    return sum(f["training"] and not f["backward"] for f in seen["forwards"])


def _training_in_evaluation(seen: Seen) -> int:
    return sum(f["backward"] and not f["training"] for f in seen["forwards"])


def _other_numbers(base: Seen, mutant: Seen) -> bool:
    return bool(base["backwards"] != mutant["backwards"] or base["output"] != mutant["output"])


def _unlike(seen: Seen) -> int:
    return sum(not (replay["equal"] and replay["statistics_kept"]) for replay in seen["replays"])


def _graphs_of_evaluation(base: Seen, mutant: Seen) -> bool:
    """More evaluations with a graph, and none of it through the target of a loss (that is another rule's)."""
    return _more(_evaluations_with_graph)(base, mutant) and not _more(_target_graphs)(base, mutant)


def _evaluation_mode(base: Seen, mutant: Seen) -> bool:
    seen = _other_numbers(base, mutant) or _unlike(mutant) > _unlike(base)
    return seen and _more(_evaluations_in_training)(base, mutant)


def _training_mode(base: Seen, mutant: Seen) -> bool:
    return _other_numbers(base, mutant) and _more(_training_in_evaluation)(base, mutant)


def _volatile(base: Seen, mutant: Seen) -> bool:
    return any("volatile" in warning["message"] for warning in mutant["warnings"])


def _same(base: Seen, mutant: Seen) -> bool:
    """A needless graph changes nothing but memory."""
    return not _other_numbers(base, mutant)


_SHOWN: dict[str, Callable[[Seen, Seen], bool]] = {
    "TFC101": _more(_given("cross_entropy", "Softmax")),
    "TFC102": _redundant,
    "TFC103": _more(_given("binary_cross_entropy_with_logits", "Sigmoid")),
    "TFC104": _more(_no_log),
    "TFC105": _more(_target_graphs),
    "TFC201": _volatile,
    "TFC202": _graphs_of_evaluation,
    "TFC203": _same,
    "TFC204": _other_numbers,
    "TFC205": _other_numbers,
    "TFC301": _evaluation_mode,
    "TFC302": _training_mode,
    "TFC303": lambda base, mutant: _unlike(mutant) > _unlike(base) or _other_numbers(base, mutant),
    "TFC304": _more(_norms_in_training),
    "TFC401": lambda base, mutant: False,
    "TFC402": lambda base, mutant: False,
}
