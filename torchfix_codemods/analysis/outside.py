"""The code of a file outside of `torch.nn.Module`s, parsed piece by piece, and nothing else of it.

Most code of a library of models is the models. The rules about training and evaluation report calls of models, and
those of a module's own methods belong to a forward; what is left is a third of the text, or nothing.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.outline import TOP_LEVEL, chunks_of
from torchfix_codemods.analysis.parsed import FunctionNode
from torchfix_codemods.analysis.trees import walk

_METHOD = re.compile(r"\n([ \t]+)(?:async[ \t]+)?def[ \t]")


@dataclass(frozen=True, eq=False)
class Unit:
    """A function or lambda that is no method of a module, or statements of the top level (`ast.Module`).

    `cls` is the class of a method. Functions inside a function belong to its unit.
    """

    node: FunctionNode | ast.Lambda | ast.Module
    cls: ast.ClassDef | None = None


class Outside:
    """The pieces of a text without comments. `is_module` says which top-level classes are modules, by name."""

    def __init__(self, code: str, is_module: Callable[[str], bool]) -> None:
        statements, self.pieces, modules = [], [], []
        for kind, name, _, _, chunk in chunks_of("\n" + code.replace("\\\n", "\\\n "), TOP_LEVEL):
            if not kind:
                statements.append(chunk)
            elif kind == "class" and is_module(name):
                modules.append(chunk)
            else:
                self.pieces.append(chunk)
        self.modules = "".join(modules)
        self._nested = list(filter(_holds_functions, modules))
        self.top = _parsed("".join(statements))

    def units(self) -> Iterator[Unit]:
        """All units, the top level first. Raises what `ast.parse` raises where a piece is none."""
        yield from _units(self.top.body, None)
        for piece in self.pieces:
            yield from _units(_parsed(piece).body, None)
        for piece in self._nested:
            yield from _inside(_parsed(piece))


def _holds_functions(chunk: str) -> bool:
    """Whether methods of a class hold functions of their own."""
    return "lambda" in chunk or len(set(_METHOD.findall(chunk))) > 1


def _parsed(code: str) -> ast.Module:
    with warnings.catch_warnings():  # the user's invalid escapes are not ours to print
        warnings.simplefilter("ignore")
        return ast.parse(code)


def _units(body: list[ast.stmt], cls: ast.ClassDef | None) -> Iterator[Unit]:
    rest: list[ast.stmt] = []
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield Unit(statement, cls)
            case ast.ClassDef():
                yield from _units(statement.body, statement)
            case _:
                rest.append(statement)
    if rest and cls is None:
        yield Unit(ast.Module(rest, []))
    elif rest:  # what stands in a class's body is evaluated for its value only, but for methods in an `if`
        found = (node for statement in rest if hasattr(statement, "body") for node in walk(statement))
        yield from (Unit(node, cls) for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _inside(tree: ast.Module) -> Iterator[Unit]:
    """The functions inside the methods of modules: no methods themselves."""
    methods = {m for cls in tree.body if isinstance(cls, ast.ClassDef) for m in cls.body}
    for node in walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and node not in methods:
            yield Unit(node)
