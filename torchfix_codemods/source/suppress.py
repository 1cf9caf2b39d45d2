"""Suppression comments: `# torchfix: ignore`, `# torchfix: ignore[rule, TFC101]`, `# torchfix: skip-file`.

A comment counts on any line of the statement of a finding, and on the header (decorators included) of a def
or class around it. A comment on a line of its own counts for the code line that follows.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from torchfix_codemods.source.selection import means

_MARK = "torchfix:"
_DIRECTIVE = re.compile(r"#\s*torchfix:\s*(?P<word>[\w-]*)\s*(?P<list>\[(?P<names>[^\]]*)(?P<closed>\])?)?")
_EVERYTHING = ""  # stands for all rules in the sets of names; no rule is called so


@dataclass(frozen=True)
class Suppressions:
    """What the comments of one file switch off. `warnings` are pairs of line and text."""

    skip_file: bool = False
    by_line: dict[int, frozenset[str]] = field(default_factory=dict)
    warnings: tuple[tuple[int, str], ...] = ()

    @classmethod
    def of(cls, text: str) -> Suppressions:
        """Read the comments of `text`; where the tokenizer refuses it, every line that looks like one."""
        if _MARK not in text:
            return cls()
        found = _Directives()
        for line, comment in _comments(text):
            for directive in _DIRECTIVE.finditer(comment):
                found.add(line, directive)
        by_line = {line: frozenset(names) for line, names in found.by_line.items()}
        return cls(found.skip_file, by_line, tuple(found.warnings))

    def covers(
        self,
        line: int,
        rule_name: str,
        code: str,
        def_lines: Iterable[int] = (),
        statement_lines: Iterable[int] = (),
    ) -> bool:
        """Whether a finding of this rule that begins on `line` is suppressed (see `lines_around`)."""
        if self.skip_file or not self.by_line:
            return self.skip_file
        names = set[str]().union(*(self.by_line.get(n, ()) for n in (line, *statement_lines, *def_lines)))
        return any(name == _EVERYTHING or means(name, rule_name, code) for name in names)

    def unknown(self, rules: Sequence[tuple[str, str]]) -> tuple[tuple[int, str], ...]:
        """Lines and names in suppressions that mean none of `rules` (pairs of name and code)."""
        return tuple(
            (line, name)
            for line, names in sorted(self.by_line.items())
            for name in sorted(names)
            if name != _EVERYTHING and not any(means(name, *rule) for rule in rules)
        )


def lines_around(tree: ast.Module, line: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The lines of the innermost statement on `line` (of a compound one, its header), and the header lines of
    the definitions around it: what `Suppressions.covers` wants to know."""
    statement: range = range(line, line + 1)
    headers: list[int] = []
    nodes: Iterable[ast.AST] = tree.body
    while True:
        node = next((n for n in nodes if _first_line(n) <= line <= (_last_line(n))), None)
        if node is None:
            return tuple(statement), tuple(headers)
        inner = [child for child in ast.iter_child_nodes(node) if _is_block_part(child)]
        statement = _header(node, inner)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            headers.extend(statement)
        nodes = inner


class _Directives:
    """Gathers what the comments say."""

    def __init__(self) -> None:
        self.skip_file = False
        self.by_line: dict[int, set[str]] = {}
        self.warnings: list[tuple[int, str]] = []

    def add(self, line: int, found: re.Match[str]) -> None:
        """Take one directive; what is malformed suppresses rather too much than too little."""
        match found["word"]:
            case "skip-file":
                self.skip_file = True
            case "ignore":
                self.by_line.setdefault(line, set()).update(self._names(line, found))
            case word:
                self.warnings.append((line, f"unknown suppression '{word}': write ignore, ignore[...] or skip-file"))

    def _names(self, line: int, found: re.Match[str]) -> set[str]:
        if found["list"] is None:
            return {_EVERYTHING}
        if found["closed"] is None:
            self.warnings.append((line, "the list of rules has no closing bracket: every rule is suppressed"))
            return {_EVERYTHING}
        names = {name.strip() for name in found["names"].split(",")} - {""}
        if not names:
            self.warnings.append((line, "the list of rules is empty: nothing is suppressed"))
        return names


def _comments(text: str) -> Iterator[tuple[int, str]]:
    """Comments with the line for which they count."""
    # The tokenizer module knows no lone CR; what it would make of one inside a string does not matter here.
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        return iter(_tokenized(plain))
    except (tokenize.TokenError, SyntaxError):
        return ((number, line) for number, line in enumerate(plain.split("\n"), 1) if _MARK in line)


def _tokenized(text: str) -> list[tuple[int, str]]:
    """Comments beside code at their line, comments of their own line at the code line that follows."""
    found: list[tuple[int, str]] = []
    waiting: list[str] = []
    in_statement = False
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        match token.type:
            case tokenize.COMMENT if _MARK in token.string and not in_statement:
                waiting.append(token.string)
            case tokenize.COMMENT if _MARK in token.string:
                found.append((token.start[0], token.string))
            case tokenize.NEWLINE:
                in_statement = False
            case tokenize.COMMENT | tokenize.NL | tokenize.INDENT | tokenize.DEDENT:
                pass
            case _:
                in_statement = True
                found.extend((token.start[0], comment) for comment in waiting)
                waiting.clear()
    return found


def _is_block_part(node: ast.AST) -> bool:
    return isinstance(node, ast.stmt | ast.excepthandler | ast.match_case)


def _header(node: ast.AST, inner: Sequence[ast.AST]) -> range:
    """From the first decorator to the line before the body; the whole of a simple statement."""
    first = _first_line(node)
    if not inner:
        return range(first, _last_line(node) + 1)
    own_line = getattr(node, "lineno", first)  # of the `def` below its decorators
    return range(first, max(own_line + 1, min(map(_first_line, inner))))


def _first_line(node: ast.AST) -> int:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return min((decorator.lineno for decorator in node.decorator_list), default=node.lineno)
        case ast.match_case():
            return node.pattern.lineno
        case ast.stmt() | ast.excepthandler():
            return node.lineno
    raise TypeError(f"{type(node).__name__} is no part of a block")


def _last_line(node: ast.AST) -> int:
    last = node.body[-1] if isinstance(node, ast.match_case) else node
    assert isinstance(last, ast.stmt | ast.excepthandler) and last.end_lineno is not None
    return last.end_lineno
