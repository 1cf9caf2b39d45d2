"""TFC402: an index that torch refuses, by its type or by its range."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.narrow import NarrowProgram
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import IndexCall, Place
from torchfix_codemods.analysis.values import NONE, Tensor, force
from torchfix_codemods.findings import Edit, Finding, Level, Step
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules import ours
from torchfix_codemods.rules._callers import callable_names, unseen_callers
from torchfix_codemods.rules._index_calls import (
    INDEXING_WORDS,
    Indexing,
    constructor_of,
    index_of,
    indexing_of,
    is_plain,
    literal_numbers,
    source_of,
)
from torchfix_codemods.rules._shared import expects_failure, node_of, propose

IDENTITY = ("TFC402", "index-select-index")
_CALLS = frozenset(INDEXING_WORDS)
_FORMS = {"list": "a list", "numbers": "a list", "array": "an array of numpy"}
_LOSSES = ("cross_entropy", "nll_loss")


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Calls whose index certainly has a wrong type, is no tensor, or counts out of range."""
    if Topic.INDEX not in topics_of(project, file.path):
        return
    written = [n.func for n in file.parents if isinstance(n, ast.Call)]
    program = NarrowProgram(project, file.path, INDEXING_WORDS, callable_names(file, project, _indexing(written)))
    events: dict[Place, list[IndexCall]] = defaultdict(list)
    for _, event in program.events(IndexCall):
        if event.place.path == file.path:
            events[event.place].append(event)
    for place in sorted(events):
        call = node_of(file, place, ast.Call)
        if isinstance(call, ast.Call) and not expects_failure(file, call):
            mistake = _mistake(file, call, events[place])
            if mistake is not None:
                doubt = unseen_callers(file, program, call, mistake.index, events[place])
                yield _finding(file, call, mistake, events[place][0], doubt)


def _indexing(functions: Sequence[ast.expr]) -> Iterator[ast.expr]:
    """The callees that may index."""
    for function in functions:
        if isinstance(function, ast.Attribute | ast.Name):
            word = function.attr if isinstance(function, ast.Attribute) else function.id
            if word in _CALLS:
                yield function


@dataclass(frozen=True)
class Mistake:
    """What is wrong with a call, and the cure: "long", "dtype", "as_tensor", "mask", or "" for the author's turn."""

    indexing: Indexing
    index: ast.expr
    message: str
    cure: str
    level: Level
    no_fix_reason: str = ""


def _mistake(file: ParsedFile, call: ast.Call, events: Sequence[IndexCall]) -> Mistake | None:
    """The one mistake that every execution of a call makes."""
    index = index_of(call, events[0])
    if index is None or len({(event.function, event.form) for event in events}) > 1:
        return None
    found = [_judged(file, index, indexing_of(file, index, event)) for event in events]
    mistake = found[0]
    if mistake is None or len({(m.message, m.cure, m.level) if m else None for m in found}) > 1:
        return None
    if mistake.cure != "long" and any(map(_is_foreign, events)):
        return replace(mistake, level=Level.SUGGESTION)
    return mistake


def _is_foreign(event: IndexCall) -> bool:
    """Whether the receiver isn't known: a class of somebody else's may have a method of that name."""
    return event.form == "method" and not isinstance(force(event.source or NONE), Tensor)


# --- judging -------------------------------------------------------------------------------------------------------


def _judged(file: ParsedFile, index: ast.expr, asked: Indexing) -> Mistake | None:
    """What is wrong with one execution."""
    if asked.form == "tensor":
        return _of_type(file, index, asked) or _of_rank(asked, index) or _of_range(file, index, asked)
    if asked.form and asked.function not in _LOSSES:
        return _of_form(index, asked)
    return None


def _of_form(index: ast.expr, asked: Indexing) -> Mistake | None:
    """I2: a list or an array of numpy where torch wants a tensor."""
    message = f"{asked.function} gets {_FORMS[asked.form]} as its index, and torch wants a tensor: this raises"
    if asked.form == "numbers":
        return Mistake(asked, index, message, "as_tensor", Level.CRASH_FIX)
    if asked.form == "array" and asked.tensor.dtype not in (None, "bool", "float", "uint8"):
        return Mistake(asked, index, message, "as_tensor", Level.CRASH_FIX)
    reason = "what it holds is not known to be whole numbers; of a mask, or of fractions, as_tensor would make others"
    return Mistake(asked, index, message, "", Level.SUGGESTION, reason)


def _of_type(file: ParsedFile, index: ast.expr, asked: Indexing) -> Mistake | None:
    """I1 and I5: whole numbers of another size, floating point, masks."""
    dtype = asked.refused
    if not dtype:
        return None
    name = "floating point" if dtype == "float" else dtype
    what = "its classes" if asked.function in _LOSSES else "its index"
    message = f"{asked.function} gets {what} as {name}, which torch refuses: this raises"
    numbers = literal_numbers(file, index)
    if dtype == "float":
        if numbers and all(float(n).is_integer() for n in numbers):
            return Mistake(asked, index, message, "long", Level.CRASH_FIX)
        reason = "long() would cut off fractions; make the index of whole numbers where it comes from"
        return Mistake(asked, index, message, "", Level.SUGGESTION, reason)
    if asked.function == "index_select" and dtype in ("bool", "uint8") and not (numbers and max(numbers) > 1):
        return _mask(index, asked, message)
    cure = "dtype" if _dtype_keyword(index) is not None else "long"
    return Mistake(asked, index, message, cure, Level.SUGGESTION if dtype == "bool" else Level.CRASH_FIX)


def _mask(index: ast.expr, asked: Indexing, message: str) -> Mistake:
    """I5: a mask says yes or no for each row; as numbers it would choose rows 0 and 1 only."""
    if asked.tensor.dtype == "uint8":
        reason = "it may be a mask or small numbers: x[mask] for the one, index.long() for the other"
        return Mistake(asked, index, message, "", Level.SUGGESTION, reason)
    message = f"{message}; it is a mask, which long() would turn into rows 0 and 1"
    one = asked.tensor.rank == 1
    return Mistake(asked, index, message, "mask", Level.CRASH_FIX if one else Level.SUGGESTION)


def _of_rank(asked: Indexing, index: ast.expr) -> Mistake | None:
    """I4: index_select wants a vector."""
    rank = asked.tensor.rank
    if asked.function != "index_select" or rank is None or rank < 2:
        return None
    message = f"index_select gets an index of {rank} dimensions, and wants a vector: this raises"
    reason = "squeeze(1) after nonzero(), view(-1), or gather: that depends on what was meant"
    return Mistake(asked, index, message, "", Level.SUGGESTION, reason)


def _of_range(file: ParsedFile, index: ast.expr, asked: Indexing) -> Mistake | None:
    """I3 and I6: literal numbers below zero or behind the end."""
    numbers = None if asked.function in _LOSSES else literal_numbers(file, index)
    if not numbers or not asked.tensor.dtype:
        return None
    size = asked.size
    low, high = int(min(numbers)), int(max(numbers))
    if low >= 0 and (size is None or high < size):
        return None
    limit = "below zero" if low < 0 else f"behind the last of {size}"
    message = f"{asked.function} gets the index {low if low < 0 else high}, which is {limit}: this raises"
    known = f", of {size}" if size is not None else ""
    reason = f"the numbers go from {low} to {high}{known}; on a GPU the error would surface at a later line"
    return Mistake(asked, index, message, "", Level.SUGGESTION, reason)


def _dtype_keyword(index: ast.expr) -> ast.Attribute | None:
    """The `torch.int16` of `torch.tensor([...], dtype=torch.int16)`, written as the index itself."""
    if not isinstance(index, ast.Call):
        return None
    given = next((k.value for k in index.keywords if k.arg == "dtype"), None)
    made_here = isinstance(index.func, ast.Attribute) and index.func.attr in (
        "tensor",
        "as_tensor",
        "arange",
        "randint",
    )
    return given if made_here and isinstance(given, ast.Attribute) and isinstance(given.value, ast.Name) else None


# --- findings ------------------------------------------------------------------------------------------------------


def _finding(file: ParsedFile, call: ast.Call, mistake: Mistake, event: IndexCall, doubt: str) -> Finding:
    index = mistake.index
    steps = [Step(file.location(index), f"{' '.join(file.source(index).split())[:80]} is {_told(mistake)}")]
    made = constructor_of(file, index)
    if made is not None and made is not index:
        steps.insert(0, Step(file.location(made), "it is made here"))
    if doubt:
        steps.append(Step(file.location(call), doubt))

    def build() -> list[Edit]:
        return _edits(file, call, mistake, event)

    return propose(
        IDENTITY,
        Level.SUGGESTION if doubt else mistake.level,
        file.location(call),
        mistake.message,
        steps,
        _TITLES.get(mistake.cure, ""),
        build if mistake.cure else None,
        mistake.no_fix_reason or None,
    )


_TITLES = {
    "long": "Convert the index to whole numbers of 64 bits",
    "dtype": "Make the index of whole numbers of 64 bits",
    "as_tensor": "Make a tensor of the index",
    "mask": "Select by the mask",
}


def _told(mistake: Mistake) -> str:
    asked = mistake.indexing
    if asked.form != "tensor":
        return _FORMS[asked.form]
    rank = "" if asked.tensor.rank is None else f" of {asked.tensor.rank} dimensions"
    return f"a tensor{rank}, {asked.tensor.dtype or 'of an unknown type'}"


def _edits(file: ParsedFile, call: ast.Call, mistake: Mistake, event: IndexCall) -> list[Edit]:
    index, source = mistake.index, source_of(call, event)
    match mistake.cure:
        case "dtype":
            named = _dtype_keyword(index)
            assert named is not None
            return verbs.replace_expression(file, named, f"{file.source(named.value)}.int64")
        case "as_tensor":
            return _as_tensor(file, call, index, source, event)
        case "mask":
            return _masked(file, call, mistake, source)
        case _:
            return verbs.suffix_expression(file, index, ".long()")


def _as_tensor(
    file: ParsedFile, call: ast.Call, index: ast.expr, source: ast.expr | None, event: IndexCall
) -> list[Edit]:
    """`torch.as_tensor(index, dtype=torch.long, device=x.device)`."""
    torch, edits = verbs.ensure_import(file, "torch", call)
    if event.function == "one_hot":
        return [*edits, *verbs.wrap_expression(file, index, f"{torch}.as_tensor({{}}, dtype={torch}.long)")]
    if source is None or not is_plain(source):
        raise verbs.CannotRewrite("the tensor has no name, so its device can't be asked for")
    device = f"{file.source(source)}{'.weight' * (event.form == 'module')}.device"
    template = f"{torch}.as_tensor({{}}, dtype={torch}.long, device={device})"
    return [*edits, *verbs.wrap_expression(file, index, template)]


def _masked(file: ParsedFile, call: ast.Call, mistake: Mistake, source: ast.expr | None) -> list[Edit]:
    """`x[mask]` for rows, `mask.nonzero().squeeze(1)` for another dimension."""
    rows = mistake.indexing.dim == 0 and source is not None and is_plain(source) and "out" not in _keywords(call)
    if rows and source is not None:
        return verbs.replace_expression(file, call, f"{file.source(source)}[{file.source(mistake.index)}]")
    return verbs.suffix_expression(file, mistake.index, ".nonzero().squeeze(1)")


def _keywords(call: ast.Call) -> set[str | None]:
    return {keyword.arg for keyword in call.keywords}


RULE = ours(IDENTITY[0])
