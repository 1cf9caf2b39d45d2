"""Statements of one block, and what they load and bind, for the rewrites of backward passes."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from torchfix_codemods.analysis.graphs.values import Moment
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite import verbs

RETAIN = ("retain_graph", "retain_variables")


@dataclass(frozen=True)
class Block:
    """The statements between two passes: `first`, `middle` and `last` are places in `statements`."""

    file: ParsedFile
    statements: list[ast.stmt]
    first: int
    middle: int
    last: int

    @property
    def between(self) -> Sequence[ast.stmt]:
        """What stands behind the middle, up to the last."""
        return self.statements[self.middle + 1 : self.last + 1]


def block_of(first: Moment, middle: Moment, last: Moment) -> Block:
    """The innermost block around three moments. Raises `CannotRewrite` where they don't follow one another in it."""
    file = first.file
    if not first.calls == middle.calls == last.calls:
        raise verbs.CannotRewrite("the passes and the step stand in different functions")
    chains = [_ancestors(file, moment.node) for moment in (first, middle, last)]
    for statement in chains[0]:
        block = file.block_of(statement)
        places = [next((i for i, s in enumerate(block) if s in chain), -1) for chain in chains]
        if -1 not in places:
            if not places[0] <= places[1] < places[2]:
                raise verbs.CannotRewrite("the passes and the step stand in different branches")
            return Block(file, block, *places)
    raise verbs.CannotRewrite("the passes and the step stand in different functions")


def _ancestors(file: ParsedFile, node: ast.AST) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    current: ast.AST | None = file.enclosing_statement(node)
    while isinstance(current, ast.stmt | ast.excepthandler):
        if isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            break
        if isinstance(current, ast.stmt):
            found.append(current)
        current = file.parents.get(current)
    return found


def loads(node: ast.AST) -> set[str]:
    """The plain names that a statement reads."""
    return {n.id for n in walk(node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Store)}


def targets_of(statement: ast.stmt) -> set[str] | None:
    """The plain names that an assignment binds; None for anything else."""
    if not isinstance(statement, ast.Assign):
        return None
    found: set[str] = set()
    for target in statement.targets:
        parts = target.elts if isinstance(target, ast.Tuple) else [target]
        for part in parts:
            if not isinstance(part, ast.Name):
                return None
            found.add(part.id)
    return found


def stored(node: ast.AST) -> set[str]:
    """Every plain name that is bound anywhere in a statement."""
    return {n.id for n in walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def copied(file: ParsedFile, statement: ast.stmt, detached: Sequence[ast.expr] = ()) -> str:
    """The text of a statement on one line, with `.detach()` behind some of its expressions."""
    start, end = file.span(statement)
    text = file.text[start:end]
    inside = [node for node in detached if start <= file.span(node)[0] and file.span(node)[1] <= end]
    for node in sorted(inside, key=file.span, reverse=True):
        left, right = (part - start for part in file.span(node))
        simple = isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
        middle = text[left:right] if simple else f"({text[left:right]})"
        text = f"{text[:left]}{middle}.detach(){text[right:]}"
    return text if "\n" not in text and "\r" not in text else ast.unparse(ast.parse(text))


def without_retain(file: ParsedFile, call: ast.Call) -> list[Edit]:
    """Take the argument out that keeps the graph."""
    for keyword in call.keywords:
        if keyword.arg in RETAIN:
            return verbs.remove_keyword(file, call, str(keyword.arg))
    return verbs.remove_positional(file, call, position_of_retain(file, call))


def position_of_retain(file: ParsedFile, call: ast.Call) -> int:
    """Where `retain_graph` stands among the positional arguments: of the method second, of the function third."""
    is_function = isinstance(call.func, ast.Attribute) and file.source(call.func).endswith("autograd.backward")
    return 2 if is_function else 1


def renamed(file: ParsedFile, call: ast.Call) -> list[Edit]:
    """`retain_variables=` by its present name; nothing where it has that name already."""
    if any(keyword.arg == "retain_variables" for keyword in call.keywords):
        return verbs.rename_keyword(file, call, "retain_variables", "retain_graph")
    return []


def _line_around(file: ParsedFile, statement: ast.stmt) -> tuple[int, int] | None:
    """The line of a statement that shares it with no other; None where it has several, or shares it."""
    start, end = file.span(statement)
    number = statement.lineno
    first = file.line_starts[number - 1]
    last = file.line_starts[number] if number < len(file.line_starts) else len(file.text)
    rest = file.text[end:last].strip()
    alone = end <= last and not file.text[first:start].strip() and (not rest or rest.startswith("#"))
    return (first, last) if alone and len(file.block_of(statement)) > 1 else None


def comment_behind(file: ParsedFile, statement: ast.stmt) -> str:
    """The comment on the line of a statement, with two blanks before it; "" where there is none."""
    line = _line_around(file, statement)
    comment = "" if line is None else file.text[file.span(statement)[1] : line[1]].strip()
    return f"  {comment}" if comment else ""


def taken_out(file: ParsedFile, statement: ast.stmt) -> list[Edit]:
    """A statement that is written elsewhere, out of its line together with the comment behind it."""
    line = _line_around(file, statement)
    return verbs.delete_statement(file, statement) if line is None else [Edit(file.path, *line, "")]
