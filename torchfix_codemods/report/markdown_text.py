"""Somebody's code and words as GitHub's Markdown, in which they stay what they are.

A comment on GitHub acts: `@name` outside of code notifies an account, `#1` links (with "fixes" before it, closes) an
issue, `:100:` is a picture, `$x$` a formula, a commit's number and an address become links, and tags are obeyed. So
everything that we did not write ourselves goes through `code`, `fence`, `plain` or `html`. All of them show control
characters, direction marks and undecodable bytes as escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from torchfix_codemods.report.places import printable_code
from torchfix_codemods.source.errors import printable

#: Between two characters that must not be read together: it has no width and belongs to no word.
_APART = "&#8203;"
_SPACES = re.compile(r"\s+")

#: What GitHub looks for in the text that Markdown leaves, so that a backslash is no help.
_NOTICED = r"""
    (?P<word> (?<!\w)\w* (?: (?:https?|ftp)://\S+ | www\.\S+ ) | \$\S* )
  | (?P<commit> (?<!\w)(?<!\d\.)[0-9a-f]{7,40}(?!\w|\.\d) )
  | (?P<apart> @ | \#(?=\d|$) | GH-(?=\d|$) | :(?=[\w+-]+(?::|$)) )
"""
_SPAN = r"(?P<span> (?<!`)(?P<ticks>`+)(?!`)(?P<inner>.+?)(?<!`)(?P=ticks)(?!`) )"
_MARKUP = re.compile(
    rf"{_SPAN} |{_NOTICED}"
    r"| (?P<entity> [&<>`] ) | (?P<mark> (?<![^\W_])_ | _(?![^\W_]) | [\\*\[\]~] )",
    re.VERBOSE | re.IGNORECASE,
)
_HTML = re.compile(rf"{_SPAN} | {_NOTICED} | (?P<entity> [&<>\"'] )", re.VERBOSE | re.IGNORECASE)
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "&#96;", '"': "&quot;", "'": "&#39;"}
#: What starts something new in Markdown instead of going on with a paragraph.
_BEGINS = re.compile(r"\s*(?:[-*+]\s|\d+[.)]\s|[|>#])")
_END_OF_SENTENCE = ".,;:!?)]}'\""


def code(text: str) -> str:
    """A code span that shows exactly this text, on one line."""
    text = printable(text) or " "
    ticks = _ticks(text, 1)
    # One space at each end belongs to the span, not to the text; a text of spaces alone keeps them all.
    padded = text.strip(" ") and (text[0] in "` " or text[-1] in "` ")
    return f"{ticks} {text} {ticks}" if padded else f"{ticks}{text}{ticks}"


def fence(text: str, language: str = "") -> str:
    """A block of code with these lines, which nothing in them can end. No newline follows."""
    lines = "\n".join(printable_code(line) for line in text.removesuffix("\n").split("\n"))
    ticks = _ticks(lines, 3)
    return f"{ticks}{re.sub('[^a-z0-9+-]', '', language)}\n{lines}\n{ticks}"


def plain(text: str) -> str:
    """Prose on one line: no mention, reference, link, picture, tag or markup comes of it.

    What stands between backticks becomes a code span, and so do addresses, words with a dollar sign, and what may be
    the number of a commit.
    """
    text = printable(_SPACES.sub(" ", text).strip())
    pieces: list[str] = []
    end = 0
    for match in _MARKUP.finditer(text):
        pieces += (text[end : match.start()], _harmless(match))
        end = match.end()
    return _no_block(_joined([*pieces, text[end:]]))


def cell(text: str) -> str:
    """Prose (not Markdown) for a cell of a table. Cells that hold Markdown are what `row` takes."""
    return _no_pipe(plain(text))


def row(cells: Iterable[str]) -> str:
    """A row of a table from cells that are Markdown on one line (from `code` and `plain`)."""
    return "| " + " | ".join(map(_no_pipe, cells)) + " |"


def html(text: str) -> str:
    """Text for the inside of a tag of ours, where Markdown is not read: entities and `<code>` instead of its marks."""
    return _HTML.sub(_harmless_in_html, printable(_SPACES.sub(" ", text).strip()))


def unwrapped(markdown: str) -> str:
    """Markdown of our own with each paragraph and item on one line: in a comment on GitHub every line end is shown."""
    lines: list[str] = []
    inside, joins = False, False
    for line in markdown.split("\n"):
        fenced = line.lstrip().startswith("```")
        if joins and line.strip() and not fenced and not _BEGINS.match(line):
            lines[-1] = f"{lines[-1].rstrip()} {line.strip()}"
        else:
            lines.append(line)
        inside ^= fenced
        joins = bool(line.strip()) and not fenced and not inside and not line.lstrip().startswith(("|", "#"))
    return "\n".join(lines)


def cut(text: str, limit: int) -> str:
    """At most `limit` characters of a text (not of Markdown), with a note of how many more there are.

    It ends after a whole line where one is near, else after a whole word. `limit` is at least 40.
    """
    if len(text) <= limit:
        return text
    room = limit - len(f" [{len(text):,} more characters]")
    kept = text[:room]
    for boundary in ("\n", " "):
        head, found, _ = kept.rpartition(boundary)
        if found and len(head) > room // 2:
            kept = head
            break
    return f"{kept} [{len(text) - len(kept):,} more characters]"


def _ticks(text: str, least: int) -> str:
    """More backticks than stand together anywhere in the text."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)


def _harmless(match: re.Match[str]) -> str:
    found = match[0]
    match match.lastgroup:
        case "span":
            return code(match["inner"].strip() or match["inner"])
        case "word":
            word = found.rstrip(_END_OF_SENTENCE)
            return code(word) + plain(found[len(word) :])
        case "commit":
            return code(found)
        case "apart":
            return found + _APART
        case "entity":
            return _ENTITIES[found]
        case _:
            return "\\" + found


def _harmless_in_html(match: re.Match[str]) -> str:
    found = match[0]
    match match.lastgroup:
        case "span":
            return f"<code>{_escaped(match['inner'].strip())}</code>"
        case "word" | "commit":
            return f"<code>{_escaped(found)}</code>"
        case "apart":
            return found + _APART
        case _:
            return _ENTITIES[found]


def _escaped(text: str) -> str:
    return "".join(_ENTITIES.get(c, c) for c in text)


def _joined(pieces: Iterable[str]) -> str:
    """The pieces one after the other; two code spans that would touch are kept apart, or they would be one."""
    joined = ""
    for piece in pieces:
        if piece:
            joined += _APART + piece if joined.endswith("`") and piece.startswith("`") else piece
    return joined


def _no_block(text: str) -> str:
    """Prose at the start of a line must not begin a heading, a list, a rule or a table."""
    text = re.sub(r"^(?=[#+=|:-])", r"\\", text)
    return re.sub(r"^(\d{1,9})(?=[.)](?:\s|$))", r"\1\\", text)


def _no_pipe(text: str) -> str:
    # Readers of tables look for pipes before they look for code, and take this backslash away again.
    return text.replace("|", "\\|")
