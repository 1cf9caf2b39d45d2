"""Which calls drop out: torch's functions by every name they have, modules made where they are called, attention."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.dropouts import ALPHA, FUNCTIONAL, KINDS, PLACES, WORDS, argument, last_word
from torchfix_codemods.analysis.facts import top_level
from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.project import Project, local_names
from torchfix_codemods.analysis.torch_api import canonical
from torchfix_codemods.analysis.values import ClassRef

_PARTIALS = ("functools.partial", "partial")


@dataclass(frozen=True)
class Dropout:
    """A call that drops values out. `flag` is the training argument where one is written.

    `settled`: it is not visible what the call is given (`*args`, `**kwargs`, a flag inside a `partial`).
    `made` is the construction `nn.Dropout(...)` for a module that is made and called at one place.
    """

    call: ast.Call
    name: str
    kind: str
    probability: ast.expr | None
    flag: ast.expr | None
    settled: bool = False
    aliased: bool = False
    made: ast.Call | None = None

    @property
    def never_drops(self) -> bool:
        """Whether the call is off unless it is told `training=True`."""
        return self.kind == "function" and self.name.removeprefix(FUNCTIONAL) in ALPHA

    @property
    def explicit(self) -> bool:
        """Whether the author wrote a flag although none is needed."""
        return self.kind == "function" and self.flag is not None


def dropouts(file: ParsedFile, project: Project) -> Iterator[Dropout]:
    """Every call of the file that drops out, as far as its name can be followed, in the order of the text."""
    names = _names(file)
    calls = [node for node in file.parents if isinstance(node, ast.Call) and last_word(node.func) in names]
    for call in sorted(calls, key=lambda node: (node.end_lineno or 0, node.end_col_offset or 0)):
        if (found := _dropout(file, project, call)) is not None:
            yield found


def made_modules(file: ParsedFile, project: Project) -> Iterator[Dropout]:
    """`drop = nn.Dropout(0.5)` in a function that does nothing with it but call it."""
    names = _names(file)
    for node in file.parents:
        match node:
            case ast.Assign(targets=[ast.Name(id=local)], value=ast.Call(func=func) as made) if (
                last_word(func) in names
            ):
                name = _direct(file, project, func)
                if name and KINDS[name] == "module" and _is_only_called(file, node, local):
                    yield _read(made, name, made, None)
            case _:
                pass


def _is_only_called(file: ParsedFile, assignment: ast.Assign, name: str) -> bool:
    """Whether a name is local, bound once, and only ever called."""
    function = file.enclosing_function(assignment)
    if function is None or name not in local_names(function):
        return False
    uses = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == name]
    calls = [node for node in uses if isinstance(parent := file.parents[node], ast.Call) and parent.func is node]
    return bool(calls) and len(uses) == len(calls) + 1


def _names(file: ParsedFile) -> set[str]:
    """The last words of names under which this file may know something that drops: torch's and its own."""
    found: set[str] = set()
    for node in file.parents:
        match node:
            case ast.alias(name=name, asname=str(other)) if name in WORDS:
                found.add(other)
            case ast.Assign(targets=[target], value=ast.Call(args=[value, *_])) if last_word(value) in WORDS:
                found.add(last_word(target))
            case ast.Assign(targets=[target], value=ast.Name() | ast.Attribute() as value) if last_word(value) in WORDS:
                found.add(last_word(target))
            case _:
                pass
    return (found - {""}) | WORDS


def _dropout(file: ParsedFile, project: Project, call: ast.Call) -> Dropout | None:
    if isinstance(call.func, ast.Call):
        name = _direct(file, project, call.func.func)
        if KINDS.get(name or "") != "module" or len(call.args) != 1 or call.keywords:
            return None
        return _read(call, name or "", call.func, None)
    callee = _callee(file, project, call.func)
    if callee is None or KINDS[callee[0]] == "module":
        return None
    return _read(call, callee[0], call, callee[1], aliased=_direct(file, project, call.func) is None)


def _read(call: ast.Call, name: str, given: ast.Call, bound: ast.Call | None, *, aliased: bool = False) -> Dropout:
    """The parts of a call: `given` holds the arguments that matter, `bound` is the `partial` it goes through."""
    kind = KINDS[name]
    probability, flag = PLACES[kind]
    hidden = any(isinstance(a, ast.Starred) for a in given.args) or any(k.arg is None for k in given.keywords)
    if bound is not None:
        hidden |= len(bound.args) > 1 or any(k.arg is None or (flag and k.arg == flag[1]) for k in bound.keywords)
    return Dropout(
        call=call,
        name=name,
        kind=kind,
        probability=argument(given, *probability) or (argument(bound, 99, probability[1]) if bound else None),
        flag=argument(given, *flag) if flag else None,
        settled=hidden,
        aliased=aliased,
        made=given if kind == "module" else None,
    )


# --- names ---------------------------------------------------------------------------------------------------------


def _direct(file: ParsedFile, project: Project, func: ast.expr) -> str | None:
    """The canonical name of one of torch's own, through imports and plain aliases."""
    name = canonical(project.qualified_name(file, func) or "")
    return name if name in KINDS else None


def _callee(file: ParsedFile, project: Project, func: ast.expr) -> tuple[str, ast.Call | None] | None:
    """What `func` is when it is called, and the `partial(...)` it was bound by."""
    if (name := _direct(file, project, func)) is not None:
        return name, None
    match func:
        case ast.Name(id=name):
            values = _bound_to(file, func, name)
        case ast.Attribute(value=ast.Name(id=receiver), attr=attribute) if receiver == first_parameter(file, func):
            values = _attribute_values(file, project, func, attribute)
        case _:
            return None
    found = [_value(other, project, value) for other, value in values]
    if not found or any(value is None for value in found) or len({value[0] for value in found if value}) != 1:
        return None
    return found[0]


def _value(file: ParsedFile, project: Project, value: ast.expr) -> tuple[str, ast.Call | None] | None:
    """`F.dropout`, or `functools.partial(F.dropout, p=0.2)`."""
    if isinstance(value, ast.Call) and value.args and project.qualified_name(file, value.func) in _PARTIALS:
        inner = _direct(file, project, value.args[0])
        return None if inner is None or KINDS[inner] == "module" else (inner, value)
    name = _direct(file, project, value)
    return None if name is None or KINDS[name] == "module" else (name, None)


def _bound_to(file: ParsedFile, node: ast.Name, name: str) -> list[tuple[ParsedFile, ast.expr]]:
    """What is assigned to a name in the scope that binds it; nothing where that isn't one plain assignment."""
    scope = file.enclosing_function(node)
    while scope is not None and name not in local_names(scope):
        scope = file.enclosing_function(scope)
    body = file.tree.body if scope is None else scope.body
    values = [
        statement.value
        for statement in top_level(body)
        if isinstance(statement, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == name for t in statement.targets)
    ]
    return [(file, values[0])] if len(values) == 1 else []


def _attribute_values(
    file: ParsedFile, project: Project, node: ast.expr, attribute: str
) -> list[tuple[ParsedFile, ast.expr]]:
    """Everything that the class around `node` and its ancestors assign to an attribute of that name."""
    cls = file.enclosing_class(node)
    if cls is None:
        return []
    found = []
    for base in project.lineage(ClassRef(file.path, cls.name, cls.lineno)):
        place = project.class_node(base) if isinstance(base, ClassRef) else None
        for statement in ast.walk(place[1]) if place else ():
            targets = statement.targets if isinstance(statement, ast.Assign) else ()
            if place and any(isinstance(t, ast.Attribute) and t.attr == attribute for t in targets):
                assert isinstance(statement, ast.Assign)
                found.append((place[0], statement.value))
    return found


def method_of(file: ParsedFile, node: ast.AST) -> FunctionNode | None:
    """The method around a node, looking through functions and lambdas inside of it; None outside of classes."""
    function = file.enclosing_function(node)
    while function is not None:
        around = file.parents[function]
        while isinstance(around, ast.If | ast.Try | ast.With):
            around = file.parents[around]
        if isinstance(around, ast.ClassDef):
            return function
        function = file.enclosing_function(function)
    return None


def first_parameter(file: ParsedFile, node: ast.AST) -> str | None:
    """What the method around a node calls its object; None for a static or class method, or outside of methods."""
    method = method_of(file, node)
    if method is None or {d.id for d in method.decorator_list if isinstance(d, ast.Name)} & {
        "staticmethod",
        "classmethod",
    }:
        return None
    parameters = [*method.args.posonlyargs, *method.args.args]
    return parameters[0].arg if parameters else None
