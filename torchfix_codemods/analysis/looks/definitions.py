"""Where functions, methods and attributes of a project are defined, by their names, file by file.

Nothing is parsed but the functions that are asked for; a name stands for everything of that name that a class, its
bases and those that derive from it have.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections import OrderedDict
from collections.abc import Iterator

from torchfix_codemods.analysis.bare_names import Origin, bare_names
from torchfix_codemods.analysis.facts import Imported
from torchfix_codemods.analysis.looks.bodies import Body
from torchfix_codemods.analysis.looks.functions import Function, Functions, Unclear
from torchfix_codemods.analysis.mentions import paths_with
from torchfix_codemods.analysis.project import Project

MAX_FUNCTIONS = 3_000  # parsed for one project
MAX_HEIRS = 60  # classes that derive from one
MAX_STEPS = 3_000  # of one loss
MAX_SPENT = 40  # for one loss
MAX_READ = 3_000_000_000  # characters in which names were looked for
MAX_MENTIONS = 400  # of one name
KEPT_FILES, KEPT_BODIES = 16, 64
_CLASS = re.compile(r"\nclass[ \t]+(\w+)[ \t]*\(([^)]*)\)")
_NESTED_CLASS = re.compile(r"\n[ \t]+class[ \t]+(\w+)[ \t]*\(([^)]*)\)")
_WORD = re.compile(r"[\w.]+")
_STATEMENT = re.compile(r"\n(?![ \t\r\n\f)\]}#])")

_COMPOUND = re.compile(r"(?:if|elif|else|try|except|finally|with|for|while|match)\b")
_METHOD = re.compile(r"def +(\w+)")

ClassKey = tuple[str, str]


class Definitions:
    """The definitions of one project, parsed as they are asked for."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.names = bare_names(project)
        self._functions: OrderedDict[str, Functions] = OrderedDict()
        self._bodies: OrderedDict[tuple[str, int], Body] = OrderedDict()
        self._parsed = 0
        self.steps = 0
        self.spent = 0  # of the functions that one loss may take
        self._asked: set[str] = set()
        self._characters = 0
        self._derived: dict[str, list[ClassKey]] | None = None
        self._families: dict[ClassKey, frozenset[ClassKey]] = {}
        self._methods: frozenset[str] | None = None

    # --- functions ---------------------------------------------------------------------------------------------

    def functions(self, path: str) -> Functions:
        """The functions of a file."""
        if path not in self._functions:
            text = self.project.read(path) or ""
            if "\f" in text or "\r" in text.replace("\r\n", "\n"):
                raise Unclear
            self._functions[path] = Functions(text)
            if len(self._functions) > KEPT_FILES:
                self._functions.popitem(last=False)
        self._functions.move_to_end(path)
        return self._functions[path]

    def body(self, path: str, function: Function) -> Body:
        """A function with its names. Raises `Unclear` where it can't be parsed, or enough was."""
        key = (path, function.start)
        if key not in self._bodies:
            self._count()
            self._bodies[key] = Body(path, function, function.parsed())
            if len(self._bodies) > KEPT_BODIES:
                self._bodies.popitem(last=False)
        self._bodies.move_to_end(key)
        return self._bodies[key]

    def begin(self) -> None:
        """Another loss is looked at: its share of functions is its own."""
        self.spent = self.steps = 0

    def tick(self) -> None:
        """Count a step. Raises `Unclear` where one loss takes too many."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Unclear

    def _count(self) -> None:
        self._parsed += 1
        self.spent += 1
        if self._parsed > MAX_FUNCTIONS or self.spent > MAX_SPENT:
            raise Unclear

    def around(self, path: str, position: int) -> Body:
        """What stands around a position: a function, or a statement at the top level with all that is in it."""
        functions = self.functions(path)
        function = functions.around(position)
        return self.body(path, function) if function is not None else self.statement(path, position)

    def statement(self, path: str, position: int) -> Body:
        """The statement of the top level around a position."""
        text = "\n" + self.functions(path).text
        position += 1
        starts = [m.start() for m in _STATEMENT.finditer(text, max(0, position - 20_000), position)]
        after = _STATEMENT.search(text, position)
        if not starts:
            raise Unclear
        end = after.start() if after else len(text)
        key = (path, -1 - starts[-1])
        if key not in self._bodies:
            self._count()
            self._bodies[key] = Body(path, None, _parsed(text[starts[-1] + 1 : end]))
        return self._bodies[key]

    def named(self, path: str, name: str, owner: str | None = None) -> Iterator[Body]:
        """The functions of a file of this name: of a class, or at the top level ("")."""
        for function in self.functions(path).named(name):
            if owner is None or function.owner == owner:
                yield self.body(path, function)

    def paths(self, word: str) -> tuple[str, ...]:
        """The files that say a word. Raises `Unclear` where too many words were asked for."""
        if word not in self._asked:
            self._asked.add(word)
            if len(self._asked) * self._size() > MAX_READ:
                raise Unclear
        return paths_with(self.project, word)

    def _size(self) -> int:
        if self._characters == 0:
            self._characters = sum(len(self.project.read(path) or "") for path in self.project.paths)
        return self._characters

    def mentions(self, name: str, pattern: str) -> Iterator[tuple[str, re.Match[str]]]:
        """Where a pattern that begins with a name stands, in all files."""
        count = 0
        for path in self.paths(name):
            for match in re.finditer(pattern, self.project.read(path) or ""):
                count += 1
                if count > MAX_MENTIONS:
                    raise Unclear
                yield path, match

    def is_property(self, body: Body) -> bool:
        """Whether a method is a property: its decorators stand before it."""
        if body.function is None:
            return False
        before = self.functions(body.path).text[max(0, body.function.start - 400) : body.function.start]
        lines = before.rstrip("\n").split("\n")
        while lines and lines[-1].strip().startswith("@"):
            if "property" in lines.pop():
                return True
        return False

    # --- names -------------------------------------------------------------------------------------------------

    def origins(self, path: str, name: str) -> frozenset[Origin]:
        """What a name of the top level of a file may be."""
        return self.names.defined(path, name)

    def imported(self, path: str, entry: tuple[str, str, int]) -> frozenset[Origin]:
        """What an import inside of a function may give: module, name, level."""
        module, name, level = entry
        found = Imported("", module, level, name or None)
        return self.names.imported(found, path)

    def method_names(self) -> frozenset[str]:
        """The names of all functions and methods of the project."""
        if self._methods is None:
            texts = (self.project.read(path) or "" for path in sorted(self.project.paths))
            self._methods = frozenset(name for text in texts for name in _METHOD.findall(text))
        return self._methods

    def variables(self, path: str, name: str) -> list[Body]:
        """The statements of the top level of a file that assign a name."""
        text = "\n" + self.functions(path).text
        self.check_plain(path, name)
        return [
            self.statement(path, match.end() - 2)
            for match in re.finditer(rf"\n{re.escape(name)}[ \t]*(?::[^=\n]*)?=(?!=)", text)
        ]

    def check_plain(self, path: str, name: str) -> None:
        """Raise `Unclear` where a name of the top level is bound inside of an `if`, a loop or a function too."""
        text = "\n" + (self.project.read(path) or "")
        if "global " in text and re.search(rf"\bglobal\b[^\n]*\b{re.escape(name)}\b", text):
            raise Unclear
        pattern = rf"\n[ \t]+(?:(?:async[ \t]+)?def[ \t]+|class[ \t]+)?{re.escape(name)}\b[ \t]*(?:[(:]|=(?!=)|,)"
        for match in re.finditer(pattern, text):
            starts = [m.end() for m in _STATEMENT.finditer(text, max(0, match.start() - 20_000), match.start())]
            if not starts or _COMPOUND.match(text, starts[-1]):
                raise Unclear

    # --- classes -----------------------------------------------------------------------------------------------

    def family(self, path: str, name: str) -> frozenset[ClassKey]:
        """A class with its bases in the project and all classes that derive from one of that name."""
        key = (path, name)
        if key not in self._families:
            found = {key}
            todo = [key]
            for cls in todo:  # grows on the way: everything that derives from it, then their bases
                if len(todo) > MAX_HEIRS:
                    raise Unclear
                more = [c for c in self._children(cls[1]) if c not in found]
                found.update(more)
                todo += more
            todo = list(found)
            for cls in todo:
                more = [c for c in self._bases(*cls) if c not in found]
                found.update(more)
                todo += more
            self._families[key] = frozenset(found)
        return self._families[key]

    def heirs(self, path: str, name: str) -> frozenset[ClassKey]:
        """A class and all classes that derive from one of that name."""
        found = {(path, name)}
        todo = list(found)
        for cls in todo:
            if len(todo) > MAX_HEIRS:
                raise Unclear
            more = [c for c in self._children(cls[1]) if c not in found]
            found.update(more)
            todo += more
        return frozenset(found)

    def _children(self, name: str) -> list[ClassKey]:
        if self._derived is None:
            self._derived = {}
            for path in sorted(self.project.paths):
                text = "\n" + (self.project.read(path) or "")
                found = [*_CLASS.findall(text), *(_NESTED_CLASS.findall(text) if "    class " in text else ())]
                for cls, bases in found:
                    for base in _WORD.findall(bases):
                        self._derived.setdefault(base.rpartition(".")[2], []).append((path, cls))
        return self._derived.get(name, [])

    def _bases(self, path: str, name: str) -> Iterator[ClassKey]:
        text = "\n" + (self.project.read(path) or "")
        for head in re.finditer(rf"\n[ \t]*class[ \t]+{re.escape(name)}[ \t]*\(([^)]*)\)", text):
            for base in _WORD.findall(head[1]):
                for origin in self.names.dotted(path, base):
                    if origin.kind == "class":
                        yield origin.path, origin.name
                    elif origin.kind == "unknown":
                        yield from self._anywhere(base.rpartition(".")[2])

    def _anywhere(self, name: str) -> Iterator[ClassKey]:
        for path in self.paths(f"class {name}"):
            yield path, name


def _parsed(text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unclear from None
