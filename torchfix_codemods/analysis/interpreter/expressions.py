"""Expressions: what they are worth, and who looks at the output of an activation."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from torchfix_codemods.analysis.interpreter import clearing, lists, output_arguments, targets, tensors
from torchfix_codemods.analysis.interpreter.shapes import FLOAT
from torchfix_codemods.analysis.interpreter.state import Frame, super_of
from torchfix_codemods.analysis.trace import Use, place_of
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.analysis.values import (
    NO_CALLS,
    Bound,
    Choice,
    ClassRef,
    Const,
    FunctionRef,
    ListOf,
    Mapping,
    Sequence,
    Tensor,
    Unknown,
    Value,
    calls_of,
    force,
    join,
    options,
)

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.machine import Machine


def evaluate(m: Machine, node: ast.expr, frame: Frame) -> Value:
    """The abstract value of an expression."""
    match node:
        case ast.Name():
            return m.lookup(node.id, frame)
        case ast.Constant():
            return Const(node.value)
        case ast.Attribute():
            return _attribute(m, node, frame)
        case ast.Call():
            return call(m, node, frame)
        case ast.Subscript():
            return tensors.subscript(m, evaluate(m, node.value, frame), node, frame)
        case ast.BinOp():
            return _binary(m, node, frame)
        case ast.UnaryOp():
            return _unary(m, node, frame)
        case ast.Compare():
            return _compare(m, node, frame)
        case ast.BoolOp():
            return join([evaluate(m, value, frame) for value in node.values])
        case ast.IfExp():
            return _conditional(m, node, frame)
        case ast.Tuple() | ast.List() | ast.Set():
            return _literal(m, node, frame)
        case ast.Dict():
            return _dictionary(m, node, frame)
        case ast.Lambda():
            if (known := m.project.handed_on(frame.file, node)) is not None:
                return known
            ref = FunctionRef(frame.file.path, "<lambda>", node.lineno, node.col_offset)
            m.closures[ref] = frame
            return ref
        case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
            return _comprehension(m, node, frame)
        case ast.DictComp():
            _generators(m, node.generators, frame)
            evaluate(m, node.key, frame)
            return ListOf(evaluate(m, node.value, frame), "dict")
        case ast.JoinedStr():
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    look(m, evaluate(m, part.value, frame), part.value, frame, "value", "formatted as text")
            return Unknown("text")
        case ast.NamedExpr():
            value = evaluate(m, node.value, frame)
            frame.env[node.target.id] = value
            return value
        case ast.Starred() | ast.Await():
            return evaluate(m, node.value, frame)
        case ast.Yield():
            return _yield(m, node, frame)
        case ast.YieldFrom():
            frame.returns.append(tensors.item_of(m, evaluate(m, node.value, frame), node, frame))
            return Unknown("yield from")
        case ast.Slice():
            return _slice(m, node, frame)
        case _:
            return Unknown("expression not followed")


def _attribute(m: Machine, node: ast.Attribute, frame: Frame) -> Value:
    return m.attribute(evaluate(m, node.value, frame), node.attr, node, frame)


def call(m: Machine, node: ast.Call, frame: Frame) -> Value:
    """A call: callee, arguments, then what the callee does."""
    if isinstance(node.func, ast.Name) and node.func.id == "super" and frame.cls is not None:
        return super_of(node, frame)
    receiver = evaluate(m, node.func.value, frame) if isinstance(node.func, ast.Attribute) else None
    if isinstance(node.func, ast.Attribute) and receiver is not None:
        callee = m.attribute(receiver, node.func.attr, node.func, frame)
    else:
        callee = evaluate(m, node.func, frame)
    args: list[Value] = []
    for argument in node.args:
        value = evaluate(m, argument, frame)
        if not isinstance(argument, ast.Starred):
            args.append(value)
            continue
        spread = lists.spread(value)
        args += spread.items if isinstance(spread, Sequence) else [_rest(spread)]
    kwargs: dict[str, Value] = {}
    for keyword in node.keywords:
        value = evaluate(m, keyword.value, frame)
        if keyword.arg is not None:
            kwargs[keyword.arg] = value
        elif isinstance(spread := force(value), Mapping):
            kwargs |= {str(k): v for k, v in spread.items}
    if receiver is not None and isinstance(node.func, ast.Attribute) and node.func.attr == "requires_grad_":
        receiver = targets.asked_for_gradients(m, receiver, args, kwargs, node, frame)
        callee = m.attribute(receiver, "requires_grad_", node.func, frame)
    if receiver is not None and isinstance(node.func, ast.Attribute) and node.func.attr == "detach_":
        targets.detached(m, receiver, node, frame)
    if isinstance(callee, FunctionRef | ClassRef | Bound) or not isinstance(force(callee), Const):
        clearing.note_call(m, callee, receiver, node, frame)
        output_arguments.note_put(m, node, args, frame)
        frame.receiver = (node, receiver) if receiver is not None else None
        return m.call(callee, tuple(args), kwargs, node, frame)
    return Unknown("call of a constant")


def _rest(value: Value) -> Value:
    """An argument `*values` whose length isn't known."""
    return (
        ListOf(value.item, "starred")
        if isinstance(value, ListOf)
        else ListOf(Unknown("starred", calls=calls_of(value)), "starred")
    )


def _binary(m: Machine, node: ast.BinOp, frame: Frame) -> Value:
    left, right = evaluate(m, node.left, frame), evaluate(m, node.right, frame)
    if isinstance(node.op, ast.Mod) and isinstance(left, Const) and isinstance(left.value, str):
        look(m, right, node.right, frame, "value", "formatted as text")
        return Unknown("text")
    if isinstance(node.op, ast.Add) and isinstance(left, Sequence) and isinstance(right, Sequence):
        return Sequence((*left.items, *right.items), left.kind)
    if isinstance(node.op, ast.Add) and isinstance(left, Sequence | ListOf) and isinstance(right, Sequence | ListOf):
        parts = [tensors.item_of(m, side, node, frame) for side in (left, right)]
        return ListOf(join(parts))
    if isinstance(left, Const) and isinstance(right, Const):
        return _constant(left.value, node.op, right.value)
    result = arithmetic(m, left, right, node.left, node.right, frame)
    if isinstance(node.op, ast.MatMult) and isinstance(result, Tensor):
        return replace(result, rank=_product_rank(left, right), shape=None, layout=None)
    if isinstance(node.op, ast.Div) and isinstance(result, Tensor):
        return replace(result, dtype=FLOAT)  # of whole numbers too
    return result


def _product_rank(left: Value, right: Value) -> int | None:
    """The dimensions of a matrix product: a vector on either side takes one away."""
    ranks = [value.rank if isinstance(value, Tensor) else None for value in map(force, (left, right))]
    known = [rank for rank in ranks if rank]
    return max(max(known) - known.count(1), 0) if len(known) == 2 else None


def _constant(left: object, op: ast.operator, right: object) -> Value:
    if not (isinstance(left, int | float) and isinstance(right, int | float)):
        return Unknown("constant arithmetic")
    match op:
        case ast.Add():
            return Const(left + right)
        case ast.Sub():
            return Const(left - right)
        case ast.Mult():
            return Const(left * right)
        case ast.FloorDiv() if right:
            return Const(left // right)
        case ast.Div() if right:
            return Const(left / right)
        case _:
            return Unknown("constant arithmetic")


def arithmetic(m: Machine, left: Value, right: Value, left_node: ast.expr, right_node: ast.expr, frame: Frame) -> Value:
    """The result of an operator on two values: a tensor as soon as one is."""
    left, right = force(left), force(right)
    look(m, left, left_node, frame, "value", "used in arithmetic")
    look(m, right, right_node, frame, "value", "used in arithmetic")
    calls = NO_CALLS if frame.state.grad is False else calls_of(left) | calls_of(right)
    tensors = [v for v in (left, right) if isinstance(v, Tensor)]
    if not tensors:
        return Unknown("arithmetic", calls=calls)
    others = [v for v in (left, right) if not isinstance(v, Tensor)]
    ranks = [t.rank for t in tensors] + [0 if isinstance(v, Const) else None for v in others]
    known = [r for r in ranks if r is not None]
    rank = max(known) if len(known) == 2 else None
    same = tensors[0] if others and isinstance(others[0], Const) else None
    return Tensor(
        rank=rank,
        shape=same.shape if same else None,
        layout=same.layout if same else None,
        calls=calls,
        volatile=frozenset().union(*(t.volatile for t in tensors)),
        resized=frozenset().union(*(t.resized for t in tensors)),
    )


def _unary(m: Machine, node: ast.UnaryOp, frame: Frame) -> Value:
    value = evaluate(m, node.operand, frame)
    if isinstance(node.op, ast.Not):
        decided = truth(m, node.operand, frame, value)
        return Unknown("not") if decided is None else Const(not decided)
    if isinstance(value, Const) and isinstance(value.value, int | float) and isinstance(node.op, ast.USub):
        return Const(-value.value)
    return arithmetic(m, value, Const(0), node.operand, node.operand, frame)


def _compare(m: Machine, node: ast.Compare, frame: Frame) -> Value:
    operands = [node.left, *node.comparators]
    values = [evaluate(m, operand, frame) for operand in operands]
    if len(values) == 2 and (decided := _decide(node.ops[0], values[0], values[1])) is not None:
        return Const(decided)
    if any(isinstance(op, ast.Is | ast.IsNot | ast.In | ast.NotIn) for op in node.ops):
        return Unknown("comparison")
    for operand, value in zip(operands, values, strict=True):
        look(m, value, operand, frame, "value", "compared")
    tensors = [v for v in map(force, values) if isinstance(v, Tensor)]
    alone = len(tensors) == 1 and all(isinstance(v, Tensor | Const) for v in map(force, values))
    array = any(tensor.array for tensor in tensors)
    if alone:
        return Tensor(tensors[0].rank, tensors[0].shape, dtype="bool", array=array)
    return Tensor(dtype="bool", array=array)


def _decide(op: ast.cmpop, left: Value, right: Value) -> bool | None:
    left, right = force(left), force(right)
    if isinstance(left, Const) and isinstance(right, Const):
        try:
            match op:
                case ast.Eq():
                    return bool(left.value == right.value)
                case ast.NotEq():
                    return bool(left.value != right.value)
                case ast.Is():
                    return left.value is right.value or left == right
                case ast.IsNot():
                    return not (left.value is right.value or left == right)
                case ast.Gt():
                    return bool(left.value > right.value)  # type: ignore[operator]
                case ast.Lt():
                    return bool(left.value < right.value)  # type: ignore[operator]
                case _:
                    return None
        except TypeError:
            return None
    if isinstance(op, ast.Is | ast.IsNot) and right == Const(None) and not isinstance(left, Unknown | Choice | Const):
        return isinstance(op, ast.IsNot)
    known = isinstance(right, Sequence) and all(isinstance(i, Const) for i in right.items)
    if isinstance(op, ast.In | ast.NotIn) and isinstance(left, Const) and isinstance(right, Sequence) and known:
        return (left in right.items) == isinstance(op, ast.In)
    return None


def truth(m: Machine, node: ast.expr, frame: Frame, value: Value | None = None) -> bool | None:
    """Whether a condition certainly holds, certainly doesn't, or None. `if __name__ == "__main__"` holds."""
    if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name) and node.left.id == "__name__":
        return True
    if isinstance(node, ast.BoolOp):
        return _truth_of_many(m, node, frame)
    value = force(evaluate(m, node, frame) if value is None else value)
    match value:
        case Const(value=constant):
            return bool(constant)
        case Sequence(items=items):
            return bool(items)
        case _:
            return None


def _truth_of_many(m: Machine, node: ast.BoolOp, frame: Frame) -> bool | None:
    decided = [truth(m, value, frame) for value in node.values]
    stop = isinstance(node.op, ast.Or)
    if stop in decided:
        return stop
    return None if None in decided else not stop


def _conditional(m: Machine, node: ast.IfExp, frame: Frame) -> Value:
    test = truth(m, node.test, frame)
    if test is not None:
        return evaluate(m, node.body if test else node.orelse, frame)
    return join((evaluate(m, node.body, frame), evaluate(m, node.orelse, frame)))


def _literal(m: Machine, node: ast.Tuple | ast.List | ast.Set, frame: Frame) -> Value:
    items: list[Value] = []
    counted = True
    for element in node.elts:
        value = evaluate(m, element, frame)
        if not isinstance(element, ast.Starred):
            items.append(value)
        elif isinstance(spread := force(value), Sequence):
            items += spread.items
        else:
            items.append(tensors.item_of(m, value, element, frame))
            counted = False
    if not counted:
        return ListOf(join(items))
    return Sequence(tuple(items), "tuple" if isinstance(node, ast.Tuple) else "list")


def _dictionary(m: Machine, node: ast.Dict, frame: Frame) -> Value:
    pairs: list[tuple[object, Value]] = []
    for key, value in zip(node.keys, node.values, strict=True):
        evaluated = evaluate(m, value, frame)
        if isinstance(key, ast.Constant):
            pairs.append((key.value, evaluated))
        elif key is not None:
            return ListOf(evaluated, "dict")
    return Mapping(tuple(pairs))


def _generators(m: Machine, generators: list[ast.comprehension], frame: Frame) -> None:
    from torchfix_codemods.analysis.interpreter.statements import assign

    for generator in generators:
        item = tensors.item_of(m, evaluate(m, generator.iter, frame), generator.iter, frame)
        assign(m, generator.target, item, frame)
        for condition in generator.ifs:
            evaluate(m, condition, frame)


def _comprehension(m: Machine, node: ast.ListComp | ast.GeneratorExp | ast.SetComp, frame: Frame) -> Value:
    names = {n.id for g in node.generators for n in walk(g.target) if isinstance(n, ast.Name)}
    kept = {name: frame.env[name] for name in names if name in frame.env}
    _generators(m, node.generators, frame)
    item = evaluate(m, node.elt, frame)
    for name in names:
        frame.env.pop(name, None)
    frame.env |= kept
    return ListOf(item)


def _yield(m: Machine, node: ast.Yield, frame: Frame) -> Value:
    from torchfix_codemods.analysis.interpreter.statements import escape

    value = evaluate(m, node.value, frame) if node.value else Const(None)
    frame.returns.append(value)
    if frame.depth <= 1:
        escape(m, value, node, frame, "yield")
    return Unknown("sent into a generator")


def _slice(m: Machine, node: ast.Slice, frame: Frame) -> Value:
    for part in (node.lower, node.upper, node.step):
        if part is not None:
            evaluate(m, part, frame)
    return Unknown("slice")


def look(m: Machine, value: Value, node: ast.AST, frame: Frame, kind: str, why: str) -> None:
    """Write down that somebody looks at the numbers of an activation's output (or lets it out of sight)."""
    if not m.follows_activations:
        return
    found = list(tensors.activations_in(value))
    for activation in found:
        m.emit(Use(place_of(frame.file.path, node), frame.context, activation, kind, why), frame)
    if hasattr(node, "lineno") and any(map(tensors.is_plain, options(value))):
        m.trace.plain.add(place_of(frame.file.path, node))


__all__ = ["arithmetic", "call", "evaluate", "look", "options", "truth"]
