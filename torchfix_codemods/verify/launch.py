"""How a program is started: as a file or as a module, in which folder, and where Python has to look for its imports."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path
from posixpath import dirname

from torchfix_codemods.analysis.project import Project
from torchfix_codemods.verify.closure import closure, links

_LONGEST_PATH = 200  # characters; a longer string in a program names no file


def import_roots(sources: Project, script: str) -> tuple[str, ...]:
    """The folders in which the imports of a program are found; first the one that Python itself puts first.

    For a file that is its own folder, for a module the one above its package. The others are what people reach by
    `PYTHONPATH=.`, `pip install -e .` or a change of `sys.path`: an installed package would be run as it is, and not
    as it is in the copy. A package whose own files import one another as Python 2 did is none of them.
    """
    first = _above_package(sources, script) if _needs_package(sources, script) else dirname(script)
    found = [first or "."]
    for file in closure(sources, script):
        for link in links(sources, file):
            if link.root is not None and link.module not in sys.stdlib_module_names:
                found += [link.root] if file == script or _is_root(sources, link.root, file) else []
    return tuple(dict.fromkeys(found))


def is_module(script: str, roots: tuple[str, ...]) -> bool:
    """Whether a program has to be run by `-m`: it looks for its imports above its package."""
    return roots[0] != (dirname(script) or ".")


def working_folder(sources: Project, script: str, roots: tuple[str, ...], project: Path, cwd: Path) -> str:
    """Where a program is started: the folder from which most of the paths that it writes out exist.

    Nothing but such paths tells whether people run `python tools/train.py` or go to its folder first. Where they
    tell nothing, it is the folder above the package of a module, else the one we were called from.
    """
    here = cwd.resolve()
    candidates = [roots[0]] if is_module(script, roots) else []
    candidates += [here.relative_to(project).as_posix()] if here.is_relative_to(project) else []
    candidates += [dirname(script) or ".", "."]
    named = _named_paths(sources, script)
    return max(candidates, key=lambda folder: sum(os.path.exists(project / folder / name) for name in named))


def _is_root(sources: Project, root: str, importer: str) -> bool:
    """Whether a folder may come on Python's path because of an import in a file that is itself imported.

    A package may hold a `logging.py` or `types.py`, which would come before those of the standard library.
    """
    if not _is_package(sources, root):
        return True
    top = "" if root == "." else root + "/"
    inside = {
        path.removeprefix(top).partition("/")[0].removesuffix(".py") for path in sources.paths if path.startswith(top)
    }
    return (dirname(importer) or ".") != root and inside.isdisjoint(sys.stdlib_module_names)


def _needs_package(sources: Project, script: str) -> bool:
    return script.endswith("/__main__.py") or _leading_dots(sources, script) > 0


def _leading_dots(sources: Project, script: str) -> int:
    facts = sources.facts(script)
    return max((entry.level for entry in facts.all_imports), default=0) if facts else 0


def _above_package(sources: Project, script: str) -> str:
    """The folder above the outermost package of a file, as many folders up as its relative imports have dots."""
    least, folder, up = _leading_dots(sources, script), dirname(script), 0
    while folder and (up < max(least, 1) or _is_package(sources, folder)):
        folder, up = dirname(folder), up + 1
    return folder


def _is_package(sources: Project, folder: str) -> bool:
    return ("__init__.py" if folder == "." else f"{folder}/__init__.py") in sources.paths


def _named_paths(sources: Project, script: str) -> frozenset[str]:
    """The strings of a program that look like relative paths."""
    parsed = sources.parse(script)
    nodes = ast.walk(parsed.tree) if parsed else ()
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return frozenset(text for text in texts if _looks_like_a_path(text))


def _looks_like_a_path(text: str) -> bool:
    """`data/train.csv` or `./runs`: neither a word, which may be anything, nor `..`, which is everywhere."""
    if not 1 < len(text) <= _LONGEST_PATH or not text.isprintable() or text.startswith("/") or "://" in text:
        return False
    return "/" in text.strip("/") or "." in text.strip(".") if text.strip("./") else False
