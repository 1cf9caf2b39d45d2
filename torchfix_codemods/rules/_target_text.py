"""What is written about a network by its name: parts that are taken from it or put into it, gradients that are read.

A network is recognised by the last part of its name: `self.teacher` in its class, `agent.teacher` elsewhere.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.analysis.values import ClassRef, External

_PUTS_IN = frozenset(["setattr", "add_module", "register_module", "register_parameter", "__setattr__"])
_NO_PARTS = frozenset(["training", "device", "dtype", "config", "name", "__class__", "__name__"])
_SHAPES = frozenset(["size", "shape", "dim", "ndim", "numel", "nelement", "device", "dtype"])
_LISTS_PARTS = frozenset(["children", "modules", "named_children", "named_modules", "append", "extend", "insert"])


def shares_by_hand(file: ParsedFile, name: str) -> bool:
    """Whether a part of the network is assigned, taken or listed: `teacher.head = student.head`, `teacher.children()`.

    A method of it that is called (`teacher.eval()`) is no part.
    """
    last = name.rpartition(".")[2]
    if not last:
        return True
    if f"{last}." not in file.text and f"({last}," not in file.text:
        return False
    return any(_is_part(file, node, last) or _puts_in(file, node, last) for node in walk(file.tree))


def _is_named(file: ParsedFile, node: ast.expr, last: str) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and file.source(node).rpartition(".")[2] == last


def _is_part(file: ParsedFile, node: ast.AST, last: str) -> bool:
    if not isinstance(node, ast.Attribute) or not _is_named(file, node.value, last) or node.attr in _NO_PARTS:
        return False
    parent = file.parents.get(node)
    called = isinstance(parent, ast.Call) and parent.func is node
    return node.attr in _LISTS_PARTS if called else True


def _puts_in(file: ParsedFile, node: ast.AST, last: str) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="setattr"), args=[first, *_]):
            return _is_named(file, first, last)
        case ast.Call(func=ast.Attribute(value=receiver, attr=called)) if called in _PUTS_IN:
            return _is_named(file, receiver, last)
        case _:
            return False


def reads_gradients(file: ParsedFile, name: str, learners: Collection[str]) -> bool:
    """Whether gradients of the network's parameters may be clipped, copied or used to move them.

    Those of the `learners` (by their names) may be.
    """
    if "grad" not in file.text and "hook" not in file.text:
        return False
    last = name.rpartition(".")[2]
    if re.search(rf"\b{re.escape(last)}\b[\w.\[\]]*\.grad\b", file.text):
        return True
    return any(_reads(file, node, last, learners) or _is_strange(file, node, learners) for node in walk(file.tree))


def _reads(file: ParsedFile, node: ast.AST, last: str, learners: Collection[str]) -> bool:
    match node:
        case ast.Call(func=function, args=[first, *_]) if "clip_grad" in file.source(function):
            return not _is_of(file.source(first), learners)
        case ast.Call(func=ast.Attribute(attr=called) | ast.Name(id=called)) if "hook" in called or called == "grad":
            return re.search(rf"\b{re.escape(last)}\b", file.source(node)) is not None
        case ast.For(iter=iterable) | ast.comprehension(iter=iterable) if "parameters()" in file.source(iterable):
            body = node if isinstance(node, ast.For) else file.parents[node]
            used = re.search(r"\._?grad\b", ast.unparse(body)) is not None
            return used and not _is_of(file.source(iterable), learners)
        case _:
            return False


def cuts_by_data(file: ParsedFile, node: ast.AST) -> bool:
    """Whether a node is an `x.data` that may cut a graph: not one that is only written to, or asked for its shape.

    `layer.weight.data.uniform_(-a, a)` in a constructor is how weights were initialised before `torch.nn.init`.
    """
    if not isinstance(node, ast.Attribute) or node.attr != "data":
        return False
    parent = file.parents.get(node)
    if isinstance(parent, ast.Attribute) and parent.attr in _SHAPES:
        return False
    match file.enclosing_statement(node):
        case ast.Assign(targets=targets):
            return not all(map(_is_data, targets))
        case ast.AugAssign(target=target):
            return not _is_data(target)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=receiver, attr=called) as function)):
            filled = called.endswith("_") and _is_data(receiver)
            return not filled and re.match(r"(?:torch\.)?(?:nn\.)?init\.", file.source(function)) is None
        case _:
            return True


def _is_data(node: ast.expr) -> bool:
    """Whether an expression is `x.data`, or a part of it."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return isinstance(node, ast.Attribute) and node.attr == "data"


def _is_strange(file: ParsedFile, node: ast.AST, learners: Collection[str]) -> bool:
    """Whether `.grad` of something is read that is no learner's parameter, nor one that an optimizer lists."""
    if not isinstance(node, ast.Attribute) or node.attr != "grad" or not isinstance(node.ctx, ast.Load):
        return False
    owner = file.source(node.value)
    if "autograd" in owner or owner.rpartition(".")[2] == "torch" or _is_learners(owner, learners):
        return False
    around: ast.AST = node
    while (found := file.parents.get(around)) is not None:
        around = found
        loops = [around] if isinstance(around, ast.For | ast.AsyncFor) else getattr(around, "generators", [])
        for loop in loops:
            named = any(isinstance(n, ast.Name) and n.id == owner.partition(".")[0] for n in ast.walk(loop.target))
            if named:
                code = file.source(loop.iter)
                return not _is_of(code, learners) and re.search(r"group|params\b", code) is None
    return True


def _is_learners(code: str, learners: Collection[str]) -> bool:
    return any(code.startswith(f"{learner}.") for learner in learners if learner)


_SHARED = re.compile(
    r"@(?:\w+\.)?(?:lru_cache|cache|memoize\w*|singleton)\b|def __(?:deepcopy|copy|new|reduce\w*)__\("
    r"|\._parameters\[|\._modules\[|setattr\([^\n]*\.(?:weight|bias)\b"
)


def may_share(file: ParsedFile, project: Project) -> bool:
    """Whether two networks may get the same part: a remembered or default one, or a weight that is handed over."""
    if _SHARED.search(file.text) is not None:
        return True
    top = _top_names(file)
    return any(_hands_over(file, node, project, top) for node in walk(file.tree))


def _hands_over(file: ParsedFile, node: ast.AST, project: Project, top: Collection[str]) -> bool:
    match node:
        case ast.Assign(targets=[ast.Attribute(attr=attr) as target], value=ast.Attribute() as value):
            tied = re.search(r"weight|bias", f"{attr} {value.attr}") is not None
            return tied and _root(target) != _root(value) and value.attr != "data" and attr != "data"
        case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name))], value=ast.Call() as made):
            inside = file.enclosing_function(node) is not None and name in top
            return inside and _makes_module(file, made, project)
        case ast.Global():
            names = set(node.names)
            function = file.enclosing_function(node)
            return any(
                isinstance(n, ast.Assign)
                and isinstance(n.value, ast.Call)
                and any(isinstance(t, ast.Name) and t.id in names for t in n.targets)
                and _makes_module(file, n.value, project)
                for n in ast.walk(function or file.tree)
            )
        case ast.arguments(defaults=defaults, kw_defaults=others):
            given = [d for d in (*defaults, *others) if isinstance(d, ast.Call)]
            return any(_makes_module(file, d, project) for d in given)
        case ast.Call(func=ast.Name(id=name)) if name in top:
            return file.enclosing_class(node) is not None and name in _top_modules(file, project)
        case ast.Call(func=ast.Attribute(attr="setdefault"), args=[_, ast.Call() as made]):
            return _makes_module(file, made, project)
        case _:
            return False


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ast.unparse(node)


def _top_names(file: ParsedFile) -> set[str]:
    assigned = (s for s in file.tree.body if isinstance(s, ast.Assign | ast.AnnAssign))
    targets = (t for s in assigned for t in (s.targets if isinstance(s, ast.Assign) else [s.target]))
    return {t.id for t in targets if isinstance(t, ast.Name)}


def _top_modules(file: ParsedFile, project: Project) -> set[str]:
    """The names of networks that are made at the top of a file: a class whose forward calls one shares it."""
    made = (s for s in file.tree.body if isinstance(s, ast.Assign) and isinstance(s.value, ast.Call))
    return {
        t.id
        for s in made
        if isinstance(s.value, ast.Call) and _makes_module(file, s.value, project)
        for t in s.targets
        if isinstance(t, ast.Name)
    }


def _makes_module(file: ParsedFile, call: ast.Call, project: Project) -> bool:
    match project.resolve(file, call.func):
        case External(name=name):
            return name.startswith(("torch.nn.", "torchvision.models"))
        case ClassRef() as cls:
            return project.is_module(cls)
        case _:
            return True


def _is_of(code: str, learners: Collection[str]) -> bool:
    """Whether code is `learner.parameters()` or the like."""
    found = re.fullmatch(r"([\w.]+)\.(?:named_)?parameters\(\)", code)
    return found is not None and found[1] in learners


__all__ = ["cuts_by_data", "may_share", "reads_gradients", "shares_by_hand"]
