"""What may be known of the attributes that the objects of a class keep: whatever a method stores there."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from torchfix_codemods.analysis.looks.callers import family
from torchfix_codemods.analysis.looks.functions import Function, FunctionNode, Functions, Unclear
from torchfix_codemods.analysis.looks.ranks import ANYTHING, NOTHING, Known, container, union
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trees import walk

Tree = Callable[[Function], FunctionNode]
#: Evaluates expressions of a function.
Values = Callable[[Functions, Function, list[ast.AST]], dict[ast.AST, Known]]
_MAX_CLASSES = 12
_MAX_IMPORTS = 4  # one after another, until the class is found
_UNREAD = re.compile(r"[ \t]*(?::[^=\n]+)?=[ \t]*(?:None\b|(?:torch\.)?nn\.(?:Parameter|Embedding)\()")
_CHANGED = re.compile(r"\.(?:append|add|insert|extend|update|squeeze_|unsqueeze_|transpose_|t_|resize_)\(")
_EXTERNAL = re.compile(r"(?:torch\.)?nn\.\w+|object|ABC|torch\.\S+")


class KeptValues:
    """The attributes of the classes of one file."""

    def __init__(self, project: Project, path: str, functions: Functions, values: Values, tree: Tree) -> None:
        self.project, self.path, self.functions = project, path, functions
        self._values, self._tree = values, tree
        self._known: dict[tuple[str, str], Known] = {}
        self._families: dict[str, set[str]] = {}
        self._files: dict[str, list[Functions]] = {}

    def attribute(self, owner: str, name: str) -> Known:
        """What may be known of `self.name` in a class."""
        files = self.files_of(owner)
        if not files:
            return ANYTHING
        key = (owner, name)
        if key not in self._known:
            self._known[key] = ANYTHING  # what is asked for on the way
            self._known[key] = union([NOTHING, *(v for f in files for v in self._stored(f, owner, name))])
        return self._known[key]

    def forget(self) -> None:
        """Who makes the objects has changed."""
        self._known.clear()

    def files_of(self, owner: str) -> list[Functions]:
        """The files of a class and of those that it derives from; none where not all are known."""
        if owner not in self._files:
            try:
                self._files[owner] = [self.functions, *self._lineage(self.path, self.functions, owner)]
            except Unclear:
                self._files[owner] = []
        return self._files[owner]

    def makers(self, owner: str, name: str) -> list[ast.expr] | None:
        """The expressions whose values `self.name` gets; None where not all are known."""
        files = self.files_of(owner)
        if not files or any(f"def {name}(" in f.text or self._is_of_the_class(f, name) for f in files):
            return None
        found: list[ast.expr] = []
        for functions in files:
            for match in re.finditer(rf"\.{name}\b", functions.text):
                if _CHANGED.match(functions.text, match.end()):
                    return None
                if not _is_stored(functions.text, match.start(), match.end()):
                    continue
                function = functions.around(match.start())
                if function is None or functions is not self.functions:
                    return None
                found += _assigned(self._tree(function), name)
        return found or None

    def _stored(self, functions: Functions, owner: str, name: str) -> Iterator[Known]:
        text = functions.text
        if name not in text:
            return
        if f"def {name}(" in text or (f'"{name}"' in text and re.search(rf'setattr\([^,\n]+,\s*"{name}"', text)):
            yield ANYTHING
            return
        if self._is_of_the_class(functions, name):
            yield ANYTHING
            return
        places = []
        for match in re.finditer(rf"\.{name}\b", text):
            if _CHANGED.match(text, match.end()):
                yield ANYTHING
                return
            if _is_stored(text, match.start(), match.end()) and not _UNREAD.match(text, match.end()):
                places.append(match.start())
        for function, positions in functions.holding(places):
            if function is None:
                yield ANYTHING
                return
            if functions is self.functions and self._is_of_others(function, owner, positions):
                continue
            yield from self._in(functions, function, name)

    def _is_of_others(self, function: Function, owner: str, positions: list[int]) -> bool:
        """Whether these attributes of `self` are those of a class that has nothing to do with `owner`."""
        if not function.owner or function.owner in self._family(owner):
            return False
        return all(self.functions.text.endswith("self", 0, position) for position in positions)

    def _family(self, owner: str) -> set[str]:
        """The class, the classes of the file that derive from it, and those they derive from."""
        if owner not in self._families:
            self._families[owner] = family(self.functions.text, owner)
        return self._families[owner]

    @staticmethod
    def _is_of_the_class(functions: Functions, name: str) -> bool:
        """Whether a class itself keeps something under this name."""
        for match in re.finditer(rf"{name}[ \t]*(?::[^=\n]+)?=(?!=)", functions.text):
            line = functions.text[functions.text.rfind("\n", 0, match.start()) + 1 : match.start()]
            if line and not line.strip() and functions.around(match.start()) is None:
                return True
        return False

    def _in(self, functions: Functions, function: Function, name: str) -> Iterator[Known]:
        tree = self._tree(function)
        targets: list[ast.AST] = []
        for node in walk(tree):
            match node:
                case ast.Attribute(attr=attr, ctx=ast.Store()) if attr == name:
                    targets.append(node)
                case ast.Subscript(value=ast.Attribute(attr=attr), ctx=ast.Store()) if attr == name:
                    targets.append(node)
                case _:
                    pass
        found = self._values(functions, function, targets)
        for target in targets:
            known = found.get(target, ANYTHING)  # in a function of the function: not followed
            yield container([known]) if isinstance(target, ast.Subscript) else known

    def _lineage(self, path: str, functions: Functions, owner: str, depth: int = 0) -> list[Functions]:
        """The further files of the classes that a class derives from."""
        known: dict[tuple[str, str], list[Functions]] = self.project.memory.setdefault("files of classes", {})
        if depth > _MAX_CLASSES:
            raise Unclear
        if (path, owner) not in known:
            known[path, owner] = []  # of what is asked for on the way
            found: dict[str, Functions] = {}
            for base in _bases(functions.text, owner):
                target: str | None = path
                if not _has_class(functions.text, base):
                    target = self._file_of(path, functions.text, base)
                if target is not None:
                    further = functions if target == path else Functions(self.project.read(target) or "")
                    below = self._lineage(target, further, base, depth + 1)
                    found |= {f.text: f for f in (*([further] if target != path else []), *below)}
            known[path, owner] = list(found.values())
        return known[path, owner]

    def _file_of(self, path: str, text: str, name: str) -> str | None:
        """The file that defines an imported class; None for one from outside."""
        for _ in range(_MAX_IMPORTS):
            found = _import_of(text, name)
            if found is None:
                if "." in name and f"import {name.partition('.')[0]}" in text:
                    return None
                raise Unclear
            target = self.project.module_path(found[1], path, len(found[0]))
            if target is None:
                return None
            path, text = target, self.project.read(target) or ""
            if _has_class(text, name):
                return target
        raise Unclear


def _assigned(tree: FunctionNode, name: str) -> Iterator[ast.expr]:
    for node in walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                if any(isinstance(t, ast.Attribute) and t.attr == name for t in targets):
                    yield value
            case ast.Attribute(attr=attr, ctx=ast.Store()) if attr == name:
                yield from ()
            case _:
                pass


def _has_class(text: str, name: str) -> bool:
    return f"class {name}(" in text or f"class {name}:" in text


def _import_of(text: str, name: str) -> tuple[str, str] | None:
    """The dots and the module of `from .module import name`."""
    for match in re.finditer(rf"import (?:\([^)]*?|[^(\n]*?)\b{re.escape(name)}\b", text):
        line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        head = re.fullmatch(r"[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+", line)
        if head is not None:
            return head[1], head[2]
    return None


def _bases(text: str, name: str) -> Iterator[str]:
    """The names of the bases of a class of this text that are not torch's own."""
    head = re.search(rf"class {re.escape(name)}\b(?:\(([^()]*)\))?[ \t]*:", text)
    if head is None:
        raise Unclear
    for base in re.sub(r"\[[^\]]*\]", "", head[1] or "").split(","):
        written = base.strip()
        if written and "=" not in written and not _EXTERNAL.fullmatch(written):
            yield written


def _is_stored(text: str, start: int, end: int) -> bool:
    """Whether an attribute stands in front of the `=` of its line."""
    before = text[text.rfind("\n", 0, start) + 1 : start]
    if "=" in before or "#" in before:
        return False
    return re.compile(r"[^=\n(]*(?<![=!<>])=(?!=)").match(text, end) is not None
