"""What of a file is worth running, as far as that is the same for all programs that the file is part of.

A file that many others import is part of many programs: its functions are searched once.
"""

from __future__ import annotations

import ast
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.facts import top_level
from torchfix_codemods.analysis.frameworks import is_hook
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.values import ClassRef, FunctionRef

KEPT_FILES = 300
_CALL = re.compile(r"\b(\w+)\(")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Root:
    """A function to run, where its text stands in the file, and whether something in the file may call it first."""

    ref: FunctionRef
    start: int
    end: int
    late: bool


def roots_of(project: Project, file: ParsedFile, key: str, says: Callable[[str], bool]) -> tuple[Root, ...]:
    """The functions of a file whose code `says` a word of interest, or that a framework calls, in the order to run.

    They are remembered under `key`, which has to stand for `says`.
    """
    known: OrderedDict[tuple[str, str], tuple[Root, ...]] = project.memory.setdefault("roots", OrderedDict())
    if (file.path, key) not in known:
        known[file.path, key] = _ordered(file, list(_worth_running(project, file, says)))
    known.move_to_end((file.path, key))
    if len(known) > KEPT_FILES:
        known.popitem(last=False)
    return known[file.path, key]


def functions_in(file: ParsedFile) -> Iterator[tuple[FunctionRef, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Top-level functions and methods of top-level classes."""
    for statement in top_level(file.tree.body):
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield (
                    FunctionRef(file.path, statement.name, statement.lineno, statement.col_offset),
                    statement,
                )
            case ast.ClassDef():
                owner = ClassRef(file.path, statement.name, statement.lineno)
                for node in top_level(statement.body):
                    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                        yield FunctionRef(file.path, node.name, node.lineno, node.col_offset, owner), node
            case _:
                pass


def _worth_running(
    project: Project, file: ParsedFile, says: Callable[[str], bool]
) -> Iterator[tuple[FunctionRef, int, int]]:
    volatile = _volatile_names(file.text)
    for ref, node in functions_in(file):
        start, end = file.span(node)
        source = file.text[start:end]
        if says(source) or (volatile and volatile.search(source)) or is_hook(project, ref):
            yield ref, start, end


def _ordered(file: ParsedFile, found: list[tuple[FunctionRef, int, int]]) -> tuple[Root, ...]:
    """Those that nobody in the file calls first."""
    calls = _calls(file.text, {ref.name for ref, _, _ in found})
    roots = [Root(ref, start, end, calls[ref.name] > 1 or ref.name == "forward") for ref, start, end in found]
    return tuple(sorted(roots, key=lambda root: (root.late, root.ref.line)))


def _calls(text: str, names: set[str]) -> dict[str, int]:
    """How often each name stands before a bracket."""
    if not names:
        return {}
    counted = Counter(_CALL.findall(text))
    odd = {name for name in names if not _WORD.fullmatch(name)}
    return {name: len(re.findall(rf"\b{re.escape(name)}\(", text)) if name in odd else counted[name] for name in names}


def _volatile_names(text: str) -> re.Pattern[str] | None:
    """The names and attributes that are assigned something volatile: whoever uses them is of interest."""
    if "volatile" not in text:
        return None
    names = set(re.findall(r"(\w+)[ \t]*=[^=\n][^\n]*\bvolatile[ \t]*=[ \t]*True", text))
    return re.compile(r"\b(?:" + "|".join(sorted(names)) + r")\b") if names else None
