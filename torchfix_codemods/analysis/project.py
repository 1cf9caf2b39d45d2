"""The files of one run, linked: what a name means, across imports, packages and loose scripts.

Files are read and parsed on demand. Trees are dropped again (a bounded number is kept), facts stay: that keeps the
memory of a run over thousands of files small. Nothing here interprets code; `interpreter` does.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from posixpath import dirname, join, normpath
from typing import Any

from torchfix_codemods.analysis.aliases import handed_on
from torchfix_codemods.analysis.facts import (
    STAR_IMPORT,
    FileFacts,
    Imported,
    facts_of,
    imported,
    listed_names,
    top_level,
)
from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.torch_api import STAR_NAMES, VARIABLE, canonical, is_module_base
from torchfix_codemods.analysis.unparsable import skipped
from torchfix_codemods.analysis.values import ClassRef, External, FileModule, FunctionRef
from torchfix_codemods.findings import Skipped

Definition = External | FileModule | ClassRef | FunctionRef
RECENT_TEXT = 4_000_000  # characters of the texts that were read last: all that looks at a file asks for it
KEPT_TEXT = 1_500_000  # parsed characters of the trees that are kept; trees are thirty times the size of their text
MAX_DEPTH = 20  # re-exports and bases are followed this far; deeper is a cycle
_IMPORT_LINE = re.compile(r"\n[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import\b|import[ \t]+([\w., \t]+))")


class Project:
    """The files of a run and what they say about one another.

    `paths` are the shown paths of all files of the run, `read` gives the decoded text of one (None: it can't be read,
    and the caller has said so already). What cannot be parsed is kept in `skipped` by path.
    """

    def __init__(self, paths: Iterable[str], read: Callable[[str], str | None]) -> None:
        self.paths = frozenset(paths)
        self._read = read
        self._recent: OrderedDict[str, str] = OrderedDict()
        self._recent_size = 0
        self.skipped: dict[str, Skipped] = {}
        self.memory: dict[str, Any] = {}  # what the interpreter learned; one per project
        self._trees: OrderedDict[str, ParsedFile] = OrderedDict()
        self._unparsed: set[str] = set()  # files of which not even the top level can be parsed
        self._cut = 0  # how often a chain of imports was too long to follow
        self._facts: dict[str, FileFacts | None] = {}
        self._definitions: dict[tuple[str, str], Definition | None] = {}
        self._followed: set[ast.expr] = set()  # assignments whose right side is being resolved
        self._changers: dict[str, bool] = {}  # files that change `sys.path`
        self._modules: dict[tuple[str, str, int], str | None] = {}
        self._stars: dict[str, tuple[frozenset[str] | None, bool]] = {}  # its `__all__`, and has it star imports

    # --- files -------------------------------------------------------------------------------------------------

    def read(self, path: str) -> str | None:
        """The text of a file; None where it can't be read."""
        if path in self._recent:
            self._recent.move_to_end(path)
            return self._recent[path]
        text = self._read(path)
        if text is not None:
            self._recent[path] = text
            self._recent_size += len(text)
            while self._recent_size > RECENT_TEXT and len(self._recent) > 1:
                self._recent_size -= len(self._recent.popitem(last=False)[1])
        return text

    def parse(self, path: str) -> ParsedFile | None:
        """The parsed file, its functions only as far as they are looked into.

        None where it cannot be read or parsed (see `skipped`). What a function does that is asked for and cannot be
        parsed is unknown, and the file is in `skipped` from then on.
        """
        known = self._trees.get(path)
        if known is not None:
            self._trees.move_to_end(path)
            return known
        return self._parsed(path, whole=False)

    def parse_whole(self, path: str) -> ParsedFile | None:
        """The parsed file, and None where any of it cannot be parsed."""
        known = self._trees.get(path)
        return known if known is not None and known.whole else self._parsed(path, whole=True)

    def _parsed(self, path: str, *, whole: bool) -> ParsedFile | None:
        if path in self._unparsed or path not in self.paths:
            return None
        text = self.read(path)
        if text is None:
            return None
        try:
            parsed = ParsedFile(path, text, None if whole else partial(self._skip, path))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self._skip(path, error)
            if not whole:
                self._unparsed.add(path)
            return None
        self._trees[path] = parsed
        self._trees.move_to_end(path)
        self._drop_trees()
        return parsed

    def _drop_trees(self) -> None:
        """Drop the trees that were not used for longest. They grow while they are used, so they are weighed anew."""
        kept = sum(file.weight for file in self._trees.values())
        while kept > KEPT_TEXT and len(self._trees) > 1:
            kept -= self._trees.popitem(last=False)[1].weight

    def _skip(self, path: str, error: Exception) -> None:
        self.skipped[path] = skipped(path, error)

    def facts(self, path: str) -> FileFacts | None:
        """Imports and definitions of a file; None where it cannot be parsed."""
        if path not in self._facts:
            parsed = self.parse(path)
            if parsed is not None:
                parsed.fill_functions_with("import")
            self._facts[path] = None if parsed is None else facts_of(path, parsed.text, parsed.tree)
        return self._facts[path]

    # --- imports -----------------------------------------------------------------------------------------------

    def module_path(self, module: str, importer: str, level: int = 0) -> str | None:
        """The file of a module as `importer` sees it: relative, beside it, or from a folder above it."""
        # What a file of a folder sees all files of it see, unless it changes the path.
        key = (module, dirname(importer) + ("/*" if not level and self._changes_path(importer) else ""), level)
        if key not in self._modules:
            self._modules[key] = self._find_module(module, importer, level)
        return self._modules[key]

    def _find_module(self, module: str, importer: str, level: int) -> str | None:
        relative = module.replace(".", "/")
        folder = dirname(importer)
        if level:
            for _ in range(level - 1):
                folder = normpath(join(folder, ".."))
            found = self._file_of(join(folder, relative) if relative else folder)
            return "./" if found is None and not relative and folder in ("", ".") else found
        while True:
            for base in (folder, join(folder, "src")):
                if found := self._file_of(join(base, relative)):
                    return found
            if not folder or folder in ("/", ".", "..") or folder.endswith("/.."):
                return self._by_suffix(relative, importer)
            folder = dirname(folder)

    def _by_suffix(self, relative: str, importer: str) -> str | None:
        """`model.faster_rcnn.resnet` below a folder that a script puts on `sys.path`: the only file that ends so.

        A name without a dot may be another package's: it needs an importer that changes the path itself.
        """
        if "/" not in relative and (relative in sys.stdlib_module_names or not self._changes_path(importer)):
            return None
        endings = (f"/{relative}.py", f"/{relative}/__init__.py")
        found = [path for path in self._by_stem.get(relative.rpartition("/")[2], ()) if path.endswith(endings)]
        return found[0] if len(found) == 1 else None

    def _changes_path(self, importer: str) -> bool:
        if importer not in self._changers:
            self._changers[importer] = "sys.path." in (self.read(importer) or "")
        return self._changers[importer]

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        stems: dict[str, list[str]] = defaultdict(list)
        for path in self.paths:
            stems[path.removesuffix("/__init__.py").removesuffix(".py").rpartition("/")[2]].append(path)
        return stems

    def _file_of(self, stem: str) -> str | None:
        stem = normpath(stem) if stem else ""
        for candidate in (f"{stem}.py", f"{stem}/__init__.py" if stem not in ("", ".") else "__init__.py"):
            if candidate in self.paths:
                return candidate
        if stem in self._folders:
            return stem + "/"  # a namespace package: a folder without __init__.py
        return None

    @cached_property
    def _folders(self) -> frozenset[str]:
        folders: set[str] = set()
        for path in self.paths:
            folder = dirname(path)
            while folder and folder not in folders:
                folders.add(folder)
                folder = dirname(folder)
        return frozenset(folders)

    def definition(self, path: str, name: str, depth: int = 0) -> Definition | None:
        """What a top-level name of a module is: a class, a function, a module, or something external.

        None where the module does not define it, or assigns it (then the interpreter knows more).
        """
        if depth > MAX_DEPTH:
            self._cut += 1
            return None
        key = (path, name)
        if key not in self._definitions:
            cut = self._cut
            found = self._definition(path, name, depth)
            if depth and self._cut != cut:  # what is cut off far down need not be so from nearer
                return found
            self._definitions[key] = found
        return self._definitions[key]

    def _definition(self, path: str, name: str, depth: int) -> Definition | None:
        if path.endswith("/"):
            found = self._file_of(path + name)
            return FileModule(found) if found else None
        facts = self.facts(path)
        if facts is None:
            return None
        for cls in facts.classes:
            if cls.name == name:
                return ClassRef(path, cls.name, cls.line)
        if (function := self._function(path, name)) is not None:
            return function
        if name in facts.assigned:
            return None
        for entry in reversed(facts.imports):
            if entry.bound == name:
                return self.imported(entry, path, depth + 1)
        for entry in facts.imports:
            if entry.name == "*" and (star := self._from_star(entry, path, name, depth)):
                return star
        if path.endswith("__init__.py") and (sibling := self._file_of(join(dirname(path), name))):
            return FileModule(sibling)
        return None

    def _from_star(self, entry: Imported, path: str, name: str, depth: int) -> Definition | None:
        target = self.module_path(entry.module, path, entry.level)
        if target is not None:
            return self.definition(target, name, depth + 1) if self._exports(target, name) else None
        if name in STAR_NAMES.get(entry.module, ()):
            return External(f"{entry.module}.{name}")
        return None

    def _exports(self, path: str, name: str) -> bool:
        """Whether `import *` takes a name from a module, if it is there. A look at the text spares most parsing."""
        text = "" if path.endswith("/") else self.read(path) or ""
        if path not in self._stars:
            self._stars[path] = listed_names(text), STAR_IMPORT.search(text) is not None
        listed, starred = self._stars[path]
        if listed is not None and not path.endswith("__init__.py"):
            return name in listed
        return not name.startswith("_") and (not text or starred or name in text)

    def imported(self, entry: Imported, path: str, depth: int = 0) -> Definition | None:
        """What one imported name is."""
        target = self.module_path(entry.module, path, entry.level)
        if entry.name is None:
            return FileModule(target) if target else External(entry.module)
        if target is None and not entry.module and entry.level:
            return None
        if target is None:
            prefix = "." * entry.level + entry.module
            return External(f"{prefix}.{entry.name}") if prefix else None
        found = self.definition(target, entry.name, depth)
        if found is None and target.endswith("/__init__.py"):
            sibling = self._file_of(join(dirname(target), entry.name))
            return FileModule(sibling) if sibling else None
        return found

    def _function(self, path: str, name: str) -> FunctionRef | None:
        facts = self.facts(path)
        place = next((f for f in facts.functions if f.name == name), None) if facts else None
        return FunctionRef(path, name, place.line, place.column) if place else None

    @cached_property
    def _importers(self) -> dict[str, set[str]]:
        """For each last part of an imported module's name, and each name in `import`, the files that say it."""
        index: dict[str, set[str]] = defaultdict(set)
        for path in sorted(self.paths):
            for match in _IMPORT_LINE.finditer("\n" + (self.read(path) or "")):
                for module in (match[1] or match[2]).split(","):
                    words = module.split()
                    if words:
                        index[words[0].rpartition(".")[2]].add(path)
        return index

    def importers(self, path: str) -> list[str]:
        """Files that may import `path` directly or through its package, in order."""
        parts = path.removesuffix("/__init__.py").removesuffix(".py").split("/")
        found: set[str] = set()
        for part in parts[-2:]:
            found |= self._importers.get(part, set())
        folder = dirname(path.removesuffix("/__init__.py"))  # a package is imported from beside its folder
        below = f"{folder}/" if folder else ""  # `from .. import x` stands in a folder below
        found |= {other for other in self._importers.get("", set()) if other.startswith(below)}
        return sorted(found - {path})

    # --- names -------------------------------------------------------------------------------------------------

    def qualified_name(self, file: ParsedFile, node: ast.expr) -> str | None:
        """The dotted name of an external function or class, through imports, aliases and local scopes.

        `F.dropout` gives `torch.nn.functional.dropout`. None where the name is rebound, a parameter, or of the project.
        """
        match node:
            case ast.Name():
                found = self.name_at(file, node)
                return found.name if isinstance(found, External) else None
            case ast.Attribute():
                head = self._attribute(file, node)
                return head.name if isinstance(head, External) else None
            case _:
                return None

    def _attribute(self, file: ParsedFile, node: ast.Attribute) -> Definition | None:
        match node.value:
            case ast.Name():
                head = self.name_at(file, node.value)
            case ast.Attribute():
                head = self._attribute(file, node.value)
            case _:
                return None
        match head:
            case External(name=name):
                return External(f"{name}.{node.attr}")
            case FileModule(path=path):
                return self.definition(path, node.attr)
            case _:
                return None

    def resolve(self, file: ParsedFile, node: ast.expr) -> Definition | None:
        """What a name or a chain of attributes means where it stands; None for anything else."""
        match node:
            case ast.Name():
                return self.name_at(file, node)
            case ast.Attribute():
                return self._attribute(file, node)
            case _:
                return None

    def name_at(self, file: ParsedFile, node: ast.Name) -> Definition | None:
        """What a name means where it stands; None where a function around it binds it in a way not followed here."""
        if _bound_by_expression(file, node):
            return None
        scope = file.enclosing_function(node)
        while scope is not None:
            if node.id in local_names(scope):
                return self._local(file, scope, node.id)
            scope = file.enclosing_function(scope)
        found = self.definition(file.path, node.id)
        return found if found is not None else self._aliased(file, file.tree.body, node.id)

    def _local(self, file: ParsedFile, scope: FunctionNode, name: str) -> Definition | None:
        bindings = [
            entry
            for statement in ast.walk(scope)
            if isinstance(statement, ast.Import | ast.ImportFrom)
            for entry in imported(statement)
            if entry.bound == name
        ]
        if bindings:
            return self.imported(bindings[-1], file.path)
        return self._aliased(file, scope.body, name)

    def _aliased(self, file: ParsedFile, body: list[ast.stmt], name: str) -> Definition | None:
        """`drop = F.dropout`, bound once in this body."""
        values = [
            statement.value
            for statement in top_level(body)
            if isinstance(statement, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == name for t in statement.targets)
        ]
        if len(values) != 1 or values[0] in self._followed:
            return None  # `x = x.data` says nothing of what x was before
        self._followed.add(values[0])
        try:
            return self.resolve(file, values[0]) or self.handed_on(file, values[0])
        finally:
            self._followed.remove(values[0])

    def handed_on(self, file: ParsedFile, node: ast.expr) -> External | None:
        """torch's `Variable`, where a lambda hands everything on to it; no other function has two names in this way."""
        function = handed_on(node)
        found = self.resolve(file, function) if function is not None else None
        return found if isinstance(found, External) and canonical(found.name) == VARIABLE else None

    # --- classes -----------------------------------------------------------------------------------------------

    def class_node(self, ref: ClassRef) -> tuple[ParsedFile, ast.ClassDef] | None:
        """The tree of a class (and its file)."""
        parsed = self.parse(ref.path)
        if parsed is None:
            return None
        node = parsed.class_at(ref.line, ref.name)
        return None if node is None else (parsed, node)

    def bases(self, ref: ClassRef) -> list[Definition | None]:
        """The direct bases; None for one that cannot be resolved."""
        found = self.class_node(ref)
        if found is None:
            return [None]
        parsed, node = found
        return [self._base(parsed, base) for base in node.bases]

    def _base(self, parsed: ParsedFile, base: ast.expr) -> Definition | None:
        match base:
            case ast.Name():
                return self.name_at(parsed, base)
            case ast.Attribute():
                return self._attribute(parsed, base)
            case ast.Subscript():  # Generic[T]
                return self._base(parsed, base.value)
            case _:
                return None

    def lineage(self, ref: ClassRef) -> Iterator[ClassRef | External | None]:
        """The class and all its ancestors, depth first; None stands for a base that cannot be resolved."""
        key = ("lineage", ref)
        cache: dict[Any, tuple[ClassRef | External | None, ...]] = self.memory.setdefault("lineages", {})
        if key not in cache:
            cache[key] = tuple(self._lineage(ref, 0))
        return iter(cache[key])

    def _lineage(self, ref: ClassRef, depth: int) -> Iterator[ClassRef | External | None]:
        yield ref
        if depth > MAX_DEPTH:
            return
        for base in self.bases(ref):
            match base:
                case ClassRef():
                    yield from self._lineage(base, depth + 1)
                case External():
                    yield base
                case _:
                    yield None

    def is_module(self, ref: ClassRef) -> bool:
        """Whether the class certainly derives from `torch.nn.Module`."""
        return any(isinstance(base, External) and is_module_base(base.name) for base in self.lineage(ref))

    def method(self, ref: ClassRef, name: str, after: ClassRef | None = None) -> FunctionRef | None:
        """The method that `name` finds on an instance (`after`: as `super()` in that class finds it)."""
        seen_after = after is None
        for cls in self.lineage(ref):
            if not isinstance(cls, ClassRef):
                continue
            if not seen_after:
                seen_after = cls == after
                continue
            if (found := self.methods(cls).get(name)) is not None:
                return found
        return None

    def methods(self, ref: ClassRef) -> dict[str, FunctionRef]:
        """The methods that the class itself defines, by name (the last definition wins)."""
        cache: dict[ClassRef, dict[str, FunctionRef]] = self.memory.setdefault("methods", {})
        if ref not in cache:
            found = self.class_node(ref)
            body = found[1].body if found else []
            cache[ref] = {
                node.name: FunctionRef(ref.path, node.name, node.lineno, node.col_offset, ref)
                for node in top_level(body)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            }
        return cache[ref]


def _bound_by_expression(file: ParsedFile, node: ast.Name) -> bool:
    """Whether a lambda or a comprehension around a name binds it."""
    child: ast.AST | None = node
    parent = file.parent(node)
    while parent is not None and not isinstance(parent, ast.stmt):
        match parent:
            case ast.Lambda(args=arguments) if child is parent.body:
                if any(isinstance(a, ast.arg) and a.arg == node.id for a in ast.walk(arguments)):
                    return True
            case ast.comprehension() if child is parent.iter and _is_first(file, parent):
                child, parent = parent, file.parent(parent)  # evaluated outside
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                targets = (name for generator in parent.generators for name in ast.walk(generator.target))
                if any(isinstance(name, ast.Name) and name.id == node.id for name in targets):
                    return True
            case _:
                pass
        child, parent = parent, file.parent(parent) if parent is not None else None
    return False


def _is_first(file: ParsedFile, generator: ast.comprehension) -> bool:
    around = file.parent(generator)
    return getattr(around, "generators", [None])[0] is generator


def local_names(scope: FunctionNode) -> frozenset[str]:
    """Names that a function binds: parameters, assignments, imports, loops, with, definitions; minus `global`."""
    cached: frozenset[str] | None = getattr(scope, "_local_names", None)
    if cached is None:
        cached = frozenset(_bound_in(scope))
        scope._local_names = cached  # type: ignore[union-attr]
    return cached


def _bound_in(scope: FunctionNode) -> set[str]:
    arguments = scope.args
    every = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    names = {a.arg for a in every if a is not None}
    outer: set[str] = set()
    stack: list[ast.AST] = list(scope.body)
    while stack:
        node = stack.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
                continue
            case ast.Lambda():
                continue
            case ast.Name(ctx=ast.Store() | ast.Del()):
                names.add(node.id)
            case ast.Import() | ast.ImportFrom():
                names |= {entry.bound for entry in imported(node)}
            case ast.Global() | ast.Nonlocal():
                outer |= set(node.names)
            case ast.ExceptHandler() if node.name:
                names.add(node.name)
            case _:
                pass
        stack += ast.iter_child_nodes(node)
    return names - outer
