"""What is known of the values of a function that is run on its own: what its class keeps, and what it calls."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from torchfix_codemods.analysis.looks.callers import may_be_object
from torchfix_codemods.analysis.looks.functions import Function, FunctionNode, Functions, Unclear
from torchfix_codemods.analysis.looks.kept_values import KeptValues
from torchfix_codemods.analysis.looks.rank_calls import layer
from torchfix_codemods.analysis.looks.rank_flow import Flow
from torchfix_codemods.analysis.looks.rank_names import modules_of
from torchfix_codemods.analysis.looks.rank_values import Evaluate
from torchfix_codemods.analysis.looks.ranks import ANYTHING, NOTHING, Known, container, union
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trees import walk

MAX_DEPTH = 4  # of calls that are followed
MAX_WALKS = 12  # through functions, for one question


class Sources:
    """Answers for one file."""

    def __init__(self, project: Project, path: str, functions: Functions) -> None:
        self.functions = functions
        self.kept = KeptValues(project, path, functions, self._stored, self.tree)
        self._trees: dict[Function, FunctionNode] = {}
        self._of_name: dict[str, list[Function]] = {}
        self._imported: dict[Functions, frozenset[str]] = {}
        self._depth = self._walks = 0
        self._unknown_owner = ""  # the class of the object whose method is run on its own

    def _modules(self, functions: Functions) -> frozenset[str]:
        if functions not in self._imported:
            self._imported[functions] = modules_of(functions.text)
        return self._imported[functions]

    def defines(self, name: str) -> bool:
        """Whether the file has a class of this name."""
        return f"class {name}(" in self.functions.text

    def tree(self, function: Function) -> FunctionNode:
        """The syntax tree of a function."""
        if function not in self._trees:
            self._trees[function] = function.parsed()
        return self._trees[function]

    def alone(self, function: Function, wanted: Sequence[ast.AST]) -> dict[ast.AST, Known]:
        """What the function alone says of expressions in it, whatever it is given."""

        def anything(*_: object) -> Known:
            return ANYTHING

        tree = self.tree(function)
        return Flow(anything, anything, anything, self._modules(self.functions), own=_own(function, tree)).walk(
            tree, wanted
        )

    def unknown(
        self, function: Function, wanted: Sequence[ast.AST], given: Mapping[str, Known] | None = None
    ) -> dict[ast.AST, Known]:
        """What may be known of expressions where a function is run with arguments that nobody knows, or these."""
        self._walks = 0
        owner = function.owner if given is None else ""
        if owner != self._unknown_owner:
            self._unknown_owner = owner
            self.kept.forget()
        return self._run(self.functions, function, wanted, given or {})

    def of_calls(
        self, function: Function, wanted: Sequence[ast.AST], callers: Sequence[Function] | None
    ) -> dict[ast.AST, Known]:
        """The same where it may also be called by these functions, run on their own; None: by whoever."""
        names = _names(self.tree(function))
        if callers is None:
            return self.unknown(function, wanted, dict.fromkeys(names, ANYTHING))
        calls = [(caller, call) for caller in callers for call in self._calls(caller, function.name)]
        given = [self._arguments(function, call, caller) for caller, call in calls]
        left_out = {n: ANYTHING if may_be_object(self.tree(function), n) else NOTHING for n in names}
        together = {name: union([left_out[name], *(g[name] for g in given if name in g)]) for name in names}
        return self.unknown(function, wanted, together)

    def _calls(self, function: Function, name: str) -> list[ast.Call]:
        """The calls of a name. Raises `Unclear` where it does something else with the name."""
        found = [n for n in walk(self.tree(function)) if isinstance(n, ast.Call) and _word(n.func) == name]
        funcs = {call.func for call in found}
        if any(_word(node) == name and node not in funcs for node in walk(self.tree(function))):
            raise Unclear
        return found

    def _arguments(self, function: Function, call: ast.Call, caller: Function) -> dict[str, Known]:
        """What a call in a function that is run on its own gives to another."""
        wanted = [a.value if isinstance(a, ast.Starred) else a for a in call.args] + [k.value for k in call.keywords]
        known = self.unknown(caller, wanted)
        return _arguments(self.tree(function), call, lambda node: known.get(node, NOTHING))

    def _stored(self, functions: Functions, function: Function, wanted: Sequence[ast.AST]) -> dict[ast.AST, Known]:
        """The same where values are stored; who makes an object may have given it anything."""
        own = function.name == "__init__" and function.owner == self._unknown_owner and functions is self.functions
        names = _names(self.tree(function))
        return self._run(functions, function, wanted, {} if own else dict.fromkeys(names, ANYTHING))

    def _run(
        self, functions: Functions, function: Function, wanted: Sequence[ast.AST], given: Mapping[str, Known]
    ) -> dict[ast.AST, Known]:
        self._walks += 1
        if self._walks > MAX_WALKS or self._depth > MAX_DEPTH:
            return dict.fromkeys(wanted, ANYTHING)
        here = functions is self.functions
        tree = self.tree(function)

        def parameter(name: str) -> Known:
            return given[name] if name in given else ANYTHING if may_be_object(tree, name) else NOTHING

        def attribute(name: str) -> Known:
            return self.kept.attribute(function.owner, name) if here else ANYTHING

        def called(call: ast.Call, name: str, evaluate: Evaluate) -> Known:
            return self._called(function, call, name, evaluate) if here else ANYTHING

        self._depth += 1
        if _names_itself_otherwise(functions.text, function, tree):
            raise Unclear
        found = Flow(parameter, attribute, called, self._modules(functions), own=_own(function, tree)).walk(
            tree, wanted
        )
        self._depth -= 1
        return found

    # --- what is called --------------------------------------------------------------------------------------------

    def _called(self, function: Function, call: ast.Call, name: str, evaluate: Evaluate) -> Known:
        """What a function of the file, a method or a layer of the same object gives."""
        methods = isinstance(call.func, ast.Attribute)
        found = [f for f in self._named(name) if bool(f.owner) == methods]
        if found:
            return union([self._returned(f, call, evaluate) for f in found])
        if not methods:
            return ANYTHING
        made = self.kept.makers(function.owner, name)
        return ANYTHING if made is None else union([NOTHING, *(self._output(m, call, evaluate) for m in made)])

    def _named(self, name: str) -> list[Function]:
        if name not in self._of_name:
            said = f"def {name}(" in self.functions.text
            self._of_name[name] = list(self.functions.named(name)) if said else []
        return self._of_name[name]

    def _returned(self, function: Function, call: ast.Call | None, evaluate: Evaluate) -> Known:
        """What a function gives back for the arguments of a call; None: for such as nobody knows."""
        tree = self.tree(function)
        nodes = walk(tree)
        if any(isinstance(n, _UNREAD) and n is not tree for n in nodes):
            return ANYTHING
        returned = [n.value for n in nodes if isinstance(n, ast.Return | ast.Yield) and n.value is not None]
        given = {} if call is None else _arguments(tree, call, evaluate)
        known = self._run(self.functions, function, returned, given)
        found = union([NOTHING, *(known[node] for node in returned if node in known)])
        return container([found]) if any(isinstance(n, ast.Yield) for n in nodes) else found

    def _output(self, made: ast.expr, call: ast.Call | None, evaluate: Evaluate) -> Known:
        """What an object gives that is made by an expression. `call` is None where its input is not known."""
        match made:
            case ast.Constant(value=None):
                return NOTHING
            case ast.IfExp(body=body, orelse=orelse):
                return union([self._output(body, call, evaluate), self._output(orelse, call, evaluate)])
            case ast.Call(func=ast.Name(id=name)) if self.defines(name):
                forwards = [f for f in self._named("forward") if f.owner == name]
                return union([self._returned(f, call, evaluate) for f in forwards]) if forwards else ANYTHING
            case ast.Call(func=ast.Attribute(value=ast.Name(id="nn"), attr="Sequential"), args=parts, keywords=[]):
                return self._of_sequential(parts, evaluate)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="nn"), attr=kind)):
                first = NOTHING if call is None else evaluate(call.args[0]) if call.args else ANYTHING
                return layer(kind, first)
            case _:
                return ANYTHING

    def _of_sequential(self, parts: Sequence[ast.expr], evaluate: Evaluate) -> Known:
        """What the last element gives of an input that nobody knows."""
        if not parts or (len(parts) == 1 and not isinstance(parts[0], ast.Call | ast.Starred)):
            return ANYTHING
        return NOTHING if any(isinstance(p, ast.Starred) for p in parts) else self._output(parts[-1], None, evaluate)


_UNREAD = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.YieldFrom)


def _arguments(tree: FunctionNode, call: ast.Call, evaluate: Evaluate) -> dict[str, Known]:
    """What the parameters of a function get by a call; behind stars, anything."""
    spec = tree.args
    positional = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    positional = positional[positional[:1] == ["self"] :]
    starred = next((i for i, a in enumerate(call.args) if isinstance(a, ast.Starred)), len(call.args))
    given = {name: evaluate(a) for name, a in zip(positional, call.args[:starred], strict=False)}
    given |= {k.arg: evaluate(k.value) for k in call.keywords if k.arg is not None}
    if starred < len(call.args) or any(k.arg is None for k in call.keywords):
        given = dict.fromkeys(_names(tree), ANYTHING) | given
    return given


def _names(tree: FunctionNode) -> list[str]:
    spec = tree.args
    return [a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]


def _word(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _names_itself_otherwise(text: str, function: Function, tree: FunctionNode) -> bool:
    """Whether a method calls its object by another name than `self`."""
    first = tree.args.args[0].arg if tree.args.args and function.owner else "self"
    decorated = text[: function.start].rstrip().rpartition("\n")[2].lstrip().startswith(("@static", "@class"))
    return first not in ("self", "cls") and not decorated and f"{first}." in function.text


def _own(function: Function, tree: FunctionNode) -> str:
    """The name of the object itself, in a method."""
    first = tree.args.args[0].arg if tree.args.args else ""
    return first if first == "self" and function.owner else ""
