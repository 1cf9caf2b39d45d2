"""Code that classes inherit from other files: may it use what the outputs come from?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from torchfix_codemods.analysis.bare_names import bare_names
from torchfix_codemods.analysis.looks.files import File
from torchfix_codemods.analysis.looks.functions import Unclear
from torchfix_codemods.analysis.project import Project

_OF_SELF = re.compile(r"self\.(\w+)\b(?![ \t]*=(?!=))|self\(")
_DEF = re.compile(r"def[ \t]+(\w+)")
_STATEMENT = re.compile(r"^(?:class[ \t]+(\w+)|[^\s#)\]}])", re.MULTILINE)  # at the top of a file
_UNSEEN = frozenset("__call__ __getattr__ __getitem__ __iter__ __enter__".split())
_QUOTES = ('"""', "'''")
MOST_BASES = 12
#: By the class, "" outside of classes: what the functions ask of `self`, by their names.
_Methods = dict[str, dict[str, set[str]]]


def base_that_calls(
    project: Project, files: Mapping[str, File], classes: Collection[str], attributes: Collection[str]
) -> str | None:
    """Another file with a method that one of these classes inherits, and that may use one of these attributes.

    `forward` is among them where a call of `self` gives something. Methods count that the files at hand call.
    """
    for path, names in _files_of_bases(project, files, classes).items():
        using = _using(_methods(project, path), names, attributes)
        if using & _UNSEEN:
            raise Unclear
        if any(f".{name}(" in file.text for file in files.values() for name in using):
            return path
    return None


def _files_of_bases(
    project: Project, files: Mapping[str, File], classes: Collection[str]
) -> dict[str, dict[str, None]]:
    """The other files in which the bases of classes are defined, and the bases of those; with their names there."""
    names = bare_names(project)
    tracked = [(file, name) for file in files.values() for name in file.classes if name in classes]
    todo = [(file.path, base) for file, name in tracked for base in file.bases(name) if base not in file.classes]
    seen = set(todo)
    found: dict[str, dict[str, None]] = {}
    for path, base in todo:
        for origin in names.dotted(path, base):
            if origin.kind == "external":
                continue
            if origin.kind != "class" or len(found) > MOST_BASES:
                raise Unclear
            if origin.path not in files:
                found.setdefault(origin.path, {})[origin.name] = None
            more = [(origin.path, other) for other in names.bases(origin.path, origin.name)]
            todo += [pair for pair in more if pair not in seen]
            seen.update(more)
    return found


def _methods(project: Project, path: str) -> _Methods:
    """What the functions of a file ask of `self`; "forward" where they call it."""
    known: dict[str, _Methods] = project.memory.setdefault("asked of self", {})
    if path not in known:
        text = project.read(path) or ""
        found: _Methods = {}
        for owner, first, last in _parts(text):
            starts = [(match.start(), match[1]) for match in _DEF.finditer(text, first, last)]
            for (start, name), (end, _) in zip(starts, [*starts[1:], (last, "")], strict=False):
                asked = found.setdefault(owner, {}).setdefault(name, set())
                asked.update(match[1] or "forward" for match in _OF_SELF.finditer(text, start, end))
        known[path] = found
    return known[path]


def _parts(text: str) -> Iterator[tuple[str, int, int]]:
    """The classes of a text with their names, and what stands between them; what isn't certain is of no class."""
    before, owner, inside = 0, "", False
    for match in _STATEMENT.finditer(text):
        inside ^= any(text.count(quotes, before, match.start()) % 2 for quotes in _QUOTES)
        yield owner, before, match.start()
        before, owner = match.start(), "" if inside else match[1] or ""
    yield owner, before, len(text)


def _using(methods: _Methods, owners: Collection[str], attributes: Collection[str]) -> set[str]:
    """The methods of these classes that use one of these attributes, directly or through each other."""
    asked = [pair for owner in ("", *owners) for pair in methods.get(owner, {}).items()]
    wanted, using = set(attributes), set[str]()
    while new := {name for name, of in asked if name not in using and not of.isdisjoint(wanted)}:
        using |= new
        wanted |= new
    return using
