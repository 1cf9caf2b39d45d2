"""What imported names and base classes are, found in the text of files without parsing any of them.

Where `Project` parses a file to know a name, this looks for its `def` or `class`. It may know less, and says so: what
it calls a function, a class or a class of modules certainly is one.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from functools import cache
from sys import intern
from typing import NamedTuple

from torchfix_codemods.analysis.facts import Imported
from torchfix_codemods.analysis.outline import imports_of, without_comments
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.torch_api import STAR_NAMES, canonical, is_module_base

MAX_DEPTH = 8
KEPT_TEXTS = 64
_BASES = re.compile(r"\s*\(((?:[^()]|\([^()]*\))*)\)\s*:")
_BASE = re.compile(r"\s*([\w.]+)\s*(?:\[.*)?\Z", re.S)
_TOP = re.compile(r"\n(?:class[ \t]+(\w+)|(?:async[ \t]+)?def[ \t]+(\w+)|([^\W\d]\w*)[ \t]*(?::[^=\n]*)?=(?!=))")
_END = re.compile(r"\n[^\s#)\]}]")


class Origin(NamedTuple):
    """Where a name comes from: `kind` is "external", "module", "function", "class" or "unknown".

    `path` is the file that defines it, `name` what it is called there (dotted, for what is external).
    """

    kind: str
    path: str = ""
    name: str = ""


class _Class(NamedTuple):
    """A class: its bases as written ("" for one that is no plain name), and from where to where it goes."""

    bases: list[str]
    start: int
    end: int


UNKNOWN = Origin("unknown")
NOWHERE = Origin("nowhere")


class BareNames:
    """The names of one project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._entries: dict[str, dict[str, list[Imported]]] = {}
        self._defined: dict[tuple[str, str], frozenset[Origin]] = {}
        self._modules: dict[tuple[str, str], bool] = {}
        self._known: dict[str, dict[str, frozenset[str]]] = {}
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._classes: dict[tuple[str, str], _Class | None] = {}

    def text(self, path: str) -> str:
        """The text of a file, with plain line ends and one in front; "" where there is none."""
        if path not in self._texts:
            text = "" if path.endswith("/") else "\n" + (self.project.read(path) or "")
            self._texts[path] = text.replace("\r\n", "\n") if "\r" in text else text
            if len(self._texts) > KEPT_TEXTS:
                self._texts.popitem(last=False)
        return self._texts[path]

    def imported(self, entry: Imported, path: str, depth: int = 0) -> frozenset[Origin]:
        """What an import of a file may give."""
        target = self.project.module_path(entry.module, path, entry.level)
        if target is None:
            prefix = "." * entry.level + entry.module
            return frozenset([Origin("external", "", f"{prefix}.{entry.name}" if entry.name else prefix)])
        if entry.name is None:
            return frozenset([Origin("module", target)])
        return self.defined(target, entry.name, depth + 1)

    def defined(self, path: str, name: str, depth: int = 0) -> frozenset[Origin]:
        """What a top-level name of a file may be, through its imports too."""
        key = (path, name)
        if key not in self._defined:
            self._defined[key] = frozenset([UNKNOWN])  # what is asked for on the way, in a cycle
            self._defined[key] = frozenset(self._found(path, name, depth)) or frozenset([UNKNOWN])
        return self._defined[key]

    def _found(self, path: str, name: str, depth: int) -> set[Origin]:
        kinds = self._tops(path).get(name, ())
        if depth > MAX_DEPTH or "variable" in kinds:
            return {UNKNOWN}
        if kinds:
            return {Origin(kind, path, name) for kind in kinds}
        entries = self.entries(path)
        found = {origin for entry in entries.get(name, ()) for origin in self.imported(entry, path, depth)}
        found = found or {o for star in entries.get("*", ()) for o in self._starred(star, path, name, depth)}
        if not found and path.endswith(("/", "/__init__.py")):
            inside = self.project.module_path(name, path, 1)
            found = {Origin("module", inside)} if inside else set()
        if not found and "*" not in entries and name not in self.text(path):
            return {NOWHERE}
        return found

    def _tops(self, path: str) -> dict[str, frozenset[str]]:
        """What a file defines at its top level: each name with what it is."""
        if path not in self._known:
            known = self._known[path] = {}
            for line in _TOP.finditer(self.text(path)):
                kind = "class" if line[1] else "function" if line[2] else "variable"
                name = intern(line[1] or line[2] or line[3])
                known[name] = _kinds(known.get(name, frozenset()), kind)
        return self._known[path]

    def _starred(self, star: Imported, path: str, name: str, depth: int) -> frozenset[Origin]:
        """What a star import gives under a name; nothing where that isn't known."""
        target = self.project.module_path(star.module, path, star.level)
        if target is None:
            listed = name in STAR_NAMES.get(star.module, ())
            return frozenset([Origin("external", "", f"{star.module}.{name}")] if listed else [])
        return self.defined(target, name, depth + 1) - {UNKNOWN, NOWHERE}

    def entries(self, path: str) -> dict[str, list[Imported]]:
        """The imports of a file by the name that they bind."""
        if path not in self._entries:
            self.note_imports(path, without_comments(self.text(path)))
        return self._entries[path]

    def note_imports(self, path: str, code: str) -> None:
        """Learn the imports of a file whose text without comments is at hand."""
        known = self._entries[path] = {}
        for entry in imports_of(code):
            known.setdefault(entry.bound, []).append(entry)

    # --- classes -----------------------------------------------------------------------------------------------

    def is_module(self, path: str, name: str) -> bool:
        """Whether a top-level class of a file certainly derives from `torch.nn.Module`."""
        key = (path, name)
        if key not in self._modules:
            self._modules[key] = False  # what is asked for on the way, in a cycle
            found = self._class(path, name)
            self._modules[key] = found is not None and any(self._is_module_base(path, base) for base in found.bases)
        return self._modules[key]

    def bases(self, path: str, name: str) -> list[str]:
        """The bases of a top-level class as written, "" for one that is no plain name; only that for an unusual one."""
        found = self._class(path, name)
        return [""] if found is None else found.bases

    def _class(self, path: str, name: str) -> _Class | None:
        """A top-level class; None where there are several of the name, or its head is unusual."""
        key = (path, name)
        if key not in self._classes:
            self._classes[key] = _class_in(self.text(path), name)
        return self._classes[key]

    def _is_module_base(self, path: str, base: str) -> bool:
        origins = self.dotted(path, base)
        return bool(origins) and all(
            is_module_name(o.name) if o.kind == "external" else o.kind == "class" and self.is_module(o.path, o.name)
            for o in origins
        )

    def dotted(self, path: str, name: str) -> frozenset[Origin]:
        """What a chain of names may be where a file says it at its top level."""
        first, *rest = name.split(".")
        origins = self.defined(path, first)
        for part in rest:
            origins = frozenset(found for origin in origins for found in self._attribute(origin, part))
        return origins

    def _attribute(self, origin: Origin, name: str) -> frozenset[Origin]:
        match origin.kind:
            case "external":
                return frozenset([Origin("external", "", f"{origin.name}.{name}")])
            case "module":
                return self.defined(origin.path, name)
            case "class":
                found = self.method(origin.path, origin.name, name)
                return frozenset([found if found.kind == "function" else UNKNOWN])
            case "function":
                return frozenset([NOWHERE])
            case _:
                return frozenset([UNKNOWN])

    def method(self, path: str, base: str, name: str) -> Origin:
        """The method that a class gives to those that derive from it: `NOWHERE` if it certainly has none."""
        answers = set()
        for origin in self.dotted(path, base) if base else (UNKNOWN,):
            if origin.kind == "external":
                answers.add(NOWHERE)
                continue
            found = self._class(origin.path, origin.name) if origin.kind == "class" else None
            if found is None:
                return UNKNOWN
            code = self.text(origin.path)[found.start : found.end]
            if re.search(rf"property[^\n]*\n\s*def[ \t]+{name}\b", code):
                return UNKNOWN  # what it gives is called
            if re.search(rf"\bdef[ \t]+{name}\b", code):
                answers.add(Origin("function", origin.path, name))
                continue
            inherited = {self.method(origin.path, other, name) for other in found.bases if other != base}
            answers |= inherited or {NOWHERE}
        functions = [answer for answer in answers if answer.kind == "function"]
        return UNKNOWN if UNKNOWN in answers else functions[0] if functions else NOWHERE


@cache
def _kinds(known: frozenset[str], kind: str) -> frozenset[str]:
    """One more kind of definition: the few combinations are the same sets for all names of a project."""
    return known | {kind}


def _class_in(text: str, name: str) -> _Class | None:
    opening = f"\nclass {name}"
    places = [at for each in "(:" if (at := text.find(opening + each)) >= 0]
    if len(places) != 1 or text.find(opening + text[places[0] + len(opening)], places[0] + 1) >= 0:
        return None
    at = places[0] + len(opening)
    head = _BASES.match(text, at)
    if head is None and text[at] != ":":
        return None
    end = _END.search(text, head.end() if head else at)
    found = [_BASE.match(base) for base in _split(head[1])] if head else []
    return _Class([base[1] if base else "" for base in found], at, end.start() if end else len(text))


def _split(bases: str) -> list[str]:
    """The bases in a class's brackets, keywords left out."""
    inner = re.sub(r"\[[^\]]*\]", "", bases)
    return [base for base in inner.split(",") if base.strip() and "=" not in base]


def is_module_name(name: str) -> bool:
    """Whether a dotted name from outside is a class of modules, as `Project.is_module` has it."""
    return is_module_base(canonical(name))


def bare_names(project: Project) -> BareNames:
    """The names of a project, remembered with it."""
    known = project.memory.get("bare names")
    if known is None:
        known = project.memory["bare names"] = BareNames(project)
    assert isinstance(known, BareNames)
    return known
