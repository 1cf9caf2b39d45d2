"""Parts of a model whose parameters are frozen, and the `train()` that lets their statistics move again."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.batch_norms import holds_batch_norm
from torchfix_codemods.analysis.interpreter.state import identities
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases
from torchfix_codemods.analysis.trace import Freezing, ModelCall, ModeSet, Place, Trace
from torchfix_codemods.analysis.values import ClassRef, External, Instance, Value, options
from torchfix_codemods.rules._modes import overrides_mode
from torchfix_codemods.rules._shared import node_of

#: Code that looks after the statistics itself, or moves them on purpose.
LOOKS_AFTER = re.compile(
    r"freeze_?bn|bn_?freeze|freeze_?batch|set_bn|fix_bn|bn_eval|BatchNorm[^\n]*\n?.{0,120}\.eval\(\)|\.training\s*=\s*False"
    r"|track_running_stats\s*=\s*False|update_bn\b|ada_?bn|recalibrat|precise_bn|momentum\s*=\s*(?:0(?:\.0*)?|None)(?![\d.])"
    r"|reset_running_stats|\.momentum\s*=|['\"]momentum['\"]\s*,|\.apply\([^\n]*(?:\.eval\(|train\(False)",
    re.I | re.S,
)
_WRAPPED = re.compile(r"DataParallel\(|\.prepare\(|fabric\.setup|deepspeed")


@dataclass(frozen=True)
class TrainCall:
    """A statement `model.train()` of a file, and all its executions (trace, position in it, event)."""

    statement: ast.Expr
    receiver: str
    executions: tuple[tuple[Trace, int, ModeSet], ...]


def train_calls(file: ParsedFile, phases: Phases) -> Iterator[TrainCall]:
    """The statements of a file that put a model into training mode, in their order."""
    found: dict[Place, list[tuple[Trace, int, ModeSet]]] = defaultdict(list)
    for trace in phases.program.traces:
        for position, event in enumerate(trace.events):
            if isinstance(event, ModeSet) and event.place.path == file.path:
                found[event.place].append((trace, position, event))
    for place in sorted(found):
        call = node_of(file, place, ast.Call)
        statement = _statement_of(file, call) if call is not None else None
        match call:
            case ast.Call(func=ast.Attribute(attr="train", value=receiver)) if statement is not None:
                if all(event.mode == "train" for _, _, event in found[place]) and _is_chain(receiver):
                    yield TrainCall(statement, file.source(receiver), tuple(found[place]))
            case _:
                pass


def _statement_of(file: ParsedFile, call: ast.AST) -> ast.Expr | None:
    """The statement that is the call, or `net.train() if flag else net.eval()`: what comes below it suits both."""
    parent = file.parents[call]
    parent = file.parents[parent] if isinstance(parent, ast.IfExp) else parent
    return parent if isinstance(parent, ast.Expr) else None


def _is_chain(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


@dataclass(frozen=True)
class FrozenPart:
    """What is frozen before a `train()`: the attribute's path ("" for the whole model), and why it is not certain."""

    path: str
    place: Place
    doubt: str


# Says that parameters learn again; an argument `requires_grad=True` of a new tensor does not.
_UNFREEZES = re.compile(
    r"\.requires_grad\s*=(?!=|\s*False\b)|\.requires_grad_\((?!\s*(?:requires_grad\s*=\s*)?False)|['\"]requires_grad['\"]"
)


def may_learn(text: str, path: str) -> str:
    """Why code may let something in a frozen attribute learn after all; "" where it does not."""
    if _UNFREEZES.search(text):
        return "some parameters are made to learn, perhaps those of its normalisation"
    name = re.escape(path.rpartition(".")[2])
    inside = (
        rf"\b{name}(?:\.\w+|\[[^\]\n]*\])+\s*=(?!=)|\b{name}\.(?:add_module|append|insert)\(|_modules\[|\bsetattr\("
    )
    again = len(re.findall(rf"\.{name}\s*=(?!=)", text)) > 1
    if name and (again or any(not _is_of_parameters(m.group()) for m in re.finditer(inside, text))):
        return "parts of it are replaced: what is put in later learns"
    return ""


def _is_of_parameters(assigned: str) -> bool:
    return re.search(r"\.(?:requires_grad|grad|data)\s*=$", assigned) is not None


def recalibrates(phases: Phases, call: TrainCall) -> bool:
    """Whether a loop behind a `train()` runs the model and trains nothing: it collects statistics on purpose."""
    return any(_collects(phases, *execution) for execution in call.executions)


def _collects(phases: Phases, trace: Trace, position: int, event: ModeSet) -> bool:
    trained = {e.event.id for site in phases.sites.values() for e in site.executions if e.trained and e.trace is trace}
    runs: list[bool] = []
    looped = False
    for other in trace.events[position + 1 :]:
        if isinstance(other, ModeSet) and phases.same(other.model, event.model):
            break
        if isinstance(other, ModelCall) and phases.same(other.model, event.model):
            runs.append(other.id in trained)
            looped |= any(c.kind == "loop" and not event.context.inside(c) for c in other.context.chain())
    return looped and not any(runs)


def frozen_part(phases: Phases, call: TrainCall) -> FrozenPart | None:
    """The one part that every execution of a `train()` finds frozen; None where there is none, or nothing to say."""
    found = [_frozen_at(phases, *execution) for execution in call.executions]
    parts = {part.path: part for part in found if part is not None}
    if None in found or len(parts) != 1:
        return None
    (part,) = parts.values()
    return part


def _frozen_at(phases: Phases, trace: Trace, position: int, event: ModeSet) -> FrozenPart | None:
    models = [o for o in options(event.model) if isinstance(o, Instance)]
    if len(models) != 1 or event.overridden or not _trains(phases, event.model):
        return None
    model = models[0]
    freezings = [(n, e) for n, e in enumerate(trace.events) if isinstance(e, Freezing) and phases.same(e.model, model)]
    if not freezings or any(e.learn is not False for _, e in freezings):
        return None  # some of it learns again, or perhaps does: it was not meant to stay
    before = [e for n, e in freezings if n < position or _in_constructor(e)]
    parts = [(e, _path(phases, model, e.model)) for e in before]
    paths = {path for _, path in parts}
    if len(paths) != 1 or None in paths:
        return None
    freezing, path = parts[0]
    if holds_batch_norm(phases.program.machine, freezing.model) is not True:
        return None
    if path and _is_evaluated(phases, trace, freezing):
        return None
    if overrides_mode(phases.program.project, freezing.model):
        return None
    return FrozenPart(path or "", freezing.place, _doubt(freezing, path or ""))


def _trains(phases: Phases, model: Value) -> bool:
    """Whether the model runs in training mode in what trains."""
    return any(
        execution.trained and execution.event.mode == "train" and phases.same(execution.event.model, model)
        for site in phases.sites.values()
        for execution in site.executions
    )


def _in_constructor(event: Freezing) -> bool:
    function = event.context.frame().function
    return function is not None and function.name == "__init__"


def _is_evaluated(phases: Phases, trace: Trace, freezing: Freezing) -> bool:
    """Whether some `eval()` is for the frozen part alone: somebody looks after it."""
    frozen = identities(freezing.model)
    return any(
        one == other or phases.holds(other, one)
        for event in trace.events
        if isinstance(event, ModeSet) and event.mode != "train"
        for one in identities(event.model)
        for other in frozen
    )


def _path(phases: Phases, model: Instance, part: Value) -> str | None:
    """`backbone` for `model.backbone`, "" for the model itself; None where it is no attribute of it."""
    if model in identities(part):
        return ""
    if not isinstance(model.cls, ClassRef):
        return None
    attributes = phases.program.machine.attributes_of(model)
    names = [name for name, value in attributes.items() if identities(value) == identities(part)]
    if names:
        return names[0]
    for name, value in attributes.items():
        for inner in options(value):
            if isinstance(inner, Instance) and isinstance(inner.cls, ClassRef):
                deeper = phases.program.machine.attributes_of(inner)
                found = [n for n, v in deeper.items() if identities(v) and identities(v) == identities(part)]
                if found:
                    return f"{name}.{found[0]}"
    return None


def _doubt(freezing: Freezing, path: str) -> str:
    if any(context.kind == "branch" for context in freezing.context.chain()):
        return "the parameters are frozen on one path only, and the statistics should stay on that one alone"
    if not path:
        return "all of the model is frozen, and what was put in later may learn: which normalisations stay is open"
    if _is_norm(freezing):
        return "only the weights of a normalisation are frozen: those inside of other blocks may be meant as well"
    return ""


def _is_norm(freezing: Freezing) -> bool:
    """Whether what is frozen is a single normalisation, no part of a network with weights of its own."""
    return any(
        isinstance(o, Instance) and isinstance(o.cls, External) and "Norm" in o.cls.name.rpartition(".")[2]
        for o in options(freezing.model)
    )


def follows_another(text: str, path: str) -> bool:
    """Whether code pairs the parameters of an attribute with those of another, as momentum encoders are moved."""
    name = re.escape(path.rpartition(".")[2])
    paired = rf"\bzip\((?:[^()]|\([^()]*\))*\b{name}\.(?:named_)?parameters\("
    return bool(name) and re.search(paired, text) is not None


def is_wrapped(text: str) -> bool:
    """Whether a model may be in a wrapper that hides its attributes."""
    return _WRAPPED.search(text) is not None


def evaluates(text: str, path: str) -> bool:
    """Whether code says somewhere, in a hook perhaps, that an attribute of this name is put into evaluation mode."""
    name = re.escape(path.rpartition(".")[2])
    return bool(name) and re.search(rf"\b{name}\.(?:eval\(|train\(False)", text) is not None


def called_between(trace: Trace, first: int, last: int, phases: Phases, part: Value) -> bool:
    """Whether a part of a model (or what holds it) runs between two events of a trace."""
    return any(isinstance(e, ModelCall) and phases.same(e.model, part) for e in trace.events[first:last])
