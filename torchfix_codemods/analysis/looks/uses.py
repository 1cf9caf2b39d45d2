"""Is a class or function of one file used anywhere in the project? By its name in texts, erring on the side of more."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from torchfix_codemods.analysis.project import Project

_IMPORT = re.compile(r"import(?<!\wimport)\b[ \t]*(\((?:[^)#]|#[^\n]*)*\)|(?:[^\n\\;#]|\\\r?\n)*)")
_BEFORE_IMPORT = re.compile(r"(?:.*;)?[ \t]*(?:from[ \t]+[\w.]+[ \t]+)?\Z")
_ATTRIBUTE = re.compile(r"\.(?=[A-Z])(\w+)")
_ASKED_BY_NAME = re.compile(r"getattr\([^()\n]*,[ \t]*[\"'](\w+)")
_WORD = re.compile(r"\w+|\*")
_NAME = re.compile(r"[^\W\d]\w*")
_DERIVED = re.compile(r"[ \t]*class[ \t]+(\w+)[ \t]*\(")
_RUNS_ITSELF = re.compile(r"(?:(?<![\w.])(?:self|cls)|__class__|type\(self\))\(|\.forward\b|\b__call__\b")
_ASKED = re.compile(r"isinstance\(\s*[\w.]+\s*,\s*\(?[\w.,\s]*\Z")
_QUOTES = '"""'
_END = re.compile(r"\n(?=[^\s#)\]}])")
_STARRED_TEXT = 4_000_000  # where star imports reach more text than this, every name counts as used


class Uses:
    """The names that the files of one project import, and which of them are used."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._importers: dict[str, set[str]] = defaultdict(set)
        self._starred: list[str] = []
        self._attributes: dict[str, set[str]] = defaultdict(set)
        self._known: dict[tuple[str, str], bool] = {}
        for path in project.paths:
            self._note(path, project.read(path) or "")
        self._words: dict[str, set[str]] = defaultdict(set)
        self._size = 0
        for path in self._starred:
            text = project.read(path) or ""
            self._size += len(text)
            if self._size <= _STARRED_TEXT:
                for word in set(_NAME.findall(text)):
                    self._words[word].add(path)

    def _note(self, path: str, text: str) -> None:
        words: set[str] = set()
        for match in _IMPORT.finditer(text):
            before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
            if _BEFORE_IMPORT.match(before):
                words.update(_WORD.findall(match[1]))
        for word in words:
            self._importers[word].add(path)
        if "*" in words:
            self._starred.append(path)
        for word in {*_ATTRIBUTE.findall(text), *_ASKED_BY_NAME.findall(text)}:
            self._attributes[word].add(path)

    def is_used(self, path: str, name: str) -> bool:
        """Whether a top-level name of a file is said anywhere but in its definition and in lists of imports.

        A class that is derived from is used where the derived one is. Functions must not begin with a capital.
        """
        key = (path, name)
        if key not in self._known:
            self._known[key] = True  # what is asked for on the way, in a cycle
            self._known[key] = self._is_used(path, name)
        return self._known[key]

    def _is_used(self, path: str, name: str) -> bool:
        return self.is_used_elsewhere(path, name) or any(self.places(path, name))

    def is_used_elsewhere(self, path: str, name: str) -> bool:
        """The same in other files alone."""
        if self._size > _STARRED_TEXT or (not name[:1].isupper() and self._may_be_an_attribute(path, name)):
            return True
        others = {*self._importers.get(name, ()), *self._attributes.get(name, ()), *self._words.get(name, ())}
        others.discard(path)
        return any(any(self.places(other, name)) for other in sorted(others))

    def _may_be_an_attribute(self, path: str, name: str) -> bool:
        """Whether a name without a capital may be reached through its module: `losses.distill`."""
        files = [*self._handing_on(path), *self._importers.get(name, ())]
        parts = {part for file in files for part in _parts(file)}
        by = {other for part in parts for other in self._importers.get(part, ())}
        return any(f".{name}" in (self.project.read(other) or "") for other in by)

    def _handing_on(self, path: str) -> list[str]:
        """A file, and those that import everything from it, directly or through each other."""
        found = [path]
        for file in found:
            pattern = re.compile(rf"from[ \t]+[.\w]*\b{re.escape(_parts(file)[-1])}[ \t]+import[ \t]*\(?\*")
            new = (other for other in self._starred if other not in found)
            found += [other for other in new if pattern.search(self.project.read(other) or "")]
        return found

    def is_derived_elsewhere(self, path: str, name: str) -> bool:
        """Whether another file imports a class, and so may derive from it."""
        others = {*self._importers.get(name, ()), *self._attributes.get(name, ())} - {path}
        texts = (self.project.read(other) or "" for other in others)
        return any(re.search(rf"class[ \t]+\w+[ \t]*\([^)]*\b{name}\b", text) for text in texts)

    def places(self, path: str, name: str) -> Iterator[int]:
        """Where a file uses a name."""
        text = self.project.read(path) or ""
        return (place for place in words_at(text, name) if self._counts(path, text, place, place + len(name)))

    def _counts(self, path: str, text: str, start: int, end: int) -> bool:
        """Whether a mention is a use: no definition, no import, no text, no example in a docstring."""
        before = text[text.rfind("\n", 0, start) + 1 : start]
        if re.search(r"(?:class|def)[ \t]+\Z", before):
            return False
        if text[start - 1 : start] in ("`", '"', "'"):
            return "getattr(" in before and is_code(text, start)
        if _ASKED.search(text[max(0, start - 300) : start]) or not is_code(text, start):
            return False
        derived = _DERIVED.match(before)
        if derived is not None and ":" not in before:
            return self.is_used(path, derived[1]) or runs_itself(text, derived[1])
        return not self._is_imported(text, start, end)

    def _is_imported(self, text: str, start: int, end: int) -> bool:
        """Whether a mention stands in the list of an import, under its own name."""
        for match in _IMPORT.finditer(text, max(0, text.rfind("import", 0, start))):
            if match.start() > start:
                break
            if match.end() >= end and start > match.start():
                before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
                renamed = re.match(r"\s+as\b", text[end : end + 20]) is not None
                return _BEFORE_IMPORT.match(before) is not None and not renamed
        return False


def _parts(path: str) -> list[str]:
    """The names by which a module is imported, last that of itself."""
    return path.removesuffix("/__init__.py").removesuffix(".py").split("/")


def is_code(text: str, position: int) -> bool:
    """Whether a position is neither in a comment nor in a docstring, as far as quotes tell."""
    before = text[text.rfind("\n", 0, position) + 1 : position]
    if ">>>" in before or ("#" in before and not {'"', "'"} & set(before)):
        return False
    inside = text.count(_QUOTES, 0, position) % 2 and not text.count(_QUOTES) % 2 and "'''" not in text
    return not inside


def class_body(text: str, name: str) -> tuple[int, int] | None:
    """From where to where the code of a top-level class goes; None where there is none."""
    opening = f"class {name}"
    for place in words_at(text, opening):
        if text[place - 1 : place] in ("", "\n"):
            end = _END.search(text, place + len(opening))
            return place + len(opening), end.start() if end else len(text)
    return None


def words_at(text: str, words: str) -> Iterator[int]:
    """Where words stand in a text, and no letters next to them."""
    place = text.find(words)
    while place >= 0:
        before = "" if words.startswith(".") else text[place - 1 : place]
        around = before + text[place + len(words) : place + len(words) + 1]
        if not any(char.isalnum() or char == "_" for char in around):
            yield place
        place = text.find(words, place + 1)


def own_runs(text: str, name: str) -> list[re.Match[str]] | None:
    """Where a class, outside of its `forward`, may run the forward of its own object, or make another object."""
    body = class_body(text, name)
    if body is None:
        return None
    said = text[slice(*body)]
    if not any(word in said for word in ("self(", "cls(", "__c", "type(", ".forward")):
        return []
    return [
        match
        for match in _RUNS_ITSELF.finditer(text, *body)
        if is_code(text, match.start()) and _method_before(text, body[0], match.start()) != "forward"
    ]


def runs_itself(text: str, name: str) -> bool:
    """Whether there is such a place, or nobody knows."""
    found = own_runs(text, name)
    return found is None or bool(found)


def _method_before(text: str, start: int, position: int) -> str:
    """The name of the last method of a class that begins before a position."""
    names = re.findall(r"\n(?: {4}|\t)(?:async )?def (\w+)", text[start:position])
    return str(names[-1]) if names else ""


def uses_of(project: Project) -> Uses:
    """The uses of names in a project, remembered with it."""
    known = project.memory.get("uses")
    if known is None:
        known = project.memory["uses"] = Uses(project)
    assert isinstance(known, Uses)
    return known
