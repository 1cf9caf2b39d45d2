"""More than "nothing trains here": what says that a region is an evaluation, for which the mode matters."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torchfix_codemods.analysis.phase_gate import EVALUATION_WORDS
from torchfix_codemods.rules._regions import Region, Regions, counts, walks_data
from torchfix_codemods.rules._trials import comes_after_training, is_loaded, is_trial, runs_once, stands_alone

_OTHER_WORK = re.compile(r"^_*(?:sample|generate|update|adapt|calibrate|recalibrate|collect)|(?:^|_)bn(?:_|$)", re.I)
MEASURES = re.compile(r"crit|loss|acc|err|metric|score|mse|mae", re.I)


def is_evaluation(region: Region, regions: Regions, receiver: str) -> bool:
    """More than "nothing trains here": samples of a generator are drawn in training mode on purpose."""
    match region.kind:
        case "loop":
            return walks_data(region) and not is_trial(region, regions)
        case "function":
            assert region.function is not None
            name = region.function.name
            says_so = EVALUATION_WORDS.search(name) is not None
            means_so = says_so or _runs_in_a_data_loop(region) or _is_put_back(region, receiver)
            return means_so and not _OTHER_WORK.search(name)
        case _:
            return _uses_what_was_loaded(region, regions, receiver) or _measures_what_was_trained(region, regions)


def _uses_what_was_loaded(region: Region, regions: Regions, receiver: str) -> bool:
    return is_loaded(regions, receiver) and stands_alone(region)


def _measures_what_was_trained(region: Region, regions: Regions) -> bool:
    """Whether models are asked once, behind their training, without gradients, and for a number."""
    if not runs_once(region) or (region.function is not None and ".backward(" not in regions.file.text):
        return False  # of a file that trains nothing, the look at its words has left out such functions
    measured = any(MEASURES.search(regions.file.source(s)) for s in regions.file.block_of(region.node))
    return measured and all(e.event.grad is False and comes_after_training(e, regions) for e in region.executions)


def is_called_evaluation(region: Region, regions: Regions, receiver: str) -> bool:
    """Whether a function's name says that it evaluates. Where nothing depends on the mode, no less is worth a word."""
    if region.kind == "statements":
        return _uses_what_was_loaded(region, regions, receiver) or is_between_epochs(region, regions)
    return region.function is None or region.kind != "function" or bool(EVALUATION_WORDS.search(region.function.name))


def is_between_epochs(region: Region, regions: Regions) -> bool:
    """Whether statements without gradients stand in a loop that trains in loops of its own: they measure an epoch."""
    if region.kind != "statements" or any(e.event.grad is not False for e in region.executions):
        return False
    if not any(MEASURES.search(regions.file.source(s)) for s in regions.file.block_of(region.node)):
        return False  # pictures of a generator, pseudo-labels
    chain = region.executions[0].event.context.chain()
    inner = next(c for c in chain if c.kind in ("loop", "function", "module"))
    trained = all(regions.phases.optimised(e.event.model) for e in region.executions)
    return inner.kind == "loop" and trained and inner.place in regions.training and inner.place not in regions.stepping


def _runs_in_a_data_loop(region: Region) -> bool:
    """Whether every model of a function runs in a loop of it over something else than a range of numbers."""
    loops = [n for n in ast.walk(region.node) if isinstance(n, ast.For) and not counts(n)]
    lines = {e.event.place.line for e in region.executions if e.event.context.frame() is region.frame}
    return bool(lines) and all(any(n.lineno < line <= (n.end_lineno or 0) for n in loops) for line in lines)


def _is_put_back(region: Region, receiver: str) -> bool:
    """Whether a function that computes no gradients ends by putting the model into training mode again."""
    without = all(e.event.grad is False for e in region.executions)
    last = max(e.event.place.line for e in region.executions)
    return without and any(ast.unparse(s) == f"{receiver}.train()" for s in behind(region, last))


def behind(region: Region, line: int) -> Iterator[ast.stmt]:
    """The statements of a function's own block behind a line of it: what they set is for what comes afterwards."""
    function = region.function if region.kind == "function" else None
    inside = function is not None and function.lineno <= line <= (function.end_lineno or 0)
    yield from (s for s in function.body if s.lineno > line) if function is not None and inside else ()
