"""Calls of training frameworks: what passes through them unchanged, and the models that they are given to train."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING

from torchfix_codemods.analysis import frameworks
from torchfix_codemods.analysis.interpreter import grad_modes, modules
from torchfix_codemods.analysis.interpreter.state import Frame, identities
from torchfix_codemods.analysis.trace import Entrusted, place_of
from torchfix_codemods.analysis.values import (
    NONE,
    Bound,
    ClassRef,
    External,
    FunctionRef,
    Instance,
    ListOf,
    Sequence,
    Unknown,
    Value,
    all_calls,
    options,
)

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.core import Kwargs
    from torchfix_codemods.analysis.interpreter.machine import Machine

# Methods that give back what they get, moved or wrapped: several things in the order in which they were given.
_PASSING = {
    "accelerate": frozenset(
        "prepare prepare_model prepare_optimizer prepare_data_loader prepare_scheduler unwrap_model gather"
        " gather_for_metrics pad_across_processes".split()
    ),
    "Fabric": frozenset(
        "setup setup_module setup_model setup_optimizers setup_dataloaders to_device all_gather".split()
    ),
}
_ONE_OF_MANY = frozenset("unwrap_model gather gather_for_metrics pad_across_processes to_device all_gather".split())
_UNCHANGED = frozenset(["horovod.torch.DistributedOptimizer", "deepspeed.init_inference"])


def made(m: Machine, name: str, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> Value | None:
    """A function or class of a framework is called. None where it is none."""
    if name == "deepspeed.initialize":
        return _initialised(m, args, kwargs, node, frame)
    if name == "apex.amp.initialize":
        return _all(tuple(args[:2]) or tuple(kwargs[k] for k in ("models", "optimizers") if k in kwargs), node)
    if name in _UNCHANGED and args:
        return args[0]
    if frameworks.tool_of(m.project, External(name)):
        return modules.make(m, name, args, kwargs, node, frame)
    if frameworks.is_engine(name) and args:
        _process(m, args[0], node, frame)
        return None
    trainer = frameworks.trainer_of(m.project, External(name))
    if trainer is None:
        return None
    if trainer.framework != "Lightning":
        entrust(m, [*args, *kwargs.values()], node, frame)
    is_class = name.rpartition(".")[2][:1].isupper()
    return modules.make(m, name, args, kwargs, node, frame) if is_class else None


def constructed(m: Machine, instance: Instance, node: ast.Call, frame: Frame) -> None:
    """An object of the project's own trainer was made: it trains the models that it got."""
    trainer = frameworks.trainer_of(m.project, instance.cls)
    if trainer is not None and trainer.framework != "Lightning":
        entrust(m, [*instance.args, *(value for _, value in instance.kwargs)], node, frame)


def passes(m: Machine, cls: ClassRef | External, name: str) -> bool:
    """Whether a method of that name gives its arguments back: that of accelerate's or Fabric's object."""
    return name in _PASSING.get(frameworks.tool_of(m.project, cls), frozenset())


def call_method(
    m: Machine, receiver: Instance, name: str, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame
) -> Value | None:
    """A method of an object of a framework. None where it is none, or where any other call does as well."""
    if passes(m, receiver.cls, name):
        given = (*args, *kwargs.values())
        return given[0] if name in _ONE_OF_MANY and given else _all(given, node)
    trainer = frameworks.trainer_of(m.project, receiver.cls)
    if trainer is None:
        return _used(m, receiver, name, args, kwargs)
    given = (*args, *kwargs.values())
    for model in _models(m, given):
        if trainer.leaves_eval is None or name in trainer.leaves_eval or m.mode_of(model, frame.state) != "train":
            _hide(m, model, frame)
        if name not in ("validate", "test", "predict"):
            m.emit(Entrusted(place_of(frame.file.path, node), frame.context, model), frame)
        if trainer.framework == "Lightning" and isinstance(model, Instance) and _is_given_models(m, model):
            m.run_hooks(model, node, frame, predicts=".predict(" in frame.file.text)
    if trainer.reads or name == "predict" or all_calls(args, kwargs):
        return None
    return Unknown(f"{name}()", key=f"{frame.file.path}:{node.lineno}:{node.col_offset}()")


def _used(m: Machine, receiver: Instance, name: str, args: Seq[Value], kwargs: Kwargs) -> Value | None:
    """`accelerator.accumulate(model)`, `fabric.no_sync(model)` and the like look at no number."""
    if not frameworks.tool_of(m.project, receiver.cls) or name.startswith("save") or all_calls(args, kwargs):
        return None
    return Unknown(f"{name}()")


def entrust(m: Machine, values: Seq[Value], node: ast.Call, frame: Frame) -> None:
    """From here on a framework trains these models, and switches their modes when it likes."""
    for model in _models(m, values):
        m.emit(Entrusted(place_of(frame.file.path, node), frame.context, model), frame)
        _hide(m, model, frame)


def _process(m: Machine, function: Value, node: ast.Call, frame: Frame) -> None:
    """`Engine(step)` runs `step(engine, batch)` later, in between other engines: nobody knows in which mode."""
    where = f"{frame.file.path}:{node.lineno}:{node.col_offset}"
    if not any(isinstance(option, FunctionRef | Bound) for option in options(function)):
        return
    before = grad_modes.forget_modes(frame)
    engine, batch = (Unknown(name, key=f"{where}:{name}") for name in ("engine", "batch"))
    m.call(function, (engine, batch), {}, node, frame)
    grad_modes.recall_modes(frame.state, before)
    changed = {identity for identity, mode in frame.state.modes.items() if before.get(identity) != mode}
    frame.state.modes |= dict.fromkeys(changed, grad_modes.HIDDEN)


def _models(m: Machine, values: Seq[Value]) -> list[Value]:
    return [option for value in values for option in options(value) if m.is_module_instance(option)]


def _is_given_models(m: Machine, model: Instance) -> bool:
    """Whether a module got others when it was made: without them nobody knows what its hooks run."""
    return bool(_models(m, [*model.args, *(value for _, value in model.kwargs)]))


def _hide(m: Machine, model: Value, frame: Frame) -> None:
    for identity in identities(model):
        frame.state.modes[identity] = grad_modes.HIDDEN
        for other in list(frame.state.modes):
            if modules.is_held_by(m, other, identity):
                frame.state.modes[other] = grad_modes.HIDDEN


def _all(given: tuple[Value, ...], node: ast.Call) -> Value:
    """One thing as it is, several as a tuple; behind a star nobody knows."""
    if not given or any(isinstance(a, ast.Starred) for a in node.args):
        return Unknown("passed through a framework")
    return given[0] if len(given) == 1 else Sequence(given)


def _initialised(m: Machine, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> Value:
    """`deepspeed.initialize(...)`: the engine (which stands for the model), optimizer, loader and scheduler."""
    where = f"{frame.file.path}:{node.lineno}:{node.col_offset}"
    model = kwargs.get("model", args[1] if len(args) > 1 else Unknown("engine", key=f"{where}:engine"))
    given = kwargs.get("optimizer", args[2] if len(args) > 2 else NONE)
    optimizer = given if given != NONE else Unknown("DeepSpeed's optimizer", key=f"{where}:optimizer")
    for each in _models(m, (model,)):
        m.emit(Entrusted(place_of(frame.file.path, node), frame.context, each), frame)
    loader = ListOf(Unknown("batch", key=f"{where}[*]"), "loader")
    return Sequence((model, optimizer, loader, Unknown("scheduler", key=f"{where}:scheduler")))
