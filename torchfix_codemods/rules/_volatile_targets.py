"""Whether the output of a call is only the target of a loss, as the code of its function is written."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torchfix_codemods.analysis.parsed import ParsedFile

_LOSS = re.compile(r"loss|criterion|(?:^|_)(?:mse|bce|l1|huber)", re.I)


def is_only_a_target(file: ParsedFile, call: ast.Call) -> bool:
    """Whether what is computed from `call` reaches only second arguments of losses in its own function."""
    scope = file.enclosing_function(call) or file.tree
    tainted: set[str] = set()
    found = False
    for statement in _statements(scope.body):
        if statement.lineno < file.enclosing_statement(call).lineno:
            continue
        used = [n for n in ast.walk(statement) if n is call or (_loads(n, tainted) and not _read_off(file, n))]
        targets = [n for n in used if _is_target_of_loss(file, n, tainted, call)]
        found |= bool(targets)
        rest = [n for n in used if n not in targets]
        if not rest:
            continue
        names = _stored(statement)
        if names is None:
            return False
        tainted |= names
    return found


def leaves_its_function(file: ParsedFile, call: ast.Call) -> bool:
    """Whether what is computed from `call` is returned, yielded or put into an object, as the code is written."""
    scope = file.enclosing_function(call) or file.tree
    tainted: set[str] = set()
    for statement in _statements(scope.body):
        used = [n for n in ast.walk(statement) if n is call or (_loads(n, tainted) and not _read_off(file, n))]
        if not used:
            continue
        if isinstance(statement, ast.Return) or any(isinstance(n, ast.Yield) for n in ast.walk(statement)):
            return True
        names = _stored(statement)
        if names is None and isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
            return True
        tainted |= names or _containers(statement)
    return False


def _read_off(file: ParsedFile, node: ast.AST) -> bool:
    """Whether only numbers are taken from a value: `loss.item()` carries no graph on."""
    parent = file.parents.get(node)
    return isinstance(parent, ast.Attribute) and parent.attr in ("item", "tolist", "numpy", "size", "shape", "backward")


def _containers(statement: ast.stmt) -> set[str]:
    """The names of lists and the like that a statement adds to."""
    return {
        call.func.value.id
        for call in ast.walk(statement)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.attr in ("append", "extend", "insert", "add", "put", "update")
    }


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The simple statements of a body in the order of the text."""
    for statement in body:
        inner = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
        if any(inner):
            for block in inner:
                yield from _statements(block)
        else:
            yield statement


def _loads(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names


def _stored(statement: ast.stmt) -> set[str] | None:
    """The plain names that an assignment binds (or whose items it sets); None for what is not followed."""
    if isinstance(statement, ast.Assign):
        targets = list(statement.targets)
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    else:
        return None
    found = set()
    for bound in [part for target in targets for part in _parts(target)]:
        while isinstance(bound, ast.Subscript):
            bound = bound.value
        if not isinstance(bound, ast.Name):
            return None
        found.add(bound.id)
    return found


def _parts(target: ast.expr) -> list[ast.expr]:
    """The targets inside `a, (b, c) = ...`."""
    if isinstance(target, ast.Tuple | ast.List):
        return [part for element in target.elts for part in _parts(element)]
    return [target]


def _is_target_of_loss(file: ParsedFile, node: ast.AST, tainted: set[str], source: ast.Call) -> bool:
    """Whether a use stands in the second argument of a loss whose first argument is free of the value."""
    current, parent = node, file.parents[node]
    while not isinstance(parent, ast.stmt):
        if isinstance(parent, ast.Call) and len(parent.args) >= 2 and current is parent.args[1]:
            name = parent.func.attr if isinstance(parent.func, ast.Attribute) else getattr(parent.func, "id", "")
            first = ast.walk(parent.args[0])
            if _LOSS.search(name) and not any(n is source or _loads(n, tainted) for n in first):
                return True
        current, parent = parent, file.parents[parent]
    return False
