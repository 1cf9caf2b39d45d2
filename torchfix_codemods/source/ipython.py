"""What in a notebook's cell is IPython's and not Python's: magics, shell lines, help lines, cells in other languages.

Each such piece becomes a `Span` that the notebook's Python text replaces by a name, so that the rest parses.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# fmt: off
#: Cell magics whose body is run as Python in the notebook itself.
_PYTHON_CELLS = frozenset(("capture", "memit", "prun", "time", "timeit"))
#: Cell magics whose body is not Python, or runs in another process: nothing in it uses the notebook's objects.
_FOREIGN_CELLS = frozenset((
    "!", "R", "SVG", "bash", "cmd", "cython", "file", "html", "HTML", "javascript", "js", "latex", "markdown", "perl",
    "pypy", "python", "python2", "python3", "ruby", "script", "sh", "sql", "svg", "sx", "system", "writefile",
))
#: Line magics that run the rest of their line as Python.
_PYTHON_LINES = frozenset(("memit", "prun", "time", "timeit"))
#: Line magics that run nothing and bind nothing which a model could go through.
_HARMLESS_LINES = frozenset((
    "aimport", "alias", "automagic", "autoreload", "autosave", "bookmark", "cat", "cd", "clear", "colors", "conda",
    "config", "cp", "debug", "dhist", "dirs", "doctest_mode", "env", "gui", "hist", "history", "install_ext",
    "killbgscripts",
    "ldir", "less", "lf", "lk", "ll", "load_ext", "logoff", "logon", "logstart", "logstate", "logstop", "ls",
    "lsmagic", "lx", "magic", "man", "matplotlib", "mkdir", "more", "mv", "page", "pdb", "pdef", "pdoc", "pfile",
    "pinfo", "pinfo2", "pip", "popd", "pprint", "precision", "psearch", "psource", "pushd", "pwd", "pycat", "pylab",
    "qtconsole", "quickref", "rehashx", "reload_ext", "rep", "rm", "rmdir", "save", "sc", "set_env", "sx", "system",
    "tb", "tensorboard", "tensorflow_version", "unload_ext", "uv", "version_information", "wandb", "watermark",
    "who", "who_ls", "whos", "writefile", "xmode",
))
# fmt: on

_TOKEN = re.compile(
    r"'''(?:[^\\]|\\.)*?'''|\"\"\"(?:[^\\]|\\.)*?\"\"\"|'(?:[^'\\\r\n]|\\(?:\r\n|.))*'|\"(?:[^\"\\\r\n]|\\(?:\r\n|.))*\""
    r"|#[^\r\n]*|\\(?:\r\n|\r|\n)|[()\[\]{}]|\r\n|\r|\n",
    re.S,
)
_REST = re.compile(r"(?:\\(?:\r\n|\r|\n)|[^\r\n])*")  # to the end of the line, or of those that it goes on in
_ESCAPED = re.compile(r"[ \t]*(?:(?P<magic>%)(?P<name>[\w.]*)|!|\?|(?:pip3?|conda)[ \t]+(?:un)?install\b)")
_HELP = re.compile(r"[ \t]*%{0,2}[A-Za-z_][\w.*]*(?:\[-?\d+\])?\?\??[ \t]*(?=\r|\n|\Z)")
_ASSIGNED = re.compile(r"[ \t]*[A-Za-z_][\w.,\[\]'\" \t]*=[ \t]*(?=[%!](?!=))")
_OPTIONS = re.compile(r"[ \t]*%\w+(?:[ \t]+-\w+(?:[ \t]*\d+)?)*[ \t]+")
_CELL_MAGIC = re.compile(r"\s*%%(?P<name>[\w.]+|!)[^\r\n]*(?:\r\n|\r|\n|\Z)")


@dataclass(frozen=True)
class Span:
    """Characters `[start, end)` of a cell that a name stands for; before a statement on the same line if `leads`."""

    start: int
    end: int
    leads: bool = False


@dataclass(frozen=True)
class CellReading:
    """What of a cell is not Python. `hidden` says what may be Python there and is not seen (a reason, a detail)."""

    spans: tuple[Span, ...] = ()
    hidden: tuple[str, str] | None = None


def read_cell(source: str) -> CellReading:
    """The pieces of a cell that are not Python; the whole of it where the rest would not parse."""
    position, opening = 0, []
    while match := _CELL_MAGIC.match(source, position):
        if match["name"] not in _PYTHON_CELLS:
            return _foreign(source, match["name"])
        opening.append(_without_blanks(source, match.start(), match.end()))
        position = match.end()
    spans, hidden = list(opening), None
    for span, unseen in _escaped(source, position):
        indented = not spans and not source[: span.start].strip()  # IPython takes the indentation of a cell away
        spans.append(Span(0, span.end, span.leads) if indented else span)
        hidden = hidden or unseen
    if any(source.startswith("%%", span.start) for span in spans[len(opening) :]):
        return CellReading(_whole(source), ("unknown-magic", "a cell magic below the first line"))
    error = _error(with_names(source, spans, ["_"] * len(spans)))
    if error is not None:
        return CellReading(_whole(source), ("syntax-error", error))
    return CellReading(tuple(spans), hidden)


def with_names(source: str, spans: Sequence[Span], names: Sequence[str]) -> str:
    """The cell with a name for each span."""
    pieces: list[str] = []
    position = 0
    for span, name in zip(spans, names, strict=True):
        pieces += [source[position : span.start], name, "; " if span.leads else ""]
        position = span.end
    return "".join((*pieces, source[position:]))


def whole_cell(source: str) -> CellReading:
    """A cell that is known to hold another language."""
    return CellReading(_whole(source))


def _foreign(source: str, name: str) -> CellReading:
    if name in _FOREIGN_CELLS:
        return CellReading(_whole(source))
    return CellReading(_whole(source), ("unknown-magic", f"%%{name} may run its cell as Python"))


def _whole(source: str) -> tuple[Span, ...]:
    return (Span(0, len(source)),) if source.strip() else ()


def _without_blanks(source: str, start: int, end: int) -> Span:
    piece = source[start:end]
    return Span(start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip()))


def _escaped(source: str, position: int) -> Iterator[tuple[Span, tuple[str, str] | None]]:
    """What of each logical line is IPython's, and what it may hide."""
    while position < len(source):
        end = position
        if match := _ESCAPED.match(source, position):
            end = _rest(source, position)
            yield _line_magic(source, position, end, match["name"])
        elif _HELP.match(source, position):
            end = _rest(source, position)
            yield _without_blanks(source, position, end), None
        elif match := _ASSIGNED.match(source, position):
            end = _rest(source, match.end())
            shell = source.startswith("!", match.end())
            yield _without_blanks(source, match.end(), end), None if shell else _unseen(source[match.end() : end])
        position = _end_of_line(source, end)


def _rest(source: str, position: int) -> int:
    match = _REST.match(source, position)
    assert match is not None, "the pattern matches the empty text too"
    return match.end()


def _line_magic(source: str, start: int, end: int, name: str | None) -> tuple[Span, tuple[str, str] | None]:
    line = source[start:end]
    options = _OPTIONS.match(line) if name in _PYTHON_LINES else None
    if options and _is_simple(line[options.end() :]):
        return Span(_without_blanks(source, start, end).start, start + options.end(), leads=True), None
    span = _without_blanks(source, start, end)
    harmless = name is None or name in _HARMLESS_LINES or (name in _PYTHON_LINES and not options)
    return span, None if harmless else _unseen(source[span.start : span.end])


def _unseen(magic: str) -> tuple[str, str]:
    words = magic.split()
    return "unknown-magic", f"{words[0]} may run Python that is not seen here"


def _is_simple(code: str) -> bool:
    try:
        body = _parsed(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return bool(body) and not any(hasattr(statement, "body") for statement in body)


def _end_of_line(source: str, position: int) -> int:
    """Where the logical line ends that goes on at `position`."""
    depth = 0
    for match in _TOKEN.finditer(source, position):
        token = match[0]
        if token in "([{":
            depth += 1
        elif token in ")]}":
            depth = max(0, depth - 1)
        elif token[0] in "\r\n" and not depth:
            return match.end()
    return len(source)


def _error(code: str) -> str | None:
    """Why a text does not parse, None where it does."""
    try:
        _parsed(code)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error) or type(error).__name__
    return None


def _parsed(code: str) -> list[ast.stmt]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an odd escape in somebody's string is not our business
        return ast.parse(code).body
