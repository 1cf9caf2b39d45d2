"""What a file looks like from afar, without parsing it: its functions and methods with the words in them, its imports.

Twenty times cheaper than a tree. It errs on one side only: it may see a word, an import or a definition that isn't
there (in a string, say), but does not miss any. Where it can't promise that, there is no outline.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from torchfix_codemods.analysis.facts import Imported

# A comment or a string; in verbose mode `#` and blanks would need escapes, so it is one line per alternative.
TOKEN = re.compile(
    r"""["'#](?:"""
    r"""(?<=#)[^\n]*"""
    r'''|(?<=")""(?:\\[\s\S]|[^\\])*?"""'''
    r"""|(?<=')''(?:\\[\s\S]|[^\\])*?'''"""
    r"""|(?<=")(?:\\[\s\S]|[^"\\\n])*"|(?<=')(?:\\[\s\S]|[^'\\\n])*')"""
)
# Patterns begin with the line feed itself: a literal is searched for ten times faster than `^`.
TOP_LEVEL = re.compile(r"\n(?:(@)|(?:async[ \t]+)?(?:(def)|(class))[ \t]+(\w+)|[^\s#)\]}])")
_INDENT = re.compile(r"\n([ \t]+)(?:@|(?:async[ \t]+)?def[ \t]|class[ \t])")
_IMPORT = re.compile(r"import\b[ \t]*(\([^)]*\)|\*|(?:[^\n;(\\]|\\\n?)*)")
_FROM = re.compile(r"(?:^|[;:])[ \t]*(?:from[ \t]*([.\w \t]*?)[ \t]*)?$")
_WORD = re.compile(r"[^\W\d]\w*")
_EXPORTED = re.compile(r"\n__all__[ \t]*\+?=[ \t]*[\[(][^\])]*[\])]")
# Attributes that are assigned one by one, several of them (or several names), over several lines, by a loop or `with`.
_SEVERAL = re.compile(
    r"\n[ \t]*\(([^()=]*)\)[ \t]*=(?!=)|\n[ \t]*(?:async[ \t]+)?(?:for|with)\b([^\n]*)"
    r"|[\n=]((?:[^\n=\\]|\\\n)*,(?:[^\n=\\]|\\\n)*)(?==(?!=))"
)
_VARIABLE = re.compile(r"([^\W\d]\w*[ \t]*(?::[^\n=]*)?)(?:[-+*/%&|^@]|//|\*\*|<<|>>|:)?=(?!=)")
_DEFINED = re.compile(r"\b(?:def|class|global|case|as|except|for)[ \t(]+([\w, \t()]+)")


@dataclass(frozen=True, eq=False)
class Unit:
    """A function, a method, the head of a class (`name` is `owner`), or another statement (`name` is "").

    `owner` is the class around it, "" at the top level. `first` and `last` are its lines, from 1. `code` has no
    comments and no docstrings.
    """

    path: str
    name: str
    owner: str
    first: int
    last: int
    code: str = field(repr=False)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The identifiers in it, each once, those inside short strings too."""
        return tuple(map(sys.intern, set(_WORD.findall(self.code))))

    @cached_property
    def binds(self) -> frozenset[str]:
        """The names that a statement may bind."""
        parts = [part for groups in _SEVERAL.findall(self.code) for part in groups]
        parts += _DEFINED.findall(self.code) + _VARIABLE.findall(self.code)
        return frozenset(word for part in parts for word in _WORD.findall(part))


class _Parts:
    """The units of one text by their kind."""

    def __init__(self, path: str, code: str) -> None:
        self.functions: dict[str, list[Unit]] = {}
        self.classes: dict[str, list[Unit]] = {}
        self.methods: dict[str, list[Unit]] = {}
        self.rest: list[Unit] = []
        for kind, name, first, last, chunk in chunks_of(code, TOP_LEVEL):
            if kind == "def":
                self.functions.setdefault(name, []).append(Unit(path, name, "", first, last, chunk))
            elif kind == "class":
                self._add_class(path, name, first, last, chunk)
            elif not _EXPORTED.match(chunk) and not (chunk := _IMPORT.sub("", chunk)).isspace():
                self.rest.append(Unit(path, "", "", first, last, chunk))

    def _add_class(self, path: str, name: str, first: int, last: int, chunk: str) -> None:
        indent = min(_INDENT.findall(chunk), key=len, default="")
        level = self.classes.setdefault(name, [])
        if not indent:
            level.append(Unit(path, name, name, first, last, chunk))
            return
        lines = re.compile(TOP_LEVEL.pattern.replace(r"\n", r"\n" + indent, 1))
        for number, (kind, found, start, end, part) in enumerate(chunks_of(chunk, lines)):
            place = first + start - 1, first + end - 1
            if kind == "def":
                self.methods.setdefault(name, []).append(Unit(path, found, name, *place, part))
            else:
                level.append(Unit(path, "" if number else name, name, *place, part))


class Outline:
    """Units and imports of one text. Use `outline_of`, which knows when there is none.

    Of most files only the imports are asked for, so the text is cut into units when these are.
    """

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._code = "\n" + without_comments(text).replace("\\\n", "\\\n ").rstrip("\n")
        self.imports = tuple(imports_of(self._code))

    @cached_property
    def _parts(self) -> _Parts:
        parts = _Parts(self._path, self._code)
        self._code = ""  # the units have it
        return parts

    @property
    def functions(self) -> dict[str, list[Unit]]:
        """The functions at the top level, by name."""
        return self._parts.functions

    @property
    def classes(self) -> dict[str, list[Unit]]:
        """The heads of the classes at the top level, and the statements in their bodies, by the name of the class."""
        return self._parts.classes

    @property
    def methods(self) -> dict[str, list[Unit]]:
        """The methods of the classes at the top level, by the name of the class."""
        return self._parts.methods

    @property
    def rest(self) -> list[Unit]:
        """The other statements at the top level."""
        return self._parts.rest

    @cached_property
    def bound(self) -> dict[str, list[Imported]]:
        """The imports by the name that they bind."""
        found: dict[str, list[Imported]] = {}
        for entry in self.imports:
            found.setdefault(entry.bound, []).append(entry)
        return found

    @cached_property
    def variables(self) -> dict[str, list[Unit]]:
        """Names that statements at the top level may bind, with these statements."""
        found: dict[str, list[Unit]] = {}
        for unit in self.rest:
            for name in unit.binds:
                found.setdefault(name, []).append(unit)
        return found

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that the top level may define, but for what star imports give."""
        return frozenset((*self.functions, *self.classes, *self.bound, *self.variables))

    @cached_property
    def words(self) -> frozenset[str]:
        """The identifiers in all units."""
        return frozenset().union(*(unit.words for unit in self.units))

    @property
    def units(self) -> Iterator[Unit]:
        """All units, the top level last."""
        for group in (self.functions, self.classes, self.methods):
            for units in group.values():
                yield from units
        yield from self.rest


def outline_of(path: str, text: str) -> Outline | None:
    """The outline of a text; None for unusual ones, whose lines do not end as expected."""
    if "\f" in text or "\r" in text.replace("\r\n", ""):
        return None
    return Outline(path, text.replace("\r\n", "\n"))


def without_comments(text: str) -> str:
    """The text without comments and strings in triple quotes (f-strings stay), with as many lines."""
    kept: list[str] = []
    position = 0
    for match in TOKEN.finditer(text):
        start, token = match.start(), match[0]
        if token[0] == "#":
            kept.append(text[position:start])
        elif "\n" in token or token[:3] in ('"""', "'''"):
            # What follows must not begin a line: it would look like a statement of the top level.
            flat = token.replace("\n", " ") if _is_formatted(text, start) or token[1] != token[0] else '""'
            kept += (text[position:start], flat, "\n" * token.count("\n"), " ")
        else:
            continue
        position = match.end()
    kept.append(text[position:])
    return "".join(kept)


def _is_formatted(text: str, start: int) -> bool:
    prefix = text[max(0, start - 2) : start].lower()
    return prefix.endswith(("f", "fr", "rf", "t", "tr", "rt"))


def chunks_of(code: str, lines: re.Pattern[str]) -> Iterator[tuple[str, str, int, int, str]]:
    """Kind ("def", "class" or ""), name, first and last line (from 1) and text of each piece of a text.

    The text begins with a line feed, as do the pieces.
    """
    kind, name, start, decorated, line = "", "", 0, -1, 0
    for match in lines.finditer(code):
        found = match[2] or match[3] or ""
        if match[1]:
            decorated = match.start() if decorated < 0 else decorated
        else:
            end = decorated if decorated >= 0 and found else match.start()
            last = line + code.count("\n", start, end)
            if end > start:
                yield kind, name, line + 1, last, code[start:end]
            kind, name, start, line = found, match[4] or "", end, last
        if not match[1]:
            decorated = -1
    if start < len(code):
        yield kind, name, line + 1, line + code.count("\n", start), code[start:]


def imports_of(code: str) -> Iterator[Imported]:
    """Every import statement, at the top level and inside functions, in order."""
    for match in _IMPORT.finditer(code):
        before = _FROM.search(code[code.rfind("\n", 0, match.start()) + 1 : match.start()])
        if before is None:
            continue
        parts = [part.split() for part in match[1].strip("() \t").replace("\\", " ").split(",")]
        if before[1] is None:
            for words in parts:
                if len(words) == 3 and words[1] == "as":
                    yield Imported(words[2], words[0])
                elif len(words) == 1:
                    first = words[0].partition(".")[0]
                    yield Imported(first, first)
        else:
            module = "".join(before[1].split())
            level = len(module) - len(module.lstrip("."))
            yield from (Imported(words[-1], module[level:], level, words[0]) for words in parts if words)
