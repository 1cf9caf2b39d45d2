"""Code around a function that may change what it gives: a decorator of the project, or a `__call__` of a module."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.values import ClassRef, FunctionRef

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def wrapped_outputs(program: Program) -> str | None:
    """Why the output of some function or model that runs in a program may be another than its code says."""
    project = program.project
    for ref in sorted({ref for trace in program.traces for ref in trace.reached}, key=lambda r: (r.path, r.line)):
        file, node = project.parse(ref.path), program.machine.node_of(ref)
        if file is None or isinstance(node, ast.Lambda):
            continue
        if any(_may_change(project, file, decorator) for decorator in node.decorator_list):
            return f"{ref.name}() has a decorator that may change what it gives"
        if ref.owner is not None and _is_called_otherwise(project, file, ref.owner):
            return f"{ref.owner.name} says itself what a call of it does"
    return None


def _is_called_otherwise(project: Project, file: ParsedFile, cls: ClassRef) -> bool:
    """Whether a module has a `__call__` of its own, around its forward."""
    return project.is_module(cls) and project.method(cls, "__call__") is not None


def _may_change(project: Project, file: ParsedFile, decorator: ast.expr) -> bool:
    """Whether a decorator is the project's, and does more than call the function and hand on what it gives."""
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    match project.resolve(file, named):
        case ClassRef():
            return True
        case FunctionRef() as ref:
            found = _function(project, ref)
            return found is None or not _hands_on(found)
        case _:
            return False


def _function(project: Project, ref: FunctionRef) -> FunctionNode | None:
    file = project.parse(ref.path)
    nodes = ast.walk(file.tree) if file is not None else ()
    return next(
        (n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.lineno == ref.line), None
    )


def _hands_on(decorator: FunctionNode) -> bool:
    """Whether all that is returned in it is the function, a function made in it, or what the function gave."""
    inner = [n for n in ast.walk(decorator) if isinstance(n, _FUNCTIONS)]
    given = {a.arg for f in inner for a in (*f.args.posonlyargs, *f.args.args)}
    known = given | {f.name for f in inner if not isinstance(f, ast.Lambda)}
    results = {name for name, value in _assigned(decorator) if _is_call_of(value, given)}
    changed = {name for name, value in _assigned(decorator) if not _is_call_of(value, given)}
    return all(_is_handed(value, given, known | (results - changed)) for value in _returned(decorator))


def _assigned(function: FunctionNode) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(function):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, _STORES) else []
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(value := getattr(node, "value", None), ast.expr):
                yield target.id, value if not isinstance(node, ast.AugAssign) else target


_STORES = (ast.AugAssign, ast.AnnAssign, ast.NamedExpr)


def _returned(function: FunctionNode) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
            yield node.value
        elif isinstance(node, ast.Lambda):
            yield node.body


def _is_call_of(value: ast.expr, names: set[str]) -> bool:
    """`f(*args)`, awaited or not."""
    value = value.value if isinstance(value, ast.Await) else value
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in names


def _is_handed(value: ast.expr, given: set[str], known: set[str]) -> bool:
    match value:
        case ast.Name(id=name):
            return name in known
        case ast.Lambda():
            return True
        case _:
            return _is_call_of(value, given)


__all__ = ["wrapped_outputs"]
