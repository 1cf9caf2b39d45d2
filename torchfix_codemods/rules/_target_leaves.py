"""Targets that are made with `requires_grad=True`: who could read their gradient, and how the flag goes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.trace import GraphLeaf
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules._shared import node_of
from torchfix_codemods.rules._target_cases import Cases, Sink

_BY_HAND = re.compile(
    r"autograd\.grad\b|(?<![\w.])grad\(|\.retain_grad\(|register_\w*hook|autograd\.functional|[aA]ttack"
)
_READS = r"\.(?:grad|backward|retain_grad|register_hook|requires_grad|is_leaf|grad_fn)\b"


def leaf_node(cases: Cases, sink: Sink) -> ast.Call | None:
    """The one call that makes the target and says `requires_grad=True`, in the file of the loss."""
    leaves = {leaf.place: leaf for use in sink.uses for leaf in use.leaves}
    if len(leaves) != 1:
        return None
    (leaf,) = leaves.values()
    return _call(cases.file, leaf)


def _call(file: ParsedFile, leaf: GraphLeaf) -> ast.Call | None:
    if leaf.place.path != file.path:
        return None
    node = node_of(file, leaf.place, ast.Call)
    return node if isinstance(node, ast.Call) else None


def drop_flag(file: ParsedFile, call: ast.Call) -> list[Edit]:
    """The call without its `requires_grad=True`."""
    if any(keyword.arg == "requires_grad" for keyword in call.keywords):
        return verbs.remove_keyword(file, call, "requires_grad")
    if isinstance(call.func, ast.Attribute) and call.func.attr == "requires_grad_":
        statement = file.enclosing_statement(call)
        if isinstance(statement, ast.Expr) and statement.value is call:
            return verbs.delete_statement(file, statement)
        return verbs.replace_with_receiver(file, call)
    if len(call.args) != 2:
        raise verbs.CannotRewrite("the flag stands before another argument")
    return verbs.remove_positional(file, call, 1)


def leaf_doubts(cases: Cases, sink: Sink, call: ast.Call) -> Iterator[str]:
    """Why somebody may need the gradient of the target."""
    file, optimizers = cases.file, cases.optimizers
    if optimizers.doubt:
        yield optimizers.doubt
    if not all(any(cases.learns(c.model) for c in use.inputs) and use.trained for use in sink.uses):
        yield "it is not clear what is trained on this loss"
    if not cases.phases.program.followed:
        yield "the program is too large to be followed as a whole"
    texts = (cases.phases.program.project.read(path) or "" for path in optimizers.files)
    if any(_BY_HAND.search(text) for text in texts):
        yield "something is differentiated by hand"
    if (name := _name_of(file, call)) is None or _leaves(file, call, name):
        yield "the tensor goes where it was not followed"


def _name_of(file: ParsedFile, call: ast.Call) -> str | None:
    """The local name that the tensor gets."""
    statement = file.enclosing_statement(call)
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):
            return name
        case _:
            return None


def _leaves(file: ParsedFile, call: ast.Call, name: str) -> bool:
    """Whether the name is asked for its gradient, or handed out: returned, stored, put into a container."""
    function = file.enclosing_function(call)
    scope: ast.AST = function if function is not None else file.tree
    text = file.source(function) if function is not None else file.text
    if re.search(rf"(?<![\w.]){re.escape(name)}{_READS}", text):
        return True
    return any(_hands_out(node, name) for node in ast.walk(scope))


def _hands_out(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Return(value=ast.expr() as value) | ast.Yield(value=ast.expr() as value):
            return _is(value, name)
        case ast.Assign(targets=targets, value=value):
            kept = any(not isinstance(target, ast.Name) for target in targets)
            return _is(value, name) and kept
        case ast.Call(func=ast.Attribute(attr="append" | "add" | "extend" | "push" | "put"), args=args):
            return any(_is(argument, name) for argument in args)
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            return isinstance(getattr(node, "ctx", None), ast.Load) and any(_is(e, name) for e in elements)
        case _:
            return False


def _is(value: ast.expr, name: str) -> bool:
    parts = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
    return any(isinstance(part, ast.Name) and part.id == name for part in parts)


__all__ = ["drop_flag", "leaf_doubts", "leaf_node"]
