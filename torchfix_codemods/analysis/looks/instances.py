"""Where the objects of a module's class are called, found by the attributes that hold them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torchfix_codemods.analysis.looks.functions import Function, FunctionNode, Functions, Unclear
from torchfix_codemods.analysis.trees import parents, walk

Call = tuple[Function, FunctionNode, ast.Call]
_ASKED_ONLY = (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.If)
_CONTAINERS = frozenset(["ModuleList", "Sequential"])
_ITERATED = frozenset(["enumerate", "zip", "reversed", "list"])
_QUESTIONS = frozenset(["isinstance", "issubclass", "super", "len", "hasattr"])


class Instances:
    """The calls of objects of the classes of one file. Raises `Unclear` where an object may go elsewhere."""

    def __init__(self, functions: Functions) -> None:
        self.functions = functions
        self._above: dict[Function, dict[ast.AST, ast.AST]] = {}

    def calls(self, name: str) -> list[Call]:
        """Every call that may run the `forward` of a class, or of one that derives from it."""
        text = self.functions.text
        if re.search(r"\bself\(", text):
            raise Unclear
        found = list(self._of_methods(".forward(", "forward"))
        classes, held = [name], set[tuple[str, bool]]()
        for each in classes:
            for function, positions in self.functions.holding(_places(text, each)):
                if function is None:
                    for position in positions:
                        classes += [c for c in _derived(text, each, position) if c not in classes]
                else:
                    held |= set(self._holders(function, each))
        for attribute, collected in held:
            found += self._of_attribute(attribute, collected)
        return found

    def above(self, function: Function) -> dict[ast.AST, ast.AST]:
        """The parents of all nodes of a function."""
        if function not in self._above:
            self._above[function] = parents(function.parsed())
        return self._above[function]

    def _holders(self, function: Function, name: str) -> Iterator[tuple[str, bool]]:
        """The attributes that hold objects of a class that are made in a function; whether in a container."""
        above = self.above(function)
        for node, parent in above.items():
            if not (isinstance(node, ast.Name) and node.id == name):
                continue
            if isinstance(parent, ast.Call) and parent.func is node:
                yield self._holder(parent, above)
            elif not (isinstance(parent, ast.Call) and _word(parent.func) in _QUESTIONS):
                raise Unclear

    @staticmethod
    def _holder(made: ast.AST, above: dict[ast.AST, ast.AST]) -> tuple[str, bool]:
        node, collected = made, False
        while True:
            parent = above.get(node)
            match parent:
                case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=attr)]):
                    return attr, collected
                case ast.Call(func=ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr=attr), attr="append")):
                    return attr, True
                case ast.Call(func=ast.Attribute() | ast.Name() as func) if _word(func) in _CONTAINERS:
                    if _word(func) == "Sequential":
                        raise Unclear
                    collected = True
                case ast.IfExp():
                    pass
                case ast.List() | ast.Tuple() | ast.ListComp() | ast.Starred():
                    collected = True
                case _:
                    raise Unclear
            node = parent

    def _of_methods(self, written: str, name: str) -> Iterator[Call]:
        """The calls of a method of this name, of whatever object."""
        text = self.functions.text
        places = [m.start() for m in re.finditer(re.escape(written), text)]
        for function, _ in self.functions.holding(places):
            if function is None:
                raise Unclear
            for node in self.above(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
                    yield function, self.tree(function), node

    def tree(self, function: Function) -> FunctionNode:
        """The syntax tree of a function."""
        first = next(iter(self.above(function).values()))
        assert isinstance(first, FunctionNode)
        return first

    def _of_attribute(self, name: str, collected: bool) -> Iterator[Call]:
        """The calls of what an attribute holds, or of the items that it holds."""
        text = self.functions.text
        if "getattr(" in text and re.search(rf"[\"']{name}[\"']", text):
            raise Unclear
        places = [m.start() for m in re.finditer(rf"\.{name}\b", text)]
        for function, positions in self.functions.holding(places):
            if function is None:
                if any(re.compile(rf".{name}[ \t]*[(\[]").match(text, p) for p in positions):
                    raise Unclear
                continue
            above = self.above(function)
            for node in list(above):
                if isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Load):
                    for call in self._calls_of(node, above, collected):
                        yield function, self.tree(function), call

    def _calls_of(self, node: ast.Attribute, above: dict[ast.AST, ast.AST], collected: bool) -> Iterator[ast.Call]:
        parent = above[node]
        match parent:
            case ast.Call() if parent.func is node:
                yield parent
            case ast.Attribute() if parent.attr != "forward" and not collected:
                pass
            case ast.Attribute() if parent.attr == "forward":
                pass  # found as a call of a method of that name
            case ast.Call(func=ast.Name(id=word)) if word in _QUESTIONS:
                pass
            case ast.Subscript() if collected and parent.value is node:
                caller = above[parent]
                if not (isinstance(caller, ast.Call) and caller.func is parent):
                    raise Unclear
                yield caller
            case ast.For() | ast.comprehension() | ast.Call() if collected:
                yield from _in_loop(node, above)
            case _ if isinstance(parent, _ASKED_ONLY):
                pass
            case _:
                raise Unclear


def _in_loop(node: ast.AST, above: dict[ast.AST, ast.AST]) -> Iterator[ast.Call]:
    """The calls of the variables of a loop over a container."""
    while isinstance(parent := above[node], ast.Call) and _word(parent.func) in _ITERATED:
        node = parent
    if not (isinstance(parent, ast.For | ast.comprehension) and parent.iter is node):
        raise Unclear
    names = {n.id for n in walk(parent.target) if isinstance(n, ast.Name)}
    for other, holder in above.items():
        if isinstance(other, ast.Name) and other.id in names and isinstance(other.ctx, ast.Load):
            if isinstance(holder, ast.Call) and holder.func is other:
                yield holder
            elif _is_handed_on(other, holder):
                raise Unclear


def _is_handed_on(node: ast.AST, holder: ast.AST) -> bool:
    """Whether a variable goes on under another name; counters, that a loop has too, stand in indices and in tests."""
    if isinstance(holder, ast.Call):
        return _word(holder.func) not in _QUESTIONS
    return isinstance(holder, ast.Assign | ast.Return | ast.List | ast.Tuple | ast.Dict | ast.Starred)


def _places(text: str, name: str) -> list[int]:
    """Where code may say the name of a class other than to define it: not in quotes, not in a comment."""
    found = []
    for match in re.finditer(rf"{name}\b", text):
        start = match.start()
        before, line = text[start - 1 : start], text[text.rfind("\n", 0, start) + 1 : start]
        if before.isalnum() or (before and before in "_\"'`.") or "#" in line or line.strip() == "class":
            continue
        if text[match.end() : match.end() + 1] != "(" and text.count('"""', 0, start) % 2:
            continue  # in the description of something
        found.append(start)
    return found


def _derived(text: str, name: str, position: int) -> Iterator[str]:
    """The class whose head says the name, outside of functions. Raises `Unclear` where it is said otherwise."""
    start = text.rfind("\n", 0, position) + 1
    head = re.match(r"[ \t]*class (\w+)\(", text[start:position])
    if head is not None:
        yield head[1]
        return
    kept = re.match(r"[ \t]+(_\w+)[ \t]*=|[ \t]+\"\w+\":", text[start:position])
    if kept is None or text[position + len(name) : position + len(name) + 1] == "(":
        raise Unclear


def _word(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
