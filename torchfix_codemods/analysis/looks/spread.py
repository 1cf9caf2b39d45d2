"""Follows outputs from function to function: what is returned to the callers, what is kept in attributes.

All by names: a call of a name may be a call of every function of that name. What isn't understood is `Unclear`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torchfix_codemods.analysis.bare_names import Origin, bare_names
from torchfix_codemods.analysis.looks.bases import may_be_called_by_bases
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
from torchfix_codemods.analysis.looks.expressions import is_library, last, of_a_library
from torchfix_codemods.analysis.looks.files import File
from torchfix_codemods.analysis.looks.following import Following
from torchfix_codemods.analysis.looks.functions import Function, FunctionNode, Unclear
from torchfix_codemods.analysis.looks.held import ANYTHING, CLEAN, HOLDER, NOTHING, Held, joined
from torchfix_codemods.analysis.looks.imports import imports_of, places
from torchfix_codemods.analysis.looks.sources import Sources
from torchfix_codemods.analysis.outline import without_comments
from torchfix_codemods.analysis.project import Project

MOST_RUNS = 30  # of functions; what goes further is left to the interpreter
MOST_FILES = 6
MOST_BASES = 6
_CLASS = re.compile(r"\bclass[ \t]+(\w+)[ \t]*(?:\(([^)]*)\))?[ \t]*:")
_WORD = re.compile(r"\w+")
_ASSIGNED = re.compile(r"([ \t]*)(\w+)[ \t]*(?::[^=\n]*)?=(?!=)")
_LAYER = re.compile(r"(?:Dropout\w*|Linear|Conv\dd|LayerNorm|BatchNorm\dd|Embedding)\Z")
_RECORDED = frozenset(["_can_record_outputs"])  # classes whose outputs are to be written down, by their names
_CALLED = ("forward", "__call__")


class Spread:
    """Where the outputs of the sources in one file go. `run` raises `Unclear` where one may meet a sink."""

    def __init__(self, project: Project, path: str, sources: Sources, *, alone: bool = False) -> None:
        self.project = project
        self.alone = alone
        self.sources = sources
        self.files: dict[str, File] = {}
        self.names: dict[str, Held] = {}
        self.attributes: dict[str, Held] = {}
        self._given: dict[tuple[object, ...], Held] = {}  # what functions return for what they are given
        self._callers: dict[tuple[str, Function], dict[tuple[str, Function], None]] = {}
        self._results: dict[tuple[str, Function], Held] = {}
        self._waiting: dict[tuple[str, Function], None] = {}
        self._runs = 0
        self.file = self._open(path)

    def run(self, positions: list[int]) -> None:
        """Follow everything, from the functions around these positions on."""
        for function, _ in self.file.functions.holding(positions):
            if function is None:
                raise Unclear
            self._waiting[self.file.path, function] = None
        while self._waiting:
            path, function = next(iter(self._waiting))
            del self._waiting[path, function]
            self._count()
            self._follow(self.files[path], function)
        if not self.alone and may_be_called_by_bases(self.project, self.files, self.names, self.attributes):
            raise Unclear

    def _open(self, path: str) -> File:
        if path not in self.files:
            text = self.project.read(path)
            if text is None or len(self.files) >= MOST_FILES:
                raise Unclear
            self.files[path] = File(path, text if self.alone else without_comments(text))
            for key in self._results:
                self._waiting[key] = None
        return self.files[path]

    # --- what functions return -------------------------------------------------------------------------------------

    def _follow(self, file: File, function: Function) -> None:
        self.file, self.function = file, function
        node, key = file.parsed(function), (file.path, function)
        following = Following(self, self._arguments(file, function, node), {})
        before = self._results.get(key, NOTHING)
        returned = joined([before, following.run(node)])
        if returned != before:
            self._results[key] = returned
            if returned.matters:
                self._returns(file, function, returned)

    def _arguments(self, file: File, function: Function, node: FunctionNode) -> dict[str, Held]:
        """What the parameters hold: what they are given, an object of the class that they are annotated with, `self`."""
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
        found = [self.names[name].gives for name in (owner, *self._heirs(owner)) if name in self.names]
        made = [held for held in found if held is not None]
        return joined(made) if made else None

    def _heirs(self, owner: str) -> Iterator[str]:
        known = [owner]
        for base in known:
            for file in self.files.values():
                new = [name for name in file.heirs.get(base, ()) if name not in known]
                known += new
                yield from new

    def _returns(self, file: File, function: Function, held: Held) -> None:
        if not function.owner:
            return self._learn(self.names, function.name, Held(gives=held))
        if function.name.startswith("__") and function.name not in _CALLED:
            raise Unclear
        called = function.name in _CALLED
        if "property" in file.decorators(function):
            self._learn(self.attributes, function.name, held)
        self._learn(self.attributes, function.name, Held(gives=held))
        for name in (function.owner, *self._heirs(function.owner)):
            self._learn(self.names, name, Held(gives=Held(gives=held if called else CLEAN)))
        return None

    def _learn(self, known: dict[str, Held], name: str, held: Held) -> None:
        """A name or attribute holds something: whoever says it is looked at again."""
        if self.alone:
            raise Unclear
        before = known.get(name, NOTHING)
        known[name] = joined([before, held])
        if known[name] == before:
            return
        self._given.clear()
        if before == NOTHING and known is self.names:
            for path in imports_of(self.project).users(self.file.path, name):
                self._open(path)
        for file in list(self.files.values()):
            self._look_again(file, name, is_attribute=known is self.attributes)

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

    def _wait(self, path: str, function: Function) -> None:
        """A function is looked at again, and those that gave it something."""
        waiting = [(path, function)]
        for key in waiting:
            waiting += [other for other in self._callers.get(key, ()) if other not in waiting]
        self._waiting |= dict.fromkeys(waiting)

    def _at_the_top(self, file: File, position: int, name: str) -> None:
        """A name is said outside of functions: in an import, as a base, in what is assigned."""
        start = file.text.rfind("\n", 0, position) + 1
        end = file.text.find("\n", position)
        line = file.text[start : end if end >= 0 else len(file.text)]
        before, after = line[: position - start], line[position - start + len(name) :]
        if _is_quoted(before, after) or re.fullmatch(r"[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+", before):
            return None
        if _is_imported(file.text, start, line):
            return None
        if (found := _CLASS.match(line.strip())) is not None:
            return self._learn(self.names, found[1], self.names[name])
        assigned = _statement_of(file.text, start)
        if assigned is not None and assigned[2] in _RECORDED:
            return None
        if (
            assigned is None
            or not _is_listed(file.text[assigned.end() : position], after)
            or not _in_a_class(file.text, assigned)
        ):
            raise Unclear
        return self._learn(self.attributes if assigned[1] else self.names, assigned[2], self.names[name])

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
        self._learn(self.attributes, attribute, held)
        if self.function.owner and (held.any or (held.gives is not None and held.gives.any)):
            self._learn(self.names, self.function.owner, _TRACKED)

    def hand_on(self, call: ast.Call, arguments: list[Held], keywords: dict[str, Held], *, kept: str | None) -> Held:
        """What a call gives that gets an output. `kept`: the attribute from which a local name comes, "" for none."""
        every = joined([CLEAN, *(held.loose() for held in (*arguments, *keywords.values()))])
        starred = any(isinstance(argument, ast.Starred) for argument in call.args)
        if self.alone or starred or keywords.get("", CLEAN).matters:
            raise Unclear
        given = {name: held for name, held in keywords.items() if name}
        found = [self._handed_to(callee, arguments, given, every) for callee in self._callees(call.func, kept)]
        if not found:
            raise Unclear
        return joined(found)

    def _callees(self, func: ast.expr, kept: str | None) -> Iterator[Found]:
        match func:
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                yield from self._of_self(name)
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
            yield from self._made(self._open(origin.path), name)
        else:
            yield from methods_named([self._open(origin.path)], name, {""})

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
        self._learn(self.names, owner, _TRACKED)  # who derives from it may have another method of that name
        files = list(self.files.values())
        found = list(methods_named(files, name, {owner, *self._heirs(owner)}))
        yield from found or self._kept(name)

    def _kept(self, attribute: str) -> Iterator[Found]:
        """The modules in an attribute."""
        for made in kept_in(self.file, attribute):
            yield from self._module(self.file, made)

    def _module(self, file: File, name: str, depth: int = 0) -> Iterator[Found]:
        """What calling an object of a class runs: its forward, or that of a base."""
        if depth > MOST_BASES:
            raise Unclear
        for path, found in self._classes(file, name):
            if not path:
                yield Foreign(found)
                continue
            own = list(methods_named([self._open(path)], "forward", {found}))
            yield from own
            for base in () if own else self._open(path).bases(found):
                yield from self._module(self._open(path), base, depth + 1)

    def _classes(self, file: File, name: str) -> Iterator[tuple[str, str]]:
        """The classes that a name may be, with their files; "" for those of libraries."""
        if name in file.classes:
            yield file.path, name
            return
        for origin in bare_names(self.project).dotted(file.path, name):
            if origin.kind not in ("class", "external"):
                raise Unclear
            yield origin.path, origin.name

    def _handed_to(self, callee: Found, arguments: list[Held], keywords: dict[str, Held], every: Held) -> Held:
        match callee:
            case Foreign(name=name):
                if self.is_sink(_last_part(name)):
                    raise Unclear
                return Held(gives=every.gives) if not every.any else _of(name)
            case Record(path=path):
                if any(held.matters for held in arguments) or every.gives is not None:
                    return Held(inside=every.any, gives=every.gives)
                fields = tuple((name, held) for name, held in sorted(keywords.items()) if held.any)
                read = any(f"self.{name}" in self.files[path].text for name, _ in fields)
                return HOLDER if read else Held(fields=fields)
            case Callee():
                return self._give(callee, arguments, keywords)

    def _give(self, callee: Callee, arguments: list[Held], keywords: dict[str, Held]) -> Held:
        """A function gets these arguments too; what it returned so far."""
        spec = self.files[callee.path].parsed(callee.function).args
        names = [argument.arg for argument in (*spec.posonlyargs, *spec.args)][callee.bound :]
        given = dict(zip(names, arguments, strict=False))
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
        return joined([self._inside(callee, given), own or CLEAN])

    def _inside(self, callee: Callee, given: dict[str, Held]) -> Held:
        """What a function returns to this call: what others get is told by what they give."""
        key = (callee.path, callee.function)
        self._callers.setdefault(key, {})[self.file.path, self.function] = None
        question = (*key, *sorted(given.items(), key=_first))
        if (known := self._given.get(question)) is not None:
            return known
        self._given[question] = NOTHING  # what is asked for on the way, in a cycle
        self._count()
        before = self.file, self.function
        self.file, self.function = self.files[callee.path], callee.function
        node = self.file.parsed(callee.function)
        arguments = {**self._arguments(self.file, callee.function, node), **given}
        found = Following(self, arguments, {}).run(node)
        self.file, self.function = before
        self._given[question] = found
        return found

    def _count(self) -> None:
        self._runs += 1
        if self._runs > MOST_RUNS:
            raise Unclear


def _of(name: str) -> Held:
    """What a function or a module from outside gives for an output."""
    found = _last_part(name)
    passes = found.startswith(("Dropout", "Identity", "Flatten", "Unflatten"))
    return ANYTHING if passes else of_a_library(found)


def _last_part(name: str) -> str:
    return name.rpartition(".")[2]


def _first(pair: tuple[str, Held]) -> str:
    return pair[0]


_TRACKED = Held(gives=Held(gives=CLEAN))


def _is_quoted(before: str, after: str) -> bool:
    return before[-1:] in ("'", '"') and after[:1] == before[-1:]


def _is_imported(text: str, start: int, line: str) -> bool:
    if re.match(r"[ \t]*(?:from|import)\b", line):
        return True
    opened = text.rfind("import (", 0, start)
    return opened >= 0 and ")" not in text[opened:start]


def _is_listed(before: str, after: str) -> bool:
    """Whether a name is assigned as it is, or is an item of a list or a dictionary: nothing is done with it there."""
    return (
        re.fullmatch(r"[\s\w\"'{\[(,:.-]*", before) is not None
        and re.search(r"\w\(", before) is None
        and (re.match(r"\s*(?:[,})\]#]|\Z)", after) is not None)
    )


def _in_a_class(text: str, assigned: re.Match[str]) -> bool:
    """Whether an assignment outside of functions stands at the very top, or in a class."""
    indent = len(assigned[1])
    if not indent:
        return True
    for line in reversed(text[: assigned.start()].split("\n")):
        if line.strip() and len(line) - len(line.lstrip()) < indent and line.lstrip()[:1] not in ")]}":
            return line.lstrip().startswith("class ")
    return False


def _statement_of(text: str, start: int) -> re.Match[str] | None:
    """The assignment that a line belongs to."""
    while True:
        found = _ASSIGNED.match(text, start)
        if found is not None:
            return found
        if text[start : start + 1] not in (" ", "\t", ")", "]", "}") or start == 0:
            return None
        start = text.rfind("\n", 0, start - 1) + 1
