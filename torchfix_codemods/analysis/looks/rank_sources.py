"""Where the values of a function come from: what its class keeps, what its callers give, what it calls."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from torchfix_codemods.analysis.looks.callers import Callers
from torchfix_codemods.analysis.looks.functions import Function, FunctionNode, Functions, Unclear
from torchfix_codemods.analysis.looks.kept_values import KeptValues
from torchfix_codemods.analysis.looks.layers import layer
from torchfix_codemods.analysis.looks.rank_flow import Flow
from torchfix_codemods.analysis.looks.ranks import ANYTHING, NOTHING, Known, container, union
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trees import walk

MAX_WALKS = 20
MAX_ROUNDS = 8
Key = tuple[object, ...]


class Sources:
    """Answers for one file.

    Who asks in a circle gets what is known so far; then all is asked again, until nothing new comes of it.
    """

    def __init__(self, project: Project, path: str, functions: Functions) -> None:
        self.project, self.path, self.functions = project, path, functions
        self._callers = Callers(project, path, functions)
        self._kept = KeptValues(project, path, functions, self._values, self._ask, self._callers.tree)
        self._known: dict[Key, Known] = {}
        self._final: set[Key] = set()
        self._asked: set[Key] = set()
        self._open: set[Key] = set()
        self._circular = self._changed = False
        self._walks = 0
        self._of_name: dict[str, list[Function]] = {}

    def defines(self, name: str) -> bool:
        """Whether the file has a class of this name."""
        return f"class {name}(" in self.functions.text

    def tree(self, function: Function) -> FunctionNode:
        """The syntax tree of a function."""
        return self._callers.tree(function)

    def values_at_once(self, function: Function, wanted: Sequence[ast.AST]) -> dict[ast.AST, Known]:
        """What the function alone says of expressions in it."""
        return self._alone(function, self.tree(function), wanted)

    def values(self, function: Function, wanted: Sequence[ast.AST]) -> dict[ast.AST, Known]:
        """What may be known of expressions in a function."""
        for _ in range(MAX_ROUNDS):
            self._asked, self._circular, self._changed = set(), False, False
            found = self._values(self.functions, function, self.tree(function), wanted)
            if not (self._circular and self._changed):
                self._final |= self._asked
                return found
        raise Unclear

    def _ask(self, key: Key, answer: Callable[[], Known]) -> Known:
        before = self._known.get(key, NOTHING)
        if key in self._final or key in self._asked:
            self._circular |= key in self._open
            return before
        self._asked.add(key)
        self._open.add(key)
        found = union([before, answer()])
        self._open.discard(key)
        self._changed |= found != before
        self._known[key] = found
        return found

    def _values(
        self, functions: Functions, function: Function, tree: FunctionNode, wanted: Sequence[ast.AST]
    ) -> dict[ast.AST, Known]:
        self._walks += 1
        if self._walks > MAX_WALKS:
            return dict.fromkeys(wanted, ANYTHING)
        if functions is not self.functions:
            return self._alone(function, tree, wanted)

        def parameter(name: str) -> Known:
            return self._ask((function.start, name), lambda: self._given(function, tree, name))

        def attribute(name: str) -> Known:
            return self._kept.attribute(function.owner, name)

        def called(call: ast.Call, name: str, given: Sequence[Known]) -> Known:
            return self._called(function, call, name, given)

        return Flow(parameter, attribute, called, own=_own(function, tree)).walk(tree, wanted)

    @staticmethod
    def _alone(function: Function, tree: FunctionNode, wanted: Sequence[ast.AST]) -> dict[ast.AST, Known]:
        def anything(*_: object) -> Known:
            return ANYTHING

        return Flow(anything, anything, anything, own=_own(function, tree)).walk(tree, wanted)

    def _given(self, function: Function, tree: FunctionNode, name: str) -> Known:
        """What the callers give for a parameter. A function that nobody calls is run with what nobody knows."""
        if not self._callers.is_plain(tree, name):
            return ANYTHING
        calls = self._callers.of(function)
        if calls is None:
            return ANYTHING
        found = [NOTHING]
        for caller, body, call in calls:
            try:
                given = self._callers.argument(tree, call, name)
            except Unclear:
                return ANYTHING
            if given is not None:
                found.append(self._values(self.functions, caller, body, [given]).get(given, NOTHING))
        return union(found)

    # --- what is called --------------------------------------------------------------------------------------------

    def _called(self, function: Function, call: ast.Call, name: str, given: Sequence[Known]) -> Known:
        """What a function of the file, a method or a layer of the same object gives."""
        methods = isinstance(call.func, ast.Attribute)
        found = [f for f in self._named(name) if bool(f.owner) == methods]
        if found:
            return union([self._returned(f) for f in found])
        if not methods:
            return ANYTHING
        made = self._kept.makers(function.owner, name)
        return ANYTHING if made is None else union([NOTHING, *(self._output(each, given) for each in made)])

    def _named(self, name: str) -> list[Function]:
        if name not in self._of_name:
            said = f"def {name}(" in self.functions.text
            self._of_name[name] = list(self.functions.named(name)) if said else []
        return self._of_name[name]

    def _returned(self, function: Function) -> Known:
        return self._ask((function.start,), lambda: self._of_returns(function))

    def _of_returns(self, function: Function) -> Known:
        tree = self.tree(function)
        returned = [n.value for n in walk(tree) if isinstance(n, ast.Return | ast.Yield) and n.value is not None]
        if any(isinstance(n, ast.YieldFrom) for n in walk(tree)):
            return ANYTHING
        known = self._values(self.functions, function, tree, returned)
        found = union([NOTHING, *(known[node] for node in returned if node in known)])
        return container([found]) if any(isinstance(n, ast.Yield) for n in walk(tree)) else found

    def _output(self, made: ast.expr, given: Sequence[Known]) -> Known:
        """What an object gives that is made by an expression."""
        match made:
            case ast.Constant(value=None):
                return NOTHING
            case ast.IfExp(body=body, orelse=orelse):
                return union([self._output(body, given), self._output(orelse, given)])
            case ast.Call(func=ast.Name(id=name)) if self.defines(name):
                forwards = [f for f in self._named("forward") if f.owner == name]
                return union([self._returned(f) for f in forwards]) if forwards else ANYTHING
            case ast.Call(func=ast.Attribute(value=ast.Name(id="nn"), attr="Sequential"), args=parts):
                return self._of_sequential(parts, made)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="nn"), attr=kind)):
                return layer(kind, given[0] if given else ANYTHING)
            case _:
                return ANYTHING

    def _of_sequential(self, parts: Sequence[ast.expr], made: ast.Call) -> Known:
        """What the last element gives of an input that nobody knows."""
        if not parts or made.keywords or any(isinstance(part, ast.Starred) for part in parts):
            return NOTHING if made.keywords or parts else ANYTHING
        if len(parts) == 1 and not isinstance(parts[0], ast.Call):
            return ANYTHING
        return self._output(parts[-1], [NOTHING])


def _own(function: Function, tree: FunctionNode) -> str:
    """The name of the object itself, in a method."""
    first = tree.args.args[0].arg if tree.args.args else ""
    return first if first == "self" and function.owner else ""
