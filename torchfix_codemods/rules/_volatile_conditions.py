"""`volatile=self.test`: the flag is an expression, and gradients are to be switched by it where the model runs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.trace import Backward, Place
from torchfix_codemods.findings import Edit, Level
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules._shared import node_of
from torchfix_codemods.rules._volatile_flags import Flag
from torchfix_codemods.rules._volatile_flow import Consumer
from torchfix_codemods.rules._volatile_regions import NotWrapped, Wraps

_PURE = (ast.Name, ast.Attribute, ast.UnaryOp, ast.Not, ast.Compare, ast.Eq, ast.NotEq, ast.Constant, ast.BoolOp)
_PURE_PARTS = (*_PURE, ast.And, ast.Or, ast.Load, ast.Is, ast.IsNot, ast.In, ast.NotIn)
ELSEWHERE = "the batches are used elsewhere, under `torch.set_grad_enabled({condition})` they would do what was meant"
_SWITCH = re.compile(r"no_grad|set_grad_enabled")
_LEAVES = (ast.Return, ast.Continue, ast.Break, ast.Raise)


def in_branches(flag: Flag, consumers: list[Consumer]) -> Iterator[Flag]:
    """The same argument as an expression: the conditions of the branches in which it stands, innermost first.

    A branch in which its models run as well decides nothing: where they run, its condition holds.
    """
    current: ast.AST = flag.call
    while not isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
        parent = flag.file.parents[current]
        if isinstance(parent, ast.If) and current is not parent.test:
            otherwise = any(current is s for s in parent.orelse)
            if all(_runs_in(flag, parent.orelse if otherwise else parent.body, c) for c in runs_of(consumers)):
                return
            yield replace(flag, value=ast.UnaryOp(ast.Not(), parent.test) if otherwise else parent.test)
        current = parent


def _runs_in(flag: Flag, branch: list[ast.stmt], consumer: Consumer) -> bool:
    place, last = consumer.event.place, branch[-1]
    return place.path == flag.file.path and branch[0].lineno <= place.line <= (last.end_lineno or last.lineno)


def condition_of(flag: Flag) -> str:
    """The expression that says when gradients are wanted."""
    value, source = flag.value, flag.file.source
    match value:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return source(operand) if _is_bool(operand, flag) else f"bool({source(operand)})"
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            return f"{source(left)} != {source(right)}"
        case ast.Compare(left=left, ops=[ast.NotEq()], comparators=[right]):
            return f"{source(left)} == {source(right)}"
        case ast.Name() | ast.Attribute():
            return f"not {source(value)}"
        case _:
            return f"not ({source(value)})"


def _is_bool(node: ast.expr, flag: Flag) -> bool:
    """Whether an expression is certainly True or False: a comparison, or a parameter with such a default."""
    if isinstance(node, ast.Compare):
        return True
    if isinstance(node, ast.Attribute):
        return node.attr == "training"
    function = flag.function
    if not isinstance(node, ast.Name) or function is None:
        return False
    arguments, defaults = function.args.args, function.args.defaults
    pairs = zip(reversed(arguments), reversed(defaults), strict=False)
    return any(a.arg == node.id and isinstance(d, ast.Constant) and isinstance(d.value, bool) for a, d in pairs)


def runs_of(consumers: list[Consumer]) -> list[Consumer]:
    """The consumers that run a model."""
    return [c for c in consumers if c.runs]


def switch_edits(flag: Flag, consumers: list[Consumer], wraps: Wraps) -> tuple[list[Edit], Level]:
    """Put each statement that runs the model under `torch.set_grad_enabled(...)`.

    Raises `NotWrapped` or `CannotRewrite`.
    """
    condition = condition_of(flag)
    wanted = runs_of(consumers)
    function = flag.function
    if not wanted or function is None or any(not _same_function(c, flag) for c in wanted):
        raise NotWrapped(ELSEWHERE.format(condition=condition))
    if not _is_stable(flag, function, wanted):
        # The value may be `not condition` of an `else`, which stands nowhere in the text.
        raise NotWrapped(f"`{ast.unparse(flag.value)}` may have another value where the model runs")
    if function.name == "forward":
        raise NotWrapped("it stands inside the forward of a model")
    edits: list[Edit] = []
    for statement in dict.fromkeys(_statements(flag, wanted, wraps)):
        if _is_switched(flag.file, statement):
            continue
        torch, imports = verbs.ensure_import(flag.file, "torch", visible_from=statement)
        edits += [*imports, *verbs.wrap_in_with(flag.file, [statement], f"{torch}.set_grad_enabled({condition})")]
    return edits, Level.BEHAVIOR if any(c.loose for c in wanted) else Level.EQUIVALENT


def _same_function(consumer: Consumer, flag: Flag) -> bool:
    frame = consumer.event.context.frame()
    function = flag.function
    return (
        function is not None
        and frame.place.path == flag.file.path
        and (frame.place.line, frame.place.column) == (function.lineno, function.col_offset)
    )


def _statements(flag: Flag, consumers: list[Consumer], wraps: Wraps) -> list[ast.stmt]:
    found = []
    for consumer in consumers:
        call = node_of(flag.file, consumer.event.place, ast.Call)
        frame, place = consumer.event.context.frame(), consumer.event.place
        wrap = wraps.statement(flag.file, frame, call, place) if isinstance(call, ast.Call) else None
        if wrap is None:
            raise NotWrapped("the statement that runs the model does something else, too")
        site = wraps.flow.phases.sites.get(place)
        grads = site.grads() if site is not None else {consumer.event.grad}
        if grads != {True} and not _is_switched(flag.file, wrap.statements[0]):
            raise NotWrapped("some callers switch the gradients off themselves")
        if consumer.trained:
            _refuse_unguarded(flag, consumer)
        found += wrap.statements
    return found


def _refuse_unguarded(flag: Flag, consumer: Consumer) -> None:
    """Raise `NotWrapped` unless every backward pass of the output is skipped where the flag is set."""
    for event in consumer.trace.events:
        if not isinstance(event, Backward) or not (event.blind or consumer.event.id in event.calls):
            continue
        node = _backward_node(flag, event.place)
        if node is None or not _is_skipped(flag.file, node, flag.value):
            where = f"line {event.place.line}" if event.place.path == flag.file.path else event.place.path
            raise NotWrapped(f"nothing shows that the backward pass ({where}) is skipped where the flag is set")


def _backward_node(flag: Flag, place: Place) -> ast.AST | None:
    node = node_of(flag.file, place, ast.Call) if place.path == flag.file.path else None
    return node if node is not None and flag.file.enclosing_function(node) is flag.function else None


def _is_skipped(file: ParsedFile, node: ast.AST, value: ast.expr) -> bool:
    """Whether control reaches `node` only where `value` is false."""
    current = node
    while not isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
        parent = file.parents[current]
        if isinstance(parent, ast.If) and current is not parent.test:
            holds = not any(current is s for s in parent.orelse)
            if _implies_not(parent.test, holds, value):
                return True
        if isinstance(current, ast.stmt) and any(_leaves_if(s, value) for s in _before(file, current)):
            return True
        current = parent
    return False


def _before(file: ParsedFile, statement: ast.stmt) -> list[ast.stmt]:
    try:
        block = file.block_of(statement)
    except LookupError:
        return []
    return block[: block.index(statement)]


def _leaves_if(statement: ast.stmt, value: ast.expr) -> bool:
    """`if value: return` and the like."""
    return (
        isinstance(statement, ast.If)
        and isinstance(statement.body[-1], _LEAVES)
        and _implies_not(statement.test, False, value)
    )


def _implies_not(test: ast.expr, holds: bool, value: ast.expr) -> bool:
    """Whether `value` is false because `test` holds (or does not)."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) and holds:
        return any(_implies_not(part, True, value) for part in test.values)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or) and not holds:
        return any(_implies_not(part, False, value) for part in test.values)
    (text, sign), (wanted, positive) = _normal(test), _normal(value)
    return text == wanted and (sign == holds) != positive


def _normal(node: ast.expr) -> tuple[str, bool]:
    """The text of a condition without its negations, and whether it is meant positively."""
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            text, sign = _normal(operand)
            return text, not sign
        case ast.Compare(left=left, ops=[ast.NotEq()], comparators=[right]):
            return ast.unparse(ast.Compare(left, [ast.Eq()], [right])), False
        case _:
            return ast.unparse(node), True


def _is_stable(flag: Flag, function: FunctionNode, consumers: list[Consumer]) -> bool:
    """Whether the expression has the same value at the flag and where the models run."""
    if not all(isinstance(n, _PURE_PARTS) for n in ast.walk(flag.value)):
        return False
    names = {n.id for n in ast.walk(flag.value) if isinstance(n, ast.Name)}
    texts = {ast.unparse(n) for n in ast.walk(flag.value) if isinstance(n, ast.Attribute)}
    stores = [n for n in ast.walk(function) if isinstance(n, ast.Name | ast.Attribute) and isinstance(n.ctx, ast.Store)]
    bindings = [n for n in stores if isinstance(n, ast.Name) and n.id in names]
    if any(isinstance(n, ast.Attribute) and ast.unparse(n) in texts for n in stores):
        return False
    counted = [n.id for n in bindings if isinstance(n, ast.Name)]
    return len(counted) == len(set(counted)) and all(_holds_until(flag, node, consumers) for node in bindings)


def _holds_until(flag: Flag, binding: ast.AST, consumers: list[Consumer]) -> bool:
    """Whether the only binding of a name (a loop over it, or an assignment before the flag) is around both places."""
    file = flag.file
    statement = file.enclosing_statement(binding)
    around = statement if isinstance(statement, ast.For) else file.parents[statement]
    if not isinstance(statement, ast.For | ast.Assign) or statement.lineno >= flag.call.lineno:
        return False
    nodes = [flag.call, *(node_of(file, c.event.place, ast.Call) for c in consumers)]
    return all(node is not None and _is_within(file, node, around) for node in nodes)


def _is_within(file: ParsedFile, node: ast.AST, around: ast.AST) -> bool:
    current: ast.AST | None = node
    while current is not None and current is not around:
        current = file.parents.get(current)
    return current is around


def _is_switched(file: ParsedFile, statement: ast.stmt) -> bool:
    """Whether the statement stands under a switch of the gradients already."""
    current: ast.AST = statement
    while not isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
        current = file.parents[current]
        if isinstance(current, ast.With) and any(_SWITCH.search(ast.unparse(i.context_expr)) for i in current.items):
            return True
    return False
