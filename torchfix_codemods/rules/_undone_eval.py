"""B2: normalisations that are put into evaluation mode before a `train()` which takes that back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.batch_norms import holds_batch_norm
from torchfix_codemods.analysis.interpreter.state import identities
from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.phases import Phases
from torchfix_codemods.analysis.trace import ModeSet, Trace
from torchfix_codemods.analysis.values import ClassRef, FunctionRef, Instance, Value, options
from torchfix_codemods.rules._frozen_parts import TrainCall, called_between
from torchfix_codemods.rules._modes import overrides_mode
from torchfix_codemods.rules._shared import node_of

_EVALUATES = re.compile(r"\.eval\(\)|\.train\(False\)")
_NORMS = re.compile(r"BatchNorm|batchnorm")


@dataclass(frozen=True)
class UndoneEval:
    """The statement that a `train()` undoes, and why it can't simply be moved."""

    statement: ast.stmt
    doubt: str = ""


def undone_eval(file: ParsedFile, phases: Phases, call: TrainCall) -> UndoneEval | None:
    """What stands before a `train()` in its function, and puts normalisations of the model into evaluation mode."""
    models = [event.model for _, _, event in call.executions]
    if any(event.overridden or overrides_mode(phases.program.project, event.model) for _, _, event in call.executions):
        return None
    if not any(_trained(phases, model) for model in models):
        return None
    for statement in _before(file, call.statement):
        if _is_repeated(file, statement, call.statement):
            continue
        norms = _evaluates_norms(file, phases, statement, call.receiver, models[0])
        if norms or _evaluates_part(file, phases, statement, call) or _evaluates_norms_of_part(file, statement, call):
            return UndoneEval(statement, _doubt(file, statement, call.statement))
    return None


def _trained(phases: Phases, model: Value) -> bool:
    return any(
        execution.trained and phases.same(execution.event.model, model)
        for site in phases.sites.values()
        for execution in site.executions
    )


def _before(file: ParsedFile, statement: ast.stmt) -> Iterator[ast.stmt]:
    """The statements above one in its block and the blocks around it, up to its function, the nearest first."""
    current: ast.AST = statement
    while not isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module | ast.ClassDef):
        if isinstance(current, ast.stmt):
            block = file.block_of(current)
            yield from reversed(block[: block.index(current)])
        current = file.parents[current]


def _is_repeated(file: ParsedFile, statement: ast.stmt, train: ast.stmt) -> bool:
    """Whether the same is done again behind the `train()`."""
    scope = file.enclosing_function(train) or file.tree
    text = ast.dump(statement)
    return any(
        isinstance(node, ast.stmt) and node.lineno > train.lineno and ast.dump(node) == text for node in ast.walk(scope)
    )


def _doubt(file: ParsedFile, statement: ast.stmt, train: ast.stmt) -> str:
    """A statement between the two may need the mode; a loop variable of its own block isn't known further in."""
    used = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    bound = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    changed = {
        n.id
        for n in ast.walk(file.enclosing_function(train) or file.tree)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and statement.lineno < n.lineno <= train.lineno
    }
    if (used - bound) & changed:
        return "what it is called on changes before the call of train()"
    return ""


# --- by what it does to all normalisations ---------------------------------------------------------------------------


def _evaluates_norms(file: ParsedFile, phases: Phases, statement: ast.stmt, receiver: str, model: Value) -> bool:
    """`model.freeze_bn()`, `freeze_bn(model)`, `model.apply(set_bn_eval)`, or the loop itself."""
    match statement:
        case ast.For(iter=ast.Call(func=ast.Attribute(attr="modules", value=owner))):
            return file.source(owner) == receiver and _switches(file, statement)
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="apply", value=owner), args=[function])):
            return file.source(owner) == receiver and _function_switches(phases, file, function)
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name, value=owner), args=[])):
            return file.source(owner) == receiver and _method_switches(phases, model, name)
        case ast.Expr(value=ast.Call(func=ast.Name() as function, args=[argument])):
            return file.source(argument) == receiver and _function_switches(phases, file, function)
        case _:
            return False


def _evaluates_norms_of_part(file: ParsedFile, statement: ast.stmt, call: TrainCall) -> bool:
    """The loop over `model.part.modules()`, where nothing names the part again before `model.train()`."""
    match statement:
        case ast.For(iter=ast.Call(func=ast.Attribute(attr="modules", value=part))):
            name = file.source(part)
        case _:
            return False
    between = file.text.split("\n")[(statement.end_lineno or statement.lineno) : call.statement.lineno - 1]
    used = any(name in line for line in between)
    return name.startswith(f"{call.receiver}.") and _switches(file, statement) and not used


def _switches(file: ParsedFile, node: ast.stmt) -> bool:
    """Whether code asks for normalisations, puts them into evaluation mode, and does nothing else to modes."""
    text = file.source(node)
    return bool(_NORMS.search(text) and _EVALUATES.search(text)) and ".train()" not in text


def _function_switches(phases: Phases, file: ParsedFile, function: ast.expr) -> bool:
    target = phases.program.project.resolve(file, function)
    return isinstance(target, FunctionRef) and _reference_switches(phases, target)


def _method_switches(phases: Phases, model: Value, name: str) -> bool:
    """Every class that the model may have defines the method so."""
    found = [o for o in options(model) if isinstance(o, Instance) and isinstance(o.cls, ClassRef)]
    methods = [phases.program.project.method(o.cls, name) for o in found if isinstance(o.cls, ClassRef)]
    return bool(methods) and all(m is not None and _reference_switches(phases, m) for m in methods)


def _reference_switches(phases: Phases, ref: FunctionRef) -> bool:
    file = phases.program.project.parse(ref.path)
    node = phases.program.machine.node_of(ref)
    return file is not None and isinstance(node, FunctionNode) and _switches(file, node)


# --- by the part that it names ---------------------------------------------------------------------------------------


def _evaluates_part(file: ParsedFile, phases: Phases, statement: ast.stmt, call: TrainCall) -> bool:
    """`model.backbone.eval()`, where the part holds normalisations and does not run until `model.train()`."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="eval", value=part), args=[])):
            if not file.source(part).startswith(f"{call.receiver}."):
                return False
        case _:
            return False
    traces = {id(trace): (trace, position, event) for trace, position, event in reversed(call.executions)}
    return all(_is_undone(file, phases, statement, *first) for first in traces.values())


def _is_undone(
    file: ParsedFile, phases: Phases, statement: ast.Expr, trace: Trace, position: int, train: ModeSet
) -> bool:
    for number, event in enumerate(trace.events[:position]):
        if not isinstance(event, ModeSet) or event.place.path != file.path:
            continue
        if node_of(file, event.place, ast.Call) is not statement.value or event.mode != "eval":
            continue
        held = any(phases.holds(i, j) for i in identities(train.model) for j in identities(event.model))
        norms = holds_batch_norm(phases.program.machine, event.model)
        if held and norms and not called_between(trace, number, position, phases, event.model):
            return True
    return False
