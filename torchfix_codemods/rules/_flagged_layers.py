"""Models that leave their dropout out by a flag of their own: `forward(self, x, is_training=False)`.

Where the flag is left at its default, the mode of the model changes nothing.
"""

from __future__ import annotations

import ast

from torchfix_codemods.analysis import torch_api as api
from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.values import ClassRef, External, Instance, Value, options

_ON_MODE = frozenset([*api.MODE_DEPENDENT, *api.MODE_BY_DEFAULT])
_PLAIN = 3  # positional arguments that such a layer has before one that may matter: sizes, and the number of layers


def is_flagged_off(project: Project, model: Value, call: ast.Call) -> bool:
    """Whether every layer that depends on the mode runs under a flag alone, which the call does not set."""
    found = [o for o in options(model) if isinstance(o, Instance) and isinstance(o.cls, ClassRef)]
    if not found or len(found) != len(list(options(model))):
        return False
    return all(isinstance(o.cls, ClassRef) and _leaves_out(project, o.cls, call) for o in found)


def _leaves_out(project: Project, cls: ClassRef, call: ast.Call) -> bool:
    known = project.class_node(cls)
    if known is None or any(isinstance(base, ClassRef) and base != cls for base in project.lineage(cls)):
        return False
    file, node = known
    forward = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "forward"), None)
    layers = _layers(project, file, node)
    if forward is None or not layers:
        return False
    off = {name for name in _flags(forward) if _is_left_off(forward, name, call)}
    uses = [n for n in ast.walk(node) if isinstance(n, ast.Attribute) and n.attr in layers]
    return all(isinstance(n.ctx, ast.Store) or _is_under(file, n, forward, off) for n in uses)


def _layers(project: Project, file: ParsedFile, node: ast.ClassDef) -> set[str]:
    """The attributes that hold layers which depend on the mode; none where there is more to know of the class."""
    found = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Attribute) and child.attr == "training":
            return set()
        target = project.resolve(file, child.func) if isinstance(child, ast.Call) else None
        if isinstance(target, External) and not _depends(child, api.canonical(target.name)):
            if api.is_external_model(target.name):
                return set()
        elif isinstance(target, External):
            match file.parents[child]:
                case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]):
                    found.add(name)
                case _:
                    return set()
        elif target is not None:
            return set()
    return found


def _depends(call: ast.AST, name: str) -> bool:
    """Whether what a call makes depends on the mode: an LSTM does not, unless it is given a dropout."""
    if name in _ON_MODE or not isinstance(call, ast.Call) or name not in api.MODE_BY_ARGUMENT:
        return name in _ON_MODE
    return len(call.args) > _PLAIN or api.MODE_BY_ARGUMENT[name] in {k.arg for k in call.keywords}


def _flags(forward: FunctionNode) -> set[str]:
    """The parameters that are off by default, and that the forward does not set."""
    arguments = forward.args
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [
        *zip(reversed(positional), reversed(arguments.defaults), strict=False),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    stored = {n.id for n in ast.walk(forward) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    return {a.arg for a, default in pairs if _is_false(default)} - stored


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _is_left_off(forward: FunctionNode, name: str, call: ast.Call) -> bool:
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        return False
    if given := [k.value for k in call.keywords if k.arg == name]:
        return _is_false(given[0])
    names = [a.arg for a in (*forward.args.posonlyargs, *forward.args.args)][1:]
    index = names.index(name) if name in names else len(call.args)
    return index >= len(call.args) or _is_false(call.args[index])


def _is_under(file: ParsedFile, node: ast.AST, forward: FunctionNode, flags: set[str]) -> bool:
    """Whether a node stands in the body of `if flag:` in the forward."""
    guarded = False
    current = node
    while current in file.parents and current is not forward:
        parent = file.parents[current]
        if isinstance(parent, ast.If) and isinstance(parent.test, ast.Name) and parent.test.id in flags:
            guarded |= current in parent.body
        current = parent
    return guarded and current is forward


__all__ = ["is_flagged_off"]
