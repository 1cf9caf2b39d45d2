"""One file of a program as mutators see it: the tree with its parents, resolved names, and edits of the text.

Names are resolved by imports alone and objects by their name alone (`criterion = nn.CrossEntropyLoss()` makes every
`criterion` of the program a loss): enough for the programs of the corpus, which are ours, and independent of the
analysis that is measured.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
#: Replace characters `[start, end)` by a text.
Edit: TypeAlias = tuple[int, int, str]

_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)


@dataclass(frozen=True)
class Mutation:
    """A mistake to be planted in one file: the rule that should find it, what is done, where, and the edits.

    `unsure` says that only a run can tell whether it is a mistake at all.
    """

    code: str
    operator: str
    line: int
    edits: tuple[Edit, ...]
    unsure: bool = False


class Spots:
    """A file of a program. `objects` maps the last part of a name to the class that the program binds to it."""

    def __init__(self, path: str, text: str, objects: Mapping[str, str] | None = None) -> None:
        self.path, self.text = path, text
        self.tree = ast.parse(text)
        self.parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}
        self.objects = objects if objects is not None else objects_of(self)

    @cached_property
    def _starts(self) -> list[int]:
        """The offset of each line; lines as Python counts them."""
        starts = [0]
        for line in self._lines:
            starts.append(starts[-1] + len(line))
        return starts

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.splitlines(keepends=True)

    @cached_property
    def imports(self) -> dict[str, str]:
        """What the names of the file's imports stand for."""
        names: dict[str, str] = {}
        for node in ast.walk(self.tree):
            match node:
                case ast.Import():
                    names |= {
                        a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0]
                        for a in node.names
                    }
                case ast.ImportFrom(module=str(module)):
                    names |= {a.asname or a.name: f"{module}.{a.name}" for a in node.names}
        return names

    def offset(self, line: int, column: int) -> int:
        """The character at a place of the tree, whose columns are bytes."""
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def start(self, node: ast.expr | ast.stmt) -> int:
        """Where a node begins."""
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        """Where a node ends."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.offset(node.end_lineno, node.end_col_offset)

    def source(self, node: ast.expr | ast.stmt) -> str:
        """The text of a node."""
        return self.text[self.start(node) : self.end(node)]

    def replaced(self, node: ast.expr | ast.stmt, new: str) -> Edit:
        """The edit that puts a text in the place of a node."""
        return self.start(node), self.end(node), new

    def atom(self, node: ast.expr) -> str:
        """The text of an expression, in parentheses where a method call needs them."""
        return self.source(node) if isinstance(node, _ATOMS) else f"({self.source(node)})"

    def dotted(self, node: ast.AST) -> str:
        """The whole name of an expression (`torch.nn.functional.dropout`), empty where it has none."""
        match node:
            case ast.Name(id=name):
                return self.imports.get(name, name)
            case ast.Attribute(value=value, attr=attr):
                return f"{inner}.{attr}" if (inner := self.dotted(value)) else ""
        return ""

    def kind(self, node: ast.AST) -> str:
        """The class of the object that an expression names, or of which it is a call of the constructor."""
        match node:
            case ast.Call(func=func):
                return self.dotted(func)
            case ast.Name(id=name) | ast.Attribute(attr=name):
                return self.objects.get(name, "")
        return ""

    def nodes(self, *kinds: type) -> Iterator[ast.AST]:
        """Every node of some kinds, in the order of the text."""
        found = [node for node in ast.walk(self.tree) if isinstance(node, kinds)]
        return iter(sorted(found, key=lambda node: (node.lineno, node.col_offset)))  # type: ignore[attr-defined]

    def calls(self) -> Iterator[ast.Call]:
        """Every call."""
        for node in self.nodes(ast.Call):
            assert isinstance(node, ast.Call)
            yield node

    def method(self, node: ast.Call) -> str:
        """The name after the dot of a called method, else empty."""
        return node.func.attr if isinstance(node.func, ast.Attribute) else ""

    def above(self, node: ast.AST, *kinds: type) -> Iterator[ast.AST]:
        """The nodes around a node, from the innermost."""
        while (parent := self.parents.get(node)) is not None:
            if not kinds or isinstance(parent, kinds):
                yield parent
            node = parent

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that holds a node."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def scope(self, node: ast.AST) -> ast.AST:
        """The function around a node, or the module."""
        return next(self.above(node, ast.FunctionDef, ast.AsyncFunctionDef, ast.Module))

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """The statements among which one stands."""
        parent = self.parents[statement]
        for field in ("body", "orelse", "finalbody"):
            block = getattr(parent, field, None)
            if isinstance(block, list) and statement in block:
                return block
        return [statement]

    def indent(self, statement: ast.stmt) -> str:
        """What stands before a statement on its line."""
        return self.text[self._starts[statement.lineno - 1] : self.start(statement)]

    def without(self, statement: ast.stmt) -> Edit:
        """The edit that deletes a statement with its line; the last one of a block becomes `pass`."""
        if len(self.block(statement)) == 1:
            return self.replaced(statement, "pass")
        assert statement.end_lineno is not None
        whole = self._starts[statement.lineno - 1], self._starts[statement.end_lineno]
        alone = not self.indent(statement).strip() and "#" not in self.text[self.end(statement) : whole[1]]
        return (
            (*whole, "")
            if alone and ";" not in self.text[self.end(statement) : whole[1]]
            else self.replaced(statement, "pass")
        )

    def before(self, statement: ast.stmt, line: str) -> Edit:
        """The edit that puts a line before a statement."""
        start = self._starts[statement.lineno - 1]
        return start, start, f"{self.indent(statement)}{line}{self.newline}"

    def after(self, statement: ast.stmt, line: str) -> Edit:
        """The edit that puts a line after a statement."""
        assert statement.end_lineno is not None
        end = self._starts[statement.end_lineno]
        return end, end, f"{self.indent(statement)}{line}{self.newline}"

    def unwrapped(self, node: ast.With) -> tuple[Edit, ...]:
        """The edits that take the block out of a `with`: its first line goes, the others move to the left."""
        first = node.body[0]
        assert node.end_lineno is not None
        start, inner, outer = self._starts[node.lineno - 1], self.indent(first), self.indent(node)
        if inner.strip():
            return (self.replaced(node, self.text[self.start(first) : self.end(node)]),)
        edits: list[Edit] = [(start, self._starts[first.lineno - 1], "")]
        for number in range(first.lineno, node.end_lineno + 1):
            if self._lines[number - 1].startswith(inner):
                place = self._starts[number - 1]
                edits.append((place, place + len(inner), outer))
        return tuple(edits)

    @property
    def newline(self) -> str:
        """How lines end here."""
        return "\r\n" if "\r\n" in self.text else "\n"


def objects_of(spots: Spots) -> dict[str, str]:
    """`{"criterion": "torch.nn.CrossEntropyLoss"}`: what calls the file's names and attributes are bound to."""
    objects = {}
    for node in ast.walk(spots.tree):
        match node:
            case ast.Assign(targets=targets, value=ast.Call()):
                for target in targets:
                    if isinstance(target, ast.Name | ast.Attribute) and "." in (
                        name := _through_cuda(spots, node.value)
                    ):
                        objects[target.id if isinstance(target, ast.Name) else target.attr] = name
    return objects


def _through_cuda(spots: Spots, node: ast.expr) -> str:
    """The class of `nn.CrossEntropyLoss().cuda()` is that of the loss."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Call() as inner, attr="cuda" | "to")):
            return _through_cuda(spots, inner)
        case ast.Call(func=func):
            return spots.dotted(func)
    return ""


def edited(text: str, edits: tuple[Edit, ...]) -> str:
    """The text with edits that don't overlap."""
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text
