"""Outputs that are arguments: what is called gets them, and what it returns for them goes to this call alone."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace

from torchfix_codemods.analysis.bare_names import Origin, bare_names
from torchfix_codemods.analysis.looks.callees import (
    Callee,
    Foreign,
    Found,
    Record,
    by_name,
    is_record,
    kept_in,
    methods_named,
)
from torchfix_codemods.analysis.looks.files import File
from torchfix_codemods.analysis.looks.functions import Function, FunctionNode, Unclear
from torchfix_codemods.analysis.looks.held import ANYTHING, CLEAN, HOLDER, NOTHING, Held, joined
from torchfix_codemods.analysis.looks.operations import of_a_library
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trees import walk

MOST_BASES = 6
#: An object that has something that gives an output: whoever gets it may ask for that.
TRACKED = Held(gives=Held(gives=CLEAN))


class Handing(ABC):
    """The half of `Spread` that knows what is called."""

    project: Project
    alone: bool
    files: dict[str, File]
    names: dict[str, Held]
    file: File
    function: Function
    given: dict[tuple[object, ...], Held]  # what functions return for what they are given
    callers: dict[tuple[str, Function], dict[tuple[str, Function], None]]
    passed: dict[str, list[Found]]  # the methods that parameters of the function at hand are

    @abstractmethod
    def open(self, path: str) -> File:
        """A file through which outputs go."""

    @abstractmethod
    def learn(self, known: dict[str, Held], name: str, held: Held) -> None:
        """A name or attribute holds something."""

    @abstractmethod
    def heirs(self, owner: str) -> Iterator[str]:
        """The classes that derive from one."""

    @abstractmethod
    def arguments(self, file: File, function: Function, node: FunctionNode) -> dict[str, Held]:
        """What the parameters hold whoever calls."""

    @abstractmethod
    def follow(self, node: FunctionNode, arguments: dict[str, Held]) -> Held:
        """What a function returns."""

    @abstractmethod
    def count(self) -> None:
        """One more function is followed."""

    @abstractmethod
    def is_sink(self, name: str) -> bool:
        """Whether a call of this name is what the outputs must not get into."""

    def hand_on(self, call: ast.Call, arguments: list[Held], keywords: dict[str, Held], *, kept: str | None) -> Held:
        """What a call gives that gets an output. `kept`: the attribute from which a local name comes, "" for none."""
        every = joined([CLEAN, *(held.loose() for held in (*arguments, *keywords.values()))])
        if self.alone or keywords.get("", CLEAN).matters:
            raise Unclear
        given = {name: held for name, held in keywords.items() if name}
        callees = list(self._callees(call.func, kept))
        found = [self._handed_to(callee, call, arguments, given, every) for callee in callees]
        if not found:
            raise Unclear
        return joined(found)

    def _callees(self, func: ast.expr, kept: str | None) -> Iterator[Found]:
        match func:
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                yield from self._of_self(name)
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super"), args=[]), attr="forward"):
                yield from self._of_bases()
            case ast.Attribute(value=ast.Name(id=base), attr=name) if self._is_base(base):
                for found in self._module(self.file, base, name=name):
                    yield replace(found, bound=False) if isinstance(found, Callee) else found
            case ast.Name(id=name) if name in self.passed:
                yield from self.passed[name]
            case _ if kept == "" and not (isinstance(func, ast.Name) and func.id == "cls"):
                raise Unclear
            case _ if kept is not None:
                yield from self._kept(kept)
            case ast.Name(id="cls") if self.function.owner:
                yield from self._made(self.file, self.function.owner)
            case ast.Name(id=name) if name in self.file.classes:
                yield from self._made(self.file, name)
            case ast.Attribute(value=ast.Name(id=owner), attr="apply") if owner in self.file.classes:
                if "Function" not in self.file.classes[owner] or "def apply" in self.file.text:
                    raise Unclear
                yield Foreign("apply")  # the functions of an autograd function are not followed
            case _:
                for origin in by_name(self.project, self.file.path, func):
                    yield from self._from(origin)

    def _from(self, origin: Origin) -> Iterator[Found]:
        name = origin.name
        if origin.kind == "external":
            yield Foreign(name)
        elif origin.kind == "class":
            yield from self._made(self.open(origin.path), name)
        else:
            yield from methods_named([self.open(origin.path)], name, {""})

    def _made(self, file: File, name: str) -> Iterator[Found]:
        """The code that makes an object of a class."""
        makers = list(methods_named([file], "__init__", {name}))
        if not makers and not is_record(file, name):
            raise Unclear
        yield from makers
        if not makers:
            yield Record(file.path, name)

    def _of_self(self, name: str) -> Iterator[Found]:
        owner = self.function.owner
        if not owner:
            raise Unclear
        self.learn(self.names, owner, TRACKED)  # who derives from it may have another method of that name
        files = list(self.files.values())
        found = list(methods_named(files, name, {owner, *self.heirs(owner)}))
        yield from found or self._kept(name)

    def _is_base(self, name: str) -> bool:
        """Whether it is a base of the class at hand, whose methods get `self` as they are called by its name."""
        owner = self.function.owner
        return owner in self.file.classes and name in self.file.bases(owner)

    def _of_bases(self) -> Iterator[Found]:
        """The forward that a class inherits and calls; another class may stand between where others derive from it."""
        owner = self.function.owner
        if owner not in self.file.classes:
            raise Unclear
        self.learn(self.names, owner, TRACKED)
        bases = self.file.bases(owner)
        if len(bases) != 1 or any(True for _ in self.heirs(owner)):
            raise Unclear
        yield from self._module(self.file, bases[0])

    def _kept(self, attribute: str) -> Iterator[Found]:
        """The modules in an attribute."""
        owner = self.function.owner
        related = {*self.file.line_of(owner), *self.heirs(owner)} if owner in self.file.classes else None
        for made in kept_in(self.file, attribute, related):
            functions = list(methods_named([self.file], made, {""}))
            yield from functions or self._module(self.file, made)

    def _module(self, file: File, owner: str, depth: int = 0, *, name: str = "forward") -> Iterator[Found]:
        """What calling an object of a class runs: its forward, or that of a base. So for another method."""
        if depth > MOST_BASES:
            raise Unclear
        for path, found in self._classes(file, owner):
            if not path:
                yield Foreign(found)
                continue
            own = list(methods_named([self.open(path)], name, {found}))
            yield from own
            for base in () if own else self.open(path).bases(found):
                yield from self._module(self.open(path), base, depth + 1, name=name)

    def _classes(self, file: File, name: str) -> Iterator[tuple[str, str]]:
        """The classes that a name may be, with their files; "" for those of libraries."""
        if name in file.classes:
            yield file.path, name
            return
        for origin in bare_names(self.project).dotted(file.path, name):
            if origin.kind not in ("class", "external"):
                raise Unclear
            yield origin.path, origin.name

    def _handed_to(
        self, callee: Found, call: ast.Call, arguments: list[Held], keywords: dict[str, Held], every: Held
    ) -> Held:
        match callee:
            case Foreign(name=name):
                if self.is_sink(_last_part(name)):
                    raise Unclear
                return Held(gives=every.gives) if not every.any else _of(name)
            case Record(path=path):
                if any(isinstance(argument, ast.Starred) for argument in call.args):
                    raise Unclear
                if every.gives is not None:
                    raise Unclear  # it may be called by the name of a field
                if any(held.matters for held in arguments):
                    return HOLDER
                fields = tuple((name, held) for name, held in sorted(keywords.items()) if held.any)
                read = any(f"self.{name}" in self.files[path].text for name, _ in fields)
                return HOLDER if read else Held(fields=fields)
            case Callee():
                return self._give(callee, call, arguments, keywords)

    def _give(self, callee: Callee, call: ast.Call, arguments: list[Held], keywords: dict[str, Held]) -> Held:
        """A function gets these arguments too; what it returned so far."""
        node = self.files[callee.path].parsed(callee.function)
        spec = node.args
        names = [argument.arg for argument in (*spec.posonlyargs, *spec.args)][callee.bound :]
        starred = any(isinstance(argument, ast.Starred) for argument in call.args)
        if starred:
            arguments = [_spread(arguments)] * (len(names) + (spec.vararg is not None))
        given = dict(zip(names, arguments, strict=False))
        passed = {} if starred else self._passed(node, dict(zip(names, call.args, strict=False)))
        for held in arguments[len(names) :]:
            if held.matters and spec.vararg is None:
                raise Unclear
            given |= {spec.vararg.arg: Held(inside=held.any, gives=held.gives)} if held.matters and spec.vararg else {}
        named = {argument.arg for argument in spec.kwonlyargs} | set(names)
        for name, held in keywords.items():
            if held.matters and name not in named:
                raise Unclear
            given[name] = held
        given = {name: held for name, held in given.items() if held.matters}
        own = self.names.get(callee.function.owner, CLEAN).gives if callee.function.name == "__init__" else None
        return joined([self._inside(callee, given, passed), own or CLEAN])

    def _passed(self, node: FunctionNode, arguments: dict[str, ast.expr]) -> dict[str, list[Found]]:
        """The methods of `self` that a function gets, by those of its parameters that stay what they are."""
        found: dict[str, list[Found]] = {}
        owner = self.function.owner
        for name, argument in arguments.items():
            match argument:
                case ast.Attribute(value=ast.Name(id="self"), attr=attr) if owner and not _is_bound_again(node, name):
                    methods = methods_named(list(self.files.values()), attr, {owner, *self.heirs(owner)})
                    found[name] = list(methods)
        return {name: methods for name, methods in found.items() if methods}

    def _inside(self, callee: Callee, given: dict[str, Held], passed: dict[str, list[Found]]) -> Held:
        """What a function returns to this call: what others get is told by what they give."""
        key = (callee.path, callee.function)
        self.callers.setdefault(key, {})[self.file.path, self.function] = None
        question = (*key, *sorted(given.items(), key=_first), *((name, *found) for name, found in passed.items()))
        if (known := self.given.get(question)) is not None:
            return known
        self.given[question] = NOTHING  # what is asked for on the way, in a cycle
        self.count()
        before = self.file, self.function, self.passed
        self.file, self.function, self.passed = self.files[callee.path], callee.function, passed
        node = self.file.parsed(callee.function)
        arguments = {**self.arguments(self.file, callee.function, node), **given}
        found = self.follow(node, arguments)
        self.file, self.function, self.passed = before
        self.given[question] = found
        return found


def _spread(arguments: list[Held]) -> Held:
    """What each parameter may get of arguments of which nobody knows how many there are."""
    every = joined([CLEAN, *(held.loose() for held in arguments)])
    return joined([every, every.item(None)])


def _is_bound_again(node: FunctionNode, name: str) -> bool:
    """Whether a parameter may be something else in its function than what it was given."""
    for inner in walk(node):
        match inner:
            case ast.Name(id=found, ctx=ast.Store() | ast.Del()) if found == name:
                return True
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Lambda() | ast.Match() if (
                inner is not node
            ):
                return True
            case ast.alias() | ast.ExceptHandler() | ast.Global() | ast.Nonlocal():
                return True
    return False


def _of(name: str) -> Held:
    """What a function or a module from outside gives for an output."""
    found = _last_part(name)
    passes = found.startswith(("Dropout", "Identity", "Flatten", "Unflatten"))
    return ANYTHING if passes else of_a_library(found)


def _last_part(name: str) -> str:
    return name.rpartition(".")[2]


def _first(pair: tuple[str, Held]) -> str:
    return pair[0]
