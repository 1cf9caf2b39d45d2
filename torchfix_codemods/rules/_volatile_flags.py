"""Where a file says `volatile`: as an argument of torch's `Variable`, or as an attribute of a tensor."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis import torch_api as api
from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import ModelCall, Trace, VolatileFlag
from torchfix_codemods.analysis.values import ClassRef, External, Site
from torchfix_codemods.findings import Edit, Location
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules._shared import node_of

_OLD_TORCH = re.compile(r"version|torch_?v?0?[._]?4|hasattr\(torch|hasattr\(Variable", re.I)
THIRD = 2  # Variable(data, requires_grad, volatile)


@dataclass(frozen=True)
class Flag:
    """One `volatile=...` of a call of `Variable`. `subclass`: of a class of the project that derives from it."""

    file: ParsedFile
    call: ast.Call
    value: ast.expr
    keyword: ast.keyword | None
    subclass: bool

    @property
    def site(self) -> Site:
        """How the interpreter calls what comes out of it."""
        return Site(self.file.path, *self.file.span(self.call))

    @property
    def location(self) -> Location:
        """Where the finding stands: the argument."""
        return self.file.location(self.keyword if self.keyword is not None else self.value)

    @property
    def function(self) -> FunctionNode | None:
        """The function in whose body it stands."""
        return self.file.enclosing_function(self.call)

    @property
    def constant(self) -> bool | None:
        """What a literal says; None for an expression."""
        return bool(self.value.value) if isinstance(self.value, ast.Constant) else None

    @property
    def raises(self) -> bool:
        """Whether `requires_grad=True` stands beside it, which torch refuses."""
        return any(
            isinstance(value, ast.Constant) and value.value is True
            for value in (
                *self.call.args[1:THIRD],
                *(keyword.value for keyword in self.call.keywords if keyword.arg == "requires_grad"),
            )
        )

    def in_module(self, project: Project) -> bool:
        """Whether it stands in a method of a class of modules."""
        cls = self.file.enclosing_class(self.call)
        if cls is None or self.function is None:
            return False
        return project.is_module(ClassRef(self.file.path, cls.name, cls.lineno))

    def removal(self) -> list[Edit]:
        """The edits that take the argument away. Raises `CannotRewrite`."""
        if self.keyword is not None:
            return verbs.remove_keyword(self.file, self.call, "volatile")
        return verbs.remove_positional(self.file, self.call, THIRD)


def flags_in(file: ParsedFile, project: Project) -> Iterator[Flag]:
    """Every volatile argument of a file, in the order of the text."""
    calls = [node for node in ast.walk(file.tree) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
        keyword = next((k for k in call.keywords if k.arg == "volatile"), None)
        starred = any(isinstance(argument, ast.Starred) for argument in call.args[: THIRD + 1])
        positional = call.args[THIRD] if len(call.args) == THIRD + 1 and not starred else None
        value = keyword.value if keyword is not None else positional
        kind = _is_variable(file, project, call) if value is not None else None
        if value is not None and kind is not None and (keyword is not None or kind == "torch"):
            yield Flag(file, call, value, keyword, kind == "subclass")


def is_for_old_torch(file: ParsedFile, node: ast.AST) -> bool:
    """Whether a condition around the node asks for the version of torch: then the line never runs on today's."""
    current: ast.AST = node
    while not isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
        parent = file.parents[current]
        branch = isinstance(parent, ast.If | ast.IfExp) and current is not parent.test
        if branch and _OLD_TORCH.search(ast.unparse(parent.test)):  # type: ignore[attr-defined]
            return True
        current = parent
    return False


def _is_variable(file: ParsedFile, project: Project, call: ast.Call) -> str | None:
    """`torch` for a call of torch's `Variable`, `subclass` for one of a class that derives from it."""
    match project.resolve(file, call.func):
        case External(name=name) if _named_variable(name):
            return "torch"
        case ClassRef() as cls if any(
            isinstance(b, External) and _named_variable(b.name) for b in project.lineage(cls)
        ):
            return "subclass"
        case _:
            return None


def _named_variable(name: str) -> bool:
    return api.canonical(name) == api.VARIABLE


@dataclass(frozen=True)
class Attribute:
    """`x.volatile` of a tensor, read or stored. `use` as in `VolatileFlag`."""

    node: ast.Attribute
    use: str
    events: tuple[tuple[Trace, VolatileFlag], ...]


def attributes_in(file: ParsedFile, project: Project, program: Program) -> Iterator[Attribute]:
    """Every `x.volatile` of the file whose `x` is certainly a tensor, in the order of the text."""
    nodes = [n for n in ast.walk(file.tree) if isinstance(n, ast.Attribute) and n.attr == "volatile"]
    seen: dict[ast.AST, list[tuple[Trace, VolatileFlag]]] = {}
    for trace, event in program.events(VolatileFlag) if nodes else ():
        if event.place.path == file.path and (node := node_of(file, event.place, ast.Attribute)) is not None:
            seen.setdefault(node, []).append((trace, event))
    for node in sorted(nodes, key=lambda n: (n.lineno, n.col_offset)):
        events = seen.get(node, [])
        certain = all(event.certain for _, event in events)
        if events and (certain or (events[0][1].use != "read" and _from_a_model(file, program, node))):
            yield Attribute(node, events[0][1].use, tuple(events))
        elif isinstance(node.ctx, ast.Load) and not events and _is_input(file, project, node.value):
            yield Attribute(node, "read", ())


def _from_a_model(file: ParsedFile, program: Program, node: ast.Attribute) -> bool:
    """Whether the name was last assigned in this function from a statement that runs a model."""
    scope = file.enclosing_function(node) or file.tree
    assigned = [
        statement
        for statement in ast.walk(scope)
        if isinstance(statement, ast.Assign)
        and statement.lineno < node.lineno
        and any(ast.dump(t) == ast.dump(_stored(node.value)) for t in statement.targets)
    ]
    if not assigned:
        return False
    last = max(assigned, key=lambda s: s.lineno)
    return any(
        e.place.path == file.path and last.lineno <= e.place.line <= (last.end_lineno or last.lineno)
        for _, e in program.events(ModelCall)
    )


def _stored(node: ast.expr) -> ast.expr:
    return ast.Name(node.id, ast.Store()) if isinstance(node, ast.Name) else node


def _is_input(file: ParsedFile, project: Project, node: ast.expr) -> bool:
    """Whether an expression is a parameter of the `forward` of a module."""
    function = file.enclosing_function(node)
    cls = file.enclosing_class(node)
    if function is None or cls is None or function.name != "forward" or not isinstance(node, ast.Name):
        return False
    if node.id not in {argument.arg for argument in function.args.args[1:]}:
        return False
    return project.is_module(ClassRef(file.path, cls.name, cls.lineno))
