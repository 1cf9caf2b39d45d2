"""Statements: what they bind, which branches come together, and how often a loop is walked.

A loop body is walked twice, so that what one round leaves (a model in eval mode) reaches the next. A loop over a
literal tuple of strings is walked once per string: `for phase in ["train", "val"]` is two known programs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from torchfix_codemods.analysis.facts import TryStar, imported
from torchfix_codemods.analysis.interpreter import (
    clearing,
    containers,
    expressions,
    grad_modes,
    kinds,
    lists,
    loops,
    modules,
    output_arguments,
    stores,
    tensors,
)
from torchfix_codemods.analysis.interpreter.state import Frame, State, merge_envs, merge_states
from torchfix_codemods.analysis.notebook_text import is_displayed
from torchfix_codemods.analysis.trace import Context, Escape, place_of
from torchfix_codemods.analysis.values import (
    Choice,
    ClassRef,
    Const,
    External,
    FunctionRef,
    Instance,
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


def run_block(m: Machine, body: list[ast.stmt], frame: Frame, *, is_function: bool = False) -> bool:
    """Run statements in order. False when control does not reach the end (return, raise, break, continue)."""
    for statement in body:
        if not m.tick() or not run(m, statement, frame):
            if is_function and not frame.ends:
                frame.ends.append(frame.state)
            return False
    if is_function:
        frame.ends.append(frame.state)
    return True


def run(m: Machine, node: ast.stmt, frame: Frame) -> bool:
    """Run one statement. False when control does not go on behind it."""
    match node:
        case ast.Expr():
            frame.discarded = node.value
            value = expressions.evaluate(m, node.value, frame)
            if is_displayed(frame.file, node):
                expressions.look(m, value, node.value, frame, "value", "shown below the cell")
        case ast.Assign():
            value = _flowing(m, node, expressions.evaluate(m, node.value, frame), frame)
            for target in node.targets:
                assign(m, target, value, frame)
        case ast.AnnAssign():
            if node.value is not None:
                assign(m, node.target, _flowing(m, node, expressions.evaluate(m, node.value, frame), frame), frame)
        case ast.AugAssign():
            _augmented(m, node, frame)
        case ast.If():
            return _if(m, node, frame)
        case ast.For() | ast.AsyncFor():
            return loops.run_for(m, node, frame)
        case ast.While():
            expressions.evaluate(m, node.test, frame)
            loops.run_loop(m, node, frame, None)
            return run_block(m, node.orelse, frame)
        case ast.With() | ast.AsyncWith():
            return _with(m, node, frame)
        case ast.Return():
            value = expressions.evaluate(m, node.value, frame) if node.value else Const(None)
            frame.returns.append(_flowing(m, node, value, frame))
            frame.ends.append(frame.state.copy())
            return False
        case ast.Raise():
            return False
        case ast.Break() | ast.Continue():
            frame.exits.append((dict(frame.env), frame.state.copy()))
            return False
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            _define(m, node, frame)
        case ast.ClassDef():
            frame.env[node.name] = ClassRef(frame.file.path, node.name, node.lineno)
        case ast.Import() | ast.ImportFrom():
            _import(m, node, frame)
        case ast.Try() | TryStar():
            return _try(m, node, frame)
        case ast.Global() | ast.Nonlocal():
            frame.globals = frame.globals | set(node.names)
        case ast.Delete():
            for target in node.targets:
                clearing.note_target(m, target, frame)
                if isinstance(target, ast.Subscript):
                    _delete_item(m, target, frame)
        case ast.Assert():
            expressions.evaluate(m, node.test, frame)
        case ast.Match():
            return _match(m, node, frame)
        case _:
            pass
    return True


def _flowing(m: Machine, node: ast.stmt, value: Value, frame: Frame) -> Value:
    """Write down which model calls are in what a statement computes."""
    calls = calls_of(value)
    if calls and not frame.silent:
        m.trace.flows.setdefault(place_of(frame.file.path, node), set()).update(calls)
    return value


def _import(m: Machine, node: ast.Import | ast.ImportFrom, frame: Frame) -> None:
    for entry in imported(node):
        if entry.name == "*":
            continue
        found = m.project.imported(entry, frame.file.path)
        if found is None:
            target = m.project.module_path(entry.module, frame.file.path, entry.level)
            if target is not None and entry.name:
                frame.env[entry.bound] = m.global_value(target, entry.name)
                continue
            found = External(f"{entry.module}.{entry.name}" if entry.name else entry.module)
        frame.env[entry.bound] = found


def _define(m: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> None:
    ref = FunctionRef(frame.file.path, node.name, node.lineno, node.col_offset)
    if not frame.is_global:
        m.closures[ref] = frame
    frame.env[node.name] = ref


# --- assignment ----------------------------------------------------------------------------------------------------


def assign(m: Machine, target: ast.expr, value: Value, frame: Frame) -> None:
    """Bind a target (name, tuple, attribute, item) to a value."""
    match target:
        case ast.Name(id=name):
            _bind_name(m, name, value, frame)
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            for item, part in zip(targets, unpack(m, value, targets, target, frame), strict=True):
                assign(m, item.value if isinstance(item, ast.Starred) else item, part, frame)
        case ast.Attribute():
            _assign_attribute(m, target, value, frame)
        case ast.Subscript():
            _assign_item(m, target, value, frame)
        case _:
            pass


def _bind_name(m: Machine, name: str, value: Value, frame: Frame) -> None:
    if name in frame.globals and (running := m.module_frames.get(frame.file.path)) is not None:
        running.env[name] = value
        m.kept_graphs += bool(calls_of(value))
    frame.env[name] = value
    if frame.globals:
        frame.globals = frame.globals - {name}


def _assign_attribute(m: Machine, target: ast.Attribute, value: Value, frame: Frame) -> None:
    receiver = force(expressions.evaluate(m, target.value, frame))
    clearing.note_target(m, target, frame)
    m.set_attribute(receiver, target.attr, value, frame)
    stores.attribute_stored(m, receiver, target, value, frame)
    escape(m, value, target, frame, "attribute", target.attr)
    if receiver == frame.self_value:
        expressions.look(m, value, target, frame, "kept", target.attr)
    else:
        expressions.look(m, value, target, frame, "escape", f"stored in .{target.attr}")


def _assign_item(m: Machine, target: ast.Subscript, value: Value, frame: Frame) -> None:
    container = expressions.evaluate(m, target.value, frame)
    expressions.evaluate(m, target.slice, frame)
    clearing.note_target(m, target, frame)
    output_arguments.note_stored(m, target, value, frame)
    key = target.slice.value if isinstance(target.slice, ast.Constant) else None
    for option in options(container):
        match option:
            case Mapping(items=pairs) if key is not None:
                update(m, target.value, Mapping((*(p for p in pairs if p[0] != key), (key, value))), frame)
                return
            case Mapping() | Sequence() | ListOf():
                update(m, target.value, join((option, ListOf(value))), frame)
                return
            case Tensor() if calls_of(value) or any(tensors.volatile_in(value)) or option.raw:
                volatile = option.volatile | frozenset(tensors.volatile_in(value))
                changed = replace(option, calls=option.calls | calls_of(value), volatile=volatile, raw=frozenset())
                update(m, target.value, changed, frame)
            case Instance(cls=External()):
                modules.note_position(m, option, target, frame)
            case _:
                pass
    escape(m, value, target, frame, "attribute", ast.unparse(target.value)[:40])
    expressions.look(m, value, target, frame, "escape", "stored in an item")


def _delete_item(m: Machine, target: ast.Subscript, frame: Frame) -> None:
    container, index = (force(expressions.evaluate(m, part, frame)) for part in (target.value, target.slice))
    match container:
        case Sequence(kind="list"):
            containers.remove_item(m, container, index, target.value, frame)
        case Instance(cls=External()):
            modules.note_position(m, container, target, frame)
        case _:
            pass


def update(m: Machine, place: ast.expr, value: Value, frame: Frame) -> None:
    """A container was changed in place: the variable or attribute that holds it has a new value."""
    match place:
        case ast.Name(id=name):
            holder = _holder(m, name, frame)
            m.kept_graphs += holder is not frame and bool(calls_of(value))
            holder.env[name] = value
        case ast.Attribute():
            receiver = expressions.evaluate(m, place.value, frame)
            m.set_attribute(receiver, place.attr, value, frame)
            escape(m, value, place, frame, "attribute", place.attr)
            expressions.look(m, value, place, frame, "kept", place.attr)
        case _:
            pass


def _holder(m: Machine, name: str, frame: Frame) -> Frame:
    """The frame that a variable belongs to: this one, one around it, or that of the module as it runs."""
    around: Frame | None = frame
    while around is not None:
        if name in around.env:
            return around
        around = around.outer
    running = m.module_frames.get(frame.file.path)
    return running if running is not None and name in running.env else frame


def unpack(m: Machine, value: Value, targets: list[ast.expr], node: ast.expr, frame: Frame) -> list[Value]:
    """The parts of a value for each of the targets."""
    count = len(targets)
    starred = any(isinstance(t, ast.Starred) for t in targets)
    columns: list[list[Value]] = [[] for _ in targets]
    for option in options(value):
        match option:
            case Sequence(items=items) if len(items) == count and not starred:
                parts = list(items)
            case Sequence() | ListOf():
                parts = [tensors.item_of(m, option, node, frame)] * count
            case Const():
                parts = [Unknown("unpacked constant")] * count
            case _:
                part = tensors.item_of(m, option, node, frame)
                parts = [_numbered(part, i) for i in range(count)]
        for column, part in zip(columns, parts, strict=True):
            column.append(part)
    return [join(column) for column in columns]


def _numbered(part: Value, index: int) -> Value:
    if isinstance(part, Unknown) and part.key:
        return Unknown(part.reason, key=f"{part.key}[{index}]", calls=part.calls)
    return part


def _augmented(m: Machine, node: ast.AugAssign, frame: Frame) -> None:
    if clearing.note_scaled(m, node, frame):
        return
    read = ast.copy_location(_as_load(node.target), node.target)
    before = expressions.evaluate(m, read, frame)
    added = expressions.evaluate(m, node.value, frame)
    if isinstance(node.op, ast.Add) and (extended := _extended(before, added)) is not None:
        update(m, read, extended, frame)
        return
    value = _flowing(m, node, expressions.arithmetic(m, before, added, read, node.value, frame), frame)
    output_arguments.note_stored(m, node.target, added, frame)
    assign(m, node.target, value, frame)


def _as_load(target: ast.expr) -> ast.expr:
    match target:
        case ast.Name(id=name):
            return ast.copy_location(ast.Name(name, ast.Load()), target)
        case ast.Attribute():
            return ast.copy_location(ast.Attribute(target.value, target.attr, ast.Load()), target)
        case ast.Subscript():
            return ast.copy_location(ast.Subscript(target.value, target.slice, ast.Load()), target)
        case _:
            return target


def _extended(before: Value, added: Value) -> Value | None:
    """`layers += [nn.Linear(...), nn.Softmax()]`."""
    before, added = lists.longest(before), force(added)
    if isinstance(before, Sequence) and isinstance(added, Sequence) and before.kind == "list":
        return Sequence((*before.items, *added.items), "list")
    if isinstance(before, Sequence | ListOf) and isinstance(added, Sequence | ListOf):
        return ListOf(join((*_items(before), *_items(added))))
    return None


def _items(value: Sequence | ListOf) -> tuple[Value, ...]:
    return value.items if isinstance(value, Sequence) else (value.item,)


def values_assigned(m: Machine, statement: ast.stmt, name: str, frame: Frame) -> Iterator[Value]:
    """The values that a statement assigns to a plain name."""
    match statement:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                match target:
                    case ast.Name(id=bound) if bound == name:
                        yield expressions.evaluate(m, value, frame)
                    case ast.Tuple(elts=elements) if any(isinstance(e, ast.Name) and e.id == name for e in elements):
                        parts = unpack(m, expressions.evaluate(m, value, frame), elements, target, frame)
                        for element, part in zip(elements, parts, strict=True):
                            if isinstance(element, ast.Name) and element.id == name:
                                yield part
                    case _:
                        pass
        case ast.AnnAssign(target=ast.Name(id=bound), value=ast.expr() as value) if bound == name:
            yield expressions.evaluate(m, value, frame)
        case _:
            pass


# --- branches ------------------------------------------------------------------------------------------------------


def _if(m: Machine, node: ast.If, frame: Frame) -> bool:
    test = expressions.truth(m, node.test, frame)
    if test is True:
        return run_block(m, node.body, frame)
    if test is False:
        return run_block(m, node.orelse, frame)
    return _branches(m, [node.body, node.orelse], frame, node, kinds.learned(m, node.test, frame))


def _branches(
    m: Machine,
    bodies: list[list[ast.stmt]],
    frame: Frame,
    node: ast.stmt,
    learned: tuple[dict[str, Value], ...] = (),
) -> bool:
    env, state, context = frame.env, frame.state, frame.context
    falling: list[tuple[dict[str, Value], State]] = []
    for number, body in enumerate(bodies):
        frame.env, frame.state = env | (learned[number] if learned else {}), state.copy()
        if body:
            frame.context = Context("branch", place_of(frame.file.path, node), context, detail=str(number))
        if run_block(m, body, frame):
            falling.append((frame.env, frame.state))
    frame.context = context
    if not falling:
        frame.env, frame.state = env, state
        return False
    frame.env = merge_envs([e for e, _ in falling])
    frame.state = merge_states([s for _, s in falling])
    return True


def _match(m: Machine, node: ast.Match, frame: Frame) -> bool:
    """Each case is a branch; without a last `case _` none may fit."""
    subject = expressions.evaluate(m, node.subject, frame)
    expressions.look(m, subject, node.subject, frame, "escape", "taken apart by patterns")
    for pattern in (part for case in node.cases for part in ast.walk(case.pattern)):
        name = getattr(pattern, "name", getattr(pattern, "rest", None))
        if name is not None:
            frame.env[name] = Unknown("captured by a pattern", calls=calls_of(subject))
    last = node.cases[-1]
    total = last.guard is None and isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None
    return _branches(m, [*(case.body for case in node.cases), *([] if total else [[]])], frame, node)


def _try(m: Machine, node: ast.Try, frame: Frame) -> bool:
    before = dict(frame.env), frame.state.copy()
    falls = run_block(m, [*node.body, *node.orelse], frame)
    after = [(frame.env, frame.state)] if falls else []
    for handler in node.handlers:
        frame.env, frame.state = dict(before[0]), before[1].copy()
        if handler.name:
            frame.env[handler.name] = Unknown("exception")
        if run_block(m, handler.body, frame):
            after.append((frame.env, frame.state))
    if after:
        frame.env = merge_envs([e for e, _ in after])
        frame.state = merge_states([s for _, s in after])
    return run_block(m, node.finalbody, frame) and bool(after)


def _with(m: Machine, node: ast.With | ast.AsyncWith, frame: Frame) -> bool:
    grad, outside = frame.state.grad, frame.context
    ends, exits = len(frame.ends), len(frame.exits)
    frame.context = Context("with", place_of(frame.file.path, node), outside)
    entered, modes = False, None
    for item in node.items:
        value = expressions.evaluate(m, item.context_expr, frame)
        entered |= grad_modes.enter_context(m, value, item.context_expr, frame)
        if modes is None and grad_modes.may_switch_modes(m, value, item.context_expr, frame):
            modes = grad_modes.forget_modes(frame)
        if item.optional_vars is not None:
            assign(m, item.optional_vars, value, frame)
    falls = run_block(m, node.body, frame)
    frame.context = outside
    left = [frame.state, *frame.ends[ends:], *(state for _, state in frame.exits[exits:])]
    for state in left:  # return, break and continue leave the `with` too
        if entered:
            state.grad = grad
        if modes is not None:
            grad_modes.recall_modes(state, modes)
    return falls


def escape(m: Machine, value: Value, node: ast.AST, frame: Frame, kind: str, name: str = "") -> None:
    """Write down that a graph leaves what is followed."""
    calls, volatile = calls_of(value), frozenset(tensors.volatile_in(value))
    if (calls or volatile) and not frame.silent:
        m.emit(Escape(place_of(frame.file.path, node), frame.context, calls, kind, name, volatile), frame)


__all__ = ["Choice", "assign", "escape", "run_block", "unpack", "update", "values_assigned"]
