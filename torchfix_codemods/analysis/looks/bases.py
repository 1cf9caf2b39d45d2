"""Code that classes inherit from other files: may it use what the outputs come from?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from torchfix_codemods.analysis.bare_names import bare_names
from torchfix_codemods.analysis.looks.files import File
from torchfix_codemods.analysis.looks.functions import Unclear
from torchfix_codemods.analysis.project import Project

_OF_SELF = re.compile(r"self\.(\w+)|self\(")
_DEF = re.compile(r"def[ \t]+(\w+)")
_UNSEEN = frozenset("__call__ __getattr__ __getitem__ __iter__ __enter__".split())
MOST_BASES = 12


def may_be_called_by_bases(
    project: Project, files: Mapping[str, File], classes: Collection[str], attributes: Collection[str]
) -> bool:
    """Whether a method that one of these classes inherits from another file may use one of these attributes.

    `forward` is among them where a call of `self` gives something. Methods count that the files at hand call.
    """
    for path in _files_of_bases(project, files, classes):
        using = _using(_methods(project, path), attributes)
        if using & _UNSEEN or any(f".{name}(" in file.text for file in files.values() for name in using):
            return True
    return False


def _files_of_bases(project: Project, files: Mapping[str, File], classes: Collection[str]) -> Iterator[str]:
    """The other files in which the bases of classes are defined, and the bases of those."""
    names = bare_names(project)
    tracked = [(file, name) for file in files.values() for name in file.classes if name in classes]
    todo = [(file.path, base) for file, name in tracked for base in file.bases(name) if base not in file.classes]
    seen = set(todo)
    found: set[str] = set()
    for path, base in todo:
        for origin in names.dotted(path, base):
            if origin.kind == "external":
                continue
            if origin.kind != "class" or len(found) > MOST_BASES:
                raise Unclear
            if origin.path not in files and origin.path not in found:
                found.add(origin.path)
                yield origin.path
            more = [(origin.path, other) for other in names.bases(origin.path, origin.name)]
            todo += [pair for pair in more if pair not in seen]
            seen.update(more)


def _methods(project: Project, path: str) -> dict[str, set[str]]:
    """What the functions of a file ask of `self`, by their names; "forward" where they call it."""
    known: dict[str, dict[str, set[str]]] = project.memory.setdefault("asked of self", {})
    if path not in known:
        text = project.read(path) or ""
        starts = [(match.start(), match[1]) for match in _DEF.finditer(text)]
        found: dict[str, set[str]] = {}
        for (start, name), (end, _) in zip(starts, [*starts[1:], (len(text), "")], strict=True):
            asked = found.setdefault(name, set())
            asked.update(match[1] or "forward" for match in _OF_SELF.finditer(text, start, end))
        known[path] = found
    return known[path]


def _using(methods: Mapping[str, set[str]], attributes: Collection[str]) -> set[str]:
    """The methods that use one of these attributes, directly or through each other."""
    wanted, using = set(attributes), set[str]()
    while new := {name for name, asked in methods.items() if name not in using and not asked.isdisjoint(wanted)}:
        using |= new
        wanted |= new
    return using
