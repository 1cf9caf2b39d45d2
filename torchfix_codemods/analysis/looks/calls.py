"""What calls give in one function: by the name of an operation, or by what the called name is known to give."""

from __future__ import annotations

import ast

from torchfix_codemods.analysis.activation_names import asks_for_an_activation
from torchfix_codemods.analysis.looks.expressions import Expressions
from torchfix_codemods.analysis.looks.functions import Unclear
from torchfix_codemods.analysis.looks.held import CLEAN, Held, joined
from torchfix_codemods.analysis.looks.operations import (
    ARITHMETIC,
    GATHERING,
    LOOKING,
    MADE_OF,
    PUTS,
    is_library,
    is_tensor,
    last,
    of_a_library,
    of_method,
    root_of,
)
from torchfix_codemods.analysis.no_models import NO_MODEL_METHODS
from torchfix_codemods.analysis.torch_api import SAME_OBJECT


class Calls(Expressions):
    """The calls among the expressions of a function."""

    def call(self, node: ast.Call) -> Held:
        name = last(node.func)
        if name == "getattr" and (attribute := self._asked_for(node)) is not None:
            return attribute
        arguments = [self.held(argument) for argument in node.args]
        keywords = {keyword.arg or "": self.held(keyword.value) for keyword in node.keywords}
        every = joined([CLEAN, *(held.loose() for held in (*arguments, *keywords.values()))])
        receiver = self.held(node.func.value) if isinstance(node.func, ast.Attribute) else CLEAN
        if (every.any or receiver.any) and self.around.is_sink(name):
            raise Unclear
        puts = isinstance(node.func, ast.Attribute) and name in PUTS and not is_tensor(receiver)
        if isinstance(node.func, ast.Attribute) and puts and (every.matters or receiver.any):
            self.put_into(node.func.value, Held(inside=every.any, gives=every.gives))
            return CLEAN
        if receiver.any:
            return of_method(receiver, name)
        if self.around.spares(node):
            return CLEAN
        callee = self._callee(node.func, receiver)
        if callee.any:
            raise Unclear  # a function that was made with an output, by partial for one
        if not every.matters or self.around.is_source(node):
            return callee.gives or CLEAN
        if every.gives is not None and name in LOOKING:
            return CLEAN
        if every.gives is not None and (name in MADE_OF or name in GATHERING):
            return every
        if every.any and every.gives is None and (found := self._by_name(node, name, every)) is not None:
            return found
        root = root_of(node.func)
        kept = self._kept(node.func) if root in self.names else None
        return joined([callee.gives or CLEAN, self.around.hand_on(node, arguments, keywords, kept=kept)])

    def _asked_for(self, node: ast.Call) -> Held | None:
        """`getattr(net, "name")` is `net.name`."""
        match node.args:
            case [value, ast.Constant(value=str(name)), *default]:
                if self.around.says(name) and asks_for_an_activation(node):
                    raise Unclear
                found = self.attribute(ast.Attribute(value, name, ast.Load()))
                return joined([found, *map(self.held, default)])
            case _:
                return None

    def _kept(self, func: ast.expr) -> str:
        """The attribute from which a module comes that is called; "" where that isn't known."""
        match func:
            case ast.Name(id=name):
                return self.kept.get(name, "")
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                return name
            case _:
                return ""

    def _callee(self, func: ast.expr, receiver: Held) -> Held:
        match func:
            case ast.Attribute(attr=name) if name in SAME_OBJECT and receiver.gives is not None:
                return Held(gives=receiver)
            case ast.Attribute(attr="forward" | "__call__") if receiver.gives is not None:
                return receiver
            case ast.Attribute(attr=name):
                return self.around.known(name, func, called=True)
            case ast.Name(id=name) if name not in self.names:
                return self.around.known(name, func, called=True)
            case _:
                return self.held(func)

    def _by_name(self, node: ast.Call, name: str, given: Held) -> Held | None:
        """What a call gives whose name says what becomes of an output; None where it doesn't."""
        if isinstance(node.func, ast.Name):
            if name in ARITHMETIC:
                return CLEAN
            return Held(inside=True) if name in GATHERING else None
        if not isinstance(node.func, ast.Attribute):
            return None
        if is_library(node.func.value):
            return of_a_library(name)
        if "drop" in name:
            return Held(output=True, inside=given.inside)
        if name in ARITHMETIC:
            return CLEAN
        own = last(node.func.value) in ("self", "cls") or self.around.defines(name)
        return CLEAN if name in NO_MODEL_METHODS and not own else None  # of a tensor: the argument is used up
