"""Which files use a file: those that import it (or what imports it) and say a name that leads to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from torchfix_codemods.analysis.facts import STAR_IMPORT
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.reach import Links, Reach

MAX_FILES = 16
MAX_ROUNDS = 3  # importers of importers, to this distance
_Names = Mapping[str, frozenset[str]]  # path -> the names of that file that lead to the file in question


def users_of(reach: Reach, path: str) -> tuple[list[str], bool]:
    """The file and those that use it, nearest first; False where some of them had to be left out."""
    known: dict[str, tuple[list[str], bool]] = reach.project.memory.setdefault("users", {})
    if path not in known:
        known[path] = _users_found(reach, path)
    users, complete = known[path]
    return list(users), complete


def _users_found(reach: Reach, path: str) -> tuple[list[str], bool]:
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


def all_importers(project: Project, paths: Iterable[str]) -> list[str]:
    """Every other file that may import one of these, directly or by way of others: by the names of modules alone."""
    given = list(paths)
    found = dict.fromkeys(given)
    todo = list(found)
    for path in todo:  # grows on the way
        new = [other for other in project.importers(path) if other not in found]
        found |= dict.fromkeys(new)
        todo += new
    return list(found)[len(dict.fromkeys(given)) :]


def _users_of_these(reach: Reach, frontier: list[str], found: _Names) -> Iterator[tuple[str, frozenset[str]]]:
    """Files that use one of those in the frontier, each once, with the names that lead there."""
    seen: set[str] = set()
    wanted = frozenset().union(*found.values())
    for used in frontier:
        for other in reach.importers(used):
            if other in found or other in seen:
                continue
            if names := _leading_to(reach, other, wanted, found):
                seen.add(other)
                yield other, names


def _leading_to(reach: Reach, other: str, wanted: frozenset[str], found: _Names) -> frozenset[str]:
    """The names of a file that lead to the file in question; nothing where its text has none that is wanted."""
    names = _leading_on(reach, other, found)
    return names if names and _may_say(reach, other, wanted) else frozenset()


def _may_say(reach: Reach, path: str, names: frozenset[str]) -> bool:
    """Whether one of the names stands in a text, or a star import that may give it: cheaper than an outline."""
    text = reach.project.read(path) or ""
    starred: dict[str, bool] = reach.project.memory.setdefault("star imports", {})
    if path not in starred:
        starred[path] = STAR_IMPORT.search(text) is not None
    return starred[path] or any(name in text for name in names)


def _defined(reach: Reach, path: str) -> frozenset[str]:
    """The names that a file defines at its top level."""
    top = reach.top(path)
    if top is not None:
        return top.defined
    facts = reach.project.facts(path)
    if facts is None:
        return frozenset()
    return frozenset((*(c.name for c in facts.classes), *(f.name for f in facts.functions), *facts.assigned))


def _leading_on(reach: Reach, path: str, found: _Names) -> frozenset[str]:
    """The names of a file that lead to the file in question; nothing where it does not use any that do."""
    links = reach.links(path)
    if links is None:
        return frozenset().union(_defined(reach, path), *found.values())
    leading = frozenset(_given(reach, path, links, found))
    return _with_users(reach.mentions(path), leading) if leading else leading


def _given(reach: Reach, path: str, links: Links, found: _Names) -> Iterator[str]:
    """The names by which the imports of a file give it what leads to the file in question."""
    for file, names in found.items():
        yield from links.stars.get(file, frozenset()) & names
        yield from (bound for name, bound in links.named.get(file, ()) if name in names)
    for bound, module in links.modules:
        folder = module.rpartition("/")[0] + "/"
        is_package = module.endswith(("/", "/__init__.py"))
        inside = [names for file, names in found.items() if file == module or (is_package and file.startswith(folder))]
        outline = reach.outline(path) if inside else None
        if outline is not None and any(not names.isdisjoint(outline.words) for names in inside):
            yield bound


def _with_users(mentions: Mapping[str, Iterable[str]], names: frozenset[str]) -> frozenset[str]:
    """The names, and those of the definitions of a file that say one of them, directly or through each other."""
    while True:
        more = {name for name, said in mentions.items() if not names.isdisjoint(said)}
        if more <= names:
            return names
        names |= more
