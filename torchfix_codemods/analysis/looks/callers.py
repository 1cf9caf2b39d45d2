"""Who calls a function of a file, found by its name."""

from __future__ import annotations

import ast
import re

from torchfix_codemods.analysis.looks.functions import Function, FunctionNode, Functions, Unclear
from torchfix_codemods.analysis.looks.instances import Call, Instances
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trees import walk

_NO_CODE = re.compile(r"#|^[ \t]*(?:>>>|\.\.\.|import |from )", re.M)
_HEAD = re.compile(r"class (\w+)(?:\(([^()]*)\))?[ \t]*:")
_NO_MODELS = frozenset("Tensor int float str bool list dict tuple bytes object".split())


class Callers:
    """The calls within one file. Where there may be others that count, it knows of none at all."""

    def __init__(self, project: Project, path: str, functions: Functions) -> None:
        self.project, self.path, self.functions = project, path, functions
        self.instances = Instances(functions)
        self._known: dict[str, list[Call] | None] = {}

    def of(self, function: Function) -> list[Call] | None:
        """The calls of a function; None where they can't be told."""
        name = function.name
        if name == "forward":
            return self._of_forward(function.owner) if function.owner else None
        if name not in self._known:
            self._known[name] = None if name.startswith("__") or self._may_come_from_elsewhere(function) else self._found(name)
        return self._known[name]

    def _of_forward(self, owner: str) -> list[Call] | None:
        key = f"{owner}.forward"
        if key not in self._known:
            self._known[key] = None
            if not self._is_used_elsewhere(owner, r"(?<!class )\b{name}\("):
                try:
                    self._known[key] = self.instances.calls(owner)
                except Unclear:
                    pass
        return self._known[key]

    def _found(self, name: str) -> list[Call] | None:
        text = self.functions.text
        places = [m.start() for m in re.finditer(rf"(?<!def )\b{name}\b", text)]
        found: list[Call] = []
        for function, positions in self.functions.holding(places):
            if function is None:
                if any("#" not in text[text.rfind("\n", 0, p) + 1 : p] for p in positions):
                    return None
                continue
            tree = self.tree(function)
            called: set[ast.AST] = set()
            for node in walk(tree):
                if isinstance(node, ast.Call) and _word(node.func) == name:
                    called.add(node.func)
                    found.append((function, tree, node))
                elif _word(node) == name and node not in called:
                    return None
        return found

    def tree(self, function: Function) -> FunctionNode:
        """The syntax tree of a function."""
        return self.instances.tree(function)

    def _may_come_from_elsewhere(self, function: Function) -> bool:
        """Whether another file may call a function, or a method: it needs an object of the class for that."""
        if not self._is_used_elsewhere(function.name):
            return False
        if not function.owner:
            return True
        return any(self._is_used_elsewhere(name, r"\b{name}\b") for name in family(self.functions.text, function.owner))

    def _is_used_elsewhere(self, name: str, pattern: str = r"(?<!def )\b{name}\b") -> bool:
        """Whether a file that may import this one says the name otherwise than to define it."""
        used = re.compile(pattern.replace("{name}", name))
        for other in self.project.importers(self.path):
            text = self.project.read(other) or ""
            if name not in text:
                continue
            own = f"def {name}(" in text or f"class {name}" in text
            for match in used.finditer(text):
                line = text.rfind("\n", 0, match.start()) + 1
                if own and text[match.start() - 1] != ".":
                    continue
                if not _NO_CODE.search(text, line, match.start()):
                    return True
        return False

    def is_plain(self, tree: FunctionNode, name: str) -> bool:
        """Whether a parameter is worth what its callers give: no star, no default, no annotation that is a model."""
        spec = tree.args
        named = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
        found = next((a for a in named if a.arg == name), None)
        if found is None:
            return False
        positional = [*spec.posonlyargs, *spec.args]
        defaults = dict(zip([a.arg for a in positional[::-1]], spec.defaults[::-1], strict=False))
        defaults |= {a.arg: d for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None}
        default = defaults.get(name)
        if default is not None and not isinstance(default, ast.Constant | ast.UnaryOp):
            return False
        return not self._may_be_model(found.annotation)

    def _may_be_model(self, annotation: ast.expr | None) -> bool:
        if not isinstance(annotation, ast.Name | ast.Attribute):
            return False
        word = _word(annotation)
        if word in _NO_MODELS:
            return False
        return True

    def argument(self, tree: FunctionNode, call: ast.Call, name: str) -> ast.expr | None:
        """The expression given for a parameter; None where it gets its default. Raises `Unclear` behind stars."""
        positional = [a.arg for a in (*tree.args.posonlyargs, *tree.args.args)]
        if positional[:1] in (["self"], ["cls"]) and isinstance(call.func, ast.Attribute):
            positional = positional[1:]
        starred = next((i for i, a in enumerate(call.args) if isinstance(a, ast.Starred)), len(call.args))
        given = dict(zip(positional, call.args[:starred], strict=False))
        found = next((k.value for k in call.keywords if k.arg == name), given.get(name))
        if found is None and (starred < len(call.args) or any(k.arg is None for k in call.keywords)):
            raise Unclear
        return found


def family(text: str, owner: str) -> set[str]:
    """A class, the classes of the text that derive from it, and those that they derive from."""
    heads = {m[1]: set(re.findall(r"\w+", m[2] or "")) for m in _HEAD.finditer(text)}
    found = {owner}
    while more := {name for name, bases in heads.items() if bases & found} - found:
        found |= more
    while more := {base for name in found for base in heads.get(name, ()) if base in heads} - found:
        found |= more
    return found


def _word(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""

