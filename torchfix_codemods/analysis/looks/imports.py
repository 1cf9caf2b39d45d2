"""Which files of a project import a name: from their import statements alone, read once for the whole project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from sys import intern

from torchfix_codemods.analysis.looks.functions import Unclear
from torchfix_codemods.analysis.project import Project

_IMPORT = re.compile(r"import\b[ \t]*(\([^)]*\)|(?:[^\n;(\\]|\\\n)*)")
_FROM = re.compile(r"from[ \t]+([.\w]+)[ \t]+\Z")
_WORD = re.compile(r"\w+|\*")
_ASKED_FOR = re.compile(r"[.'\"][\s\\]*(\w+)")
MOST_PACKAGES = 12


@dataclass(frozen=True)
class Imports:
    """By name: the files that import it, and those that import everything from a module of that name."""

    project: Project
    named: dict[str, dict[str, None]]
    starred: dict[str, dict[str, None]]

    def users(self, path: str, name: str) -> Iterator[str]:
        """The other files that may use a top-level name of a file."""
        found = dict(self.named.get(name, {}))
        for source in self._handing_on([path, *found]):
            module = _stem(source)
            for part in (module, *source.split("/")[:-1]):  # `import package`, then `package.module.name`
                found |= {other: None for other in self.named.get(part, ()) if name in self._asked_for(other)}
            found |= self.starred.get(module, {})
        for other in found:
            text = self.project.read(other) or ""
            if other == path or next(places(text, name), None) is None:
                continue
            if f"{name} as " in text:
                raise Unclear
            yield other

    def _asked_for(self, path: str) -> frozenset[str]:
        """What a file asks of modules, say: the words behind a dot, or in quotes."""
        known: dict[str, frozenset[str]] = self.project.memory.setdefault("words asked for", {})
        if path not in known:
            known[path] = frozenset(map(intern, _ASKED_FOR.findall(self.project.read(path) or "")))
        return known[path]

    def _handing_on(self, paths: list[str]) -> list[str]:
        """The files, and those that hand on all of their names, directly or through each other."""
        found = dict.fromkeys(paths)
        todo = list(found)
        for current in todo:
            new = [other for other in self.starred.get(_stem(current), ()) if other not in found]
            found |= dict.fromkeys(new)
            todo += new
            if len(todo) > MOST_PACKAGES + len(paths):
                raise Unclear
        return todo


def places(text: str, word: str) -> Iterator[int]:
    """Where a word stands in a text. Ten times faster than a pattern."""
    position = text.find(word)
    while position >= 0:
        end = position + len(word)
        if not _is_letter(text[position - 1 : position]) and not (
            _is_letter(word[-1]) and _is_letter(text[end : end + 1])
        ):
            yield position
        position = text.find(word, end)


def _is_letter(character: str) -> bool:
    return character == "_" or character.isalnum()


def _stem(path: str) -> str:
    return path.removesuffix("/__init__.py").removesuffix(".py").rpartition("/")[2]


def imports_of(project: Project) -> Imports:
    """The imports of a project, remembered with it."""
    known = project.memory.get("imports by name")
    if known is None:
        known = project.memory["imports by name"] = _read(project)
    assert isinstance(known, Imports)
    return known


def _read(project: Project) -> Imports:
    named: dict[str, dict[str, None]] = {}
    starred: dict[str, dict[str, None]] = {}
    for path in sorted(project.paths):
        text = project.read(path) or ""
        for match in _IMPORT.finditer(text):
            words = _WORD.findall(match[1])
            if words == ["*"]:
                module = _FROM.search(text[text.rfind("\n", 0, match.start()) + 1 : match.start()])
                last = module[1].rpartition(".")[2] if module else ""
                starred.setdefault(last or _folder(path, module[1] if module else ""), {})[path] = None
            for word in words:
                named.setdefault(word, {})[path] = None
    return Imports(project, named, starred)


def _folder(path: str, dots: str) -> str:
    """The package that `from . import *` takes from."""
    parts = path.split("/")
    return parts[-1 - len(dots)] if len(parts) > len(dots) else ""
