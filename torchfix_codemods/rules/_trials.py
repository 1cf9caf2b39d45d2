"""Models that are tried out: one batch runs through, and nobody measures anything. And signs of another intent."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phase_gate import EVALUATION_WORDS
from torchfix_codemods.analysis.phases import Execution
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.analysis.unread_names import may_train
from torchfix_codemods.analysis.values import External
from torchfix_codemods.rules._norm_calls import is_made_up
from torchfix_codemods.rules._regions import Region, Regions, is_for_its_effect
from torchfix_codemods.rules._shared import node_of

_SPREAD = re.compile(
    r"\.(?:std|var|repeat|expand|tile)\(|repeat_interleave|uncertain|varian|monte|epistemic|\bmc|_mc|drop_?out", re.I
)
#: Code that is not of the project and trains no model that it gets: copies are another matter.
_LOOKS = re.compile(r"builtins\.|(?:torch|numpy|torchinfo|torchsummary|torchviz|thop|fvcore|pprint|tqdm)\.")
_LOSS = re.compile(r"^\s*\w*(?:loss|err|cost)\w*\s*=", re.M | re.I)


def is_trial(region: Region, regions: Regions) -> bool:
    """Whether a loop ends with its first round, and nothing says that its models are trained, loaded or evaluated."""
    node = region.node
    if not isinstance(node, ast.For | ast.AsyncFor) or not isinstance(node.body[-1], ast.Break):
        return False
    return not any(_is_in_use(region, regions, execution) for execution in region.executions)


def _is_in_use(region: Region, regions: Regions, execution: Execution) -> bool:
    event = execution.event
    if event.mode == "eval" or event.grad is False or regions.phases.optimised(event.model):
        return True
    return is_loaded(regions, regions.receiver(region, execution))


def is_loaded(regions: Regions, receiver: str) -> bool:
    """Whether the file loads weights into a model: it is there to be used."""
    load = rf"^[^#\n]*(?<![\w.]){re.escape(receiver)}\.load_state_dict\("
    return bool(receiver) and re.search(load, regions.file.text, re.M) is not None


def uses_weights_once(region: Region, regions: Regions) -> bool:
    """Whether a script loads weights into its models, runs each on something real, and looks at the answers."""
    return stands_alone(region) and all(_answers(region, regions, execution) for execution in region.executions)


def _answers(region: Region, regions: Regions, execution: Execution) -> bool:
    file, receiver = regions.file, regions.receiver(region, execution)
    call = node_of(file, execution.event.place, ast.Call)
    if not isinstance(call, ast.Call) or is_for_its_effect(file, call):
        return False
    if any(is_made_up(regions.phases, file, argument) for argument in _arguments(file, call)):
        return False
    loads = (n for n in walk(file.tree) if isinstance(n, ast.Attribute) and n.attr == "load_state_dict")
    return any(ast.unparse(n.value) == receiver and file.enclosing_function(n) is None for n in loads)


def _arguments(file: ParsedFile, call: ast.Call) -> Iterator[ast.expr]:
    """What a call is given; for a name of the script what is assigned to it."""
    for argument in call.args:
        yield argument
        for statement in file.tree.body if isinstance(argument, ast.Name) else ():
            for node in walk(statement):
                if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == [ast.unparse(argument)]:
                    yield node.value


def comes_after_training(execution: Execution, regions: Regions) -> bool:
    """Whether the model was trained before, and is not trained afterwards."""
    phases, event = regions.phases, execution.event
    trained = [
        other.event.id
        for site in phases.sites.values()
        for other in site.executions
        if other.trained and other.trace is execution.trace and phases.same(other.event.model, event.model)
    ]
    return bool(trained) and max(trained) < event.id


def may_be_meant(region: Region, regions: Regions) -> bool:
    """Whether a single measurement in training mode may be wanted, or its models may be trained out of sight.

    Dropout asked for its spread, statistics adapted before `eval()`, a copy that is trained further, another file that
    trains on, code that was not read and gets the model.
    """
    file, execution = regions.file, region.executions[-1]
    rest = "\n".join(file.source(s) for s in file.tree.body if (s.end_lineno or s.lineno) >= region.node.lineno)
    if _SPREAD.search(rest) or asks_twice(region, regions) or regions.phases.program.project.importers(file.path):
        return True
    events = execution.trace.events
    behind = events[events.index(execution.event) :]
    changes = regions.phases.mode_changes(execution.event.model)
    if any(change.mode == "eval" and change in behind for trace, change in changes if trace is execution.trace):
        return True
    return any(not _LOOKS.match(name) for _, name in _given_away(region, regions))


def asks_twice(region: Region, regions: Regions) -> bool:
    """Whether the same call stands in a block twice: only dropout makes its answers differ."""
    nodes = {node_of(regions.file, e.event.place, ast.Call) for e in region.executions} - {None}
    calls = [n for n in nodes if isinstance(n, ast.Call)]
    asked = [(ast.unparse(n), id(regions.file.block_of(regions.file.enclosing_statement(n))[0])) for n in calls]
    return len(set(asked)) < len(asked)


def is_trained_out_of_sight(region: Region, regions: Regions) -> bool:
    """Whether a script gives a model behind a loop to code that was not read, and whose name says that it trains."""
    given = _given_away(region, regions) if region.kind == "loop" and region.function is None else ()
    return any(call.lineno > region.end_line and (may_train(name) or "tune" in name) for call, name in given)


def _given_away(region: Region, regions: Regions) -> Iterator[tuple[ast.Call, str]]:
    """The calls that give a model of a region to what is not of the project, with its name."""
    file = regions.file
    receivers = {regions.receiver(region, e) for e in region.executions}
    for call in walk(file.tree):
        if not isinstance(call, ast.Call):
            continue
        given = [a for a in (*call.args, *(k.value for k in call.keywords)) if isinstance(a, ast.Name | ast.Attribute)]
        if any(ast.unparse(a) in receivers for a in given):
            called = regions.phases.program.project.resolve(file, call.func)
            if isinstance(called, External):
                yield call, called.name


def stands_alone(region: Region) -> bool:
    """Whether a script runs its statements once: they are in no function, and in no loop."""
    return region.function is None and runs_once(region)


def runs_once(region: Region) -> bool:
    """Whether no loop is around a region, here or in a caller in view."""
    return not any(c.kind == "loop" for c in region.executions[0].event.context.chain())


def begins_a_step(region: Region, regions: Regions) -> bool:
    """Whether a notebook clears gradients and computes a loss here: the backward pass may be run from another cell."""
    if not regions.file.path.endswith(".ipynb") or "eval" in region.modes() or _says_so(region):
        return False
    code = "\n".join(regions.file.source(statement) for statement in regions.statements(region))
    return ".zero_grad(" in code and _LOSS.search(code) is not None


def _says_so(region: Region) -> bool:
    function = region.function if region.kind == "function" else None
    return function is not None and EVALUATION_WORDS.search(function.name) is not None
