"""Does a model behave differently in training and in evaluation mode? Dropout, batch norm, `self.training`."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace

from torchfix_codemods.analysis import torch_api as api
from torchfix_codemods.analysis.donors import donors
from torchfix_codemods.analysis.interpreter.machine import Machine
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.values import ClassRef, Const, External, Instance, Value, options
from torchfix_codemods.findings import Location, Step

MAX_CLASSES = 60
_TWO_ANSWERS = re.compile(r"detection|rcnn|retinanet|ssd|fcos|inception|googlenet")


_PLAIN_FEATURES = re.compile(r"torchvision\.models\.(?:\w+\.)?(?:alexnet|vgg\d+|squeezenet\d_\d)")


@dataclass(frozen=True)
class ModeDependence:
    """`depends` is None where part of the model could not be read; `step` shows the first such layer.

    `branches` says that the model's own code asks `if self.training`, or that it is known to: in another mode it may
    return something else.
    """

    depends: bool | None
    step: Step | None = None
    branches: bool = False


def mode_dependence(machine: Machine, model: Value) -> ModeDependence:
    """Whether any layer of a model (or of any alternative) depends on its mode."""
    known: dict[Value, ModeDependence] = machine.project.memory.setdefault("modes", {})
    if model not in known:
        answer = _joined(machine, model)
        known[model] = replace(answer, branches=any(_branches(machine, o, set()) for o in options(model)))
    return known[model]


def _branches(machine: Machine, model: Value, seen: set[ClassRef]) -> bool:
    """Whether the class of a model, or a class that it constructs, asks for the mode outside a dropout's argument."""
    if isinstance(model, Instance) and isinstance(model.cls, External):
        return _answers_otherwise(model.cls.name, model.args)
    if not isinstance(model, Instance) or not isinstance(model.cls, ClassRef):
        return False
    return any(isinstance(c, ClassRef) and _asks(machine, c, seen) for c in machine.project.lineage(model.cls))


def _answers_otherwise(name: str, args: tuple[Value, ...]) -> bool:
    """Whether a model of torchvision gives losses or more outputs in training mode: detectors, auxiliary heads."""
    if name.startswith("torchvision.models.get_model"):
        return not args or not isinstance(args[0], Const) or _TWO_ANSWERS.search(str(args[0].value)) is not None
    return name.startswith("torchvision.models.") and _TWO_ANSWERS.search(name) is not None


def _asks(machine: Machine, cls: ClassRef, seen: set[ClassRef]) -> bool:
    found = None if cls in seen or len(seen) > MAX_CLASSES else machine.project.class_node(cls)
    seen.add(cls)
    if found is None:
        return False
    file, node = found
    for child in ast.walk(node):
        if isinstance(child, ast.Attribute) and child.attr == "training" and isinstance(child.ctx, ast.Load):
            if not _is_argument_of_dropout(file, child):
                return True
        elif isinstance(child, ast.Call):
            inner = machine.project.resolve(file, child.func)
            if isinstance(inner, ClassRef) and machine.project.is_module(inner) and _asks(machine, inner, seen):
                return True
    return False


def _is_argument_of_dropout(file: ParsedFile, node: ast.expr) -> bool:
    """`F.dropout(x, training=self.training)`, `F.batch_norm(..., self.training)`."""
    current: ast.AST = node
    while isinstance(current, ast.expr | ast.keyword):
        if isinstance(current, ast.Call):
            return "drop" in ast.unparse(current.func).lower() or "norm" in ast.unparse(current.func).lower()
        current = file.parents[current]
    return False


def _joined(machine: Machine, model: Value) -> ModeDependence:
    answers = [_of(machine, option, set()) for option in options(model) if not isinstance(option, Const)]
    for answer in answers:
        if answer.depends:
            return answer
    return ModeDependence(None if not answers or any(a.depends is None for a in answers) else False)


def _of(machine: Machine, model: Value, seen: set[ClassRef]) -> ModeDependence:
    if not isinstance(model, Instance):
        return ModeDependence(None)
    if isinstance(model.cls, External):
        return _of_external(machine, model, model.cls.name, seen)
    unknown = False
    for cls in machine.project.lineage(model.cls):
        if isinstance(cls, External):
            unknown |= not cls.name.startswith(("torch.nn.", "builtins.object"))
            continue
        if cls is None:
            unknown = True
            continue
        answer = _of_class(machine, cls, seen)
        if answer.depends:
            return answer
        unknown |= answer.depends is None
    return ModeDependence(None if unknown else False)


def _of_external(machine: Machine, model: Instance, name: str, seen: set[ClassRef]) -> ModeDependence:
    step = None
    if model.site is not None:
        step = Step(
            Location(model.site.path, model.site.start, model.site.end),
            f"{name.rpartition('.')[2]} depends on the mode",
        )
    if name in api.MODE_DEPENDENT or name in api.MODE_BY_DEFAULT:
        return ModeDependence(True, step)
    if name in api.MODE_BY_ARGUMENT:
        given = dict(model.kwargs).get(api.MODE_BY_ARGUMENT[name])
        off = given is None or (isinstance(given, Const) and not given.value)
        return ModeDependence(not off, step)
    if api.is_external_model(name):
        return ModeDependence(True, step)  # every classifier of these libraries has batch norm or dropout
    children = machine.children_of(model)
    answers = [
        _of(machine, child, seen) for value in children for child in options(value) if not isinstance(child, Const)
    ]
    for answer in answers:
        if answer.depends:
            return answer
    starred = name in api.CONTAINERS and machine.has_unknown_children(model)
    if starred or any(a.depends is None for a in answers):
        return ModeDependence(None)
    return ModeDependence(False if name.startswith("torch.nn.") else None)


def _of_class(machine: Machine, cls: ClassRef, seen: set[ClassRef]) -> ModeDependence:
    """A class of the project: every constructor call in its body, and every look at `self.training`."""
    if cls in seen or len(seen) > MAX_CLASSES:
        return ModeDependence(False if cls in seen else None)
    seen.add(cls)
    found = machine.project.class_node(cls)
    if found is None:
        return ModeDependence(None)
    file, node = found
    lenders = donors(machine.project, file, node)
    unknown = None in lenders.values()
    for child in ast.walk(node):
        if isinstance(child, ast.Attribute) and child.attr == "training" and isinstance(child.ctx, ast.Load):
            return ModeDependence(True, Step(file.location(child), "the forward looks at self.training"))
        if not isinstance(child, ast.Call) or child in lenders:
            continue
        definition = machine.project.resolve(file, child.func)
        match definition:
            case External(name=name):
                answer = _constructed(file, child, api.canonical(name))
            case ClassRef() if machine.project.is_module(definition):
                answer = _of_class(machine, definition, seen)
            case _:
                # a factory function of the project: look at the modules that it makes
                answer = _of_factory(machine, definition, seen)
        if answer.depends:
            return answer
        unknown |= answer.depends is None
    return ModeDependence(None if unknown else False)


def _of_factory(machine: Machine, definition: object, seen: set[ClassRef]) -> ModeDependence:
    from torchfix_codemods.analysis.values import FunctionRef

    if not isinstance(definition, FunctionRef):
        return ModeDependence(False)
    pseudo = ClassRef(definition.path, definition.name, definition.line)
    if pseudo in seen or len(seen) > MAX_CLASSES:
        return ModeDependence(False)
    seen.add(pseudo)
    file = machine.project.parse(definition.path)
    if file is None:
        return ModeDependence(None)
    for child in ast.walk(machine.node_of(definition)):
        if isinstance(child, ast.Call):
            inner = machine.project.resolve(file, child.func)
            if isinstance(inner, External):
                answer = _constructed(file, child, api.canonical(inner.name))
            elif isinstance(inner, ClassRef) and machine.project.is_module(inner):
                answer = _of_class(machine, inner, seen)
            else:
                answer = _of_factory(machine, inner, seen)
            if answer.depends:
                return answer
    return ModeDependence(False)


def _constructed(file: ParsedFile, call: ast.Call, name: str) -> ModeDependence:
    step = Step(file.location(call), f"{name.rpartition('.')[2]} depends on the mode")
    if "BatchNorm" in name and (stated := _own_statistics(call)) is not None:
        return ModeDependence(stated)
    if _PLAIN_FEATURES.fullmatch(name) and _is_asked_for_features(file, call):
        return ModeDependence(False)
    if name in api.MODE_DEPENDENT or name in api.MODE_BY_DEFAULT or api.is_external_model(name):
        return ModeDependence(True, step)
    if name in api.MODE_BY_ARGUMENT:
        values = [k.value for k in call.keywords if k.arg == api.MODE_BY_ARGUMENT[name]]
        zero = not values or (isinstance(values[0], ast.Constant) and not values[0].value)
        return ModeDependence(not zero, step)
    return ModeDependence(False)


def _is_asked_for_features(file: ParsedFile, call: ast.Call) -> bool:
    """Whether nothing but the convolutions of a net is used: its dropout stands in the classifier."""
    match file.parents[call]:
        case ast.Attribute(attr="features"):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]):
            scope = file.enclosing_function(call) or file.tree
            uses = [n for n in ast.walk(scope) if isinstance(n, ast.Name) and n.id == name]
            loads = [file.parents[n] for n in uses if isinstance(n.ctx, ast.Load)]
            return bool(loads) and all(isinstance(p, ast.Attribute) and p.attr == "features" for p in loads)
        case _:
            return False


def _own_statistics(call: ast.Call) -> bool | None:
    """False for a batch norm without running statistics; None for an ordinary one.

    With `momentum=1` the running statistics are those of the last batch: somebody wants the batch's own (few-shot
    learning), so it doesn't count as evidence either.
    """
    given = {k.arg: k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)}
    if given.get("track_running_stats") is False or given.get("momentum") in (1, 1.0):
        return False
    return None
