"""One of the files through which outputs go, and what its lines say without being parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property, lru_cache

from torchfix_codemods.analysis.looks.functions import Function, FunctionNode, Functions, Unclear

_DEF = re.compile(r"def[ \t]+(\w+)")
_CLASS = re.compile(r"class[ \t]+(\w+)[ \t]*(?:\(([^)]*)\))?[ \t]*:")


@lru_cache(maxsize=256)
def _tree(text: str) -> FunctionNode:
    """The tree of a function. Files often repeat the functions of their neighbours."""
    return Function("", "", 0, len(text), text).parsed()


class File:
    """One of the files through which outputs go: its text and its functions."""

    def __init__(self, path: str, text: str) -> None:
        if "\r" in text or "\f" in text:
            raise Unclear
        self.path = path
        self.text = text
        self.functions = Functions(self.text)
        self._trees: dict[Function, FunctionNode] = {}
        self._bases: dict[str, list[str]] = {}

    def parsed(self, function: Function) -> FunctionNode:
        """Its tree, parsed once."""
        if function not in self._trees:
            self._trees[function] = _tree(function.text)
        return self._trees[function]

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for match in _DEF.finditer(self.text):
            found.setdefault(match[1], []).append(match.start())
        return found

    def named(self, name: str) -> Iterator[Function]:
        """The functions and methods of a name."""
        for place in self._places.get(name, ()):
            function = self.functions.around(place)
            if function is not None and function.name == name:
                yield function

    @cached_property
    def classes(self) -> dict[str, str]:
        """The classes that it defines, with what stands in their brackets."""
        return {found[1]: found[2] or "" for found in _CLASS.finditer(self.text)}

    def bases(self, name: str) -> list[str]:
        """The bases of a class, as they are written."""
        if name not in self._bases:
            found = [part.partition("[")[0].strip() for part in self.classes[name].split(",")]
            self._bases[name] = [base for base in found if base and "=" not in base and "]" not in base]
        return self._bases[name]

    def line_of(self, name: str) -> list[str]:
        """A class of the file and those that it derives from, as far as this file defines them."""
        found = [name]
        for current in found:
            known = [base.rpartition(".")[2] for base in self.bases(current)]
            found += [base for base in known if base in self.classes and base not in found]
        return found

    @cached_property
    def heirs(self) -> dict[str, list[str]]:
        """The classes that derive from one, by the last part of its name."""
        found: dict[str, list[str]] = {}
        for name in self.classes:
            for base in self.bases(name):
                found.setdefault(base.rpartition(".")[2], []).append(name)
        return found

    def decorators(self, function: Function) -> str:
        """What stands in front of a `def`, as far back as it looks like decorators."""
        start = function.start
        while True:
            before = self.text.rfind("\n", 0, max(start - 1, 0)) + 1
            if before >= start or self.text[before:start].lstrip()[:1] != "@":
                return self.text[start : function.start]
            start = before
