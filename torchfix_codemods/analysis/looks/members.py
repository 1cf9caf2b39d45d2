"""The methods and attributes of the classes of a project, by their names: of a class, its bases and its heirs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchfix_codemods.analysis.looks.bodies import Body, Bound
from torchfix_codemods.analysis.looks.definitions import Definitions
from torchfix_codemods.analysis.looks.functions import Unclear

_STORE = re.compile(
    r"[ \t]*(?:\[|\.(?:append|extend|insert|add|update|add_module|setdefault|register_module)\("
    r"|(?::[^=\n]*)?[-+*/|&]?=(?!=)|,|\))"
)


class Members:
    """The members of the classes of one project."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions

    def methods(self, path: str, cls: str, name: str) -> Iterator[Body]:
        """The methods of this name that a class, its bases and those that derive from it have."""
        for file, owner in sorted(self.definitions.family(path, cls)):
            if f"def {name}" in (self.definitions.project.read(file) or ""):
                yield from self.definitions.named(file, name, owner)

    def attribute(self, path: str, cls: str, name: str) -> list[tuple[Bound, Body]]:
        """What an attribute of the objects of a class may be."""
        family = self.definitions.family(path, cls)
        found: list[tuple[Bound, Body]] = []
        for file in sorted({file for file, _ in family}):
            text = self.definitions.project.read(file) or ""
            if name in text:
                owners = {owner for other, owner in family if other == file}
                found += self._of_self(file, name, text, owners)
                found += self._at_class_level(file, name, text)
        return found + list(self.put_into(name))

    def _of_self(self, file: str, name: str, text: str, owners: set[str]) -> Iterator[tuple[Bound, Body]]:
        """What the methods of these classes store."""
        seen: set[int] = set()
        for match in re.finditer(rf"\.{re.escape(name)}\b", text):
            function = self.definitions.functions(file).around(match.start()) if _may_store(text, match.end()) else None
            if function is None or function.start in seen or (function.owner and function.owner not in owners):
                continue
            seen.add(function.start)
            body = self.definitions.body(file, function)
            yield from ((bound, body) for bound in body.stores.get(name, ()))

    def _at_class_level(self, file: str, name: str, text: str) -> Iterator[tuple[Bound, Body]]:
        for match in re.finditer(rf"\n[ \t]+{re.escape(name)}[ \t]*(?::[^=\n]*)?=(?!=)", text):
            if self.definitions.functions(file).around(match.end() - 1) is None:
                body = self.definitions.statement(file, match.end() - 1)
                yield from ((bound, body) for bound in body.names.get(name, ()))

    def put_into(self, name: str) -> Iterator[tuple[Bound, Body]]:
        """What objects that aren't called `self` get as this attribute, in all files: `model.fc = ...`."""
        seen: set[tuple[str, int]] = set()
        for path in self.definitions.paths(name):
            text = self.definitions.project.read(path) or ""
            if re.search(rf"setattr\([^\n]*[\"']{re.escape(name)}[\"']", text):
                raise Unclear
            for match in re.finditer(rf"\.{re.escape(name)}\b", text):
                if not _may_store(text, match.end()) or _is_of_self(text, match.start()):
                    continue
                body = self.definitions.around(path, match.start())
                key = (path, body.function.start if body.function else -1 - match.start())
                if key not in seen:
                    seen.add(key)
                    yield from ((bound, body) for bound in body.stores.get(name, ()))


def _may_store(text: str, end: int) -> bool:
    return _STORE.match(text, end) is not None


def _is_of_self(text: str, dot: int) -> bool:
    before = text[max(0, dot - 5) : dot]
    return before.endswith("self") and not (before[:1].isalnum() or before[:1] in "_.")
