"""A volatile value that no model gets: may its argument simply go, or would that lose what the author meant?"""

from __future__ import annotations

import ast
import re

from torchfix_codemods.analysis.mentions import paths_with
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.rules._volatile_flags import Flag
from torchfix_codemods.rules._volatile_flow import Flow
from torchfix_codemods.rules._volatile_targets import leaves_its_function

_LEAF = re.compile(r"\bParameter\(|requires_grad\s*=\s*True|requires_grad_\(")


def reason_to_keep(flag: Flag, flow: Flow, project: Project) -> str | None:
    """Why the argument must not go without more; None where nothing is lost."""
    if is_switched_off(flag.file, flag.call):
        return None
    if _is_constant_of_a_module(flag, project):
        return _lone_input(flag, project)
    if not flow.was_run(flag.site):
        return "this code was not reached, so it is not clear which forward the value is for"
    if flow.is_target(flag.site):
        return None
    if flag.in_module(project):
        return "it stands inside a model, where the graph depends on the input of the model too"
    for escape in flow.escapes(flag.site):
        where = {"return": "to a caller", "yield": "to a consumer", "callee": f"to {escape.name}"}.get(escape.kind)
        return f"the value goes {where} that is not in view" if where else f"it is kept in .{escape.name} for later"
    if kept := _kept(flag):
        return f"it is kept in {kept}, and no use of it was found"
    if leaves_its_function(flag.file, flag.call):
        return "its function hands the value on, and no use of it was found"
    if _LEAF.search(flag.file.text):
        return "no model gets the value, but it may be computed with parameters"
    return None


def is_switched_off(file: ParsedFile, node: ast.AST) -> bool:
    """Whether the gradients are off where the node stands, as the text says."""
    current: ast.AST | None = node
    while current is not None:
        heads: list[ast.expr] = []
        if isinstance(current, ast.With | ast.AsyncWith):
            heads = [item.context_expr for item in current.items]
        elif isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef):
            heads = current.decorator_list
        if any(re.search(r"no_grad|inference_mode|set_grad_enabled\(False", ast.unparse(head)) for head in heads):
            return True
        current = file.parents.get(current)
    return False


def _is_constant_of_a_module(flag: Flag, project: Project) -> bool:
    function = flag.function
    return function is not None and function.name == "__init__" and flag.in_module(project) and bool(_kept(flag))


def _kept(flag: Flag) -> str:
    """The attribute or global name that the value is assigned to; "" for a local variable or none."""
    statement = flag.file.enclosing_statement(flag.call)
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    for target in targets:
        if isinstance(target, ast.Attribute):
            return ast.unparse(target)
        if isinstance(target, ast.Name) and flag.function is None and _used_in_functions(flag.file, target.id):
            return target.id
    return ""


def _used_in_functions(file: ParsedFile, name: str) -> bool:
    return any(
        isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load) and file.enclosing_function(n)
        for n in ast.walk(file.tree)
    )


def _lone_input(flag: Flag, project: Project) -> str | None:
    """Where a constant of a module is the only input of one of its layers: then that layer's graph was unwanted."""
    attribute = _kept(flag).rpartition(".")[2]
    for path in paths_with(project, f".{attribute}"):
        if (file := project.parse(path)) is None:
            continue
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Attribute) and node.attr == attribute and _is_lone_argument(file, node):
                return f"{path}:{node.lineno} runs a layer on it alone"
    return None


def _is_lone_argument(file: ParsedFile, node: ast.Attribute) -> bool:
    """Whether `self.layer(self.constant)` is called with nothing else."""
    current: ast.AST = node
    while not isinstance(current, ast.stmt):
        parent = file.parents[current]
        if isinstance(parent, ast.Call) and current is not parent.func:
            names = {ast.unparse(n) for n in ast.walk(parent.func) if isinstance(n, ast.Name)}
            alone = len(parent.args) + len(parent.keywords) == 1
            return alone and "self" in names and isinstance(parent.func, ast.Attribute)
        current = parent
    return False
