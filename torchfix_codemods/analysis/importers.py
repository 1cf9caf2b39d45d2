"""Which files use a file: those that import it (or what imports it) and say a name that leads to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from torchfix_codemods.analysis.facts import Imported
from torchfix_codemods.analysis.outline import Outline
from torchfix_codemods.analysis.reach import Reach

MAX_FILES = 16
MAX_ROUNDS = 3  # importers of importers, to this distance
_Names = Mapping[str, frozenset[str]]  # path -> the names of that file that lead to the file in question


def users_of(reach: Reach, path: str) -> tuple[list[str], bool]:
    """The file and those that use it, nearest first; False where some of them had to be left out."""
    found: dict[str, frozenset[str]] = {path: _defined(reach, path)}
    frontier, complete = [path], True
    for _ in range(MAX_ROUNDS):
        room = max(0, MAX_FILES - len(found))
        further = dict(islice(_users_of_these(reach, frontier, found), room + 1))
        complete = complete and len(further) <= room
        frontier = list(further)[:room]
        found |= {other: further[other] for other in frontier}
        if not complete:
            break
    return list(found), complete


def _users_of_these(reach: Reach, frontier: list[str], found: _Names) -> Iterator[tuple[str, frozenset[str]]]:
    """Files that use one of those in the frontier, each once, with the names that lead there."""
    seen: set[str] = set()
    for used in frontier:
        for other in reach.project.importers(used):
            if other in found or other in seen or not reach.imports(other, used):
                continue
            if names := _leading_on(reach, other, found):
                seen.add(other)
                yield other, names


def _defined(reach: Reach, path: str) -> frozenset[str]:
    """The names that a file defines at its top level."""
    outline = reach.outline(path)
    if outline is not None:
        return frozenset((*outline.functions, *outline.classes, *outline.variables))
    facts = reach.project.facts(path)
    if facts is None:
        return frozenset()
    return frozenset((*(c.name for c in facts.classes), *(f.name for f in facts.functions), *facts.assigned))


def _leading_on(reach: Reach, path: str, found: _Names) -> frozenset[str]:
    """The names of a file that lead to the file in question; nothing where it does not use any that do."""
    outline = reach.outline(path)
    if outline is None:
        return frozenset().union(_defined(reach, path), *found.values())
    leading = frozenset(name for entry in outline.imports for name in _given(reach, path, outline, entry, found))
    return _with_users(outline, leading) if leading else leading


def _given(reach: Reach, path: str, outline: Outline, entry: Imported, found: _Names) -> Iterator[str]:
    """The names by which an import gives what leads to the file in question."""
    if entry.name == "*":
        for name, files in reach.starred(path, outline.bound["*"]).items():
            if any(name in found[file] for file in files if file in found):
                yield name
        return
    for meaning in reach.imported(entry, path):
        if meaning.kind != "module":
            if meaning.name in found.get(meaning.path, ()):
                yield entry.bound
            continue
        folder = meaning.path.rpartition("/")[0] + "/"
        is_package = meaning.path.endswith(("/", "/__init__.py"))
        inside = [
            names for file, names in found.items() if file == meaning.path or (is_package and file.startswith(folder))
        ]
        if any(not names.isdisjoint(unit.words) for names in inside for unit in outline.units):
            yield entry.bound


def _with_users(outline: Outline, names: frozenset[str]) -> frozenset[str]:
    """The names, and those of the definitions of a file that say one of them, directly or through each other."""
    bound = [(unit.owner or unit.name, unit) for unit in outline.units if unit.name]
    bound += [(name, unit) for name, units in outline.variables.items() for unit in units]
    while True:
        more = {name for name, unit in bound if not names.isdisjoint(unit.words)}
        if more <= names:
            return names
        names |= more
