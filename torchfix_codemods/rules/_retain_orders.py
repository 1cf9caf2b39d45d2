"""The rewrites for steps that change what a later pass needs: another order of the statements."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence

from torchfix_codemods.analysis.graphs.values import Moment, Thing
from torchfix_codemods.analysis.graphs.walk import Walk, walked
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules._retain_fate import Fate, made_stale, same_node, users_of, uses
from torchfix_codemods.rules._retain_moves import check_moves, check_step_moves, check_untouched, check_values
from torchfix_codemods.rules._retain_proof import proved
from torchfix_codemods.rules._retain_text import (
    Block,
    block_of,
    comment_behind,
    copied,
    loads,
    renamed,
    stored,
    taken_out,
    targets_of,
    without_retain,
)

# Done again, these give something else.
_DRAWS = re.compile(
    r"rand\w*|next|\w*sample\w*|normal_?|uniform_?|bernoulli_?|multinomial|pop|get|read|draw\w*|\w*noise"
)


def later_steps(fate: Fate) -> frozenset[Thing]:
    """What the steps behind the later pass change, up to the next pass."""
    found: set[Thing] = set()
    for moment in fate.walk.moments[fate.later + 1 :]:
        if moment.kind in ("backward", "grad"):
            break
        if moment.kind == "step":
            found |= moment.graph.learned
    return frozenset(found)


def one_after_the_other(fate: Fate, project: Project) -> list[Edit]:
    """The standard order of a GAN: one net learns from its own graph, then the other from a new one."""
    first, step = fate.moment, fate.steps[0]
    block = block_of(first, step, fate.next_pass)
    call = first.node
    assert isinstance(call, ast.Call)
    edits = without_retain(block.file, call)
    if _feeds(fate):
        edits += _second_anew(fate, project, block)
    else:
        edits += _cut(block, detachable(fate, project, first.graph.nodes, fate.stepped, later_steps(fate)))
        stale = {fate.walk.operations[n].node for s in fate.steps for n in made_stale(fate.walk, fate.next_pass, s)}
        edits += _again(block, _chain(block, stale))
    return proved(project, fate, block.file, edits)


def _feeds(fate: Fate) -> bool:
    """Whether what was stepped first feeds other nets in the later pass: the generator learns first."""
    stale = frozenset(n for step in fate.steps for n in made_stale(fate.walk, fate.next_pass, step))
    others = later_steps(fate) - fate.stepped
    return any(fate.walk.operations[n].inputs & stale for n in uses(fate.walk, fate.next_pass.graph, others))


def _second_anew(fate: Fate, project: Project, block: Block) -> list[Edit]:
    """The second net sees a detached output, in a forward of its own where both passes went through one."""
    cut = detachable(fate, project, fate.next_pass.graph.nodes, later_steps(fate), fate.stepped)
    shared = {
        fate.walk.operations[n].node for n in uses(fate.walk, fate.next_pass.graph, later_steps(fate)) & fate.shared
    }
    alone = [node for node in cut if _call_around(block, node) not in shared]
    return [*_cut(block, alone), *_again(block, _chain(block, shared), cut)]


def _call_around(block: Block, argument: ast.expr) -> ast.AST:
    parent = block.file.parents[argument]
    return block.file.parents[parent] if isinstance(parent, ast.keyword) else parent


def _cut(block: Block, arguments: Iterable[ast.expr]) -> list[Edit]:
    return [edit for node in arguments for edit in verbs.suffix_expression(block.file, node, ".detach()")]


def detachable(
    fate: Fate, project: Project, nodes: frozenset[int], critics: frozenset[Thing], makers: frozenset[Thing]
) -> list[ast.expr]:
    """The arguments of calls of `critics` through which all operations of `makers` come into these operations.

    Raises `CannotRewrite` where they come in by another way, or where the call stands in another function.
    """
    operations = fate.walk.operations
    made = frozenset(n for n in nodes if operations[n].by & makers)
    if not made:
        return []
    theirs = [n for n in sorted(nodes) if operations[n].by & critics and operations[n].inputs & made]
    calls = dict.fromkeys(operations[n].node for n in theirs)  # in the order in which they run
    found = [
        argument
        for call in calls
        if isinstance(call, ast.Call)
        for argument in (*call.args, *(keyword.value for keyword in call.keywords))
        if not isinstance(argument, ast.Starred | ast.Constant)
    ]
    function = fate.moment.file.enclosing_function(fate.moment.node)
    if any(
        fate.moment.file.parents.get(a) is None or fate.moment.file.enclosing_function(a) is not function for a in found
    ):
        raise verbs.CannotRewrite("the call that would get a detached argument stands in another function")
    needed = [argument for argument in found if len(found) == 1 or _carries(fate, project, argument, made, {*calls})]
    if not needed or not _cuts(fate, project, needed, nodes, makers):
        raise verbs.CannotRewrite("the output of the other net reaches this loss by more than one way")
    return needed


def _carries(fate: Fate, project: Project, argument: ast.expr, made: frozenset[int], calls: set[ast.AST]) -> bool:
    """Whether less of `made` comes into the calls with one argument detached."""
    names = {thing.node for thing in users_of(fate.walk, made)}
    again = walked(project, fate.root, [argument])
    return _inflow(again, calls, names) < _inflow(fate.walk, calls, names)


def _inflow(walk: Walk, calls: set[ast.AST], names: set[ast.AST | None]) -> int:
    """How many operations of the things made at these nodes come into the calls."""
    inputs = [number for operation in walk.operations if operation.node in calls for number in operation.inputs]
    return sum(_made_by(walk.operations[number].by, names) for number in inputs)


def _made_by(things: frozenset[Thing], nodes: set[ast.AST | None]) -> bool:
    return any(thing.node in nodes for thing in things)


def _cuts(
    fate: Fate, project: Project, arguments: list[ast.expr], nodes: frozenset[int], makers: frozenset[Thing]
) -> bool:
    """Whether the pass that these operations belong to is free of `makers` with the arguments detached."""
    again = walked(project, fate.root, arguments)
    target = fate.moment if nodes == fate.moment.graph.nodes else fate.next_pass
    names = {thing.node for thing in makers}
    passes = [m for m in again.moments if m.kind == "backward" and same_node(m, target)]
    return bool(passes) and not any(_made_by(again.operations[n].by, names) for m in passes for n in m.graph.nodes)


def _chain(block: Block, stale: set[ast.AST]) -> list[ast.stmt]:
    """The statements before the step whose values the later pass needs anew, in their order."""
    before = block.statements[: block.middle]
    tainted: set[str] = set()
    bad: list[ast.stmt] = []
    for statement in before:
        hit = any(node in stale for node in ast.walk(statement)) or bool(loads(statement) & tainted)
        if hit:
            bad.append(statement)
            tainted |= stored(statement)
        elif targets_of(statement):
            tainted -= stored(statement)
    needed: set[str] = set()
    for statement in reversed(block.between):
        needed = (needed - (targets_of(statement) or set())) | loads(statement)
    chain: list[ast.stmt] = []
    for statement in reversed(bad):
        if not stored(statement) & needed:
            continue
        if targets_of(statement) is None:
            raise verbs.CannotRewrite("what the second loss needs is not computed by plain assignments")
        if any(isinstance(node, ast.Call) and _DRAWS.fullmatch(_name(node.func)) for node in ast.walk(statement)):
            raise verbs.CannotRewrite("what the second loss needs is drawn at random, and would be drawn anew")
        chain.append(statement)
        needed = (needed - stored(statement)) | loads(statement)
    return chain[::-1]


def _name(function: ast.expr) -> str:
    """The last part of a function's name."""
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _again(block: Block, chain: list[ast.stmt], detached: Sequence[ast.expr] = ()) -> list[Edit]:
    """Compute these statements behind the step, just before they are needed; take out those that only moved."""
    if not chain:
        return []
    file, names = block.file, {name for statement in chain for name in stored(statement)}
    place = next(statement for statement in block.between if loads(statement) & names)
    check_moves(chain, block.statements, place)
    moved = _moved(block, chain)
    needed = {name for s in [*block.between, *chain] for name in loads(s)}
    check_values([s for s in chain if s not in moved], needed, block.statements[block.last + 1 :])
    lines = [copied(file, s, detached) + (comment_behind(file, s) if s in moved else "") for s in chain]
    edits = verbs.insert_before(file, place, lines)
    for statement in moved:
        edits += taken_out(file, statement)
    return edits


def _moved(block: Block, chain: list[ast.stmt]) -> list[ast.stmt]:
    """Those whose values nobody needs before the step."""
    moved: list[ast.stmt] = []
    for statement in reversed(chain):
        index = block.statements.index(statement)
        rest = [other for other in block.statements[index + 1 : block.middle + 1] if other not in moved]
        if not any(loads(other) & stored(statement) for other in rest):
            moved.append(statement)
    return moved


def both_then_steps(fate: Fate, project: Project) -> list[Edit]:
    """Both nets learn from one graph: each pass writes to its own net only, and the steps follow both."""
    first, second, step = fate.moment, fate.next_pass, fate.steps[0]
    block = block_of(first, step, second)
    if len(fate.steps) > 1 or any(m.kind == "clear" and m.graph.learned & fate.stepped for m in _between(fate)):
        raise verbs.CannotRewrite("the first net is stepped or cleared more than once between the two passes")
    check_untouched(block.statements[: block.last])
    file = block.file
    edits = [
        *renamed(file, _call(first.node)),
        *verbs.add_keyword(file, _call(first.node), "inputs", _parameters(fate, fate.stepped, step.name)),
        *verbs.add_keyword(file, _call(second.node), "inputs", _parameters(fate, later_steps(fate), _next_step(fate))),
        *_move_step(block),
    ]
    return proved(project, fate, file, edits)


def steps_after_passes(fate: Fate, project: Project) -> list[Edit]:
    """Both passes, then the steps: for losses of one net."""
    block = block_of(fate.moment, fate.steps[0], fate.next_pass)
    if len(fate.steps) > 1 or any(m.kind == "clear" for m in _between(fate)):
        raise verbs.CannotRewrite("gradients are cleared or used more than once between the two passes")
    edits = [*renamed(block.file, _call(fate.moment.node)), *_move_step(block)]
    return proved(project, fate, block.file, edits)


def _between(fate: Fate) -> list[Moment]:
    return list(fate.walk.moments[fate.index + 1 : fate.later])


def _call(node: ast.AST) -> ast.Call:
    assert isinstance(node, ast.Call)
    return node


def _move_step(block: Block) -> list[Edit]:
    step, last = block.statements[block.middle], block.statements[block.last]
    if not isinstance(step, ast.Expr):
        raise verbs.CannotRewrite("the step is part of another statement")
    check_step_moves(block.between)
    text = copied(block.file, step)
    return [*verbs.delete_statement(block.file, step), *verbs.insert_after(block.file, last, [text])]


def _next_step(fate: Fate) -> str:
    return next((m.name for m in fate.walk.moments[fate.later + 1 :] if m.kind == "step"), "")


def _parameters(fate: Fate, things: frozenset[Thing], optimizer: str) -> str:
    """`list(D.parameters())` where an optimizer is made from just that here, else what the optimizer holds."""
    file = fate.moment.file
    function = file.enclosing_function(fate.moment.node)
    for (thing, _), graph in fate.walk.heap.items():
        node = thing.node
        if thing.kind != "optimizer" or graph.learned != things or not isinstance(node, ast.Call) or not node.args:
            continue
        given, here = node.args[0], file.parents.get(node) is not None
        if here and file.enclosing_function(node) in (function, None) and _is_parameters(given):
            return f"list({file.source(given)})"
    if not optimizer:
        raise verbs.CannotRewrite("the parameters of the nets have no name here")
    return f'[p for group in {optimizer}.param_groups for p in group["params"]]'


def _is_parameters(node: ast.expr) -> bool:
    """`D.parameters()`, of a plain name."""
    match node:
        case ast.Call(func=ast.Attribute(attr="parameters", value=ast.Name()), args=[], keywords=[]):
            return True
        case _:
            return False
