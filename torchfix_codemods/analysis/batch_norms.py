"""Does a model hold batch normalisation whose running statistics move in training mode?"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from torchfix_codemods.analysis import torch_api as api
from torchfix_codemods.analysis.interpreter.machine import Machine
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.values import ClassRef, Const, External, FunctionRef, Instance, Value, options

MAX_CLASSES = 60
_NORM = re.compile(r"torch\.nn\.(?:Lazy)?(?:BatchNorm[123]d|SyncBatchNorm)$")
#: Models of torchvision by whether they normalise batches.
_WITH = re.compile(
    r"(?:wide_|quantization\.)?(?:resne|densenet|mobilenet|mnasnet|inception|googlenet|efficientnet|shufflenet|regnet)|_bn$"
)
_WITHOUT = re.compile(r"(?:alexnet|vgg\d+$|squeezenet|vit_|swin|convnext|maxvit)")
_Seen = set[ClassRef | FunctionRef]


def holds_batch_norm(machine: Machine, model: Value) -> bool | None:
    """Whether every alternative of a model holds one that moves; None where that isn't known."""
    answers = {_of(machine, option, set()) for option in options(model) if not isinstance(option, Const)}
    return answers.pop() if len(answers) == 1 else None


def _of(machine: Machine, model: Value, seen: _Seen) -> bool | None:
    match model:
        case Instance(cls=External(name=name)):
            return _of_external(machine, model, name, seen)
        case Instance(cls=ClassRef() as cls):
            known = [c for c in machine.project.lineage(cls) if isinstance(c, ClassRef)]
            foreign = any(c is None or not _is_plain_base(c) for c in machine.project.lineage(cls) if c not in known)
            return _any([_of_code(machine, c, seen) for c in known] + ([None] if foreign else []))
        case _:
            return None


def _is_plain_base(cls: ClassRef | External) -> bool:
    return isinstance(cls, External) and cls.name.startswith(("torch.nn.", "builtins.object"))


def _of_external(machine: Machine, model: Instance, name: str, seen: _Seen) -> bool | None:
    if _NORM.match(name):
        return _moves({key: value.value for key, value in model.kwargs if isinstance(value, Const)})
    if name.startswith("torchvision.models."):
        return _of_torchvision(name)
    if name in api.CONTAINERS:
        inner = [o for child in machine.children_of(model) for o in options(child) if not isinstance(o, Const)]
        found = _any([_of(machine, option, seen) for option in inner])
        return None if not found and machine.has_unknown_children(model) else found
    return False if name.startswith("torch.nn.") else None


def _of_torchvision(name: str) -> bool | None:
    bare = name.rpartition(".")[2].lower()
    return True if _WITH.search(bare) else False if _WITHOUT.match(bare) else None


def _any(answers: list[bool | None]) -> bool | None:
    if True in answers:
        return True
    return None if None in answers else False


def _moves(given: Mapping[str, object]) -> bool:
    """Whether a normalisation with these keywords keeps statistics, and changes them."""
    return given.get("track_running_stats") is not False and given.get("momentum", 0.1) not in (0, 0.0)


def _of_code(machine: Machine, definition: ClassRef | FunctionRef, seen: _Seen) -> bool | None:
    """A class or a factory function of the project: every constructor call in its body."""
    if definition in seen or len(seen) > MAX_CLASSES:
        return False if definition in seen else None
    seen.add(definition)
    found = _node_of(machine, definition)
    if found is None:
        return None
    file, node = found
    calls = (child for child in ast.walk(node) if isinstance(child, ast.Call))
    return _any([_of_call(machine, file, call, seen) for call in calls])


def _node_of(machine: Machine, definition: ClassRef | FunctionRef) -> tuple[ParsedFile, ast.AST] | None:
    if isinstance(definition, ClassRef):
        return machine.project.class_node(definition)
    file = machine.project.parse(definition.path)
    return None if file is None else (file, machine.node_of(definition))


def _of_call(machine: Machine, file: ParsedFile, call: ast.Call, seen: _Seen) -> bool | None:
    target = machine.project.resolve(file, call.func)
    match target:
        case External(name=dotted):
            name = api.canonical(dotted)
            if _NORM.match(name):
                given = {k.arg or "": k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)}
                return _moves(given)
            if name.startswith("torchvision.models."):
                return _of_torchvision(name)
            return None if api.is_external_model(name) else False
        case ClassRef() if machine.project.is_module(target):
            return _of_code(machine, target, seen)
        case FunctionRef():
            return _of_code(machine, target, seen)
        case _:
            return False
