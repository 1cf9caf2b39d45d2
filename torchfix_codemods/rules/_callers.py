"""Whether what is known of a function's arguments holds for every caller, or only for those that were followed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import ApiCall, Construction, IndexCall
from torchfix_codemods.analysis.values import ClassRef, Instance


def callable_names(file: ParsedFile, project: Project, inside: Iterable[ast.expr]) -> Iterator[str]:
    """The names by which other files may call the functions around these expressions and decide on their arguments.

    The methods of modules are left out (what a module gets is a batch, or was seen here), and special methods.
    """
    for node in inside:
        function, cls = file.enclosing_function(node), file.enclosing_class(node)
        if function is None or function.name.startswith("__"):
            continue
        if cls is None or not project.is_module(ClassRef(file.path, cls.name, cls.lineno)):
            yield function.name


def unseen_callers(
    file: ParsedFile, program: Program, call: ast.Call, given: ast.expr | None, events: Sequence[ApiCall | IndexCall]
) -> str:
    """Why the argument `given` of `call` may be something else in an execution not followed; "" where it can't be.

    It can't where it does not depend on parameters, or where every mention of the function (of the class,
    for an attribute) in the files that can reach it was followed.
    """
    function = file.enclosing_function(call)
    if not (program.complete and all(trace.complete for trace in program.traces)):
        return "the program is too large to be followed as a whole"
    if function is None or given is None:
        return ""
    names = _sources(function, given)
    parameters = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    receiver = parameters[0] if parameters and file.enclosing_class(call) is not None else ""
    if names & set(parameters) - {receiver} and not function.name.startswith("__"):
        followed = {event.context.frame().call for event in events}
        if None not in followed and len(followed) < _mentions(program, function.name):
            return f"{function.name}() has callers that were not followed"
    cls = file.enclosing_class(call)
    if receiver and receiver in names and cls is not None:
        made = {
            event.place
            for _, event in program.events(Construction)
            if isinstance(event.value, Instance) and event.value.cls == ClassRef(file.path, cls.name, cls.lineno)
        }
        if made and len(made) < _mentions(program, cls.name):
            return f"{cls.name} is used where it was not followed"
    return ""


def _sources(function: FunctionNode, expression: ast.expr) -> set[str]:
    """The names that an expression depends on, through the assignments of the function."""
    names = _names((expression,))
    while True:
        more = names | {name for node in ast.walk(function) for name in _assigned_from(node, names)}
        if more == names:
            return names
        names = more


def _assigned_from(node: ast.AST, names: set[str]) -> set[str]:
    match node:
        case ast.Assign(targets=targets, value=value) if _names(targets) & names:
            return _names((value,))
        case (
            ast.AnnAssign(target=target, value=ast.expr() as value)
            | ast.AugAssign(target=target, value=value)
            | ast.For(target=target, iter=value)
        ) if _names((target,)) & names:
            return _names((value,))
        case _:
            return set()


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {found.id for node in nodes for found in ast.walk(node) if isinstance(found, ast.Name)}


def _mentions(program: Program, name: str) -> int:
    """How often the file and those that may import it use the name, imports and its definition left out."""
    used = re.compile(rf"(?<!def )(?<!class )\b{re.escape(name)}\b")
    project = program.project
    texts = (project.read(path) or "" for path in (program.path, *project.importers(program.path)))
    lines = (line for text in texts if name in text for line in text.splitlines())
    code = (line.partition("#")[0] for line in lines if not line.lstrip().startswith(("import ", "from ", "#")))
    return sum(len(used.findall(line)) for line in code)
