"""TFC205: gradients that are added up over several batches, with the wrong sum or the wrong window."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases, phases_of
from torchfix_codemods.analysis.program import program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import GradientsCleared, OptimizerStep
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.findings import Edit, Finding, Level, Step
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules import ours
from torchfix_codemods.rules._shared import location_of, node_of, propose
from torchfix_codemods.rules._unseen_clearing import may_be_unseen
from torchfix_codemods.rules._windows import Window, windows

IDENTITY = ("TFC205", "gradient-accumulation")
_SCALES = re.compile(r"\.(?:div|div_|mul|mul_)\(|\.grad\b|backward_scale|loss_scale\b")


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Loops of the file that step in every n-th round and add up, divide or clear wrongly."""
    if ".backward" not in file.text or "%" not in file.text:
        return
    phases = phases_of(program_for(project, file.path))
    seen: set[int] = set()
    for window in windows(file, project, phases):
        if may_be_unseen(project, file, window.update, window.loop, window.name):
            continue
        for finding in _findings(file, project, phases, window):
            if finding.location.start not in seen:
                seen.add(finding.location.start)
                yield finding


def _findings(file: ParsedFile, project: Project, phases: Phases, window: Window) -> Iterator[Finding]:
    clears = list(window.clears(phases))
    every_round = [cleared for cleared, in_window in clears if not in_window]
    if every_round:
        if len({c.place for c in every_round}) == 1 and all(_is_every_round(window, c) for c in every_round):
            yield _cleared_too_often(file, project, window, every_round[0], again=len(every_round) < len(clears))
        return
    if not clears:
        return  # nothing is cleared at all: another rule's business
    if not _is_divided(file, window):
        yield _not_divided(file, project, window)
    if _loses_the_rest(file, window):
        yield _rest(file, project, window)


# --- Z6 --------------------------------------------------------------------------------------------------------------


def _is_every_round(window: Window, cleared: GradientsCleared) -> bool:
    """Whether it happens in each round, in the loop's own function and under no other condition."""
    loop, step = window.update.loop, window.update.step
    inner = next(c for c in cleared.context.chain() if c.kind in ("branch", "loop", "function", "module"))
    return inner.place == loop.place and cleared.context.frame().place == step.context.frame().place


def _cleared_too_often(
    file: ParsedFile, project: Project, window: Window, cleared: GradientsCleared, *, again: bool
) -> Finding:
    """`again` says that the gradients are cleared where the step is too: then nothing has to be put there."""
    node = node_of(file, cleared.place)
    statement = file.enclosing_statement(node) if node is not None else None

    def build() -> list[Edit]:
        if not isinstance(statement, ast.Expr):
            raise verbs.CannotRewrite("the gradients are cleared by more than one simple call")
        after = [] if again else verbs.insert_after(file, window.step, [file.source(statement)])
        return [*verbs.delete_statement(file, statement), *after]

    return propose(
        IDENTITY,
        Level.SUGGESTION,
        location_of(project, cleared.place),
        f"the gradients are cleared in every round, and used in every {_nth(window)}: all but the last batch are lost",
        [
            Step(location_of(project, window.backward.place), "each round computes gradients here"),
            Step(location_of(project, window.update.step.place), "and only some rounds step"),
        ],
        "Clear the gradients after the step",
        build,
    )


# --- Z5 --------------------------------------------------------------------------------------------------------------


def _is_divided(file: ParsedFile, window: Window) -> bool:
    """Whether the loss (or the learning rate, or the gradients) may be divided by the size of the window."""
    size = re.escape(window.size)
    if re.search(rf"/=?[ \t]*(?:float\()?{size}\b|\*[ \t]*{size}\b|\b{size}[ \t]*\*", file.text):
        return True
    source = file.source(window.loop)
    if _SCALES.search(source) or _is_passed_on(file, window):
        return True
    names = {n.id for n in ast.walk(window.call) if isinstance(n, ast.Name)}
    return any(_scales(statement, names) for statement in walk(window.loop) if isinstance(statement, ast.stmt))


def _is_passed_on(file: ParsedFile, window: Window) -> bool:
    """Whether some call in the loop gets the size: it may divide by it."""
    calls = (n for n in walk(window.loop) if isinstance(n, ast.Call))
    given = (value for call in calls for value in (*call.args, *(k.value for k in call.keywords)))
    return not isinstance(window.modulo.right, ast.Constant) and any(
        window.size in file.source(value) for value in given
    )


def _scales(statement: ast.stmt, names: set[str]) -> bool:
    """Whether a statement divides or weighs what backward is called on."""
    match statement:
        case ast.Assign(targets=targets, value=value):
            concerned = any(isinstance(t, ast.Name) and t.id in names for t in targets)
        case ast.AugAssign(target=ast.Name(id=name), value=value):
            return name in names and isinstance(statement.op, ast.Div | ast.Mult)
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="backward")) as value):
            concerned = True
        case _:
            return False
    return concerned and _is_scaled(value)


def _is_scaled(value: ast.expr) -> bool:
    """Whether every term of a sum may be divided or weighed: the weight of one term is no division of the sum."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub):
        return _is_scaled(value.left) and _is_scaled(value.right)
    return any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div | ast.Mult) for n in ast.walk(value))


def _not_divided(file: ParsedFile, project: Project, window: Window) -> Finding:
    return propose(
        IDENTITY,
        Level.SUGGESTION,
        location_of(project, window.backward.place),
        f"the gradients of {window.size} batches are added up, and the loss is not divided by {window.size}",
        [Step(location_of(project, window.update.step.place), f"one step for every {_nth(window)} round")],
        f"Divide the loss by {window.size}",
        lambda: _division(file, window),
    )


def _division(file: ParsedFile, window: Window) -> list[Edit]:
    """`loss = loss / n`; `(loss / n).backward()` where the loss is looked at afterwards, or has no name."""
    assert isinstance(window.call.func, ast.Attribute)
    if window.several:
        raise verbs.CannotRewrite("the backward pass stands in more than one place")
    loss = window.call.func.value
    if isinstance(loss, ast.Call) and isinstance(loss.func, ast.Attribute) and loss.func.attr == "scale" and loss.args:
        loss = loss.args[0]
    statement = file.enclosing_statement(window.call)
    if isinstance(loss, ast.Name) and not _is_read_later(window, loss.id, statement):
        return verbs.insert_before(file, statement, [f"{loss.id} = {loss.id} / {window.size}"])
    return verbs.wrap_expression(file, loss, "{} / " + window.size)


def _is_read_later(window: Window, name: str, statement: ast.stmt) -> bool:
    last = statement.end_lineno or statement.lineno
    names = (n for n in walk(window.loop) if isinstance(n, ast.Name) and n.id == name)
    return any(n.lineno > last and isinstance(n.ctx, ast.Load) for n in names)


# --- Z7 --------------------------------------------------------------------------------------------------------------


def _loses_the_rest(file: ParsedFile, window: Window) -> bool:
    """Whether what the last, incomplete window computes is never used: nothing else steps, in or behind the loop."""
    test = window.condition.test
    if not isinstance(window.loop, ast.For) or not isinstance(test, ast.Compare | ast.UnaryOp):
        return False  # `or i + 1 == len(loader)` takes care of it
    others = [s for s in window.update.steps if not _is_inside(window.condition, s.place.line)]
    if window.condition.orelse or others or _counter(window) is None:
        return False
    last, frame = window.loop.end_lineno or window.loop.lineno, window.update.loop.frame().place
    steps = (event for event in window.update.trace.events if isinstance(event, OptimizerStep))
    return not any(s.context.frame().place == frame and s.place.line > last for s in steps)


def _is_inside(condition: ast.If, line: int) -> bool:
    return condition.lineno <= line <= (condition.end_lineno or condition.lineno)


def _counter(window: Window) -> tuple[str, ast.expr] | None:
    """`i` and `loader` of `for i, batch in enumerate(loader)` with `(i + 1) % n == 0` (not one that counts from 1)."""
    loop, left = window.loop, window.modulo.left
    match loop:
        case ast.For(
            target=ast.Tuple(elts=[ast.Name(id=name), *_]),
            iter=ast.Call(func=ast.Name(id="enumerate"), args=[items], keywords=[]),
        ):
            pass
        case _:
            return None
    match left:
        case ast.BinOp(left=ast.Name(id=used), op=ast.Add(), right=ast.Constant(value=1)) if used == name:
            return name, items
        case _:
            return None


def _rest(file: ParsedFile, project: Project, window: Window) -> Finding:
    found = _counter(window)
    assert found is not None
    name, items = found

    def build() -> list[Edit]:
        if not isinstance(items, ast.Name | ast.Attribute):
            raise verbs.CannotRewrite("how many batches there are is not known where the step is")
        template = f"{{}} or {name} + 1 == len({file.source(items)})"
        return verbs.wrap_expression(file, window.condition.test, template)

    return propose(
        IDENTITY,
        Level.SUGGESTION,
        file.location(window.condition.test),
        f"where the number of batches is no multiple of {window.size}, the last ones are computed and never used",
        [Step(location_of(project, window.update.step.place), "the only step")],
        "Step after the last batch too",
        build,
    )


def _nth(window: Window) -> str:
    return f"{window.size}th" if window.size.isdigit() else f"`{window.size}`th"


RULE = ours(IDENTITY[0])
