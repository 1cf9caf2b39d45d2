"""From where in its own file the forward of a class may be called: if its objects are seen nowhere else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from torchfix_codemods.analysis.bare_names import bare_names
from torchfix_codemods.analysis.looks.functions import Function, functions_of
from torchfix_codemods.analysis.looks.uses import class_body, own_runs, uses_of
from torchfix_codemods.analysis.project import Project

_BASES = re.compile(r"\s*\(([^()]*)\)")
_MAX_BASES = 12  # classes that a class derives from, in other files too


class ForwardCalls:
    """The classes of one file, each with the names under which its forward is called.

    `is_silent` says of a function that it is a forward that nobody calls: what it makes counts for nothing.
    """

    def __init__(self, project: Project, path: str, text: str, is_silent: Callable[[Function], bool]) -> None:
        self.path = path
        self.text = text
        self.functions = functions_of(project, path)
        self.uses = uses_of(project)
        self.bare = bare_names(project)
        self.is_silent = is_silent
        self._known: dict[str, frozenset[str] | None] = {}

    def names(self, cls: str) -> frozenset[str] | None:
        """`self` and attributes by which a class's forward is called; None where others may have its objects."""
        if cls not in self._known:
            self._known[cls] = None  # what is asked for on the way, in a cycle
            self._known[cls] = self._names(cls)
        return self._known[cls]

    def places(self, cls: str) -> list[int]:
        """Where the names are said."""
        found = [match.start() for match in own_runs(self.text, cls) or ()]
        for name in (self.names(cls) or frozenset()) - {"self"}:
            found += [m.start() + 1 for m in re.finditer(rf"\.{name}\b(?![ \t]*(?::[^=\n]*)?=(?!=))", self.text)]
        return sorted(found)

    def _names(self, cls: str) -> frozenset[str] | None:
        runs = own_runs(self.text, cls)
        if runs is None or any(match[0] != "self(" for match in runs) or self.uses.is_used_elsewhere(self.path, cls):
            return None
        found = {"self"} if runs else set[str]()
        for place in self.uses.places(self.path, cls):
            name = self._attribute(cls, place)
            if name is None:
                return None
            found |= {name} - {""}
        return frozenset(found)

    def _attribute(self, cls: str, place: int) -> str | None:
        """The attribute that an object is put into; "" where nothing is made that counts, None for all else."""
        function = self.functions.around(place)
        if function is None:
            return None
        line = self.text[self.text.rfind("\n", 0, place) + 1 : place + len(cls) + 1]
        silent = self.is_silent(function)
        if silent and "self." not in line:
            return ""
        given = re.fullmatch(rf"[ \t]+self\.(\w+)[ \t]*=[ \t]*{cls}\(", line)
        if given is None or not (silent or function.name == "__init__"):
            return None
        return given[1] if self._is_private(function.owner, given[1]) else None

    def _is_private(self, owner: str, attribute: str) -> bool:
        """Whether an attribute of a class is only used by its methods in this file."""
        if not owner or self.names(owner) is None or self.uses.is_derived_elsewhere(self.path, owner):
            return False
        said = re.compile(rf"\.{attribute}\b")
        others = {path for path, _ in self._lineage(self.path, owner)} - {self.path}
        return not any(said.search(self.bare.text(path)) for path in others)

    def _lineage(self, path: str, name: str) -> Iterator[tuple[str, str]]:
        """A class and those of the project that it derives from."""
        todo = [(path, name)]
        for current in todo:
            yield current
            text = self.bare.text(current[0])
            body = class_body(text, current[1])
            bases = _BASES.match(text, body[0]) if body else None
            for base in re.findall(r"[\w.]+", bases[1]) if bases and len(todo) < _MAX_BASES else ():
                origins = self.bare.dotted(current[0], base)
                todo += [(o.path, o.name) for o in origins if o.kind == "class" and (o.path, o.name) not in todo]
