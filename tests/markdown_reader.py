"""Markdown as GitHub reads it, by markdown-it-py; and what GitHub acts on in the text that is left."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

#: Without looking for addresses: `noticed` finds those.
_READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])

#: Accounts, issues, commits, addresses and pictures in text outside of code.
_NOTICED = re.compile(
    r"@\w|#\d|GH-\d|(?:https?|ftp)://\S|www\.\S|(?<!\w)(?<!\d\.)[0-9a-f]{7,40}(?!\w|\.\d)|:[\w+-]+:", re.IGNORECASE
)


def parse(markdown: str) -> list[Token]:
    """The blocks of a document."""
    return _READER.parse(markdown)


def noticed(text: str) -> list[str]:
    """What GitHub would make something of."""
    return _NOTICED.findall(text)


def text_of(children: Iterable[Token]) -> str:
    """The text outside of code, with a mark where a code span stands."""
    return "".join("\0" if child.type == "code_inline" else child.content for child in children)


def shown(children: Iterable[Token]) -> str:
    """The text that a reader sees."""
    return "".join(child.content for child in children)


def words(text: str) -> str:
    """A text without spaces, the sign that only parts, and backticks."""
    return re.sub(r"[\s\u200b`]", "", text)


def inlines(tokens: Sequence[Token]) -> Iterator[Token]:
    """The parts of a document that hold running text."""
    return (token for token in tokens if token.type == "inline")
