"""What may be called, and the call by which a function is entered: the values of a look that follows names."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from torchfix_codemods.analysis.looks.bodies import Body
from torchfix_codemods.analysis.torch_api import CONTAINERS


@dataclass(frozen=True)
class Call:
    """The call by which a function was entered: whose arguments its parameters are."""

    node: ast.Call
    body: Body
    before: Call | None = None
    bound: bool = False  # whether the first parameter is the object

    @property
    def depth(self) -> int:
        """In how many calls it stands, itself among them."""
        return 1 + (self.before.depth if self.before else 0)


@dataclass(frozen=True)
class Thing:
    """What may be called or asked for an attribute.

    `kind`: "class", "function", "method" of the project (`name` of `path`), "object" of a class of the project,
    "result" of a call of one, "scope" (a function in a function), "external" (a dotted name), "made" (an object of an
    external class), "module", "self", "super", "items", or "nothing" that the interpreter knows.
    """

    kind: str
    path: str = ""
    name: str = ""
    node: ast.AST | None = None
    body: Body | None = None


NOTHING = Thing("nothing")


def is_container(name: str) -> bool:
    """Whether a class of torch holds modules: calling it, or taking its items, is calling or taking those."""
    return name in CONTAINERS
