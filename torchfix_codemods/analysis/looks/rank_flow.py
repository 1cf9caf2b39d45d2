"""What may be known of the values of a function's variables, statement by statement: a far simpler interpreter."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from torchfix_codemods.analysis.looks.functions import FunctionNode, Unclear
from torchfix_codemods.analysis.looks.rank_names import flowing, links_of, shared_names
from torchfix_codemods.analysis.looks.rank_values import Values
from torchfix_codemods.analysis.looks.ranks import ANYTHING, Known, item, union
from torchfix_codemods.analysis.trees import parents

_BINDERS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal)
_ROUNDS = 12


class Flow(Values):
    """One walk through a function."""

    def walk(self, function: FunctionNode, wanted: Sequence[ast.AST]) -> dict[ast.AST, Known]:
        """What may be known of the expressions `wanted`, all rounds of all loops together."""
        spec = function.args
        positional = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        self.wanted = frozenset(wanted)
        self.shared = shared_names(function)
        self._find_what_matters(function)
        self.given = {*positional, *(a.arg for a in (*spec.kwonlyargs, spec.vararg, spec.kwarg) if a)}
        self._block(function.body)
        return self.seen

    def _find_what_matters(self, function: FunctionNode) -> None:
        """Note the wanted expressions, and all that binds or changes a name on which they depend."""
        above = parents(function)
        links = [(node, *link) for node in above for link in links_of(node)]
        needed = set[str]().union(*map(flowing, self.wanted)) - {self.own}
        size = -1
        while len(needed) > size:
            size = len(needed)
            for _, bound, used in links:
                if bound & needed:
                    needed |= used - {self.own}
        self.needed = needed
        for node in (*self.wanted, *(node for node, bound, _ in links if bound & needed)):
            while node not in self.matters and node in above:
                self.matters.add(node)
                node = above[node]

    # --- statements ------------------------------------------------------------------------------------------------

    def _block(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            if statement in self.matters or isinstance(statement, _BINDERS):
                self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign():
                self._bind(node.targets, node.value)
            case ast.AnnAssign():
                if node.value is not None:
                    self._bind([node.target], node.value)
            case ast.AugAssign():
                self._augment(node)
            case ast.Expr() | ast.Return():
                if node.value is not None:
                    self._pass(node.value)
            case ast.If():
                self._pass(node.test)
                self._either([node.body, node.orelse])
            case ast.For() | ast.AsyncFor() | ast.While():
                self._loop(node)
            case ast.With() | ast.AsyncWith():
                for entered in node.items:
                    value = self.value(entered.context_expr)
                    if entered.optional_vars is not None:
                        self._assign(entered.optional_vars, value)
                self._block(node.body)
            case ast.Try():
                self._either([node.body, []])
                self._either([node.orelse, *(handler.body for handler in node.handlers)])
                self._block(node.finalbody)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.variables[node.name] = ANYTHING
            case ast.Import() | ast.ImportFrom():
                for entry in node.names:
                    self._imported(entry)
            case ast.Assert():
                self._pass(node.test)
            case ast.Raise() | ast.Pass() | ast.Break() | ast.Continue() | ast.Delete():
                pass
            case _:
                raise Unclear

    def _imported(self, entry: ast.alias) -> None:
        bound = entry.asname or entry.name.partition(".")[0]
        if bound not in self.modules:
            self.variables[bound] = ANYTHING

    def _either(self, bodies: Sequence[Sequence[ast.stmt]]) -> None:
        before, after = self.variables, []
        for body in bodies:
            self.variables = dict(before)
            self._block(body)
            if not (body and isinstance(body[-1], ast.Return | ast.Raise)):
                after.append(self.variables)
        self.variables = self._merged(after) if after else before

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While) -> None:
        for _ in range(_ROUNDS):
            before = dict(self.variables)
            if isinstance(node, ast.While):
                self._pass(node.test)
            else:
                self._assign(node.target, item(self.value(node.iter)))
            self._block(node.body)
            self.variables = self._merged([before, self.variables])
            if self.variables == before:
                break
        else:
            raise Unclear
        self._block(node.orelse)

    def _augment(self, node: ast.AugAssign) -> None:
        added = self.value(node.value)
        match node.target:
            case ast.Name(id=name):
                self.variables[name] = union([self._name(name), self._arithmetic([self._name(name), added])])
            case target:
                self._assign(target, added)
