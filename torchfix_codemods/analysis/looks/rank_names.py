"""The names in a function on which a value depends, and the modules whose names its file uses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from torchfix_codemods.analysis.looks import rank_calls
from torchfix_codemods.analysis.looks.functions import FunctionNode
from torchfix_codemods.analysis.trees import children, walk

PUTS = frozenset("append appendleft add insert extend update setdefault".split())
IN_PLACE = frozenset("squeeze_ unsqueeze_ transpose_ t_ resize_ resize_as_".split())
QUIET_ATTRIBUTES = frozenset("shape device dtype requires_grad is_cuda grad_fn is_leaf ndim".split())
#: How a file gets the modules of torch and numpy, by the names under which nearly all files use them.
_IMPORTS = {
    "torch": r"^[ \t]*import torch\b(?! as)",
    "nn": r"^[ \t]*(?:from torch import (?:[\w, ]*, *)?nn\b(?! as)|import torch\.nn as nn\b)",
    "F": r"^[ \t]*(?:from torch\.nn import (?:[\w, ]*, *)?functional as F\b|import torch\.nn\.functional as F\b)",
    "np": r"^[ \t]*import numpy as np\b",
    "numpy": r"^[ \t]*import numpy\b(?! as)",
}


def modules_of(text: str) -> frozenset[str]:
    """The names of torch's and numpy's modules in a file, those left out that it may use for something else too."""
    lines = "\n".join(line for line in text.split("\n") if "import " in line)
    return frozenset(
        name
        for name, pattern in _IMPORTS.items()
        if f"\n{name} =" not in text
        and len(re.findall(pattern, lines, re.M)) == len(re.findall(rf"import[^\n]*\b{name}(?=[,\s)]|\Z)", lines)) > 0
    )


def names_in(nodes: Iterable[ast.AST]) -> set[str]:
    """The plain names in some nodes."""
    return {found.id for node in nodes for found in walk(node) if isinstance(found, ast.Name)}


def links_of(node: ast.AST) -> Iterator[tuple[set[str], set[str]]]:
    """Names that a node binds or changes, and those on whose values it depends."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield names_in(targets), flowing(value)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value):
            yield names_in([target]), flowing(value)
        case ast.NamedExpr(target=target, value=value):
            yield names_in([target]), flowing(value)
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            yield names_in([node.target]), flowing(node.iter)
        case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
            yield names_in([target]), flowing(value)
        case ast.Call(func=ast.Attribute(value=receiver, attr=attr), args=args) if attr in PUTS | IN_PLACE:
            yield names_in([receiver]), set().union(*map(flowing, args))
        case _:
            pass


def flowing(node: ast.AST) -> set[str]:
    """The names whose values may be in that of an expression; sizes and indices are left out."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        match waiting.pop():
            case ast.Name(id=name):
                found.add(name)
            case ast.Subscript(value=value):
                waiting.append(value)
            case ast.Attribute(attr=attr) if attr in QUIET_ATTRIBUTES:
                pass
            case ast.Call(func=ast.Attribute(attr=attr)) if attr in rank_calls.QUIET | rank_calls.MADE:
                pass
            case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in rank_calls.ARGUMENTS_ARE_SIZES:
                waiting.append(value)
            case ast.Call(func=ast.Attribute(value=value), args=args):
                waiting += [value, *args[:1]]
            case other:
                waiting += children(other)
    return found


def shared_names(function: FunctionNode) -> frozenset[str]:
    """Names that a function within this one may change, or what they hold."""
    found: set[str] = set()
    for inner in walk(function):
        if isinstance(inner, FunctionNode | ast.Lambda | ast.ClassDef) and inner is not function:
            for node in walk(inner):
                match node:
                    case ast.Nonlocal(names=names) | ast.Global(names=names):
                        found.update(names)
                    case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
                        found.add(name)
                    case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store()):
                        found.add(name)
                    case _:
                        pass
    return frozenset(found)
