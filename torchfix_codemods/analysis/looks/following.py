"""Follows outputs through the statements of one function: what its names hold, and what it returns.

Statements are followed in order, branches come together, loops go round twice. What isn't understood is `Unclear`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from torchfix_codemods.analysis.looks.calls import Calls
from torchfix_codemods.analysis.looks.expressions import Surroundings
from torchfix_codemods.analysis.looks.functions import FunctionNode, Unclear
from torchfix_codemods.analysis.looks.held import CLEAN, NOTHING, Held, joined
from torchfix_codemods.analysis.looks.operations import kept_from
from torchfix_codemods.analysis.trees import walk

NO_NAMES: Mapping[str, str] = {}


class Following(Calls):
    """One function with what its parameters hold. After `run`, `returned` is what it returns."""

    def __init__(self, around: Surroundings, parameters: Mapping[str, Held], names: Mapping[str, Held]) -> None:
        super().__init__(around, {**names, **parameters})
        self.returned = NOTHING
        self._nested: list[ast.AST] = []

    def run(self, node: FunctionNode | ast.Lambda) -> Held:
        """What the function returns."""
        for argument in walk(node.args):
            if isinstance(argument, ast.arg):
                self.names.setdefault(argument.arg, CLEAN)
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None and self.held(default).matters:
                raise Unclear
        if isinstance(node, ast.Lambda):
            return self.held(node.body)
        self.block(node.body)
        for nested in self._nested:
            self._closure(nested)
        return self.returned

    def _closure(self, nested: ast.AST) -> None:
        """A function in the function: what it sees of the names around it is not followed."""
        inside = walk(nested)
        asked = {id(inner.value) for inner in inside if isinstance(inner, ast.Attribute)}
        for inner in inside:
            held = self.ever.get(inner.id) if isinstance(inner, ast.Name) else None
            if held is not None and (held.any or id(inner) not in asked):
                raise Unclear

    # --- statements ------------------------------------------------------------------------------------------------

    def block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                held = self.held(value)
                for target in targets:
                    self.bind(target, held)
            case ast.AnnAssign(target=target, value=value):
                if value is not None:
                    self.bind(target, self.held(value))
            case ast.AugAssign(target=target, value=value, op=op):
                self.bind(target, self.combined(self.held(target), op, self.held(value)))
            case ast.Return(value=value):
                self.returned = joined([self.returned, NOTHING if value is None else self.held(value)])
            case ast.For() | ast.AsyncFor():
                kept = kept_from(node.target, node.iter)
                self._loop(node.body, node.orelse, node.target, self.held(node.iter).item(None), kept)
            case ast.While():
                self.held(node.test)
                self._loop(node.body, node.orelse)
            case ast.If():
                self.held(node.test)
                self._branches([node.body, node.orelse])
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    if self.held(item.context_expr).matters:
                        raise Unclear
                    if item.optional_vars is not None:
                        self.bind(item.optional_vars, CLEAN)
                self.block(node.body)
            case ast.Try():
                self.block(node.body)
                self._doubt()
                self._branches([[], *(handler.body for handler in node.handlers)])
                self.block(node.orelse)
                self.block(node.finalbody)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._define(node)
            case ast.ClassDef() if not self.around.says_a_source(node):
                self._nested.append(node)
            case ast.Expr(value=ast.Yield(value=ast.expr() as value)):
                self._yield(self.held(value))
            case ast.Expr(value=value):
                self.held(value)
            case ast.Assert(test=test):
                self.held(test)
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.Global(names=names):
                self.globals.update(names)
            case ast.Raise() | ast.Delete() | ast.Pass() | ast.Break() | ast.Continue():
                pass
            case _:
                raise Unclear

    def _yield(self, held: Held) -> None:
        """Who goes over what the function gives gets this as an item."""
        self.returned = joined([self.returned, Held(inside=held.any, gives=held.gives)])

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name in node.names:
            if name.asname is not None and self.around.known(name.name, node).matters:
                raise Unclear  # under another name

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if node.decorator_list and self.around.says_a_source(node):
            raise Unclear
        given = Following(self.around, {}, {}).run(node)
        self.names[node.name] = Held(gives=given) if given.matters else CLEAN
        self._nested.append(node)

    def _loop(
        self,
        body: list[ast.stmt],
        orelse: list[ast.stmt],
        target: ast.expr | None = None,
        item: Held = CLEAN,
        kept: Mapping[str, str] = NO_NAMES,
    ) -> None:
        for _ in range(2):
            before = dict(self.names)
            if target is not None:
                self.bind(target, item)
                self.kept |= kept
            self.block(body)
            self._merge(before)
        if any(isinstance(inner, ast.Break | ast.Continue) for statement in body for inner in walk(statement)):
            self._doubt()
        self.block(orelse)

    def _doubt(self) -> None:
        """What a name held in the middle of a block may still be in it at its end."""
        for name, held in self.ever.items():
            self.names[name] = joined([self.names.get(name, NOTHING), held])

    def _branches(self, bodies: list[list[ast.stmt]]) -> None:
        before, ends = dict(self.names), []
        for body in bodies:
            self.names = dict(before)
            self.block(body)
            ends.append(self.names)
        self.names = ends[0]
        for end in ends[1:]:
            self._merge(end)

    def _merge(self, other: Mapping[str, Held]) -> None:
        for name, held in other.items():
            self.names[name] = joined([held, self.names.get(name, NOTHING)])
