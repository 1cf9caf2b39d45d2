"""Modules that a class makes only to copy their weights: no layer of theirs becomes its own.

`_vgg = VGG(); self.conv.weight = _vgg.conv.weight` reads a pretrained net, whose dropout then runs nowhere.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.values import FunctionRef

_WEIGHTS = frozenset(
    {
        "weight",
        "bias",
        "state_dict",
        "load_state_dict",
        "parameters",
        "named_parameters",
        "buffers",
        "named_buffers",
    }
)
_ASKS = frozenset({"isinstance", "len", "print", "type"})


def donors(project: Project, file: ParsedFile, cls: ast.ClassDef) -> dict[ast.AST, bool | None]:
    """The calls that make such modules, with all calls inside them: True where that is sure, else None."""
    found: dict[ast.AST, bool | None] = {}
    for method in (n for n in cls.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)):
        for node in ast.walk(method):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                    lends = _only_lends(project, file, method, name)
                    if lends is not False:
                        found |= dict.fromkeys((n for n in ast.walk(call) if isinstance(n, ast.Call)), lends)
    return found


def _only_lends(project: Project, file: ParsedFile, method: ast.AST, name: str) -> bool | None:
    uses = [_use(project, file, node) for node in _loads(method, name)]
    if not uses or False in uses:
        return False  # without any use it is a helper of another kind: nothing is known
    return None if None in uses else True


def _loads(method: ast.AST, name: str) -> Iterator[ast.Name]:
    for node in ast.walk(method):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
            yield node


def _use(project: Project, file: ParsedFile, node: ast.expr) -> bool | None:
    """Whether one use takes weights only. None: a function of the project gets it, which may do anything."""
    while True:
        parent = file.parents[node]
        match parent:
            case ast.Attribute(attr=attr) if attr in _WEIGHTS:
                return True
            case ast.Attribute(value=value) | ast.Subscript(value=value) | ast.Call(func=value) if value is node:
                assert isinstance(parent, ast.expr)
                node = parent
            case ast.Call(func=ast.Name(id=asked)) if asked in _ASKS:
                return True
            case ast.Call():
                return None if isinstance(project.resolve(file, parent.func), FunctionRef) else False
            case _:
                return False
