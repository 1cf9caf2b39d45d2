"""Helpers that hand a parameter on: `def to_var(x, volatile=False): return Variable(x, volatile=volatile)`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.mentions import paths_with
from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.values import ClassRef, FunctionRef
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules._volatile_flags import Flag


class NotFollowed(Exception):
    """Not every use of the helper is understood; the message says why."""


@dataclass(frozen=True)
class HelperCall:
    """One call of the helper: the argument for the parameter (None: left out) and what it says."""

    file: ParsedFile
    call: ast.Call
    keyword: bool
    position: int | None
    value: bool

    def removal(self, name: str) -> list[Edit]:
        """The edits that take the argument away. Raises `CannotRewrite`."""
        if self.keyword:
            return verbs.remove_keyword(self.file, self.call, name)
        return [] if self.position is None else verbs.remove_positional(self.file, self.call, self.position)


@dataclass(frozen=True)
class Helper:
    """A function that hands its parameter on as the flag, with all calls of it."""

    file: ParsedFile
    function: FunctionNode
    parameter: str
    flags: tuple[Flag, ...]
    calls: tuple[HelperCall, ...]
    pure: bool  # the parameter is for nothing else

    def edits(self) -> list[Edit]:
        """The parameter, its uses and the arguments go. Raises `CannotRewrite`."""
        edits = [edit for flag in self.flags for edit in flag.removal()]
        if self.pure:
            edits += verbs.remove_parameter(self.file, self.function, self.parameter)
            edits += [edit for call in self.calls for edit in call.removal(self.parameter)]
        return edits


def parameter_of(flag: Flag) -> str | None:
    """The parameter of the function around a flag that is handed on as it is."""
    function = flag.function
    if function is None or not isinstance(flag.value, ast.Name):
        return None
    arguments = function.args
    names = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    stored = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    return flag.value.id if flag.value.id in names - stored else None


def helper_of(flag: Flag, flags: list[Flag], project: Project) -> Helper:
    """The helper around a flag. Raises `NotFollowed` where some use of it is not understood."""
    function, parameter = flag.function, parameter_of(flag)
    assert function is not None and parameter is not None
    own = tuple(f for f in flags if f.function is function and parameter_of(f) == parameter)
    uses = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == parameter]
    default = _default(function, parameter)
    calls = tuple(_understood(file, call, function, parameter, default) for file, call in _calls(flag, project))
    if not calls:
        raise NotFollowed(f"nobody in view calls {function.name}(), so it is not clear who wants `{parameter}`")
    return Helper(flag.file, function, parameter, own, calls, pure=len(uses) == len(own))


def _default(function: FunctionNode, parameter: str) -> ast.expr | None:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    for argument, value in zip(reversed(positional), reversed(arguments.defaults), strict=False):
        if argument.arg == parameter:
            return value
    for argument, keyword in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if argument.arg == parameter:
            return keyword
    return None


def _understood(
    file: ParsedFile, call: ast.Call, function: FunctionNode, parameter: str, default: ast.expr | None
) -> HelperCall:
    where = f"{file.path}:{call.lineno}"
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        raise NotFollowed(f"{where} calls {function.name}() with starred arguments")
    keyword = next((k.value for k in call.keywords if k.arg == parameter), None)
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    index = names.index(parameter) - _bound(file, call, names) if parameter in names else None
    position = index if keyword is None and index is not None and index < len(call.args) else None
    given = keyword if keyword is not None else call.args[position] if position is not None else default
    if not isinstance(given, ast.Constant):
        raise NotFollowed(f"{where} passes something to {function.name}() that is not a literal True or False")
    return HelperCall(file, call, keyword is not None, position, bool(given.value))


def _bound(file: ParsedFile, call: ast.Call, names: list[str]) -> int:
    """1 for a method that is called on an object."""
    return int(bool(names) and names[0] in ("self", "cls") and isinstance(call.func, ast.Attribute))


def _calls(flag: Flag, project: Project) -> Iterator[tuple[ParsedFile, ast.Call]]:
    """Every call of the function around the flag. Raises `NotFollowed` for a use of another kind."""
    function = flag.function
    assert function is not None
    owner = flag.file.enclosing_class(function)
    if flag.file.enclosing_function(function) is not None:
        raise NotFollowed(f"{function.name}() is defined inside another function")
    own = FunctionRef(flag.file.path, function.name, function.lineno, function.col_offset)
    for path in paths_with(project, function.name):
        file = project.parse(path)
        if file is None:
            raise NotFollowed(f"{path} mentions {function.name} and could not be read")
        uses = _method_uses(file, owner, function.name, project) if owner else _uses(file, own, project)
        if owner is None and _may_be_called_unseen(file, function, project):
            raise NotFollowed(f"{path} may call {function.name}() in a way that is not followed")
        for node in uses:
            parent = file.parents[node]
            if not isinstance(parent, ast.Call) or parent.func is not node:
                raise NotFollowed(f"{path}:{node.lineno} uses {function.name} without calling it")
            yield file, parent


def _uses(file: ParsedFile, own: FunctionRef, project: Project) -> Iterator[ast.Name | ast.Attribute]:
    """Names and attributes that mean the function."""
    facts = project.facts(file.path)
    bound = {entry.bound for entry in (facts.all_imports if facts else ()) if entry.name == own.name} | {own.name}
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        name = node.id if isinstance(node, ast.Name) else node.attr
        if name not in bound or (isinstance(node, ast.Attribute) and name != own.name):
            continue
        found = project.resolve(file, node)
        if found == own:
            yield node
        elif found is None and isinstance(node, ast.Name) and file.path != own.path:
            raise NotFollowed(f"{file.path}:{node.lineno} may or may not mean this {name}()")


def _may_be_called_unseen(file: ParsedFile, function: FunctionNode, project: Project) -> bool:
    """Whether something unresolved of the function's name is called with an argument of its, or asked for by name."""
    arguments = function.args
    parameters = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    for node in ast.walk(file.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name) as target) if name == function.name:
                given = {k.arg for k in node.keywords} & parameters
                if (given or len(node.args) > 1) and project.resolve(file, target) is None:
                    return True
            case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(name)), *_]):
                if name == function.name:
                    return True
            case _:
                pass
    return False


def _method_uses(file: ParsedFile, owner: ast.ClassDef, name: str, project: Project) -> Iterator[ast.Attribute]:
    """Attributes of the method's name; there must be no other method of that name."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            around = file.parents[node]
            if isinstance(around, ast.ClassDef) and (around.name != owner.name or around.lineno != owner.lineno):
                raise NotFollowed(f"another class has a method {name}(), too")
        if isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Load):
            found = project.resolve(file, node)
            if found is None or isinstance(found, ClassRef):
                yield node
