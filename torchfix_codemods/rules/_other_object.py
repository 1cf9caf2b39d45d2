"""Two models that one function makes look like one object. What they are called where both are at hand tells more."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Context
from torchfix_codemods.analysis.values import ClassRef, External, FunctionRef
from torchfix_codemods.rules._shared import function_node, node_of

_FLUENT = frozenset("to cuda cpu float double half eval train apply share_memory".split())


def is_another(project: Project, one: tuple[str, Context], other: tuple[str, Context], shared: Context) -> bool:
    """Whether two receivers, each in its frame, are certainly two objects: in the frame of `shared` each has a name of
    its own, and was made by a call of its own; or one is made anew and dropped by a function that is called there."""
    if any(_is_made_anew(project, name, context.frame(), shared.frame()) for name, context in (one, other)):
        return True
    names = [name_in(project, name, context, shared.frame()) for name, context in (one, other)]
    file = project.parse(shared.place.path)
    if file is None or None in names or names[0] == names[1]:
        return False
    first, second = (name or "" for name in names)
    return _is_made_apart(project, file, shared, first, second) and _is_made_apart(project, file, shared, second, first)


def _is_made_anew(project: Project, name: str, frame: Context, outer: Context) -> bool:
    file = project.parse(frame.place.path)
    function = function_node(file, frame) if file is not None else None
    if file is None or function is None or frame is outer or not name.isidentifier():
        return False
    values = list(_assigned(file, function, name))
    return bool(values) and all(_makes(project, file, v) for v in values) and not _leaves(file, function, name)


def _leaves(file: ParsedFile, function: FunctionNode, name: str) -> bool:
    """Whether a function returns what a name stands for, or keeps it under another name."""
    for node in ast.walk(function):
        if isinstance(node, ast.Global | ast.Nonlocal) and name in node.names:
            return True
        value = node.value if isinstance(node, ast.Return | ast.Assign | ast.Yield) else None
        parts = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
        if any(part is not None and file.source(part) == name for part in parts):
            return True
    return False


def name_in(project: Project, name: str, context: Context, frame: Context) -> str | None:
    """What the receiver is called in a frame around its own; None where that cannot be said."""
    current = context.frame()
    while current is not frame:
        outside = name_outside(project, name, current)
        if outside is None or current.parent is None:
            return None
        name, current = outside, current.parent.frame()
    return name


def name_outside(project: Project, name: str, frame: Context) -> str | None:
    """What a parameter, or an attribute of one, is called by the caller of its function."""
    file = project.parse(frame.place.path)
    caller = project.parse(frame.call.path) if frame.call is not None else None
    function = function_node(file, frame) if file is not None else None
    if function is None or caller is None or frame.call is None:
        return None
    root, dot, rest = name.partition(".")
    argument = _argument(function, node_of(caller, frame.call, ast.Call), root)
    if not isinstance(argument, ast.Name | ast.Attribute) or _is_assigned(function, root):
        return None
    return caller.source(argument) + dot + rest


def _argument(function: FunctionNode, call: ast.AST | None, name: str) -> ast.expr | None:
    parameters = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    if not isinstance(call, ast.Call) or name not in parameters:
        return None
    given = list(call.args)
    if parameters[0] == "self" and isinstance(call.func, ast.Attribute):
        given.insert(0, call.func.value)
    if any(isinstance(g, ast.Starred) for g in given):
        return None
    named = {k.arg: k.value for k in call.keywords}
    place = parameters.index(name)
    return given[place] if place < len(given) else named.get(name)


def _is_assigned(scope: ast.AST, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in ast.walk(scope))


def _is_made_apart(project: Project, file: ParsedFile, shared: Context, name: str, other: str) -> bool:
    """Whether all that is assigned to a name is made by functions or classes, which are not given the other."""
    values = list(_values(file, shared, name))
    said = re.compile(rf"(?<![\w.]){re.escape(other)}\b")
    return bool(values) and all(_makes(project, file, v) and not said.search(file.source(v)) for v in values)


def _values(file: ParsedFile, shared: Context, name: str) -> Iterator[ast.expr]:
    """What is assigned to a name in the function of a frame, else at the top level; to an attribute, in the file."""
    function = function_node(file, shared.frame())
    scope: ast.AST = file.tree if function is None or "." in name else function
    found = list(_assigned(file, scope, name))
    if not found and scope is function and name not in {a.arg for a in ast.walk(scope) if isinstance(a, ast.arg)}:
        found = list(_assigned(file, file.tree, name))
    yield from found


def _assigned(file: ParsedFile, scope: ast.AST, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(scope):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            yield from (value for part, value in pairs if file.source(part) == name)


def _makes(project: Project, file: ParsedFile, value: ast.expr) -> bool:
    """`Net(width)`, `make_model(args).to(device)`: not a method of an object, which may give what it keeps."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in _FLUENT:
        value = value.func.value
    if not isinstance(value, ast.Call):
        return False
    match project.resolve(file, value.func):
        case FunctionRef(owner=owner):
            return owner is None
        case ClassRef() | External():
            return True
        case _:
            return False
