"""TFC401: an image without a batch dimension goes into `F.interpolate`."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.narrow import NarrowProgram
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import ApiCall, Place
from torchfix_codemods.analysis.values import Site, Tensor
from torchfix_codemods.findings import Edit, Finding, Level, Step
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules import ours
from torchfix_codemods.rules._callers import callable_names, unseen_callers
from torchfix_codemods.rules._resize_calls import RESIZING_WORDS, Request, input_of, request_of, resizing_calls
from torchfix_codemods.rules._shared import expects_failure, node_of, propose

IDENTITY = ("TFC401", "interpolate-needs-batch")
_BACK = {"int64": "long", "int32": "int", "int16": "short", "int8": "char", "uint8": "byte", "bool": "bool"}
_EXACT_MODES = ("nearest", "nearest-exact")  # no new numbers: the way back to whole ones loses nothing
#: Code that asks for the number of dimensions handles several: what is known of one call isn't known of all.
_ASKS_FOR_RANK = re.compile(
    r"\.dim\(|\.ndim\b|\.ndimension\(|len\([^()]*\.(?:shape|size\(\))\)|\.resize_\(|\.set_\(|\.shape\s*=[^=]|\.data\s*=[^=]"
)
_DIMENSIONS = {"1d": "signals", "2d": "images"}


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Calls whose input certainly has two or three dimensions, or whole numbers, and should not."""
    if Topic.INTERPOLATE not in topics_of(project, file.path):
        return
    candidates = list(resizing_calls(file, project))
    if not candidates:
        return
    program = NarrowProgram(project, file.path, RESIZING_WORDS, callable_names(file, project, candidates))
    calls, consumers = _calls(program, file.path)
    for place in sorted(calls):
        call = node_of(file, place, ast.Call)
        if isinstance(call, ast.Call) and (judgement := _judge(file, program, call, calls[place], consumers)):
            yield _finding(file, call, judgement)


@dataclass(frozen=True)
class Judgement:
    """What is wrong with a call: dimensions to add in front, a type to go through `float`, or something to say."""

    request: Request
    level: Level
    message: str
    missing: int = 0
    back: str = ""
    no_fix_reason: str = ""
    consumer: str = ""
    doubt: str = ""


def _calls(program: Program, path: str) -> tuple[dict[Place, list[ApiCall]], dict[Site, set[str]]]:
    """The executions of each call in the file, and what the outputs go into ("1d" or "2d" layers)."""
    calls: dict[Place, list[ApiCall]] = defaultdict(list)
    consumers: dict[Site, set[str]] = defaultdict(set)
    for _, event in program.events(ApiCall):
        kind = event.name.rpartition(".")[2]
        if kind in _DIMENSIONS:
            for tensor in event.args:
                for site in tensor.resized if isinstance(tensor, Tensor) else ():
                    consumers[site].add(kind)
        elif event.place.path == path:
            calls[event.place].append(event)
    return calls, consumers


def _judge(
    file: ParsedFile, program: Program, call: ast.Call, events: Sequence[ApiCall], consumers: dict[Site, set[str]]
) -> Judgement | None:
    """The one thing that holds for every execution of a call; None where they differ or nothing is certain."""
    requests = [request_of(file, call, event) for event in events]
    if _handles_ranks(file, call):
        return None
    used = consumers.get(Site(file.path, *file.span(call)), set())
    found = {_judged(request, used, _input_text(file, call)) if request else None for request in requests}
    judgements = [j for j in found if j is not None]
    if not judgements or len(judgements) != len(found):
        return None
    first = judgements[0]
    kinds = {(j.level, j.missing, j.back, j.no_fix_reason) for j in judgements}
    if len(kinds) > 1:
        return None
    doubt = unseen_callers(file, program, call, input_of(call), events)
    return replace(first, level=Level.SUGGESTION, doubt=doubt) if doubt else first


def _judged(request: Request, used: set[str], text: str) -> Judgement | None:
    """What is wrong with one execution."""
    rank = request.tensor.rank
    if rank is None or rank > 5:
        return None
    whole = request.raises_for_type
    back = _BACK[request.tensor.dtype or ""] if whole else ""
    if whole and request.mode not in _EXACT_MODES and (rank == 4 or request.raises_for_rank):
        return Judgement(
            request,
            Level.SUGGESTION,
            f"whole numbers ({request.tensor.dtype}) cannot be interpolated in mode {request.mode}: this raises",
            no_fix_reason="convert them to floating point first; how to round the result is the author's choice",
        )
    if rank == 3 and request.channels_last and (request.raises_for_rank or request.squeezes_width):
        return Judgement(
            request,
            Level.SUGGESTION,
            "the channels stand last, but the last two dimensions are the ones that interpolate resizes",
            no_fix_reason="the image needs permute(2, 0, 1) before it gets a batch dimension",
        )
    if request.raises_for_rank:
        missing = 4 - rank
        what = "no batch dimension" if missing == 1 else "neither batch nor channels"
        return Judgement(request, Level.CRASH_FIX, f"the image has {what}: interpolate raises", missing, back)
    if request.squeezes_width and "1d" not in used:
        return _silent(request, used, text, back)
    if whole and rank == 4 and request.count != 1:
        message = f"whole numbers or booleans ({request.tensor.dtype}) cannot be interpolated: this raises"
        return Judgement(request, Level.CRASH_FIX, message, 0, back)
    return None


def _silent(request: Request, used: set[str], text: str, back: str) -> Judgement | None:
    """One number for three dimensions: right for signals, wrong for an image."""
    if "2d" not in used and not request.is_image(text):
        return None
    return Judgement(
        request,
        Level.BEHAVIOR if "2d" in used and not back else Level.SUGGESTION,
        "without a batch dimension only the width of the image is resized, not its height",
        1,
        back,
        consumer="the result goes into a layer for images" if "2d" in used else "",
    )


def _handles_ranks(file: ParsedFile, call: ast.Call) -> bool:
    """Whether the code around asks how many dimensions there are, or expects that the call fails."""
    function = file.enclosing_function(call)
    if function is not None and _ASKS_FOR_RANK.search(file.source(function)):
        return True
    return expects_failure(file, call)


# --- findings ------------------------------------------------------------------------------------------------------


def _input_text(file: ParsedFile, call: ast.Call) -> str:
    node = input_of(call)
    return "" if node is None else file.source(node)


def _finding(file: ParsedFile, call: ast.Call, judgement: Judgement) -> Finding:
    return propose(
        IDENTITY,
        judgement.level,
        file.location(call),
        judgement.message,
        list(_steps(file, call, judgement)),
        _title(judgement),
        None if judgement.no_fix_reason else _build(file, call, judgement),
        judgement.no_fix_reason or None,
    )


def _title(judgement: Judgement) -> str:
    added = {0: "", 1: "a batch dimension", 2: "batch and channel dimensions"}[judgement.missing]
    floats = "go through float()" if judgement.back else ""
    return " and ".join(filter(None, (added and f"add {added} for the call", floats))).capitalize()


def _build(file: ParsedFile, call: ast.Call, judgement: Judgement) -> Callable[[], list[Edit]]:
    """`F.interpolate(img, ...)` -> `F.interpolate(img.unsqueeze(0), ...).squeeze(0)`."""

    def build() -> list[Edit]:
        image = input_of(call)
        if image is None:
            raise verbs.CannotRewrite("the image is not written as an argument of its own")
        before = ".float()" * bool(judgement.back) + ".unsqueeze(0)" * judgement.missing
        after = ".squeeze(0)" * judgement.missing + (f".{judgement.back}()" if judgement.back else "")
        return [*verbs.suffix_expression(file, image, before), *verbs.suffix_expression(file, call, after)]

    return build


def _steps(file: ParsedFile, call: ast.Call, judgement: Judgement) -> Iterator[Step]:
    image = input_of(call) or call
    tensor = judgement.request.tensor
    origin = _origin(file, call, image)
    if origin is not None:
        yield Step(file.location(origin), f"{file.source(image)} is made here")
    known = f" ({', '.join('?' if s is None else str(s) for s in tensor.shape)})" if tensor.shape else ""
    dtype = f", {tensor.dtype}" if judgement.back else ""
    yield Step(
        file.location(image), f"{' '.join(file.source(image).split())} has {tensor.rank} dimensions{known}{dtype}"
    )
    for text in filter(None, (judgement.consumer, judgement.doubt)):
        yield Step(file.location(call), text)


def _origin(file: ParsedFile, call: ast.Call, image: ast.expr) -> ast.expr | None:
    """The last value that a plain name got before the call, in the same function (or at the top level)."""
    scope = file.enclosing_function(call) or file.tree
    values = [
        node
        for node in ast.walk(scope)
        if isinstance(image, ast.Name)
        and isinstance(node, ast.Assign)
        and node.end_lineno is not None
        and node.end_lineno < call.lineno
        and any(isinstance(t, ast.Name) and t.id == image.id for t in node.targets)
    ]
    return max(values, key=lambda node: node.lineno).value if values else None


RULE = ours(IDENTITY[0])
