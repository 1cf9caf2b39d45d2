"""Which files run when a program runs: those that it imports, as Python's import statement runs them.

That is less than what a name may mean (`analysis.reach`): an import runs a module, the packages above it and the
submodule that it names, whatever they define.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from posixpath import dirname

from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.reach import reach_of
from torchfix_codemods.analysis.trees import statements


@dataclass(frozen=True)
class Link:
    """A file that an import runs.

    For absolute imports, `module` is the first part of the name and `root` the folder in which Python has to look
    for that, "." for the top one.
    """

    path: str
    module: str = ""
    root: str | None = None


def project_at(root: Path, also: Collection[str] = ()) -> Project:
    """All Python files below `root` by their paths relative to it; `also` are taken though they may be ignored.

    So is every `__init__.py` beside a file that is taken: it runs, whatever `.gitignore` says of `__*`.
    """
    from torchfix_codemods.source.discovery import discover
    from torchfix_codemods.source.reader import Reader

    files = discover((os.curdir, *also), exclude=("*.ipynb",), cwd=root).files  # notebooks are no scripts
    taken = {file.path for file in files}
    packages = {os.path.join(dirname(path), "__init__.py") for path in taken} - taken
    missed = [path for path in sorted(packages) if os.path.isfile(os.path.join(root, path))]
    if missed:
        files = discover((os.curdir, *also, *missed), exclude=("*.ipynb",), cwd=root).files
    reader = Reader(files)
    return Project(reader.paths, reader.text)


def links(project: Project, path: str) -> tuple[Link, ...]:
    """The files of the project that the imports of one file run, at its top level or later."""
    known: dict[str, tuple[Link, ...]] = project.memory.setdefault("links", {})
    if path not in known:
        known[path] = tuple(dict.fromkeys(link for link in _links(project, path) if link.path != path))
    return known[path]


def closure(project: Project, path: str) -> tuple[str, ...]:
    """The file and all that its imports run, nearest first."""
    known: dict[str, tuple[str, ...]] = project.memory.setdefault("closures", {})
    if path not in known:
        found = {path: None}
        todo = [path]
        for current in todo:  # grows on the way
            new = dict.fromkeys(link.path for link in links(project, current) if link.path not in found)
            found |= new
            todo += new
        known[path] = tuple(found)
    return known[path]


def distances(project: Project, path: str) -> dict[str, int]:
    """Every file whose imports run `path`, with the number of imports on the shortest way; `path` itself with 0."""
    found = {path: 0}
    todo = [path]
    for current in todo:  # grows on the way
        for other in _may_import(project, current):
            if other not in found and any(link.path == current for link in links(project, other)):
                found[other] = found[current] + 1
                todo.append(other)
    return found


def _may_import(project: Project, path: str) -> list[str]:
    """Files that may import another; a package is also run by whoever imports something in it."""
    found = set(project.importers(path))
    if path.endswith("__init__.py"):
        below = [inner for inner in project.paths if inner.startswith(path.removesuffix("__init__.py"))]
        found |= {other for inner in below for other in project.importers(inner)}
    return sorted(found - {path})


def _links(project: Project, path: str) -> Iterator[Link]:
    for module, level, name in _imports(project, path):
        target = project.module_path(module, path, level)
        if target is None:
            continue
        root = None if level else _root_of(target, module)
        inner = project.module_path(f"{module}.{name}" if module else name, path, level) if name else None
        files = [target, *_packages_above(project, target, module)]
        if inner is not None and inner.startswith(dirname(target) + "/" if dirname(target) else ""):
            files.append(inner)
        first = "" if level else module.partition(".")[0]
        yield from (Link(file, first, root) for file in files if file in project.paths)


def _imports(project: Project, path: str) -> Iterator[tuple[str, int, str]]:
    """Module, leading dots, and the name taken from it ("" for none) of every import in a file."""
    parsed = project.parse(path)
    if parsed is None:  # Python 2, `async=True`: a look from afar is better than nothing
        outline = reach_of(project).outline(path)
        for entry in outline.imports if outline is not None else ():
            yield entry.module, entry.level, (entry.name or "").replace("*", "")
        return
    for node in statements(parsed.tree.body):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", node.level, alias.name.replace("*", "")) for alias in node.names)


def _packages_above(project: Project, target: str, module: str) -> Iterator[str]:
    """The `__init__.py` of the packages through which an import came to its module."""
    folder = dirname(target.removesuffix("/__init__.py").rstrip("/"))
    for _ in range(module.count(".")):
        file = f"{folder}/__init__.py" if folder else "__init__.py"
        if file in project.paths:
            yield file
        folder = dirname(folder)


def _root_of(target: str, module: str) -> str | None:
    """The folder in which Python looks for the first part of a module's name."""
    stem = target.rstrip("/").removesuffix("/__init__.py").removesuffix(".py")
    relative = module.replace(".", "/")
    if stem != relative and not stem.endswith("/" + relative):
        return None
    return stem[: -len(relative)].rstrip("/") or "."
