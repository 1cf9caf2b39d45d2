"""Mistakes about what a loss gets: TFC101 to TFC104."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evaluate_parts.spots import Mutation, Spots

CROSS_ENTROPY = ("torch.nn.CrossEntropyLoss", "torch.nn.functional.cross_entropy")
WITH_LOGITS = ("torch.nn.BCEWithLogitsLoss", "torch.nn.functional.binary_cross_entropy_with_logits")
NLL = ("torch.nn.NLLLoss", "torch.nn.functional.nll_loss")
_LOG_SOFTMAX = ("torch.nn.functional.log_softmax", "torch.log_softmax", "torch.nn.LogSoftmax")

#: Which rule finds an activation before which losses: the code, the losses, the function and the module.
_ACTIVATIONS = (
    ("TFC101", CROSS_ENTROPY, "softmax", "Softmax", "dim=1"),
    ("TFC102", CROSS_ENTROPY, "log_softmax", "LogSoftmax", "dim=1"),
    ("TFC103", WITH_LOGITS, "sigmoid", "Sigmoid", ""),
)


def loss_calls(spots: Spots, losses: tuple[str, ...]) -> Iterator[ast.Call]:
    """The calls of some losses, as functions and as objects, that have a first and a second argument."""
    for call in spots.calls():
        if len(call.args) >= 2 and (spots.dotted(call.func) in losses or spots.kind(call.func) in losses):
            yield call


def at_the_loss(spots: Spots) -> Iterator[Mutation]:
    """An activation around the first argument of the loss: a function, a method, a module."""
    for code, losses, function, module, how in _ACTIVATIONS:
        for call in loss_calls(spots, losses):
            scores = call.args[0]
            arguments = f", {how}" if how else ""
            for operator, new in (
                (f"{function} at the loss", f"torch.{function}({spots.source(scores)}{arguments})"),
                (f"{function} method at the loss", f"{spots.atom(scores)}.{function}({how})"),
                (f"{module} at the loss", f"torch.nn.{module}({how})({spots.source(scores)})"),
            ):
                if new.startswith("torch.") and spots.imports.get("torch") != "torch":
                    continue
                yield Mutation(code, operator, scores.lineno, (spots.replaced(scores, new),))


def at_the_model(spots: Spots) -> Iterator[Mutation]:
    """An activation around the call of the model, on a line of its own."""
    for code, losses, function, _, how in _ACTIVATIONS:
        for call in loss_calls(spots, losses):
            value = _local_value(spots, call)
            if value is not None:
                new = f"{spots.atom(value)}.{function}({how})"
                # who else needs the numbers of a local that is no mistake for the loss alone, only a run can tell
                edits, unsure = (spots.replaced(value, new),), code == "TFC102"
                yield Mutation(code, f"{function} on the local", value.lineno, edits, unsure)


def _local_value(spots: Spots, call: ast.Call) -> ast.expr | None:
    """The only call that is assigned to the name that goes into the loss."""
    scores = call.args[0]
    if not isinstance(scores, ast.Name):
        return None
    scope = spots.scope(call)
    values = [
        node.value
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == scores.id for target in node.targets)
        and spots.scope(node) is scope
    ]
    return values[0] if len(values) == 1 and isinstance(values[0], ast.Call) else None


def at_the_source(spots: Spots) -> Iterator[Mutation]:
    """An activation at the end of a `forward`: a function, a module in an attribute, one element of a tuple."""
    for forward, result, position in _results(spots):
        for code, _, function, module, how in _ACTIVATIONS:
            kind = "tuple of forward" if position else "end of forward"
            new = f"{spots.atom(result)}.{function}({how})"
            yield Mutation(
                code, f"{function} in the {kind}", result.lineno, (spots.replaced(result, new),), unsure=True
            )
            init = _init_of(spots, forward)
            if init is not None and "nn" in spots.imports:
                made = spots.after(init.body[-1], f"self.last_activation = nn.{module}({how})")
                edits = (made, spots.replaced(result, f"self.last_activation({spots.source(result)})"))
                yield Mutation(code, f"{module} attribute in the {kind}", result.lineno, edits, unsure=True)


def _results(spots: Spots) -> Iterator[tuple[ast.FunctionDef, ast.expr, int]]:
    """What each `forward` with one `return` hands out, elements of a tuple (from 1) one by one."""
    for node in spots.nodes(ast.FunctionDef):
        assert isinstance(node, ast.FunctionDef)
        returns = [part for part in ast.walk(node) if isinstance(part, ast.Return)]
        if node.name == "forward" and len(returns) == 1 and returns[0].value is not None:
            value = returns[0].value
            elements = value.elts if isinstance(value, ast.Tuple) else [value]
            for number, element in enumerate(elements, 1):
                yield node, element, number if isinstance(value, ast.Tuple) else 0


def _init_of(spots: Spots, forward: ast.FunctionDef) -> ast.FunctionDef | None:
    block = spots.block(forward)
    return next((node for node in block if isinstance(node, ast.FunctionDef) and node.name == "__init__"), None)


def in_sequential(spots: Spots) -> Iterator[Mutation]:
    """An activation as the last element of a Sequential that ends in a layer."""
    for call in spots.calls():
        if (
            spots.dotted(call.func) == "torch.nn.Sequential"
            and call.args
            and isinstance(last := call.args[-1], ast.Call)
        ):
            if spots.dotted(last.func) not in ("torch.nn.Linear", "torch.nn.Conv2d"):
                continue
            for code, _, _, module, how in _ACTIVATIONS:
                new = f"{spots.source(last)}, {spots.source(call.func).replace('Sequential', module)}({how})"
                yield Mutation(
                    code, f"{module} in a Sequential", last.lineno, (spots.replaced(last, new),), unsure=True
                )


def log_of_probabilities(spots: Spots) -> Iterator[Mutation]:
    """`nll_loss` on what it is not for: log_softmax becomes softmax, or nothing; the loss of logits becomes NLL."""
    for call in spots.calls():
        name = spots.dotted(call.func)
        if name in _LOG_SOFTMAX:
            at = call.func
            new = spots.source(at).replace("log_softmax", "softmax").replace("LogSoftmax", "Softmax")
            yield Mutation("TFC104", "softmax for log_softmax", at.lineno, (spots.replaced(at, new),), unsure=True)
            if call.args:
                new = spots.source(call.args[0])
                yield Mutation("TFC104", "no log_softmax", call.lineno, (spots.replaced(call, new),), unsure=True)
        if name in CROSS_ENTROPY and not any(word.arg == "label_smoothing" for word in call.keywords):
            at, text = call.func, spots.source(call.func)
            new = text.replace("CrossEntropyLoss", "NLLLoss").replace("cross_entropy", "nll_loss")
            if new != text:
                yield Mutation("TFC104", "NLL on logits", at.lineno, (spots.replaced(at, new),), unsure=True)


MUTATORS = (
    at_the_loss,
    at_the_model,
    at_the_source,
    in_sequential,
    log_of_probabilities,
)
