"""Modules without parameters: metrics and losses that are written as modules. They build no graph by themselves."""

from __future__ import annotations

import ast

from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.values import ClassRef, Const, External, Instance, Tensor, Value, options


def is_weightless(project: Project, model: Value) -> bool:
    """Whether a model certainly holds no parameters: its class makes nothing, and was given numbers only."""
    found = options(model)
    return bool(found) and all(isinstance(o, Instance) and _makes_nothing(project, o) for o in found)


def _makes_nothing(project: Project, model: Instance) -> bool:
    given = [*model.args, *(value for _, value in model.kwargs)]
    if not isinstance(model.cls, ClassRef) or not all(isinstance(value, Const | Tensor) for value in given):
        return False
    return all(_is_plain(project, cls) for cls in project.lineage(model.cls))


def _is_plain(project: Project, cls: ClassRef | External | None) -> bool:
    if isinstance(cls, External):
        return cls.name in ("torch.nn.Module", "torch.nn.modules.Module", "builtins.object")
    found = project.class_node(cls) if cls is not None else None
    return found is not None and not any(_makes(statement) for statement in found[1].body)


def _makes(statement: ast.stmt) -> bool:
    """Whether a statement of a class makes something that is kept: in `__init__`, or for the class itself."""
    if isinstance(statement, ast.FunctionDef) and statement.name != "__init__":
        return "setattr" in ast.dump(statement) or "register_" in ast.dump(statement)
    return any(isinstance(n, ast.Call) and not _is_of_base(n) for n in ast.walk(statement))


def _is_of_base(call: ast.Call) -> bool:
    """`super()`, `super().__init__()`, `nn.Module.__init__(self)`."""
    match call.func:
        case ast.Name(id="super") | ast.Attribute(attr="__init__"):
            return True
        case _:
            return False
