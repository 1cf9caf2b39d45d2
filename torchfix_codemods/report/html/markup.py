"""HTML by construction: every text becomes inert on its way into an element, so that no caller can forget it.

A character that moves, hides or reorders others (control characters, bidi overrides, lone surrogates) is shown as an
escape, as in every other report.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from torchfix_codemods.report.places import printable_code
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
    return Markup(escape(printable_code(line)))


def marked(line: str, spans: Iterable[tuple[int, int]]) -> Markup:
    """A line of code with some ranges of characters marked; ranges are in order and do not overlap."""
    parts, position = [], 0
    for start, end in spans:
        parts += [code(line[position:start]), tag("mark", code(line[start:end]))]
        position = end
    return join([*parts, code(line[position:])])


def _attribute(key: str, value: str | int | float | bool) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is False or value == "":
        return ""
    if value is True:
        return f" {name}"
    shown = text(value) if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else value
    return f' {name}="{shown}"'
