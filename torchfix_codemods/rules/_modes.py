"""What the two rules about training and evaluation mode share."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace

from torchfix_codemods.analysis.interpreter.state import identities
from torchfix_codemods.analysis.modes import MAX_CLASSES, ModeDependence, mode_dependence
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases, phases_of, trained_ids
from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import ModelCall, ModeSet, Trace
from torchfix_codemods.analysis.values import ClassRef, Instance, Value, options
from torchfix_codemods.findings import Finding, Level
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules._shared import propose

_SUSPECT = re.compile(r"\.(?:train|eval)[ \t]*(?:[;#].*)?$|\.(?:train|eval|training)[ \t]*=(?!=)", re.M)


@dataclass(frozen=True)
class Misspelt:
    """A statement that means to switch a model's mode and doesn't: `model.eval`, `model.train = True`."""

    statement: ast.stmt
    receiver: str
    mode: str  # "train" or "eval"
    attribute: str  # "train", "eval" or "training"
    why: str
    model: Value | None = None


def overrides_mode(project: Project, model: Value) -> bool:
    """Whether the class of a model defines `train` or `eval` itself."""
    classes = [o.cls for o in options(model) if isinstance(o, Instance) and isinstance(o.cls, ClassRef)]
    return any(project.method(cls, name) is not None for cls in classes for name in ("train", "eval"))


def has_a_critic(trace: Trace, event: ModelCall, phases: Phases) -> bool:
    """Whether another model learns from what this one makes, and from what it did not make: it is a GAN's generator."""
    calls = [other for other in trace.events if isinstance(other, ModelCall)]
    own = frozenset(other.id for other in calls if phases.same(other.model, event.model))
    trained = trained_ids(trace)
    judges = [c for c in calls if c.id in trained and c.id not in own and phases.optimised(c.model) is True]
    fed = [judge for judge in judges if judge.calls & own]
    apart = [judge for judge in judges if judge.calls.isdisjoint(own)]
    return any(phases.same(one.model, other.model) for one in fed for other in apart)


def switches_a_part(model: Value, phases: Phases) -> bool:
    """Whether the program puts a part of a model into evaluation mode: the rest is a loss or a wrapper around it."""
    changes = [change for _, change in phases.program.events(ModeSet) if change.mode == "eval"]
    outer = identities(model)
    return any(phases.holds(o, inner) for change in changes for inner in identities(change.model) for o in outer)


def stills_a_part(project: Project, model: Value) -> bool:
    """Whether the classes of a model put parts of it into evaluation mode: `self.trunk = resnet18().eval()`.

    Such a part is meant to stay so while the rest trains, and `model.train()` would switch it too.
    """
    classes = [o.cls for o in options(model) if isinstance(o, Instance) and isinstance(o.cls, ClassRef)]
    seen: set[ClassRef] = set()
    while classes and len(seen) < MAX_CLASSES:
        cls = classes.pop()
        found = project.class_node(cls) if cls not in seen else None
        seen.add(cls)
        if found is None:
            continue
        file, node = found
        classes += [base for base in project.lineage(cls) if isinstance(base, ClassRef)]
        for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
            if _evaluates_a_part(call):
                return True
            inner = project.resolve(file, call.func)
            if isinstance(inner, ClassRef) and project.is_module(inner):
                classes.append(inner)
    return False


def _evaluates_a_part(call: ast.Call) -> bool:
    """`self.trunk.eval()`, `trunk.train(False)`; not `self.eval()`, which is all of the model."""
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name("self"))):
            return False
        case ast.Call(func=ast.Attribute(attr="eval"), args=[], keywords=[]):
            return True
        case (
            ast.Call(func=ast.Attribute(attr="train"), args=[flag])
            | ast.Call(func=ast.Attribute(attr="train"), keywords=[ast.keyword(arg="mode", value=flag)])
        ):
            return isinstance(flag, ast.Constant) and flag.value is False
        case _:
            return False


def receiver_text(file: ParsedFile, call: ast.Call, method: str = "forward") -> str:
    """`model` of `model(x)`, `self.net` of `self.net.forward(x)`; "" where it is no plain chain of names."""
    target: ast.expr = call.func
    if isinstance(target, ast.Attribute) and target.attr in (method, "forward"):
        target = target.value
    current = target
    while isinstance(current, ast.Attribute):
        current = current.value
    return file.source(target) if isinstance(current, ast.Name) else ""


def misspelt_mode_changes(file: ParsedFile, program: Program) -> list[Misspelt]:
    """M7: statements on something that the same function calls as a model."""
    if not _SUSPECT.search(file.text):
        return []
    models = _models_by_name(file, program)
    found = []
    for node in ast.walk(file.tree):
        change = _misspelt(file, node) if isinstance(node, ast.Expr | ast.Assign) else None
        if change is None or _is_said_already(file, change):
            continue
        owner = _scope_of(file, node, change.receiver)
        if (owner, change.receiver) in models:
            found.append(replace(change, model=models[owner, change.receiver]))
    return found


def _scope_of(file: ParsedFile, node: ast.AST, receiver: str) -> ast.AST | None:
    """What a receiver's name is local to: the class for an attribute of self, else the function."""
    return file.enclosing_class(node) if receiver.startswith("self.") else file.enclosing_function(node)


def _misspelt(file: ParsedFile, node: ast.Expr | ast.Assign) -> Misspelt | None:
    match node:
        case ast.Expr(value=ast.Attribute(attr="train" | "eval" as name, value=receiver)):
            return Misspelt(node, file.source(receiver), name, name, "names the method and does not call it")
        case ast.Assign(
            targets=[ast.Attribute(attr="train" | "eval" as name, value=receiver)],
            value=ast.Constant(value=bool() as flag),
        ):
            mode = name if flag else ("eval" if name == "train" else "train")
            return Misspelt(
                node, file.source(receiver), mode, name, f"overwrites the method {name}() instead of calling it"
            )
        case ast.Assign(
            targets=[ast.Attribute(attr="training", value=receiver)],
            value=ast.Constant(value=bool() as flag),
        ):
            why = "reaches this module only, not the modules inside it"
            return Misspelt(node, file.source(receiver), "train" if flag else "eval", "training", why)
        case _:
            return None


def _is_said_already(file: ParsedFile, change: Misspelt) -> bool:
    """Whether the right call stands beside `model.training = False`, which then changes nothing."""
    block = file.block_of(change.statement)
    place = block.index(change.statement)
    call = f"{change.receiver}.{change.mode}()"
    beside = block[max(0, place - 1) : place + 2]
    return change.attribute == "training" and any(file.source(statement) == call for statement in beside)


def _models_by_name(file: ParsedFile, program: Program) -> dict[tuple[ast.AST | None, str], Value]:
    """The expressions that are called as models in this file, by the scope of their name."""
    found: dict[tuple[ast.AST | None, str], Value] = {}
    for site in phases_of(program).sites.values():
        call = file.node_at(site.place[1:], ast.Call) if site.place.path == file.path else None
        if isinstance(call, ast.Call):
            text = receiver_text(file, call, site.executions[0].event.method)
            found[_scope_of(file, call, text), text] = site.model
    return found


def finding_of_misspelt(identity: tuple[str, str], file: ParsedFile, program: Program, change: Misspelt) -> Finding:
    """The statement, rewritten as the call that it was meant to be.

    A model that looks at `self.training` itself may well be switched by assigning it: then only its author knows.
    """
    call = f"{change.receiver}.{change.mode}()"

    dependence = mode_dependence(program.machine, change.model) if change.model is not None else ModeDependence(None)
    own_flag = change.attribute == "training" and dependence.branches
    return propose(
        identity,
        Level.SUGGESTION if own_flag else Level.BEHAVIOR,
        file.location(change.statement),
        f"{file.source(change.statement)}: this {change.why}",
        [],
        f"Call {call}",
        lambda: verbs.replace_statement(file, change.statement, call),
    )
