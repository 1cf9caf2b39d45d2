"""Markdown as GitHub reads it, by markdown-it-py; and what GitHub acts on in the text that is left."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import unescape

from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

#: Without looking for addresses: `noticed` finds those.
_READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])

#: Accounts, issues, commits, addresses and pictures in text outside of code.
_NOTICED = re.compile(
    r"@\w|\$|#\d|GH-\d|(?:https?|ftp)://\S|www\.\S|(?<!\w)(?<!\d\.)[0-9a-f]{7,40}(?!\w|\.\d)|:[\w+-]+:", re.IGNORECASE
)


#: Texts that want to be more than text.
_PIECES = (
    *("@torch.no_grad()", "#1", "GH-2", "a/b#3", "deadbeef1", "https://a.b/c", "www.a.b", ":100:", "a@b.cd", "x"),
    *(
        "</details>",
        "<!--",
        "-->",
        "::error::",
        "![a](b)",
        "[x](y)",
        "**",
        "__",
        "~~",
        "$",
        "&amp;",
        "|",
        "\\",
        "`",
        "``",
    ),
    *("\n", "\r", "\t", "\0", "\u202e", "\ud800", " ", "- ", "1. ", "# ", "> ", "[ ]", "===", "``", "```"),
)
HOSTILE: st.SearchStrategy[str] = st.one_of(st.text(), st.lists(st.sampled_from(_PIECES)).map("".join))


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


def complaints(markdown: str) -> list[str]:
    """What is wrong with a document of ours: markup that is not ours, something that GitHub acts on, torn tables."""
    tokens = parse(markdown)
    found = [f"{token.type}: {token.content}" for token in tokens if token.type == "html_block" and not _ours(token)]
    for token in inlines(tokens):
        children = token.children or []
        kinds = {child.type for child in children} - _INLINE
        found += [f"{kind} in {token.content[:200]}" for kind in sorted(kinds)]
        found += [f"{what} is noticed in {token.content[:200]}" for what in noticed(text_of(children))]
    return found + list(_torn(tokens, markdown.split("\n"))) + list(_unbalanced(tokens))


_INLINE = {"text", "text_special", "code_inline", "strong_open", "strong_close", "em_open", "em_close"}
_TAG = re.compile(r"<details>|</details>|<summary>(?P<inside>.*)</summary>|<!-- torchfix:v1 [\w+/=]* -->")


def _ours(token: Token) -> bool:
    """Whether a block of HTML has our few tags only, and nothing in it that is noticed."""
    for line in token.content.strip().split("\n"):
        match = _TAG.fullmatch(line)
        if match is None:
            return False
        inside = re.sub("<code>[^<]*</code>", "", match["inside"] or "")
        if re.sub("</?b>", "", inside).count("<") or noticed(unescape(inside)):
            return False
    return True


def _torn(tokens: Sequence[Token], lines: Sequence[str]) -> Iterator[str]:
    """Rows of tables with more or fewer cells than the head."""
    for token in tokens:
        if token.type == "table_open" and token.map:
            rows = [lines[number].strip() for number in range(*token.map)]
            counts = [len(re.findall(r"(?<!\\)\|", line)) for line in rows]
            yield from (line for line, number in zip(rows, counts, strict=True) if number != counts[0])


def _unbalanced(tokens: Sequence[Token]) -> Iterator[str]:
    depth = 0
    for token in tokens:
        if token.type == "html_block":
            depth += token.content.count("<details>") - token.content.count("</details>")
            if depth < 0:
                yield "</details> without its begin"
    if depth:
        yield "<details> without its end"
