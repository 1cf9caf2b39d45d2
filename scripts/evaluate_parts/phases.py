"""Mistakes about modes and graphs: TFC201, TFC202, TFC301 to TFC303."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from evaluate_parts.spots import Function, Mutation, Spots

_GENERATOR = re.compile(r"^(?:self\.)?(?:net_?)?G\b|gen", re.I)
_GRADIENT_SWITCHES = ("torch.no_grad", "torch.set_grad_enabled", "torch.inference_mode")


def no_no_grad(spots: Spots) -> Iterator[Mutation]:
    """Evaluation without `no_grad`: the `with` or the decorator is gone.

    Not inside a training step: what is computed there without a graph is a target, a sample or an attacked picture.
    """
    for node in spots.nodes(ast.With):
        assert isinstance(node, ast.With)
        if _switches_gradients(spots, node) and not _in_training_step(spots, node):
            yield Mutation("TFC202", "no no_grad", node.lineno, spots.unwrapped(node), unsure=True)
    for node in spots.nodes(ast.FunctionDef):
        assert isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and spots.dotted(decorator.func) in _GRADIENT_SWITCHES:
                start, end = spots.offset(decorator.lineno, 0), spots.offset(decorator.lineno + 1, 0)
                yield Mutation("TFC202", "no @no_grad", node.body[0].lineno, ((start, end, ""),), unsure=True)


def _in_training_step(spots: Spots, node: ast.With) -> bool:
    """Whether the innermost loop or function around also goes backward, outside of this block and of other loops."""
    around = next(spots.above(node, ast.For, ast.While, ast.FunctionDef, ast.Module))
    calls = (part for part in ast.walk(around) if isinstance(part, ast.Call) and spots.method(part) == "backward")
    kinds = (ast.For, ast.While, ast.FunctionDef, ast.Module)
    return any(node not in spots.above(c) and next(spots.above(c, *kinds)) is around for c in calls)


def _switches_gradients(spots: Spots, node: ast.With) -> bool:
    match node.items:
        case [ast.withitem(context_expr=ast.Call(func=func))]:
            return spots.dotted(func) in _GRADIENT_SWITCHES
    return False


def volatile(spots: Spots) -> Iterator[Mutation]:
    """The batch of an evaluation as a volatile Variable, as in 2017, instead of `no_grad`."""
    variable = spots.imports.get("Variable") == "torch.autograd.Variable"
    if not variable and spots.imports.get("torch") != "torch":
        return
    name = "Variable" if variable else "torch.autograd.Variable"
    for node in spots.nodes(ast.With):
        assert isinstance(node, ast.With)
        if not _switches_gradients(spots, node) or "set_grad" in spots.source(node.items[0].context_expr):
            continue
        for argument in _model_arguments(spots, node):
            new = f"{name}({spots.source(argument)}, volatile=True)"
            edits = _inside(spots.unwrapped(node), spots.replaced(argument, new))
            if edits:
                yield Mutation("TFC201", "volatile for no_grad", argument.lineno, edits)


def _model_arguments(spots: Spots, node: ast.With) -> list[ast.expr]:
    """The plain names that a with block gives to what looks like the call of a model."""
    calls = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
    names = ("model", "net", "netG", "student", "teacher")
    found = []
    for call in calls:
        called = call.func.id if isinstance(call.func, ast.Name) else spots.method(call)
        if called in names and call.args and isinstance(call.args[0], ast.Name):
            found.append(call.args[0])
    return found


def _inside(edits: tuple[tuple[int, int, str], ...], edit: tuple[int, int, str]) -> tuple[tuple[int, int, str], ...]:
    """The edits with one more that overlaps none of them, else nothing."""
    free = all(edit[1] <= start or end <= edit[0] for start, end, _ in edits)
    return (*edits, edit) if free else ()


def no_mode(spots: Spots) -> Iterator[Mutation]:
    """A statement `model.eval()` or `model.train()` is gone.

    Not the `eval()` of a teacher before a training loop (that is no evaluation), nor of a generator: samples are often
    drawn in training mode on purpose. Not where a class says itself what its modes are: nobody can say what they do.
    """
    if any(node.name in ("train", "eval") for node in _methods(spots)):
        return
    for call in spots.calls():
        statement = spots.statement(call)
        if not isinstance(statement, ast.Expr) or statement.value is not call:
            continue
        match spots.method(call), call.args:
            case "eval", [] if not _serves_training(spots, statement) and not _GENERATOR.search(spots.source(call)):
                yield Mutation("TFC301", "no eval()", call.lineno, (spots.without(statement),), unsure=True)
            case "train", [] | [ast.Constant(value=True)]:
                yield Mutation("TFC302", "no train()", call.lineno, (spots.without(statement),), unsure=True)


def _methods(spots: Spots) -> Iterator[ast.FunctionDef]:
    for node in spots.nodes(ast.FunctionDef):
        assert isinstance(node, ast.FunctionDef)
        bases = spots.parents[node].bases if isinstance(spots.parents[node], ast.ClassDef) else []  # type: ignore[attr-defined]
        if any(spots.dotted(base) == "torch.nn.Module" for base in bases):
            yield node


def _serves_training(spots: Spots, statement: ast.stmt) -> bool:
    """Whether the loop that follows goes backward."""
    block = spots.block(statement)
    loops = (later for later in block[block.index(statement) :] if isinstance(later, ast.For))
    return ".backward()" in spots.source(next(loops, statement))


def dropout_without_mode(spots: Spots) -> Iterator[Mutation]:
    """`F.dropout` without `training=`; `F.dropout` in the place of an `nn.Dropout`."""
    for call in spots.calls():
        if spots.dotted(call.func) == "torch.nn.functional.dropout":
            kept = [spots.source(argument) for argument in call.args]
            kept += [f"{word.arg}={spots.source(word.value)}" for word in call.keywords if word.arg != "training"]
            if len(kept) < len(call.args) + len(call.keywords) and _in_method(spots, call) and not _constant(call):
                new = f"{spots.source(call.func)}({', '.join(kept)})"
                yield Mutation("TFC303", "no training=", call.lineno, (spots.replaced(call, new),))
        if spots.kind(call.func) == "torch.nn.Dropout" and _in_method(spots, call) and len(call.args) == 1:
            functional = next((n for n, full in spots.imports.items() if full == "torch.nn.functional"), "")
            functional = functional or ("torch.nn.functional" if spots.imports.get("torch") == "torch" else "")
            if functional and isinstance(call.func, ast.Attribute):
                new = f"{functional}.dropout({spots.source(call.args[0])}, 0.3)"
                yield Mutation("TFC303", "F.dropout for nn.Dropout", call.lineno, (spots.replaced(call, new),))


def _constant(call: ast.Call) -> bool:
    return any(word.arg == "training" and isinstance(word.value, ast.Constant) for word in call.keywords)


def _in_method(spots: Spots, node: ast.AST) -> bool:
    scope = spots.scope(node)
    return isinstance(scope, Function) and isinstance(spots.parents[scope], ast.ClassDef)


MUTATORS = (no_no_grad, volatile, no_mode, dropout_without_mode)
