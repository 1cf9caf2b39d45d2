"""May a statement run later than where it stands? Not over what changes a thing that it reads."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules._retain_text import loads, stored

_SETS = frozenset(
    "append appendleft extend insert pop popleft remove clear update setdefault sort reverse train eval".split()
)
_QUIET = frozenset("zero_grad print item append format len".split())


def check_moves(chain: Sequence[ast.stmt], statements: Sequence[ast.stmt], place: ast.stmt) -> None:
    """Raises `CannotRewrite` where something between a statement and its new place changes what it reads."""
    inside = {name for statement in chain for name in stored(statement)}
    for statement in chain:
        reads = loads(statement) - inside
        between = statements[statements.index(statement) + 1 : statements.index(place)]
        for other in between:
            if other not in chain and reads & changed(other):
                raise verbs.CannotRewrite("what the second loss is computed from changes before it would be computed")


def check_values(copies: Iterable[ast.stmt], needed: set[str], after: Iterable[ast.stmt]) -> None:
    """Raises `CannotRewrite` where a statement that runs twice also binds what is read later for something else."""
    read = {name for statement in after for name in loads(statement)}
    if any((stored(statement) - needed) & read for statement in copies):
        raise verbs.CannotRewrite("the statement that would be run again computes other values too")


def check_untouched(statements: Sequence[ast.stmt]) -> None:
    """Raises `CannotRewrite` where something is changed in place that was used before: a graph may have saved it."""
    read: set[str] = set()
    for statement in statements:
        calls = [n.func for n in walk(statement) if isinstance(n, ast.Call) and _is_in_place(n)]
        touched = {_root(function.value) for function in calls if isinstance(function, ast.Attribute)}
        if touched & read:
            raise verbs.CannotRewrite("something that a loss was computed from is changed in place")
        read |= loads(statement)


def _is_in_place(call: ast.Call) -> bool:
    """`label.fill_(0)`, and no `requires_grad_()`."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return name.endswith("_") and not name.endswith("__") and name != "requires_grad_"


def changed(statement: ast.stmt) -> set[str]:
    """The names that a statement binds, or whose objects it changes in place."""
    return stored(statement) | {name for node in walk(statement) for name in _changed_by(node)}


def _changed_by(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Del()):
            yield name
        case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
            yield _root(node)
        case ast.Call(func=ast.Attribute(attr=name, value=holder)):
            if name in _SETS or (name.endswith("_") and not name.endswith("__")):
                yield _root(holder)
        case _:
            pass


def _root(node: ast.expr) -> str:
    """`label` for `label.data[0]`."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def check_step_moves(between: Sequence[ast.stmt]) -> None:
    """Raises `CannotRewrite` where something behind a step may need that it was made: a schedule, weights that are cut.

    The last of the statements holds the pass.
    """
    for statement in between[:-1]:
        calls = [node for node in walk(statement) if isinstance(node, ast.Call)]
        if not isinstance(statement, ast.Assign) and not (
            isinstance(statement, ast.Expr) and all(map(_is_quiet, calls))
        ):
            raise verbs.CannotRewrite("what stands between the step and the second pass may need the step")


def _is_quiet(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in _QUIET
