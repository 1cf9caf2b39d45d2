"""Tokens of a text with character offsets, and the little questions about lines that all verbs ask.

`tokenize` is used only on texts that `ast` has accepted. An f-string counts as one `STRING` token on every
version of Python: whatever stands inside of it is never moved or re-indented.
"""

from __future__ import annotations

import io
import re
import tokenize
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_LONE_CARRIAGE = re.compile(r"\r(?!\n)")
_LINE_END = re.compile(r"\r\n|\n|\r")
_OPENS = {getattr(tokenize, name, None) for name in ("FSTRING_START", "TSTRING_START")} - {None}
_CLOSES = {getattr(tokenize, name, None) for name in ("FSTRING_END", "TSTRING_END")} - {None}
_LAYOUT = {tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


class CannotRewrite(Exception):
    """No rewrite that is certainly right exists here; the message is a reason for people."""

    @property
    def reason(self) -> str:
        """The sentence for the report."""
        return str(self)


class Token(NamedTuple):
    """One token: its kind (a number of `tokenize`), its character range and its text."""

    kind: int
    start: int
    end: int
    text: str

    @property
    def is_code(self) -> bool:
        """Neither a comment nor layout."""
        return self.kind not in _LAYOUT and self.kind != tokenize.COMMENT


def _raw_tokens(text: str) -> Iterator[Token]:
    """Tokens as `tokenize` gives them, with offsets. A lone carriage return ends a line as `ast` has it."""
    text = _LONE_CARRIAGE.sub("\n", text)
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="\n").readline):
            start = starts[min(token.start[0], len(starts)) - 1] + token.start[1]
            end = starts[min(token.end[0], len(starts)) - 1] + token.end[1]
            if token.type in (tokenize.OP, tokenize.NAME, tokenize.COMMENT) and text[start:end] != token.string:
                raise CannotRewrite("the tokens of this file could not be located")
            yield Token(token.type, start, end, token.string)
    except (tokenize.TokenError, SyntaxError, IndexError) as error:
        raise CannotRewrite(f"this code could not be split into tokens ({error})") from error


def _joined(tokens: Iterator[Token]) -> Iterator[Token]:
    """The same tokens with every f-string (Python 3.12 splits them) as one `STRING` token."""
    depth, start = 0, 0
    for token in tokens:
        if token.kind in _OPENS:
            start = start if depth else token.start
            depth += 1
        elif token.kind in _CLOSES:
            depth -= 1
            if not depth:
                yield Token(tokenize.STRING, start, token.end, "")
        elif not depth:
            yield token


class Tokens:
    """All tokens of one text, to be asked by offset. Raises `CannotRewrite` where it can't be tokenized."""

    def __init__(self, text: str) -> None:
        self.all = list(_joined(_raw_tokens(text)))
        self.code = [token for token in self.all if token.is_code]
        self._ends = [token.end for token in self.code]
        self._starts = [token.start for token in self.code]

    def before(self, offset: int) -> Token | None:
        """The last code token that ends at or before `offset`."""
        index = bisect_right(self._ends, offset) - 1
        return self.code[index] if index >= 0 else None

    def after(self, offset: int) -> Token | None:
        """The first code token that starts at or after `offset`."""
        index = bisect_left(self._starts, offset)
        return self.code[index] if index < len(self.code) else None

    def comments(self, start: int, end: int) -> list[Token]:
        """The comments that begin in the range, those inside of f-strings left out."""
        return [token for token in self.all if token.kind == tokenize.COMMENT and start <= token.start < end]

    def string_lines(self, starts: list[int]) -> set[int]:
        """Indexes of the lines (given by their first offsets) that begin inside of a string."""
        inside: set[int] = set()
        for token in self.code:
            if token.kind == tokenize.STRING:
                first, last = bisect_right(starts, token.start), bisect_left(starts, token.end)
                inside.update(range(first, last))
        return inside


@lru_cache(maxsize=4)
def tokens_of(text: str) -> Tokens:
    """The tokens of a whole text, kept for the next verb on the same file."""
    return Tokens(text)


def comment_counts(text: str) -> Counter[str]:
    """How often each comment occurs in a piece of code (comments inside of f-strings included)."""
    if "#" not in text:
        return Counter()
    return Counter(token.text.rstrip() for token in _raw_tokens(text) if token.kind == tokenize.COMMENT)


def newline_of(text: str, near: int = 0) -> str:
    """The line ending used at `near` (the first from there on, else the first of the text, else LF)."""
    found = _LINE_END.search(text, near) or _LINE_END.search(text)
    return found[0] if found else "\n"
