"""What a module computes from its parameters when it is made: its graph is there before any forward."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torchfix_codemods.analysis.graphs.names import READ_OFF
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.analysis.values import ClassRef

_PARAMETER = re.compile(r"\b(?:nn\.)?Parameter\(|requires_grad")
_MODULE = re.compile(r"\bnn\.[A-Z]\w*\(")
_COMPUTES = re.compile(r"^(?:torch|F|nn\.functional)\.[a-z]\w*$")


def made_before(project: Project, cls: ClassRef) -> set[str]:
    """The attributes that a class computes from parameters of its own, outside of the forward."""
    found = project.class_node(cls)
    if found is None:
        return set()
    pairs = list(_assigned(found[1]))
    parameters = {name for name, value in pairs if _PARAMETER.search(ast.unparse(value))}
    modules = {name for name, value in pairs if _MODULE.match(ast.unparse(value))}
    return {name for name, value in pairs if any(_computes(node, parameters, modules) for node in walk(value))}


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What is assigned to attributes of `self`, but in the forward."""
    for method in ast.iter_child_nodes(node):
        if isinstance(method, ast.FunctionDef) and method.name != "forward":
            for inner in walk(method):
                if isinstance(inner, ast.Assign):
                    yield from ((n, inner.value) for n in map(_own, inner.targets) if n)


def _own(node: ast.AST) -> str:
    """`a` for `self.a` and `self.a.weight`."""
    if isinstance(node, ast.Attribute) and node.attr in ("weight", "bias"):
        node = node.value
    match node:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return name
        case _:
            return ""


def _computes(node: ast.AST, parameters: set[str], modules: set[str]) -> bool:
    """Whether an expression is an operation on parameters, or a forward of a module."""
    match node:
        case ast.Call(func=ast.Attribute() as func, args=args):
            if _own(func) in modules:
                return True
            if _COMPUTES.match(ast.unparse(func)) and any(_own(a) in parameters | modules for a in args):
                return True
            return _own(func.value) in parameters and func.attr not in READ_OFF
        case ast.BinOp(left=left, right=right):
            return _own(left) in parameters or _own(right) in parameters
        case _:
            return False
