"""What the names of a function are bound to, and the texts of the functions of a file: one file of those looked at."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torchfix_codemods.analysis.looks.functions import Function, FunctionNode, Functions, Unclear
from torchfix_codemods.analysis.trees import walk

Path = tuple[int | str | None, ...]  # which item of a value, which item of that; None for any of them
_ADDING = frozenset(["append", "insert", "extend", "add", "update", "setdefault", "appendleft"])
_HEADER = re.compile(r"def[ \t]+(\w+)[ \t]*(?:\[[^\]]*\])?\(")
_BODY = re.compile(r"\)[^:\n]*:[^\n]*\n|\)[ \t]*->[^\n]*:[ \t]*\n")
_MAY_BIND = re.compile(  # what follows a name that a statement binds, or adds to
    r"[ \t]*(?:(?:[-+*/%&|^@]|//|\*\*|<<|>>|:)?=(?!=)|:[^\n]*=|[,)\]\[][^\n]*(?:=(?!=)|\bin\b)|in\b"
    r"|[)\],:]*[ \t]*(?:\n|\Z)|:|\\|\.[ \t]*(?:append|insert|extend|add|update|setdefault|appendleft)\b)"
)
_CAPTURES = r"\b(?:lambda\b[^:\n]*|case\b[^\n]*|(?:global|nonlocal)\b[^\n]*)\b{}\b"
_OVER_LINES = re.compile(r"\n[ \t]*[)\]][ \t]*=(?!=)")  # the end of targets over several lines


class Binding(NamedTuple):
    """A value that a name may have: some item of an expression (`path`), in itself or as an item of what is there."""

    value: ast.expr
    path: Path = ()
    inside: bool = False


class Header(NamedTuple):
    """The head of a `def`: its name, where it begins, its parameters as written."""

    name: str
    start: int
    arguments: str


class Names:
    """What a parsed piece of code binds, by name; attributes too, by their own name alone."""

    def __init__(self, body: Iterable[ast.AST]) -> None:
        self.bound: dict[str, list[Binding]] = {}
        self.returned: list[ast.expr] = []
        self.yielded: list[ast.expr] = []
        self.functions: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda]] = {}
        self.captured: set[str] = set()
        self.nodes: list[ast.AST] = [node for part in body for node in walk(part)]
        for node in self.nodes:
            self._note(node)

    def _note(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(target, Binding(value))
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
                self._bind(target, Binding(value))
            case ast.AugAssign(target=target, op=op, value=value):
                read = ast.BinOp(target, op, value)
                self._bind(target, Binding(value if isinstance(op, ast.Add) else read))
            case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
                self._bind(target, Binding(value, (None,)))
            case ast.comprehension(target=target, iter=value):
                self._bind(target, Binding(value, (None,)))
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                self._bind(target, Binding(value))
            case ast.Call(func=ast.Attribute(value=holder, attr=added), args=[_, *_]) if added in _ADDING:
                for argument in node.args:
                    self._bind(holder, Binding(argument, (None,) if added in ("extend", "update") else (), True))
            case ast.Return(value=ast.expr() as value):
                self.returned.append(value)
            case ast.Yield(value=ast.expr() as value):
                self.yielded.append(value)
            case ast.YieldFrom(value=value):
                self.yielded.append(ast.Subscript(value, ast.Name("_", ast.Load()), ast.Load()))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self.functions.setdefault(node.name, []).append(node)
            case ast.Lambda():
                self.captured |= {a.arg for a in arguments_of(node.args)}
            case ast.MatchAs(name=str() as name) | ast.MatchStar(name=str() as name):
                self.captured.add(name)
            case _:
                pass

    def _bind(self, target: ast.expr, binding: Binding) -> None:
        match target:
            case ast.Name(id=name):
                self.bound.setdefault(name, []).append(binding)
            case ast.Attribute(attr=name):
                self.bound.setdefault(f".{name}", []).append(binding)
            case ast.Starred(value=inner):
                self._bind(inner, binding)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                counted = not any(isinstance(part, ast.Starred) for part in parts)
                for position, part in enumerate(parts):
                    path = (*binding.path, position if counted else None)
                    self._bind(part, binding._replace(path=path))
            case ast.Subscript(value=holder):
                self._bind(holder, binding._replace(inside=True))
            case _:
                pass


class Source:
    """One file: its functions, and what they bind, each found when it is asked for."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.functions = Functions(text)
        self.classes = frozenset(re.findall(r"\bclass[ \t]+(\w+)", text))
        self.values: dict[int, ast.expr | None] = {}  # parsed once: what is given by name, by where the name stands
        self.calls: dict[int, ast.Call] = {}
        self._names: dict[Function, Names] = {}
        self._heads: dict[str, list[re.Match[str]]] = {}
        for head in _HEADER.finditer(text):
            self._heads.setdefault(head[1], []).append(head)
        self._headers: list[Header] | None = None
        self._inner: dict[tuple[int, str], list[Binding]] = {}
        self._returned: dict[Function, list[ast.expr]] = {}
        self._arguments: dict[int, ast.arguments] = {}
        self._outer: dict[str, list[Binding]] = {}
        self._starts: list[int] = []
        self._around: list[Function] = []

    def around(self, position: int) -> Function | None:
        """The outermost function around a position."""
        at = bisect_right(self._starts, position) - 1
        if at >= 0 and position < self._around[at].end:
            return self._around[at]
        found = self.functions.around(position)
        if found is not None:
            at = bisect_right(self._starts, found.start)
            self._starts.insert(at, found.start)
            self._around.insert(at, found)
        return found

    def captures(self, function: Function | None, name: str) -> bool:
        """Whether a lambda, a pattern or a `global` may give a name its value, which isn't followed."""
        text = self.text if function is None else function.text
        said = next((word for word in ("lambda", "case ", "global ", "nonlocal ") if word in text), None)
        return said is not None and re.search(_CAPTURES.format(re.escape(name)), text) is not None

    def names(self, function: Function) -> Names:
        """What a function binds. Raises `Unclear` where it can't be parsed."""
        if function not in self._names:
            self._names[function] = Names([function.parsed()])
        return self._names[function]

    def bound(self, function: Function, name: str) -> list[Binding]:
        """The bindings of a name (of an attribute: with its dot) within a function; parameters are none.

        The statements that may bind it are parsed alone, and the whole function where one of them can't be.
        """
        if function in self._names:
            return self._names[function].bound.get(name, [])
        key = (function.start, name)
        if key not in self._inner:
            try:
                self._inner[key] = list(self._bound_by_lines(function, name))
            except Unclear:
                self._inner[key] = self.names(function).bound.get(name, [])
        return self._inner[key]

    def _bound_by_lines(self, function: Function, name: str) -> Iterator[Binding]:
        bare = name.removeprefix(".")
        body = _BODY.search(self.text, function.start)
        if body is None:
            raise Unclear
        done = -1
        for at in self.occurrences(bare, body.end(), function.end):
            if at < done or not _MAY_BIND.match(self.text, at + len(bare)) or is_keyword(self.text, at):
                continue
            if _is_argument(self.text, at):
                continue
            start = self.text.rfind("\n", 0, at) + 1
            if start < body.end() - 1:
                raise Unclear
            if self.text[max(0, start - 200) : start].rstrip()[-1:] in tuple("([{,"):
                if _INNER_BINDING.search(self.text, start, self.text.find("\n", at)) or _OVER_LINES.search(
                    function.text
                ):
                    raise Unclear
                continue  # within brackets
            done = end_of_statement(self.text, start)
            yield from Names(parsed_statement(self.text[start:done])).bound.get(name, ())

    def returned(self, function: Function) -> list[ast.expr]:
        """What a function (or one that is defined in it) returns."""
        if function not in self._returned:
            found = []
            for each in _RETURN.finditer(function.text):
                start = function.start + each.start(1)
                statement = parsed_statement(self.text[start : end_of_statement(self.text, start)])
                found += [s.value for s in statement if isinstance(s, ast.Return) and s.value is not None]
            self._returned[function] = found
        return self._returned[function]

    def arguments(self, header: Header) -> ast.arguments:
        """The parameters of a function. Raises `Unclear` where they can't be parsed."""
        if header.start not in self._arguments:
            parsed = parsed_statement(f"def f({header.arguments}): pass")[0]
            if not isinstance(parsed, ast.FunctionDef):
                raise Unclear
            self._arguments[header.start] = parsed.args
        return self._arguments[header.start]

    def headers(self) -> list[Header]:
        """The heads of all functions, in order."""
        if self._headers is None:
            heads = sorted((head for heads in self._heads.values() for head in heads), key=lambda head: head.start())
            self._headers = [self._header(head) for head in heads]
        return self._headers

    def headers_of(self, name: str) -> list[Header]:
        """The heads of the functions of a name."""
        return [self._header(head) for head in self._heads.get(name, ())]

    def _header(self, head: re.Match[str]) -> Header:
        return Header(head[1], head.start(), self.text[head.end() : closing(self.text, head.end() - 1) - 1])

    def named(self, name: str) -> Iterator[Function]:
        """The outermost functions of a name."""
        for head in self._heads.get(name, ()):
            found = self.around(head.start())
            if found is not None and found.name == name:
                yield found

    def defines(self, name: str) -> bool:
        """Whether a function or method of this name is defined in the file."""
        return name in self._heads

    def occurrences(self, name: str, first: int = 0, end: int | None = None) -> Iterator[int]:
        """Where a word stands."""
        end = len(self.text) if end is None else end
        text, at = self.text, self.text.find(name, first, end)
        size = len(name)
        while at >= 0 and size:
            before, after = text[at - 1 : at] if at else "", text[at + size : at + size + 1]
            if not _is_letter(before) and not _is_letter(after):
                yield at
            at = text.find(name, at + size, end)

    def bound_outside(self, name: str) -> list[Binding]:
        """The bindings of a name outside all functions. Raises `Unclear` for unusual statements."""
        if name not in self._outer:
            self._outer[name] = list(self._statements(name))
        return self._outer[name]

    def _statements(self, name: str) -> Iterator[Binding]:
        done = -1
        for at in self.occurrences(name):
            if (
                at < done
                or self.text[at - 1] in "\"'"
                or not _MAY_BIND.match(self.text, at + len(name))
                or self.around(at) is not None
            ):
                continue
            start = self.text.rfind("\n", 0, at) + 1
            if self.text[start:at].lstrip()[:1] in ("#", "@") or self.text[start:at].lstrip().startswith(
                ("def ", "class ", "import ", "from ")
            ):
                continue
            done = end_of_statement(self.text, start)
            if not re.search(r"=|\b(?:in|as)\b", self.text[start:done]) and not _OVER_LINES.search(self.text):
                continue  # a line of a statement over several lines
            names = Names(parsed_statement(self.text[start:done]))
            yield from (*names.bound.get(name, ()), *names.bound.get(f".{name}", ()))


_INNER_BINDING = re.compile(r"\bfor\b|:=|\.(?:append|insert|extend|add|update|setdefault)\(")
_RETURN = re.compile(r"(?:\n|:|;)[ \t]*(return\b)")
_BEFORE_KEYWORD = re.compile(r"[(,]\s*\Z")
_KEYWORD = re.compile(r"[ \t]*=(?!=)")
_TARGETS = re.compile(r"[ \t]*(?!(?:if|else|or|and|not|in|is|for)\b)[\w.\[\]*, \t()\"']+,[ \t]*\Z")


def is_keyword(text: str, at: int) -> bool:
    """Whether `name=` at a position is a keyword of a call."""
    end = at
    while end < len(text) and _is_letter(text[end]):
        end += 1
    if not _KEYWORD.match(text, end) or not _BEFORE_KEYWORD.search(text, max(0, at - 120), at):
        return False
    start = text.rfind("\n", 0, at) + 1
    if not _TARGETS.match(text, start, at) or text.count("(", start, at) > text.count(")", start, at):
        return True
    return text[max(0, start - 200) : start].rstrip()[-1:] in tuple("([{,=+-*/.\\")


def _is_argument(text: str, at: int) -> bool:
    """Whether a bracket of a call is open on the line before a position: what stands there binds nothing."""
    start = text.rfind("\n", 0, at) + 1
    before = text[start:at]
    return before.count("(") > before.count(")") and not re.search(
        r"\bfor\b|:=|\b(?:append|insert|extend)\b", text[start : text.find("\n", at)]
    )


def _is_letter(character: str) -> bool:
    return character.isalnum() or character == "_"


def arguments_of(spec: ast.arguments) -> list[ast.arg]:
    """All parameters, those that gather the rest too."""
    rest = [each for each in (spec.vararg, spec.kwarg) if each is not None]
    return [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *rest]


_BRACKETS = re.compile(r"[()\[\]{}#\n]|(?:\"\"\"|''')|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'")


def closing(text: str, opening: int) -> int:
    """Behind the bracket that closes the one at a position. Raises `Unclear` where there is none."""
    end = _scan(text, opening, stop_at_line_end=False)
    if end < 0:
        raise Unclear
    return end


def end_of_statement(text: str, start: int) -> int:
    """The end of the logical line that begins at a position."""
    end = _scan(text, start, stop_at_line_end=True)
    return len(text) if end < 0 else end


def _scan(text: str, start: int, *, stop_at_line_end: bool) -> int:
    depth, at = 0, start
    while (found := _BRACKETS.search(text, at)) is not None:
        mark, at = found[0], found.end()
        if mark in "([{":
            depth += 1
        elif mark in ")]}":
            depth -= 1
            if depth <= 0 and not stop_at_line_end:
                return at
        elif mark == "#":
            at = text.find("\n", at)
            if at < 0:
                return -1
        elif mark == "\n":
            if stop_at_line_end and depth <= 0 and text[found.start() - 1] != "\\":
                return found.start()
        elif mark in ('"""', "'''"):
            at = text.find(mark, at) + 3
            if at < 3:
                return -1
    return -1


def parsed_statement(text: str) -> list[ast.stmt]:
    """The statement of a logical line, or the head of one. Raises `Unclear` where it is neither."""
    code = text.strip()
    for tried in (code, f"{code} pass", f"{code}\n    pass"):
        try:
            return ast.parse(tried).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    raise Unclear


__all__ = ["Binding", "FunctionNode", "Names", "Path", "Source", "closing"]
