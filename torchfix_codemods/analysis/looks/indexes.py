"""Could a call of a file get an index that torch refuses? Asked of the expressions of its indices, nothing is run."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from torchfix_codemods.analysis.bare_names import bare_names
from torchfix_codemods.analysis.importers import MAX_FILES
from torchfix_codemods.analysis.looks.bindings import Source
from torchfix_codemods.analysis.looks.functions import Unclear
from torchfix_codemods.analysis.looks.kinds import Kind
from torchfix_codemods.analysis.looks.origins import Origins, Place, call_at, calls_by, holders
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.reach import reach_of

_LISTS = Kind.LISTED | Kind.ARRAY
_ROWS = Kind.NARROW | Kind.FLOAT | _LISTS | Kind.WRITTEN
_CLASSES = Kind.INT32 | Kind.NARROW
_CALL = re.compile(r"(?:gather|scatter_add_?|scatter_?|index_select|one_hot|embedding|cross_entropy|nll_loss)[ \t]*\(")


def may_index_wrongly(project: Project, path: str) -> bool:
    """Whether some index of a file may be of a type (a form, a shape, a range) that torch refuses."""
    try:
        return _some_is_wrong(project, path)
    except (Unclear, RecursionError):
        return True


def _some_is_wrong(project: Project, path: str) -> bool:
    origins = Origins(project, path)
    source = origins.source(path)
    text = source.text
    if "\f" in text or "\r" in text.replace("\r\n", ""):
        return True
    if _ALIAS.search(text):
        return True
    origins.users = _users(origins, source)
    return _some_call(origins, source) or _some_module(origins, source)


def _some_call(origins: Origins, source: Source) -> bool:
    """Whether a function or a method that indexes may get a wrong index."""
    text = source.text
    for found in _CALL.finditer(text):
        at = found.start()
        if text[at - 1].isalnum() or text[at - 1] == "_" or text[at - 4 : at] == "def ":
            continue
        sink = _sink(text, at, found[0].rstrip("( \t"))
        if _refused(origins, source, call_at(text, at, found.end() - 1), at, sink):
            return True
    return False


_ALIAS = re.compile(
    r"\.(?:one_hot|cross_entropy|nll_loss|index_select|scatter_add_?|scatter_)\b(?![ \t]*[(=:])"
    r"|\b(?:torch|F|functional)\.(?:gather|scatter|embedding)\b(?![ \t]*[(=:])"
    r"|\.(?:gather|scatter)[ \t]*[,)\n]"
    r"|\b(?:one_hot|cross_entropy|nll_loss|index_select|gather|scatter|embedding)[ \t]+as\b"
    r"|getattr\([^\n]*[\"'](?:one_hot|cross_entropy|nll_loss|index_select|gather|scatter\w*|embedding)[\"']"
)


def _users(origins: Origins, source: Source) -> list[str]:
    """The files that may call the functions of a file that index, as the program of the rule has them."""
    names = set()
    for found in _CALL.finditer(source.text):
        function = source.around(found.start())
        if function is None or function.name.startswith("__"):
            continue
        if not function.owner or not bare_names(origins.project).is_module(source.path, function.owner):
            names.add(function.name)
    if not names:
        return []
    called = re.compile(r"\b(?:" + "|".join(sorted(names)) + r")\b")
    importers = reach_of(origins.project).importers(source.path)
    return [other for other in importers if called.search(origins.project.read(other) or "")][: MAX_FILES - 1]


@dataclass(frozen=True)
class Sink:
    """What a call that indexes takes: where its index may stand, its names, and what it may not be."""

    positions: tuple[int, ...]
    names: tuple[str, ...]
    refused: Kind


_ROW = Sink((0,), ("input",), _ROWS)
_CLASS = Sink((1,), ("target",), _CLASSES)
_SINKS = {
    "one_hot": Sink((0,), ("tensor", "input"), _ROWS | Kind.INT32),
    "embedding": _ROW,
    "cross_entropy": _CLASS,
    "nll_loss": _CLASS,
}
_MODULES = {"Embedding": _ROW, "CrossEntropyLoss": _CLASS, "NLLLoss": _CLASS}


def _sink(text: str, at: int, name: str) -> Sink:
    if name in _SINKS:
        return _SINKS[name]
    before = text[max(0, at - 8) : at]
    positions = (2,) if before.endswith("torch.") else (1,) if before.endswith(".") else (1, 2)
    return Sink(positions, ("index",), _ROWS | Kind.DEEP if name == "index_select" else _ROWS)


def _refused(origins: Origins, source: Source, call: ast.Call, at: int, sink: Sink) -> bool:
    """Whether the index of a call may be of a kind that it refuses."""
    place = Place(source, source.around(at))
    given = [k.value for k in call.keywords if k.arg in sink.names]
    if not given:
        if any(isinstance(a, ast.Starred) for a in call.args[: max(sink.positions) + 1]):
            return True
        if any(k.arg is None for k in call.keywords) and len(call.args) <= max(sink.positions):
            return True
        given = [call.args[p] for p in sink.positions if p < len(call.args)]
    return any(origins.kind(each, place) & sink.refused for each in given)


def _some_module(origins: Origins, source: Source) -> bool:
    """Whether an embedding or a loss that is kept by a name may get a wrong index."""
    for name, sink in _MODULES.items():
        if next(source.occurrences(name), None) is None:
            continue
        for holder in holders(origins, source, name, made=True):
            if holder.source is not source:
                continue
            if any(_refused(origins, source, call, at, sink) for call, at in calls_by(holder)):
                return True
    return False
