"""What is called by a call that gets an output: functions and methods of the project, objects, what is not of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.bare_names import Origin, bare_names
from torchfix_codemods.analysis.facts import dotted
from torchfix_codemods.analysis.looks.files import File
from torchfix_codemods.analysis.looks.functions import Function, Unclear
from torchfix_codemods.analysis.looks.imports import places
from torchfix_codemods.analysis.project import Project

_STORED = r"\.{}[ \t]*(?::[^=\n]*)?=(?!=)[ \t]*"
_MADE = re.compile(r"((?:\w+\.)*\w+)\(")
_TEST = re.compile(r"\bif\b(?:(?!\bif\b).)*?\belse\b", re.DOTALL)  # of a conditional expression
_BRACKET = re.compile(r"[\[\](){}\n]")
#: What may stand around the objects of a list, and in its comprehension.
_AROUND = frozenset("ModuleList range len enumerate zip int max min".split())
_DEFINED = re.compile(r"\n(?:class|def|async def)[ \t]")


@dataclass(frozen=True)
class Callee:
    """A function in its file; `bound`: its first parameter is the object."""

    path: str
    function: Function
    bound: bool = False


@dataclass(frozen=True)
class Record:
    """An object of a class without code for its making: it holds what it is given, under these names."""

    path: str
    name: str


@dataclass(frozen=True)
class Foreign:
    """A function or class that is not of the project, by the last part of its name; a layer of torch, say."""

    name: str


Found = Callee | Record | Foreign


def methods_named(files: list[File], name: str, owners: set[str]) -> Iterator[Callee]:
    """The methods of this name in these classes."""
    for file in files:
        for function in file.named(name):
            if function.owner in owners:
                bound = bool(function.owner) and "staticmethod" not in file.decorators(function)
                yield Callee(file.path, function, bound)


def kept_in(file: File, name: str, owners: Collection[str] | None) -> list[str]:
    """The classes of which a file puts objects into an attribute: one, or a list of them.

    Of `self` only those count that methods of the `owners` put there; of everybody where these aren't known.
    """
    found: list[str] = []
    for stored in re.finditer(_STORED.format(re.escape(name)), file.text):
        value = _expression(file.text, stored.end())
        if owners is not None and _is_of_another(file, stored.start(), owners):
            continue
        value = _TEST.sub(",", value)
        if _is_global(file, stored.start(), value.strip()):
            found.append(value.strip())
            continue
        if re.match(r"None\b", value) or _is_set_from_outside(file, stored.start(), value):
            continue
        made = [match[1] for match in _MADE.finditer(value) if match[1].rpartition(".")[2] not in _AROUND]
        last = [name.rpartition(".")[2] for name in made]
        if not made or not all(name[:1].isupper() for name in last) or not _MADE.match(value.lstrip("[(")):
            raise Unclear
        found += ["torch.nn.Sequential"] if "Sequential" in last else made
    if not found:
        raise Unclear
    return found


def _is_of_another(file: File, position: int, owners: Collection[str]) -> bool:
    """Whether it is an attribute of the `self` of another class."""
    if not file.text.endswith("self", 0, position) or file.text[position - 5 : position - 4] in ("_", "."):
        return False
    function = file.functions.around(position)
    return function is not None and function.owner in file.classes and function.owner not in owners


def _is_global(file: File, position: int, name: str) -> bool:
    """Whether a name that is stored is that of a function of the file: it is said in no other place of the method."""
    function = file.functions.around(position)
    if (
        function is None
        or not name.isidentifier()
        or name in file.classes
        or len(list(places(function.text, name))) > 1
    ):
        return False
    return any(not found.owner for found in file.named(name))


def _is_set_from_outside(file: File, position: int, value: str) -> bool:
    """Whether a method that nobody here calls sets an attribute to what it was given."""
    function = file.functions.around(position)
    if function is None or function.name == "__init__" or not value.strip().isidentifier():
        return False
    return f".{function.name}(" not in file.text


def _expression(text: str, start: int) -> str:
    """The text of an expression from its start to the end of its line, or of its brackets."""
    depth = 0
    for match in _BRACKET.finditer(text, start):
        depth += (match[0] in "([{") - (match[0] in ")]}")
        if match[0] == "\n" and depth <= 0:
            return text[start : match.start()]
    return text[start:]


def by_name(project: Project, path: str, func: ast.expr) -> list[Origin]:
    """What a name that is not bound in the function may be."""
    name = dotted(func)
    if not name:
        raise Unclear
    names = bare_names(project)
    found = list(names.dotted(path, name) if "." in name else names.defined(path, name))
    if any(origin.kind not in ("function", "class", "external") for origin in found):
        raise Unclear
    return found


def is_record(file: File, name: str) -> bool:
    """Whether a class is a dataclass, or a tuple with names."""
    at = file.text.find(f"class {name}")
    end = _DEFINED.search(file.text, at + 1)
    block = file.text[at : end.start() if end else len(file.text)]
    if "def __" in block:
        return False
    before = file.text.rfind("@dataclass", 0, at)
    decorated = before >= 0 and not _DEFINED.search(file.text, before, at - 1)
    return decorated or "NamedTuple" in block.partition(":")[0]
