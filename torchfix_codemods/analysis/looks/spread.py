"""Follows outputs from function to function: what is returned to the callers, what is kept in attributes.

All by names: a call of a name may be a call of every function of that name. What isn't understood is `Unclear`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torchfix_codemods.analysis.looks.bases import base_that_calls
from torchfix_codemods.analysis.looks.files import File
from torchfix_codemods.analysis.looks.following import Following
from torchfix_codemods.analysis.looks.functions import Function, FunctionNode, Unclear
from torchfix_codemods.analysis.looks.handing import TRACKED, Handing
from torchfix_codemods.analysis.looks.held import CLEAN, NOTHING, Held, joined
from torchfix_codemods.analysis.looks.imports import imports_of, places
from torchfix_codemods.analysis.looks.operations import is_library, last
from torchfix_codemods.analysis.looks.sources import Sources
from torchfix_codemods.analysis.looks.tops import in_a_class, is_imported, is_listed, is_quoted, statement_of
from torchfix_codemods.analysis.looks.uses import is_code
from torchfix_codemods.analysis.outline import without_comments
from torchfix_codemods.analysis.project import Project

MOST_RUNS = 160  # of functions; what goes further is left to the interpreter
MOST_FILES = 12
_CLASS = re.compile(r"\bclass[ \t]+(\w+)[ \t]*(?:\(([^)]*)\))?[ \t]*:")
_WORD = re.compile(r"\w+")
_SELF = re.compile(r"\n(?: {4}|\t)(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(\s*(\w+)")
_RECORDED = frozenset(["_can_record_outputs"])  # classes whose outputs are to be written down, by their names
_CALLED = ("forward", "__call__")


class Spread(Handing):
    """Where the outputs of the sources in one file go. `run` raises `Unclear` where one may meet a sink."""

    def __init__(self, project: Project, path: str, sources: Sources, *, alone: bool = False) -> None:
        self.project = project
        self.alone = alone
        self.sources = sources
        self.files: dict[str, File] = {}
        self.names: dict[str, Held] = {}
        self.attributes: dict[str, Held] = {}
        self.given = {}
        self.passed = {}
        self.callers = {}
        self._results: dict[tuple[str, Function], Held] = {}
        self._waiting: dict[tuple[str, Function], None] = {}
        self._runs = 0
        self.file = self.open(path)

    def run(self, positions: list[int]) -> None:
        """Follow everything, from the functions around these positions on."""
        for function, _ in self.file.functions.holding(positions):
            if function is None:
                raise Unclear
            self._waiting[self.file.path, function] = None
        self._follow_all()
        while (path := self._calling_base()) is not None:
            self._see_all(self.open(path))
            self._follow_all()

    def _follow_all(self) -> None:
        while self._waiting:
            path, function = next(iter(self._waiting))
            del self._waiting[path, function]
            self.count()
            self._follow(self.files[path], function)

    def _calling_base(self) -> str | None:
        """A file that isn't followed yet, and from which a class inherits code that may use what is known so far."""
        return None if self.alone else base_that_calls(self.project, self.files, self.names, self.attributes)

    def _see_all(self, file: File) -> None:
        """Look in a file for everything that is known so far."""
        for known in (self.attributes, self.names):
            for name in list(known):
                self._look_again(file, name, is_attribute=known is self.attributes)

    def open(self, path: str) -> File:
        """A file through which outputs go."""
        if path not in self.files:
            text = self.project.read(path)
            if text is None or len(self.files) >= MOST_FILES:
                raise Unclear
            self.files[path] = File(path, text if self.alone else without_comments(text))
            for key in self._results:
                self._waiting[key] = None
        return self.files[path]

    def follow(self, node: FunctionNode, arguments: dict[str, Held]) -> Held:
        """What a function returns."""
        return Following(self, arguments, {}).run(node)

    def count(self) -> None:
        """One more function is followed."""
        self._runs += 1
        if self._runs > MOST_RUNS:
            raise Unclear

    # --- what functions return -------------------------------------------------------------------------------------

    def _follow(self, file: File, function: Function) -> None:
        self.file, self.function = file, function
        node, key = file.parsed(function), (file.path, function)
        following = Following(self, self.arguments(file, function, node), {})
        before = self._results.get(key, NOTHING)
        returned = joined([before, following.run(node)])
        if returned != before:
            self._results[key] = returned
            if returned.matters:
                self._returns(file, function, returned)

    def arguments(self, file: File, function: Function, node: FunctionNode) -> dict[str, Held]:
        """What the parameters hold: what they are given, an object of the class that annotates them, `self`."""
        found: dict[str, Held] = {}
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        for argument in every:
            if isinstance(argument.annotation, ast.Name | ast.Attribute):
                made = self.names.get(last(argument.annotation), CLEAN).gives
                if made is not None:
                    found[argument.arg] = joined([found.get(argument.arg, NOTHING), made])
        if function.owner and every and (own := self._object_of(function.owner)) is not None:
            found[every[0].arg] = own
        return found

    def _object_of(self, owner: str) -> Held | None:
        """What an object of a class, or of one that derives from it, is good for; None for nothing."""
        found = [self.names[name].gives for name in (owner, *self.heirs(owner)) if name in self.names]
        made = [held for held in found if held is not None]
        return joined(made) if made else None

    def heirs(self, owner: str) -> Iterator[str]:
        """The classes that derive from one."""
        known = [owner]
        for base in known:
            for file in self.files.values():
                new = [name for name in file.heirs.get(base, ()) if name not in known]
                known += new
                yield from new

    def _returns(self, file: File, function: Function, held: Held) -> None:
        if not function.owner:
            return self.learn(self.names, function.name, Held(gives=held))
        if function.name.startswith("__") and function.name not in _CALLED:
            raise Unclear
        called = function.name in _CALLED
        if "property" in file.decorators(function):
            self.learn(self.attributes, function.name, held)
        self.learn(self.attributes, function.name, Held(gives=held))
        for name in (function.owner, *self.heirs(function.owner)):
            self.learn(self.names, name, Held(gives=Held(gives=held if called else CLEAN)))
        return None

    def learn(self, known: dict[str, Held], name: str, held: Held) -> None:
        """A name or attribute holds something: whoever says it is looked at again."""
        if self.alone:
            raise Unclear
        before = known.get(name, NOTHING)
        known[name] = joined([before, held])
        if known[name] == before:
            return
        self.given.clear()
        if before == NOTHING and known is self.names:
            for path in imports_of(self.project).users(self.file.path, name):
                self.open(path)
        for file in list(self.files.values()):
            self._look_again(file, name, is_attribute=known is self.attributes)
            if known is self.names and name in file.classes:
                self._look_at_selves(file, {name, *self.heirs(name)})

    def _look_at_selves(self, file: File, owners: set[str]) -> None:
        """What an object is good for has changed: its own methods may call it, or hand it on."""
        selves = "|".join({"self", *_SELF.findall(file.text)} - {"cls"})
        for match in re.finditer(rf"(?<![.\w])(?:{selves})(?=[ \t]*[(,)\]])", file.text):  # called, or handed on
            function = file.functions.around(match.start())
            if function is not None and function.owner in owners:
                self._wait(file.path, function)

    def _look_again(self, file: File, name: str, *, is_attribute: bool) -> None:
        done = 0
        called = places(file.text, "self(") if is_attribute and name == "forward" else ()
        for place in sorted((*places(file.text, name), *(place + len("self") for place in called))):
            if place < done or (
                is_attribute and file.text[place - 1 : place] not in ".'\"" and file.text[place] != "("
            ):
                continue
            function = file.functions.around(place)
            if function is not None:
                self._wait(file.path, function)
                done = function.end
            elif not is_attribute:
                self._at_the_top(file, place, name)
            elif file.text[place - 1 : place] == "." and is_code(file.text, place):
                raise Unclear  # a script asks for it

    def _wait(self, path: str, function: Function) -> None:
        """A function is looked at again, and those that gave it something."""
        waiting = [(path, function)]
        for key in waiting:
            waiting += [other for other in self.callers.get(key, ()) if other not in waiting]
        self._waiting |= dict.fromkeys(waiting)

    def _at_the_top(self, file: File, position: int, name: str) -> None:
        """A name is said outside of functions: in an import, as a base, in what is assigned."""
        start = file.text.rfind("\n", 0, position) + 1
        end = file.text.find("\n", position)
        line = file.text[start : end if end >= 0 else len(file.text)]
        before, after = line[: position - start], line[position - start + len(name) :]
        if is_quoted(before, after) or re.fullmatch(r"[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+", before):
            return None
        if is_imported(file.text, start, line):
            return None
        if (found := _CLASS.match(line.strip())) is not None:
            return self.learn(self.names, found[1], self.names[name])
        assigned = statement_of(file.text, start)
        if assigned is not None and (assigned[2] in _RECORDED or assigned.start(2) == position):
            return None  # the second: the name is that which is assigned
        if (
            assigned is None
            or not is_listed(file.text[assigned.end() : position], after)
            or not in_a_class(file.text, assigned)
        ):
            raise Unclear
        return self.learn(self.attributes if assigned[1] else self.names, assigned[2], self.names[name])

    # --- what `Following` asks -------------------------------------------------------------------------------------

    def known(self, name: str, node: ast.AST, *, called: bool = False) -> Held:
        """What a name, or an attribute, holds."""
        found = (self.attributes if isinstance(node, ast.Attribute) else self.names).get(name, CLEAN)
        if isinstance(node, ast.Attribute) and name in self.names:
            found = joined([found, self.names[name]])  # of a module
        if not isinstance(node, ast.Attribute) or called or is_library(node.value):
            made = self.sources.known(name, self.file.text, called=called)
            return found if made is None else joined([found, made])
        return found

    def is_source(self, call: ast.Call) -> bool:
        """Whether a call applies what is followed."""
        return self.sources.known(last(call.func), self.file.text, called=True) is not None

    def spares(self, call: ast.Call) -> bool:
        """Whether a call that has the name of a source is certainly none."""
        return self.sources.spares(call)

    def defines(self, name: str) -> bool:
        """Whether a file at hand defines a method of this name, or has an attribute of that name."""
        return any(f"def {name}(" in file.text or f".{name} =" in file.text for file in self.files.values())

    def is_sink(self, name: str) -> bool:
        """Whether a call of this name is what the outputs must not get into."""
        return name in self.sources.sinks

    def says_a_source(self, node: ast.AST) -> bool:
        """Whether a piece of code may say one of the words that are followed."""
        code = ast.unparse(node)
        return self.sources.words.search(code) is not None or any(
            word in self.names or word in self.attributes for word in _WORD.findall(code)
        )

    def says(self, name: str) -> bool:
        """Whether something is asked for by a name that may be that of a source."""
        return self.sources.is_said(name, self.file.text)

    def store(self, attribute: str, held: Held) -> None:
        """An attribute of something is assigned."""
        self.learn(self.attributes, attribute, held)
        if self.function.owner and (held.any or (held.gives is not None and held.gives.any)):
            self.learn(self.names, self.function.owner, TRACKED)
