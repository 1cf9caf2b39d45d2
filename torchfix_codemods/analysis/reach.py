"""What names mean across files, and what imports what: by names alone, without parsing, erring on the side of more."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torchfix_codemods.analysis.facts import STAR_IMPORT, Imported, listed_names
from torchfix_codemods.analysis.outline import Outline, outline_of
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.tops import Top, mentions_in, top_of

KEPT_CODE = 1_000_000  # characters of the files whose outlines are kept


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


@dataclass(frozen=True)
class Links:
    """What the imports of a file give it.

    `named` are by the file that may define them: the name there and the name that is bound. `modules` are names that
    are bound to modules, with their files; `stars` the names that star imports may take from each file.
    """

    named: Mapping[str, tuple[tuple[str, str], ...]]
    modules: tuple[tuple[str, str], ...]
    stars: Mapping[str, frozenset[str]]


class Reach:
    """Outlines of the files of one project, what names mean in them, and what imports what."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._outlines: OrderedDict[str, tuple[Outline | None, int]] = OrderedDict()
        self._kept = 0
        self._entries: dict[str, tuple[Imported, ...] | None] = {}
        self._tops: dict[str, Top | None] = {}
        self._mentions: dict[str, dict[str, tuple[str, ...]]] = {}
        self._links: dict[str, Links | None] = {}
        self._modules: dict[str, dict[str, str]] | None = None
        self._meanings: dict[tuple[str, str], frozenset[Meaning]] = {}
        self._imports: dict[str, _Imports] = {}
        self._importers: dict[str, tuple[str, ...]] = {}
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

    def top(self, path: str) -> Top | None:
        """What the top level of a file may define, kept when its outline is dropped; None where it has none."""
        if path not in self._tops:
            outline = self.outline(path)
            self._tops[path] = None if outline is None else top_of(outline)
        return self._tops[path]

    def mentions(self, path: str) -> Mapping[str, tuple[str, ...]]:
        """For each definition of a file the names of the top level that it says, those of star imports too."""
        if path not in self._mentions:
            outline, links = self.outline(path), self.links(path)
            stars = links.stars.values() if links is not None else ()
            found = {} if outline is None else mentions_in(outline, outline.names.union(*stars))
            self._mentions[path] = found
        return self._mentions[path]

    def links(self, path: str) -> Links | None:
        """What the imports of a file give it, kept when its outline is dropped; None where it has none."""
        if path not in self._links:
            entries = self._imported_by(path)
            self._links[path] = None if entries is None else self._linked(path, entries)
        return self._links[path]

    def _imported_by(self, path: str) -> tuple[Imported, ...] | None:
        """The imports of a file, kept when its outline is dropped; None where it has none."""
        if path not in self._entries:
            outline = self.outline(path)
            self._entries[path] = None if outline is None else outline.imports
        return self._entries[path]

    def _linked(self, path: str, entries: Iterable[Imported]) -> Links:
        named: dict[str, list[tuple[str, str]]] = {}
        modules: list[tuple[str, str]] = []
        stars = [entry for entry in entries if entry.name == "*"]
        for entry in entries:
            for meaning in self.imported(entry, path) if entry.name != "*" else ():
                if meaning.kind == "module":
                    modules.append((entry.bound, meaning.path))
                else:
                    named.setdefault(meaning.path, []).append((meaning.name, entry.bound))
        given = self._starred_from(path, stars) if stars else {}
        return Links({file: tuple(pairs) for file, pairs in named.items()}, tuple(modules), given)

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

    def _starred_from(self, path: str, entries: Iterable[Imported]) -> dict[str, frozenset[str]]:
        """The same by the files: the names that each may define."""
        names: dict[str, set[str]] = {}
        for name, files in self.starred(path, entries).items():
            for file in files:
                names.setdefault(file, set()).add(name)
        return {file: frozenset(found) for file, found in names.items()}

    def _exports(self, path: str, entries: Iterable[Imported] | None) -> tuple[frozenset[str], list[str]]:
        """The public names of a file, and the files that it imports everything from."""
        text = "" if path.endswith("/") else self.project.read(path) or ""
        names = listed_names(text)
        if entries is None:
            stars = STAR_IMPORT.search(text) is not None
            top = self.top(path) if stars or names is None else None
            entries = top.bound.get("*", ()) if top is not None else ()
            if names is None and top is not None:
                names = frozenset(name for name in top.names if not name.startswith("_"))
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
        top = self.top(path)
        if top is not None:
            if name in top.functions:
                found.add(Meaning("function", path, name))
            if name in top.classes:
                found.add(Meaning("class", path, name))
            if name in top.variables:
                found.add(Meaning("variable", path, name))
            for entry in top.bound.get(name, ()):
                found |= self.imported(entry, path)
            stars = top.bound.get("*", ()) if not found else ()
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

    def importers(self, path: str) -> tuple[str, ...]:
        """The files that import a file, or a package whose `__init__` may hand it on, in order."""
        if path not in self._importers:
            named = self.project.importers(path)
            self._importers[path] = tuple(other for other in named if self.imports(other, path))
        return self._importers[path]

    def imports(self, importer: str, path: str) -> bool:
        """Whether a file imports another, or a package whose `__init__` may hand it on."""
        if importer not in self._imports:
            self._imports[importer] = self._imports_of(importer)
        return self._imports[importer].lead_to(path)

    def _imports_of(self, importer: str) -> _Imports:
        files: set[str] = set()
        starred: set[str] = set()
        packages: set[str] = set()
        entries = self._imported_by(importer)
        if entries is None:
            facts = self.project.facts(importer)
            entries = facts.all_imports if facts is not None else ()
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


def reach_of(project: Project) -> Reach:
    """The names of a project, remembered with it."""
    known = project.memory.get("reach")
    if known is None:
        known = project.memory["reach"] = Reach(project)
    assert isinstance(known, Reach)
    return known
