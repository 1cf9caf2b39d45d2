"""What the rules share: building a finding whose fix may turn out to be impossible, and places as nodes."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence

from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Context, Place
from torchfix_codemods.findings import Edit, Finding, Fix, Level, Location, Step
from torchfix_codemods.rewrite.verbs import CannotRewrite

Build = Callable[[], Sequence[Edit]]
_WAITS = (ast.Await, ast.AsyncFor, ast.AsyncWith)


def propose(
    identity: tuple[str, str],
    level: Level,
    location: Location,
    message: str,
    steps: Sequence[Step],
    title: str,
    build: Build | None,
    no_fix_reason: str | None = None,
) -> Finding:
    """A finding of the rule `(code, name)`, with the fix that `build` makes if it can make one."""
    code, name = identity
    fix = None
    if build is not None:
        try:
            fix = Fix(title, tuple(sorted(set(build()))))
        except CannotRewrite as error:
            no_fix_reason = str(error)
    if fix is None:
        level = Level.SUGGESTION
        no_fix_reason = no_fix_reason or "no rewrite is known to be right here"
    return Finding(
        rule=name,
        code=code,
        level=level,
        location=location,
        message=message,
        steps=tuple(steps),
        fix=fix,
        no_fix_reason=None if fix is not None else no_fix_reason,
    )


def refuse_coroutine(function: FunctionNode | None, statements: Sequence[ast.stmt] | None = None) -> None:
    """Raise `CannotRewrite` where a gradient mode would not hold, or hold for others too.

    A decorator on an `async def` is left before its body runs, and makes the function look like a plain one. The mode
    belongs to the thread: a block that waits leaves it to every other task. `statements` are those of a block.
    """
    if statements is None:
        if isinstance(function, ast.AsyncFunctionDef):
            raise CannotRewrite(f"{function.name}() is a coroutine: a decorator does not reach what it runs")
    elif any(
        isinstance(n, _WAITS) or getattr(n, "is_async", 0) for statement in statements for n in ast.walk(statement)
    ):
        raise CannotRewrite("other tasks run at an `await`, and they would run without gradients")


def node_of(file: ParsedFile, place: Place, kind: type[ast.AST] = ast.AST) -> ast.AST | None:
    """The node at a place of this file."""
    return file.node_at((place.line, place.column, place.end_line, place.end_column), kind)


def expects_failure(file: ParsedFile, call: ast.Call) -> bool:
    """Whether a `try` (or a test that wants an exception) in the same function stands around a call."""
    node: ast.AST = call
    while not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
        parent = file.parents[node]
        if isinstance(parent, ast.Try) and parent.handlers and node in parent.body:
            return True
        if isinstance(parent, ast.With) and any("aises" in file.source(item.context_expr) for item in parent.items):
            return True
        node = parent
    return False


def location_of(project: Project, place: Place) -> Location:
    """A place as findings carry it."""
    file = project.parse(place.path)
    if file is None:
        return Location(place.path, 0, 0)
    end_line = min(place.end_line, len(file.line_starts))
    start = file.offset(place.line, place.column)
    end = file.offset(end_line, place.end_column) if place.end_column or end_line > place.line else start
    return Location(place.path, start, max(start, end))


def function_node(file: ParsedFile, context: Context) -> FunctionNode | None:
    """The `def` of a function context of this file; None for the top level, a lambda, another file."""
    if context.kind != "function" or context.place.path != file.path:
        return None
    node = node_of(file, context.place)
    return node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None


def is_test_code(file: ParsedFile, function: FunctionNode | None) -> bool:
    """Whether a test framework runs this: its functions are not evaluation code."""
    name = file.path.rpartition("/")[2]
    in_test_file = name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py"
    framework = any(word in file.text for word in ("import pytest", "import unittest", "from pytest", "from unittest"))
    if function is None:
        return in_test_file and framework
    cls = file.enclosing_class(function)
    if cls is not None and framework and any(ast.unparse(base).endswith("TestCase") for base in cls.bases):
        return True
    if framework or not in_test_file:
        return framework and function.name.startswith("test")
    return function.name.startswith("test_") and not _is_called_with_arguments(file, function)


def _is_called_with_arguments(file: ParsedFile, function: FunctionNode) -> bool:
    """Whether the file itself calls a function and tells it with what: a script that tests a model, no test of code."""
    parameters = function.args.args or function.args.posonlyargs
    return bool(parameters) and re.search(rf"(?<!def )\b{function.name}\(\s*[^\s)]", file.text) is not None
