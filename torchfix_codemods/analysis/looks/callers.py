"""Which functions of a file are certainly run with arguments that nobody knows, as the rule runs them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable

from torchfix_codemods.analysis.bare_names import bare_names
from torchfix_codemods.analysis.looks.functions import Function, FunctionNode, Functions
from torchfix_codemods.analysis.project import Project

_HEAD = re.compile(r"class (\w+)(?:\(([^()]*)\))?[ \t]*:")
_TOP = re.compile(r"^(?:class|def|async def)[ \t]+(\w+)", re.M)
_SCRIPT = re.compile(r"^(?:if|for|while|with|try|async)\b|^\w[\w.\[\], ]*(?::[^=\n]+)?=[^=\n].*\(|^[\w.]+\(", re.M)
_NO_CODE = re.compile(r"#|^[ \t]*(?:>>>|\.\.\.|import |from )", re.M)
_NO_MODELS = frozenset("Tensor int float str bool list dict tuple bytes object".split())


class Callers:
    """Who may run the functions of one file with arguments of their own."""

    def __init__(
        self, project: Project, path: str, functions: Functions, files_of: Callable[[str], list[Functions]]
    ) -> None:
        self.project, self.path, self.functions, self._files_of = project, path, functions, files_of
        self._nodes: dict[str, str] | None = None
        self._below: dict[str, set[str]] = {}

    def is_root(self, function: Function, others: Iterable[Function]) -> bool:
        """Whether a function is run on its own, with unknown arguments, because no other root may reach it.

        `others` are the functions that say a word of a resize too: only these are run, who says the name of one that
        other files may call, and the top level of the files.
        """
        further = [other for other in others if other != function]
        called = [f for f in (function, *further) if not f.name.startswith("__") and not self._is_of_module(f)]
        if not self._is_at_top(function) or self._runs() or any(self._is_called_elsewhere(f) for f in called):
            return False
        if any(self._is_said(f.name) for f in called if f != function):
            return False
        if function in called and self.places(function.name):
            return False
        return not any(self._may_reach(other, function) for other in further)

    def places(self, name: str) -> list[int]:
        """Where code of the file may say a name otherwise than to define it: not in quotes, nor in a description."""
        text = self.functions.text
        found = []
        for match in re.finditer(rf"(?<!def )\b{name}\b", text):
            line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
            described = text.count('"""', 0, match.start()) % 2 and not text.startswith("(", match.end())
            if not described and "#" not in line and line[-1:] not in ("'", '"', "`"):
                found.append(match.start())
        return found

    def callers(self, function: Function, others: Iterable[Function]) -> list[Function] | None:
        """The functions that call this one, if that is all that the file does with its name, and all are roots."""
        if function.name.startswith("__") or function.name == "forward" or not self._is_at_top(function):
            return None
        held = list(self.functions.holding(self.places(function.name)))
        callers = [caller for caller, _ in held if caller is not None and caller != function]
        roots = [other for other in (*others, *callers) if other != function]
        if len(callers) < len(held) or self._is_called_elsewhere(function):
            return None
        return callers if all(self.is_root(caller, roots) for caller in callers) else None

    def _is_at_top(self, function: Function) -> bool:
        """Whether it is a top-level function, or a method of a top-level class."""
        if function.owner:
            return f"\nclass {function.owner}" in self.functions.text
        return not function.text[:1].isspace()

    def _may_reach(self, other: Function, function: Function) -> bool:
        """Whether one function may lead to another, through whatever it says."""
        top, target = other.owner or other.name, function.owner or function.name
        if top != target:
            return target in self._reached(top)
        if function.name.startswith("__") or self._is_said(function.name):
            return True
        if function.name == "forward" and re.search(rf"\bself\(|\b{target}\(", self._tops()[top].partition(":")[2]):
            return True
        bases = self._files_of(target)
        return not bases or any(function.name in base.text for base in bases[1:])

    def _runs(self) -> bool:
        """Whether the top level of the file may call functions of its own."""
        text = self.functions.text
        names = self._tops()
        for match in _SCRIPT.finditer(text):
            line = text[match.start() : text.find("\n", match.start())]
            if line.startswith(("if ", "for ", "while ", "with ", "try", "async ")):
                block = re.compile(r"(?:.*\n)(?:[ \t]+.*\n|\n)*").match(text, match.start())
                line = block[0] if block else text[match.start() :]
            if names.keys() & set(re.findall(r"\w+", line)):
                return True
        return False

    def _tops(self) -> dict[str, str]:
        """The functions and classes of the file, with their texts."""
        if self._nodes is None:
            starts = list(_TOP.finditer(self.functions.text))
            ends = [*(match.start() for match in starts[1:]), len(self.functions.text)]
            self._nodes = {}
            for match, end in zip(starts, ends, strict=True):
                self._nodes[match[1]] = self._nodes.get(match[1], "") + self.functions.text[match.start() : end]
        return self._nodes

    def _reached(self, top: str) -> set[str]:
        """What a function or class may lead to: whatever it says, and so on."""
        if top not in self._below:
            nodes = self._tops()
            found, waiting = {top}, [top]
            while waiting:
                said = nodes.keys() & set(re.findall(r"\w+", nodes.get(waiting.pop(), ""))) - found
                found |= said
                waiting += said
            self._below[top] = found
        return self._below[top]

    def _is_said(self, name: str) -> bool:
        """Whether the file says a name otherwise than to define it."""
        return re.search(rf"(?<!def )\b{name}\b", self.functions.text) is not None

    def _is_of_module(self, function: Function) -> bool:
        return bool(function.owner) and bare_names(self.project).is_module(self.path, function.owner)

    def _is_called_elsewhere(self, function: Function) -> bool:
        """Whether another file may call a function, or a method: it needs an object of the class for that."""
        if not self._is_used_elsewhere(function.name):
            return False
        if not function.owner:
            return True
        return any(self._is_used_elsewhere(name) for name in family(self.functions.text, function.owner))

    def _is_used_elsewhere(self, name: str) -> bool:
        """Whether a file that may import this one says the name, not to define or to import it."""
        used = re.compile(rf"(?<!def )\b{name}\b")
        for other in self.project.importers(self.path):
            text = self.project.read(other) or ""
            if name not in text:
                continue
            own = f"def {name}(" in text or f"class {name}" in text
            for match in used.finditer(text):
                line = text.rfind("\n", 0, match.start()) + 1
                if own and text[match.start() - 1] != ".":
                    continue
                if not _NO_CODE.search(text, line, match.start()):
                    return True
        return False


def may_be_object(tree: FunctionNode, name: str) -> bool:
    """Whether a parameter may be an object by itself: by its default, its annotation, or as what stars collect."""
    spec = tree.args
    found = next((a for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs) if a.arg == name), None)
    if found is None:
        return True
    positional = [*spec.posonlyargs, *spec.args]
    defaults = dict(zip([a.arg for a in positional[::-1]], spec.defaults[::-1], strict=False))
    defaults |= {a.arg: d for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None}
    default = defaults.get(name)
    if default is not None and not isinstance(default, ast.Constant | ast.UnaryOp):
        return True
    match found.annotation:
        case ast.Name(id=word) | ast.Attribute(attr=word):
            return word not in _NO_MODELS
        case _:
            return False


def family(text: str, owner: str) -> set[str]:
    """A class, the classes of the text that derive from it, and those that they derive from."""
    heads = {m[1]: set(re.findall(r"\w+", m[2] or "")) for m in _HEAD.finditer(text)}
    found = {owner}
    while more := {name for name, bases in heads.items() if bases & found} - found:
        found |= more
    while more := {base for name in found for base in heads.get(name, ()) if base in heads} - found:
        found |= more
    return found
