"""What stands between brackets: items, their commas and the whitespace (with comments) around them.

libcst keeps these pieces in different places for calls, displays and parameters. Here they are one sequence of
items and gaps, and a gap is plain text, so that taking an item out or putting one in is written once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from torchfix_codemods.rewrite.fragment import Fragment
from torchfix_codemods.rewrite.scan import CannotRewrite

if TYPE_CHECKING:
    import libcst as cst

_COMMENT = re.compile(r"#[^\r\n]*")
_TAIL_FIELDS = ("whitespace_after_arg", "whitespace_after_param", "whitespace_after")


@dataclass(frozen=True)
class Item:
    """One item: its libcst node, the gap before its comma and the gap after it (both empty for the last, bare one)."""

    node: Any
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Items:
    """`lead item before , after item ... tail` between two brackets."""

    lead: str
    items: tuple[Item, ...]
    trailing_comma: bool
    tail: str
    newline: str

    def without(self, index: int) -> Items:
        """The sequence without one item; the comments around it stay, each on a line of its own."""
        gone, rest = self.items[index], (*self.items[:index], *self.items[index + 1 :])
        if not rest:
            tail = self._close(self.lead, gone)
            tail = tail if _COMMENT.search(tail) else ""
            return replace(self, lead="", items=(), trailing_comma=False, tail=tail)
        if index == len(rest):
            return self._without_last(gone, rest)
        if index == 0:
            return replace(self, items=rest, lead=self._fuse(self.lead, gone, first=True))
        kept = replace(rest[index - 1], after=self._fuse(rest[index - 1].after, gone))
        return replace(self, items=(*rest[: index - 1], kept, *rest[index:]))

    def _without_last(self, gone: Item, rest: tuple[Item, ...]) -> Items:
        """The comma before the removed item goes with it, unless commas trail here."""
        kept, tail = rest[-1], self._close(rest[-1].after, gone)
        before = kept.before
        if not self.trailing_comma:
            before, tail = "", (before if _COMMENT.search(before) else "") + tail
        return replace(self, items=(*rest[:-1], Item(kept.node, before)), tail=tail)

    def _fuse(self, gap: str, gone: Item, *, first: bool = False) -> str:
        """The gap before the item that follows a removed one, from the gap before the removed one."""
        comments = [*_COMMENT.findall(gone.before), *_COMMENT.findall(gone.after)]
        if self.newline in gap:
            return gap + "".join(f"{text}{self.newline}{_indent(gap, self.newline)}" for text in comments)
        if _COMMENT.search(gone.before):
            raise CannotRewrite("a comment inside the removed code would be lost")
        return gap if first and not comments else gone.after

    def _close(self, gap: str, gone: Item) -> str:
        """The gap before the closing bracket, from the gap before the removed last item."""
        comments = [*_COMMENT.findall(gone.before), *_COMMENT.findall(gone.after), *_COMMENT.findall(self.tail)]
        closing = _indent(self.tail, self.newline) if self.newline in self.tail else ""
        if self.newline in gap:
            head, indent = gap.rpartition(self.newline)[0], _indent(gap, self.newline)
            lines = [head, *(indent + text for text in comments)]
            broken = comments or _COMMENT.search(head) or self.newline in self.tail
            return self.newline.join([*lines, closing]) if broken else self.tail
        if _COMMENT.search(gone.before + gone.after):
            raise CannotRewrite("a comment inside the removed code would be lost")
        return self.tail

    def inserted(self, index: int, node: cst.CSTNode) -> Items:
        """The sequence with a new item before `index`, in the layout of its neighbours."""
        if not self.items:
            return self._filled(node)
        if index < len(self.items):
            ahead = self.items[index - 1].after if index else self.lead
            space = self.newline + _indent(ahead, self.newline) if self.newline in ahead else " "
            new = Item(node, "", space)
            return replace(self, items=(*self.items[:index], new, *self.items[index:]))
        last, kept = self.items[-1], self._comments_of_tail()
        gap = self.newline + self._own_line_indent() if kept else self._style()
        last = Item(last.node, last.before, kept + gap)
        return replace(self, items=(*self.items[:-1], last, Item(node)), tail=self.tail[len(kept) :])

    def _filled(self, node: cst.CSTNode) -> Items:
        """The sequence with its first item, below the comments that stood alone between the brackets."""
        kept = self._comments_of_tail()
        lead = kept + self.newline + self._own_line_indent() if kept else ""
        return replace(self, lead=lead, items=(Item(node),), tail=self.tail[len(kept) :] if kept else "")

    def _comments_of_tail(self) -> str:
        """The closing gap up to the end of its last comment, which stays on its line."""
        comments = list(_COMMENT.finditer(self.tail))
        return self.tail[: comments[-1].end()] if comments else ""

    def _gaps(self) -> list[str]:
        return [self.lead, *(item.after for item in self.items[:-1])]

    def _style(self) -> str:
        """The gap before a new last item: a line of its own where every item has one, else a blank."""
        gaps = self._gaps()
        own_lines = gaps[1:] or [gaps[0] if self.newline in self.tail else ""]
        if all(self.newline in gap for gap in own_lines):
            return self.newline + _indent(own_lines[-1], self.newline)
        return " "

    def _own_line_indent(self) -> str:
        broken = [gap for gap in self._gaps() if self.newline in gap]
        return _indent(broken[-1], self.newline) if broken else _indent(self.tail, self.newline) + "    "


def _indent(gap: str, newline: str) -> str:
    """The indentation that a gap gives to what follows it."""
    return gap.rpartition(newline)[2]


def read_items(fragment: Fragment, nodes: Sequence[Any], lead: Any, tail: Any) -> Items:
    """The sequence of libcst items; `lead` and `tail` are the whitespaces inside of the brackets.

    A closing gap that libcst keeps in the last item (its own, or its comma's) becomes part of the tail, and so
    does everything between empty brackets.
    """
    import libcst as cst

    def text(gap: Any) -> str:
        if not isinstance(gap, cst.CSTNode):
            return ""
        return cst.Module([], default_newline=fragment.newline).code_for_node(gap)

    items, trailing, closing = [], False, text(tail)
    for position, node in enumerate(nodes):
        last = position == len(nodes) - 1
        own = "".join(text(getattr(node, field, None)) for field in _TAIL_FIELDS)
        if isinstance(node.comma, cst.Comma):
            trailing = last
            before, after = own + text(node.comma.whitespace_before), text(node.comma.whitespace_after)
        else:
            before, after = "", own
        closing, after = (after + closing, "") if last else (closing, after)
        items.append(Item(node, before, after))
    opening = text(lead)
    if not items:
        opening, closing = "", opening + closing
    return Items(opening, tuple(items), trailing, closing, fragment.newline)


def write_items(fragment: Fragment, items: Items, *, tail_in_item: bool) -> list[Any]:
    """The libcst nodes of a sequence. The closing gap goes into the last item if `tail_in_item`."""
    import libcst as cst

    nodes = []
    for position, item in enumerate(items.items):
        last, node = position == len(items.items) - 1, item.node
        own = next((field for field in _TAIL_FIELDS if hasattr(node, field)), None)
        after = item.after if not last else items.tail if tail_in_item else ""
        if last and not items.trailing_comma:
            changes: dict[str, Any] = {"comma": cst.MaybeSentinel.DEFAULT}
            if own:
                changes[own] = fragment.whitespace(item.before + after)
        else:
            before = fragment.whitespace(item.before)
            changes = {"comma": cst.Comma(before, fragment.whitespace(after))}
            if own:
                changes[own] = cst.SimpleWhitespace("")
        nodes.append(node.with_changes(**changes))
    return nodes
