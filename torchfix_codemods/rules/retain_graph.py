"""TFC203: a backward pass that keeps its graph for no other pass, or for one that cannot use it any more."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.program import program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Backward, place_of
from torchfix_codemods.analysis.values import External
from torchfix_codemods.findings import Edit, Finding, Level, Step
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules import ours
from torchfix_codemods.rules._retain_detach import MissingDetach, missing_detach
from torchfix_codemods.rules._retain_fate import Fate, combined, fates_in, roots_of, walk_from
from torchfix_codemods.rules._retain_hidden import cut_between_rounds
from torchfix_codemods.rules._retain_orders import (
    both_then_steps,
    later_steps,
    one_after_the_other,
    steps_after_passes,
)
from torchfix_codemods.rules._retain_proof import proved
from torchfix_codemods.rules._retain_text import position_of_retain, renamed, without_retain
from torchfix_codemods.rules._shared import propose

IDENTITY = ("TFC203", "retain-graph")
_OWN_METHOD = re.compile(r"def backward\([^)]*retain_variables")
_TWICE = "a second pass goes through a graph whose parameters a step has changed"


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Every backward pass of the file that keeps its graph."""
    if not topics_of(project, file.path) & Topic.RETAIN:
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call) and _keeps_graph(file, project, node):
            finding = _examined(file, project, node)
            if finding is not None:
                yield finding


def _keeps_graph(file: ParsedFile, project: Project, call: ast.Call) -> bool:
    """`loss.backward(retain_graph=True)`, under its old name too, or by its position."""
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "backward" or None in named:
        return False
    callee = project.resolve(file, call.func)
    if callee is not None and not (isinstance(callee, External) and callee.name == "torch.autograd.backward"):
        return False
    if "retain_variables" in named:
        return True
    if any(isinstance(argument, ast.Starred) for argument in call.args) or _is_true(named.get("create_graph")):
        return False
    place = position_of_retain(file, call)
    if len(call.args) > place + 1:
        return False  # create_graph by its position
    return _is_true(named.get("retain_graph")) or (len(call.args) > place and _is_true(call.args[place]))


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _examined(file: ParsedFile, project: Project, call: ast.Call) -> Finding | None:
    old = any(keyword.arg == "retain_variables" for keyword in call.keywords)
    if old and not _is_of_torch(file, project, call):
        return None
    kept = not old or any(k.arg == "retain_variables" and _is_true(k.value) for k in call.keywords)
    fate = _fate(file, project, call) if kept else None
    found = None if fate is None else _finding(file, project, call, fate, old)
    if old and (found is None or found.level is Level.SUGGESTION):
        return _renaming(file, call)
    return found


def _is_of_torch(file: ParsedFile, project: Project, call: ast.Call) -> bool:
    """Whether it is torch's method that gets the old name: the interpreter saw a pass, or the project has no other."""
    program, place = program_for(project, file.path), place_of(file.path, call)
    if any(event.place == place for _, event in program.events(Backward)):
        return True
    return not any(_OWN_METHOD.search(project.read(path) or "") for path in program.files)


def _fate(file: ParsedFile, project: Project, call: ast.Call) -> Fate | None:
    program = program_for(project, file.path)
    roots = roots_of(file, project, call)
    return combined(fate for root in roots for fate in fates_in(walk_from(project, root), root, file, call, program))


def _finding(file: ParsedFile, project: Project, call: ast.Call, fate: Fate, old: bool) -> Finding | None:
    match fate.kind:
        case "crash":
            return _hidden(file, project, call, fate) if fate.carried else _crashing(file, project, call, fate)
        case "needless" | "needed":
            detach = missing_detach(fate, project)
            if detach is not None:
                return _undetached(file, project, call, fate, detach, old)
            return _needless(file, call, fate, old) if fate.kind == "needless" else None
        case _:
            return None


def _needless(file: ParsedFile, call: ast.Call, fate: Fate, old: bool) -> Finding:
    level = Level.CRASH_FIX if old else Level.EQUIVALENT
    message = "the graph is kept, and no other backward pass goes through it"
    steps = [Step(file.location(call), "the only backward pass through this graph")]
    title = "Let the backward pass free its graph"
    return _told(file, call, fate, level, message, steps, title, partial(without_retain, file, call))


def _undetached(
    file: ParsedFile, project: Project, call: ast.Call, fate: Fate, detach: MissingDetach, old: bool
) -> Finding | None:
    """The pass reaches into a net that it does not train."""
    level = Level.EQUIVALENT if detach.cleared else Level.BEHAVIOR
    message = "the graph is kept, and this pass reaches into a net that it does not train"
    if not detach.cleared:
        message += ": the step of that net uses these gradients too"
    steps = [
        Step(file.location(call), "keeps the graph"),
        *(Step(file.location(node), "from here on the gradients are of no use") for node in detach.arguments),
    ]

    def build() -> list[Edit]:
        edits = [edit for node in detach.arguments for edit in verbs.suffix_expression(file, node, ".detach()")]
        return proved(project, fate, file, [*without_retain(file, call), *edits])

    title = "Detach the output of the other net, and let the backward pass free its graph"
    found = _told(file, call, fate, max(level, Level.CRASH_FIX) if old else level, message, steps, title, build)
    if found.fix is None:
        return _needless(file, call, fate, old) if fate.kind == "needless" else None
    return found


def _hidden(file: ParsedFile, project: Project, call: ast.Call, fate: Fate) -> Finding:
    message = "the next round goes through the same graph again, and fails: a step has changed the parameters"
    steps = [
        Step(file.location(call), "keeps the graph, and goes through it again in the next round"),
        *_step_steps(fate),
    ]
    title = "Cut the state from its graph where a round begins"
    return _told(file, call, fate, Level.CRASH_FIX, message, steps, title, partial(cut_between_rounds, fate, project))


def _crashing(file: ParsedFile, project: Project, call: ast.Call, fate: Fate) -> Finding | None:
    later = fate.next_pass
    assert isinstance(later.node, ast.Call)
    steps = [
        Step(file.location(call), "keeps the graph"),
        *_step_steps(fate),
        Step(later.file.location(later.node), "goes through the graph again, and fails"),
    ]
    following = later_steps(fate)
    if following and not following & fate.stepped:
        title = "Let each net learn from a graph of its own"
        build = partial(_adversarial, fate, project)
        return _told(file, call, fate, Level.CRASH_FIX, _TWICE, steps, title, build)
    reason = "one net learns from both losses: whether they are summed or stepped apart is the author's choice"
    title = "Make both backward passes before any step"
    build = partial(steps_after_passes, fate, project)
    return _told(file, call, fate, Level.SUGGESTION, f"{_TWICE}; {reason}", steps, title, build)


def _step_steps(fate: Fate) -> list[Step]:
    found = {step.node: step for step in fate.steps}
    return [
        Step(step.file.location(step.node), "changes parameters in place that the kept graph needs")
        for step in found.values()
        if isinstance(step.node, ast.Call)
    ]


def _adversarial(fate: Fate, project: Project) -> list[Edit]:
    """One net after the other, as is usual; both from one graph where that cannot be written."""
    try:
        return one_after_the_other(fate, project)
    except verbs.CannotRewrite:
        return both_then_steps(fate, project)


def _told(
    file: ParsedFile,
    call: ast.Call,
    fate: Fate,
    level: Level,
    message: str,
    steps: Sequence[Step],
    title: str,
    build: Callable[[], Sequence[Edit]],
) -> Finding:
    if fate.doubts:
        level = Level.SUGGESTION
        message += f" (as far as can be seen: {min(fate.doubts)})"
    return propose(IDENTITY, level, file.location(call), message, steps, title, build)


def _renaming(file: ParsedFile, call: ast.Call) -> Finding:
    message = "`retain_variables` is called `retain_graph` since torch 0.2, and the old name raises"
    steps = [Step(file.location(call), "this call raises TypeError")]
    title = "Call the argument by its present name"
    return propose(IDENTITY, Level.CRASH_FIX, file.location(call), message, steps, title, partial(renamed, file, call))


RULE = ours(IDENTITY[0])
