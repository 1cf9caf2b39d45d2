"""Where the nodes of a tree stand, as far as it was parsed: the tables grow with the functions that are looked into."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from torchfix_codemods.analysis.hollow import FunctionNode, HollowTree
from torchfix_codemods.analysis.trees import parents, present, present_children, walk

Position = tuple[int, int, int, int]
_PLACED = (ast.expr, ast.stmt, ast.arg, ast.keyword, ast.excepthandler, ast.alias)


class Index:
    """Looks nodes of one tree up. Each table is made when it is first asked for."""

    def __init__(self, tree: ast.Module, hollow: HollowTree | None) -> None:
        self._tree = tree
        self._hollow = hollow
        self._seen: dict[str, int] = {}  # how many of the filled functions each table knows
        self._parents: dict[ast.AST, ast.AST] = {}
        self._functions: dict[tuple[int, int], FunctionNode | ast.Lambda] = {}
        self._classes: dict[tuple[int, str], ast.ClassDef] = {}
        self._nodes: dict[Position, list[ast.AST]] = {}

    @property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The parent of every node that was parsed so far."""
        for root in self._unseen("parents"):
            if root is self._tree:
                self._parents |= parents(root, present_children)
            else:
                self._parents |= parents(root)
        return self._parents

    def function_at(self, line: int, column: int) -> FunctionNode | ast.Lambda:
        """The function or lambda there. Raises `KeyError` where there is none."""
        self._note_functions()
        if (line, column) not in self._functions:
            self._fill(line)
            self._note_functions()
        return self._functions[line, column]

    def class_at(self, line: int, name: str) -> ast.ClassDef | None:
        """The class of that name whose `class` stands in that line."""
        self._note_classes()
        if (line, name) not in self._classes:
            self._fill(line)
            self._note_classes()
        return self._classes.get((line, name))

    def nodes_at(self, position: Position) -> Sequence[ast.AST]:
        """The nodes of exactly that extent, outermost first."""
        self._fill(position[0])
        for node in self._news("nodes"):
            if isinstance(node, _PLACED):
                end = (node.end_lineno or 0, node.end_col_offset or 0)
                self._nodes.setdefault((node.lineno, node.col_offset, *end), []).append(node)
        return self._nodes.get(position, ())

    def _note_functions(self) -> None:
        for node in self._news("functions"):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                self._functions[node.lineno, node.col_offset] = node

    def _note_classes(self) -> None:
        for node in self._news("classes"):
            if isinstance(node, ast.ClassDef):
                self._classes.setdefault((node.lineno, node.name), node)

    def _fill(self, line: int) -> None:
        if self._hollow is not None:
            self._hollow.fill_line(line)

    def _unseen(self, table: str) -> Sequence[ast.Module | FunctionNode]:
        """What a table doesn't know yet: the tree at first, then the functions that were filled since."""
        filled = [] if self._hollow is None else self._hollow.filled
        known = self._seen.get(table)
        self._seen[table] = len(filled)
        return [self._tree] if known is None else filled[known:]

    def _news(self, table: str) -> list[ast.AST]:
        """The nodes that a table doesn't know yet."""
        found: list[ast.AST] = []
        for root in self._unseen(table):
            if root is self._tree:
                found += present(root)
            else:
                found += [node for statement in root.body for node in walk(statement)]
        return found
