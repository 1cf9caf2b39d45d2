"""Could a call of a file get an index that torch refuses? Asked of the expressions of its indices, nothing is run."""

from __future__ import annotations

import re

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
_BY_DIMENSION = frozenset(["gather", "scatter", "scatter_", "scatter_add", "scatter_add_", "index_select"])
_POSITIONS = {"embedding": (0, ("input",)), "one_hot": (0, ("tensor", "input"))}
_CALL = re.compile(
    r"(?:gather|scatter_add_?|scatter_?|index_select|one_hot|embedding|cross_entropy|nll_loss)[ \t]*\("
)
_MODULE = re.compile(r"Embedding\b|CrossEntropyLoss\b|NLLLoss\b")


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
    for found in _CALL.finditer(text):
        at = found.start()
        if at and (text[at - 1].isalnum() or text[at - 1] == "_") or text[max(0, at - 4) : at] == "def ":
            continue
        if _is_wrong(origins, source, at, found.end() - 1, found[0].rstrip("( \t")):
            return True
    return _some_module(origins, source)


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
    project, reach = origins.project, reach_of(origins.project)
    mentions = (p for p in project.importers(source.path) if called.search(project.read(p) or ""))
    return [other for other in mentions if reach.imports(other, source.path)][: MAX_FILES - 1]


def _is_wrong(origins, source, at, opening, name) -> bool:
    call = call_at(source.text, at, opening)
    if call is None:
        return True
    refused = {"one_hot": _ROWS | Kind.INT32, "index_select": _ROWS | Kind.DEEP, "cross_entropy": _CLASSES, "nll_loss": _CLASSES}.get(name, _ROWS)
    if name in _BY_DIMENSION:
        positions, names = (1, 2), ("index",)
    elif name in ("cross_entropy", "nll_loss"):
        positions, names = (1,), ("target",)
    else:
        positions, names = (0,), _POSITIONS[name][1]
    if name in _BY_DIMENSION:
        before = source.text[max(0, at - 8) : at]
        if before.endswith("torch."):
            positions = (2,)
        elif before.endswith("."):
            positions = (1,)
    return _refused(origins, source, call, at, positions, names, refused)


def _refused(origins, source, call, at, positions, names, refused) -> bool:
    place = Place(source, source.around(at))
    given = [k.value for k in call.keywords if k.arg in names]
    if not given:
        import ast
        if any(isinstance(a, ast.Starred) for a in call.args[: max(positions) + 1]):
            return True
        given = [call.args[p] for p in positions if p < len(call.args)]
    return any(origins.kind(g, place) & refused for g in given)


def _some_module(origins, source) -> bool:
    text = source.text
    made = {m[0] for m in _MODULE.finditer(text) if not (m.start() and (text[m.start() - 1].isalnum() or text[m.start() - 1] == "_"))}
    for name in made:
        for holder in holders(origins, source, name, True):
            if holder.source is not source:
                continue
            for call, at in calls_by(holder):
                if name == "Embedding":
                    wrong = _refused(origins, source, call, at, (0,), ("input",), _ROWS)
                else:
                    wrong = _refused(origins, source, call, at, (1,), ("target",), _CLASSES)
                if wrong:
                    return True
    return False
