"""Which code can run when some code runs? Answered by names alone, without parsing, and erring on the side of more.

A unit reaches what its words can mean: functions and classes of the file, what it imports, and (once a class is
reached) the methods whose name was said anywhere. So what is *not* reached cannot take part in what is interpreted.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from torchfix_codemods.analysis.facts import STAR_IMPORT, Imported, listed_names
from torchfix_codemods.analysis.outline import Outline, Unit, outline_of
from torchfix_codemods.analysis.project import Project

# Methods that are run without anybody saying their names.
_UNSAID = frozenset(
    ["forward", "__call__", "__enter__", "__exit__", "__getitem__", "__init__", "__iter__", "__next__", "__new__"]
)
_BASES = re.compile(r"\nclass[ \t]+\w+[ \t]*(?:\[[^\]]*\])?[ \t]*\(([^)]*)\)")
_PLAIN_BASES = frozenset(["object", "Exception", "dict", "list", "tuple", "str", "int", "type"])
KEPT_CODE = 20_000_000  # characters of the files whose outlines are kept


class Meaning(NamedTuple):
    """What a name of a file may be: a "function", a "class", a "variable" of that `path`, or a "module" there."""

    kind: str
    path: str
    name: str = ""


@dataclass(frozen=True)
class _Imports:
    """Files that a file imports, packages from which it takes everything, and packages that it imports as such."""

    files: frozenset[str]
    starred: frozenset[str]
    packages: frozenset[str]

    def lead_to(self, path: str) -> bool:
        return (
            path in self.files
            or path.rpartition("/")[0] in self.starred
            or any(path.startswith(folder + "/") for folder in self.packages)
        )


class Reach:
    """Outlines of the files of one project, what names mean in them, and what imports what."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._outlines: OrderedDict[str, tuple[Outline | None, int]] = OrderedDict()
        self._kept = 0
        self._modules: dict[str, dict[str, str]] | None = None
        self._meanings: dict[tuple[str, str], frozenset[Meaning]] = {}
        self._imports: dict[str, _Imports] = {}
        self._module_classes: dict[Meaning, bool] = {}
        self._starred: dict[str, dict[str, tuple[str, ...]]] = {}

    def outline(self, path: str) -> Outline | None:
        """The outline of a file; None where it has none or cannot be read."""
        if path in self._outlines:
            self._outlines.move_to_end(path)
            return self._outlines[path][0]
        text = None if path.endswith("/") else self.project.read(path)
        found = None if text is None else outline_of(path, text)
        self._outlines[path] = found, len(text or "")
        self._kept += len(text or "")
        while self._kept > KEPT_CODE and len(self._outlines) > 1:
            self._kept -= self._outlines.popitem(last=False)[1][1]
        return found

    def submodules(self, package: str) -> dict[str, str]:
        """The modules in a package (`folder/__init__.py` or `folder/`) by name; nothing for other files."""
        if not package.endswith(("/", "__init__.py")):
            return {}
        if self._modules is None:
            self._modules = {}
            for path in sorted(self.project.paths):
                self._add_module(path)
        return self._modules.get(package.rpartition("/")[0], {})

    def _add_module(self, path: str) -> None:
        assert self._modules is not None
        name = path.removesuffix(".py").removesuffix("/__init__")
        target = path
        while name and name != "__init__":
            folder, _, last = name.rpartition("/")
            known = self._modules.setdefault(folder, {})
            if last in known and (target.endswith("/") or known[last].endswith("/__init__.py")):
                return
            known[last] = target
            name, target = folder, folder + "/"

    def starred(self, path: str, entries: Iterable[Imported]) -> dict[str, tuple[str, ...]]:
        """What the star imports of a file (its `entries`) give it: names, each with the files that may define it."""
        if path not in self._starred:
            names: dict[str, list[str]] = {}
            files = [path]
            for file in files:
                exported, stars = self._exports(file, entries if file == path else None)
                for name in exported if file != path else ():
                    names.setdefault(name, []).append(file)
                files += [other for other in dict.fromkeys(stars) if other not in files]
            self._starred[path] = {name: tuple(found) for name, found in names.items()}
        return self._starred[path]

    def _exports(self, path: str, entries: Iterable[Imported] | None) -> tuple[frozenset[str], list[str]]:
        """The public names of a file, and the files that it imports everything from."""
        text = "" if path.endswith("/") else self.project.read(path) or ""
        names = listed_names(text)
        if entries is None:
            stars = STAR_IMPORT.search(text) is not None
            outline = self.outline(path) if stars or names is None else None
            entries = outline.bound.get("*", ()) if outline is not None else ()
            if names is None and outline is not None:
                names = frozenset(name for name in outline.names if not name.startswith("_"))
        found = (self.project.module_path(entry.module, path, entry.level) for entry in entries)
        return names or frozenset(), [target for target in found if target is not None]

    def meanings(self, path: str, name: str) -> frozenset[Meaning]:
        """Everything that a top-level name of a file may be, through imports, re-exports and star imports."""
        key = (path, name)
        if key not in self._meanings:
            self._meanings[key] = frozenset()  # what is asked for on the way, in a cycle
            self._meanings[key] = frozenset(self._found(path, name))
        return self._meanings[key]

    def _found(self, path: str, name: str) -> set[Meaning]:
        found: set[Meaning] = set()
        outline = self.outline(path)
        if outline is not None:
            if name in outline.functions:
                found.add(Meaning("function", path, name))
            if name in outline.classes:
                found.add(Meaning("class", path, name))
            if name in outline.variables:
                found.add(Meaning("variable", path, name))
            for entry in outline.bound.get(name, ()):
                found |= self.imported(entry, path)
            stars = outline.bound.get("*", ()) if not found else ()
            for target in self.starred(path, stars).get(name, ()) if stars else ():
                found |= self.meanings(target, name)
        if not found and (module := self.submodules(path).get(name)) is not None:
            found.add(Meaning("module", module))
        return found

    def imported(self, entry: Imported, path: str) -> frozenset[Meaning]:
        """Everything that an import of a file may give; nothing for a star import or what is not of the project."""
        target = self.project.module_path(entry.module, path, entry.level)
        if target is None:
            return frozenset()
        if entry.name is None:
            return frozenset([Meaning("module", target)])
        module = self.submodules(target).get(entry.name)
        found = self.meanings(target, entry.name)
        return found | {Meaning("module", module)} if module is not None else found

    def may_be_module(self, meaning: Meaning) -> bool:
        """Whether a class may derive from `torch.nn.Module`: False only where all its bases are known not to."""
        if meaning not in self._module_classes:
            self._module_classes[meaning] = False  # in a cycle
            outline = self.outline(meaning.path)
            heads = [unit for unit in outline.classes.get(meaning.name, ()) if unit.name] if outline else []
            bases = [_BASES.search(unit.code) for unit in heads]
            words = {word for base in bases if base for word in base[1].replace(",", " ").split()}
            self._module_classes[meaning] = outline is None or any(self._may_be_base(meaning.path, w) for w in words)
        return self._module_classes[meaning]

    def _may_be_base(self, path: str, dotted: str) -> bool:
        outline = self.outline(path)
        first, _, last = dotted.rpartition(".")
        head = dotted.partition(".")[0]
        if not head.isidentifier() or "=" in dotted or outline is None:
            return "=" not in dotted
        if head in outline.bound or head in outline.classes:
            found = self.meanings(path, head)
            outside = {e.module for e in outline.bound.get(head, ()) if not self.imported(e, path)}
            return any(m.kind != "class" or self.may_be_module(m) for m in found) or any(map(_is_of_torch, outside))
        return bool(first) or last not in _PLAIN_BASES

    def imports(self, importer: str, path: str) -> bool:
        """Whether a file imports another, or a package whose `__init__` may hand it on."""
        if importer not in self._imports:
            self._imports[importer] = self._imports_of(importer)
        return self._imports[importer].lead_to(path)

    def _imports_of(self, importer: str) -> _Imports:
        files: set[str] = set()
        starred: set[str] = set()
        packages: set[str] = set()
        outline = self.outline(importer)
        entries: Iterable[Imported] = outline.imports if outline is not None else ()
        if outline is None and (facts := self.project.facts(importer)) is not None:
            entries = facts.all_imports
        for entry in entries:
            target = self.project.module_path(entry.module, importer, entry.level)
            if target is None:
                continue
            files.add(target)
            if target.endswith(("/__init__.py", "/")):
                if entry.name is None:
                    packages.add(target.rpartition("/")[0])
                elif entry.name == "*":
                    starred.add(target.rpartition("/")[0])
                else:
                    files |= {meaning.path for meaning in self.imported(entry, importer)}
        return _Imports(frozenset(files), frozenset(starred), frozenset(packages))


def _is_of_torch(module: str) -> bool:
    return module.partition(".")[0] in ("torch", "torchvision", "pytorch_lightning", "lightning")


def reach_of(project: Project) -> Reach:
    """The names of a project, remembered with it."""
    known = project.memory.get("reach")
    if known is None:
        known = project.memory["reach"] = Reach(project)
    assert isinstance(known, Reach)
    return known


class Reached:
    """What some units reach: `units`, and `complete` is False where a file on the way has no outline."""

    def __init__(self, reach: Reach, start: Iterable[Unit]) -> None:
        self.units: set[Unit] = set()
        self.complete = True
        self._reach = reach
        self._words: set[str] = set()
        self._waiting: dict[str, list[Unit]] = {}  # methods of reached classes, until somebody says their name
        self._entered: set[Meaning] = set()
        self._todo = list(start)
        for unit in list(self._todo):
            if unit.owner:
                self._enter(Meaning("class", unit.path, unit.owner))
        while self._todo:
            unit = self._todo.pop()
            if unit not in self.units:
                self.units.add(unit)
                self._take(unit)

    def _take(self, unit: Unit) -> None:
        for word in unit.run:
            if word not in self._words:
                self._words.add(word)
                self._todo += self._waiting.pop(word, ())
        for name in unit.annotated:
            for meaning in self._reach.meanings(unit.path, name):
                if meaning not in self._entered and meaning.kind == "class" and self._reach.may_be_module(meaning):
                    self._enter(meaning)
        files = [unit.path]  # the unit's own, those that its star imports give, and modules that its words name
        words = frozenset(unit.run)
        for path in files:
            for other in self._look_up(path, words):
                if other not in files:
                    files.append(other)

    def _look_up(self, path: str, words: frozenset[str]) -> Iterator[str]:
        """Take what the words mean in a file; gives the files in which they are to be looked up too."""
        modules = self._reach.submodules(path)
        yield from (modules[name] for name in modules.keys() & words)
        outline = self._reach.outline(path)
        if outline is None:
            self.complete = self.complete and path.endswith("/")
            return
        names = outline.names & words
        if "*" in outline.bound:
            names |= self._reach.starred(path, outline.bound["*"]).keys() & words
        for name in names:
            for meaning in self._reach.meanings(path, name):
                if meaning.kind == "module":
                    yield meaning.path
                elif meaning not in self._entered:
                    self._enter(meaning)

    def _enter(self, meaning: Meaning) -> None:
        self._entered.add(meaning)
        outline = self._reach.outline(meaning.path)
        if outline is None:
            return
        match meaning.kind:
            case "function":
                self._todo += outline.functions.get(meaning.name, ())
            case "variable":
                self._todo += outline.variables.get(meaning.name, ())
            case _:
                for unit in outline.classes.get(meaning.name, ()):
                    self._add(unit, unit.binds if not unit.name else frozenset())
                for method in outline.methods.get(meaning.name, ()):
                    self._add(method, frozenset() if method.name in _UNSAID else method.stored | {method.name})

    def _add(self, unit: Unit, names: frozenset[str]) -> None:
        """Part of a class, reached when somebody says one of the names (that of a method, or what it assigns)."""
        if not names or not self._words.isdisjoint(names):
            self._todo.append(unit)
        else:
            for name in names:
                self._waiting.setdefault(name, []).append(unit)
