"""HTML by construction: every text becomes inert on its way into an element, so that no caller can forget it.

A character that moves, hides or reorders others (control characters, bidi overrides, lone surrogates) is shown as an
escape, as in every other report.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape

from torchfix_codemods.source.errors import printable

#: Elements that have no end tag.
_VOID = frozenset(("br", "col", "input", "link", "meta"))


class Markup(str):
    """HTML that is safe as it stands. Whatever is added to it by `+` or a format is an ordinary text again."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str | int | float | bool) -> Markup:
    """An element: children that are no `Markup` are escaped, and so is every value.

    In the names of attributes `_` stands for `-`, and one at the end is dropped (`class_`, `data_rule`). An attribute
    that is False or "" is left out, one that is True has no value.
    """
    start = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    if name in _VOID:
        return Markup(start)
    return Markup(f"{start}{join(children)}</{name}>")


def join(parts: Iterable[str]) -> Markup:
    """Parts one after another; those that are no `Markup` are escaped."""
    return Markup("".join(part if isinstance(part, Markup) else text(part) for part in parts))


def text(value: str) -> Markup:
    """A text on one line."""
    return Markup(escape(printable(value)))


def code(line: str) -> Markup:
    """A line of code without its end; tabs stay."""
    return _piece(line.rstrip("\r\n"))


def marked(line: str, spans: Iterable[tuple[int, int]]) -> Markup:
    """A line of code without its end, some ranges of characters marked; these are in order and do not overlap."""
    line = line.rstrip("\r\n")
    parts, position = [], 0
    for start, end in spans:
        parts += [_piece(line[position:start]), tag("mark", _piece(line[start:end]))]
        position = end
    return join([*parts, _piece(line[position:])])


def _piece(line: str) -> Markup:
    return Markup(escape("\t".join(map(printable, line.split("\t")))))


@cache
def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _attribute(key: str, value: str | int | float | bool) -> str:
    name = _name(key)
    if value is False or value == "":
        return ""
    if value is True:
        return f" {name}"
    shown = text(value) if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else value
    return f' {name}="{shown}"'
