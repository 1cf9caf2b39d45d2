"""Modules, losses, optimizers and loaders of torch itself: what calling and asking them does."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq
from dataclasses import replace
from typing import TYPE_CHECKING

from torchfix_codemods.analysis import torch_api as api
from torchfix_codemods.analysis.frameworks import trainer_of
from torchfix_codemods.analysis.interpreter import heads, indexing, losses, resizing, shapes, stores, targets, tensors
from torchfix_codemods.analysis.interpreter.state import Frame, identities
from torchfix_codemods.analysis.trace import Construction, ModeSet, OptimizerStep, Use, place_of
from torchfix_codemods.analysis.values import (
    Activation,
    Bound,
    Choice,
    ClassRef,
    Const,
    External,
    FunctionRef,
    Instance,
    ListOf,
    Mapping,
    Partial,
    Sequence,
    Site,
    Tensor,
    Unknown,
    Value,
    calls_of,
    force,
    join,
    options,
)

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.core import Kwargs
    from torchfix_codemods.analysis.interpreter.machine import Machine

_PARAMETRIC = frozenset(
    "torch.nn." + n
    for n in [
        "Sequential",
        "Linear",
        "Bilinear",
        "Conv1d",
        "Conv2d",
        "Conv3d",
        "ConvTranspose1d",
        "ConvTranspose2d",
        "ConvTranspose3d",
        "Embedding",
        "LSTM",
        "GRU",
        "RNN",
        "LSTMCell",
        "GRUCell",
        "RNNCell",
        "Transformer",
        "TransformerEncoder",
        "TransformerDecoder",
        "MultiheadAttention",
        "TransformerEncoderLayer",
        "TransformerDecoderLayer",
        "EmbeddingBag",
    ]
)
_KEEPS_RANK = frozenset(
    ["Resize", "CenterCrop", "Normalize", "ToDtype", "ConvertImageDtype", "ColorJitter", "Pad", "GaussianBlur"]
)


def is_module_class(name: str) -> bool:
    """Whether an external name is a class of torch modules (or a function that makes a known model)."""
    if name.startswith("torch.nn."):
        return not name.startswith("torch.nn.functional.")
    return api.is_external_model(name)


def is_optimizer(name: str) -> bool:
    """Whether an external class is an optimizer."""
    return name.startswith("torch.optim.") and not name.startswith("torch.optim.lr_scheduler")


def make(m: Machine, name: str, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> Instance:
    """Construct an object of an external class."""
    site = Site(frame.file.path, *frame.file.span(node))
    instance = Instance(External(name), tuple(args), tuple(kwargs.items()), site)
    if is_module_class(name):
        frame.state.modes[instance] = "train"
        for child in children(instance):
            for identity in identities(child):
                m.owners.setdefault(identity, instance)
    m.emit(Construction(place_of(frame.file.path, node), frame.context, instance), frame)
    return instance


def children(instance: Instance) -> list[Value]:
    """The modules that a torch container was constructed with."""
    if not isinstance(instance.cls, External) or instance.cls.name not in api.CONTAINERS:
        return []
    found: list[Value] = []
    for argument in instance.args:
        for option in options(argument):
            match option:
                case Sequence(items=items):
                    found += [i.items[1] if isinstance(i, Sequence) and len(i.items) == 2 else i for i in items]
                case ListOf(item=item):
                    found.append(item)
                case Mapping(items=pairs):
                    found += [v for _, v in pairs]
                case _:
                    found.append(option)
    return found


def call_external_instance(
    m: Machine, instance: Instance, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame
) -> Value:
    """Call an object of an external class: a layer, a loss, a transform."""
    assert isinstance(instance.cls, External)
    name = instance.cls.name
    first = args[0] if args else kwargs.get("input")
    targets.note_call(m, name, args, kwargs, node, frame)
    indexing.note_module(m, instance, args, kwargs, node, frame)
    if name in api.ACTIVATION_MODULES and first is not None:
        dim = shapes.constant(instance.argument(0, "dim"))
        kind, site = api.ACTIVATION_MODULES[name], Site(frame.file.path, *frame.file.span(node))
        activation = Activation(kind, site, "module", dim, made_at=instance.site)
        operand = losses.argument_node(node, 0, "input") or node
        return tensors.log_softmax_of(m, first, activation, operand, node, frame)
    if name in api.LOGIT_LOSSES:
        return losses.call_loss(m, api.LOGIT_LOSSES[name], instance.site, args, kwargs, node, frame)
    calls = frozenset[int]().union(*map(calls_of, args), *map(calls_of, kwargs.values()))
    if name in api.PROBABILITY_LOSSES:
        losses.note_first(m, api.PROBABILITY_LOSSES[name], instance.site, args, kwargs, node, frame)
    if name.startswith("torch.nn.") and name.endswith("Loss"):
        look_all(m, args, node, frame, "loss", f"given to {name.rpartition('.')[2]}", kwargs)
        return Tensor(rank=0, calls=calls, volatile=tensors.all_volatile(args, kwargs))
    if name.startswith("torchvision.transforms."):
        return _transform(instance, name, first)
    if not is_module_class(name):
        return Unknown("call of an external object", calls=calls)
    if name in _PARAMETRIC or api.is_external_model(name):
        flowing = m.model_call(instance, "forward", args, kwargs, node, frame)
        calls = calls if flowing is None else flowing
        if isinstance(first, Tensor) and first.volatile:  # from here on the model call says so
            first = replace(first, volatile=frozenset())
    if name == "torch.nn.Sequential":
        return run_sequential(m, instance, args, node, frame, calls)
    if name in resizing.UPSAMPLERS:
        resizing.note_upsampler(m, instance, first, node, frame)
        return resizing.resized(first, node, frame)
    resizing.note_layer(m, name, first, node, frame)
    return heads.run_head(m, instance, node, frame, calls) or layer(m, name, first, node, frame, calls)


def layer(m: Machine, name: str, first: Value | None, node: ast.AST, frame: Frame, calls: frozenset[int]) -> Value:
    """What a layer of torch.nn makes of its input."""
    bare = name.rpartition(".")[2]
    volatile = frozenset(tensors.volatile_in(first)) if first is not None else frozenset[Site]()
    if bare in ("Identity", "Flatten", "Unflatten") or bare.startswith("Dropout"):
        value = force(first) if first is not None else Unknown("input")
        if isinstance(value, Tensor):
            from torchfix_codemods.analysis.values import with_calls

            return with_calls(shapes.with_sizes(value, None) if "latten" in bare else value, calls)
    if bare in ("LSTM", "GRU", "RNN"):
        return Sequence((Tensor(calls=calls, volatile=volatile), Unknown("hidden state", calls=calls)))
    if bare in ("LSTMCell", "MultiheadAttention"):
        return Sequence((Tensor(calls=calls), Tensor(calls=calls)))
    if first is not None and not api.is_external_model(name):
        losses.look_at_argument(m, first, node, 0, "input", frame, "value", f"given to {bare}")
    rank: int | None = None
    least = 2
    if "Conv2d" in bare or "ConvTranspose2d" in bare or "Pool2d" in bare or bare in ("BatchNorm2d", "PixelShuffle"):
        rank = first.rank if isinstance(first, Tensor) and first.rank is not None else 4  # 3: a single image
        least = 4
    elif (
        bare.startswith(("BatchNorm", "LayerNorm", "ReLU", "LeakyReLU", "ELU", "GELU", "Tanh"))
        and isinstance(first, Tensor)
    ) or (bare == "Linear" and isinstance(first, Tensor)):
        rank = first.rank
    if bare == "Embedding" and isinstance(first, Tensor) and first.rank is not None:
        rank = first.rank + 1
    raw = frozenset[Site]()
    if bare in api.SCORING_LAYERS and isinstance(node, ast.expr):
        raw = frozenset([Site(frame.file.path, *frame.file.span(node))])
    return Tensor(rank=rank, shape=shapes.layered(first, rank, least), calls=calls, volatile=volatile, raw=raw)


def _transform(instance: Instance, name: str, first: Value | None) -> Value:
    """torchvision's transforms: `ToTensor` and `Compose` that contains it give a (C, H, W) image."""
    bare = name.rpartition(".")[2]
    if bare in ("ToTensor", "PILToTensor", "ToImage"):
        return Tensor(rank=3, layout="CHW")
    if bare == "Compose" and instance.args:
        result: Value = first if first is not None else Unknown("image")
        steps = force(instance.args[0])
        for step in steps.items if isinstance(steps, Sequence) else ():
            step = force(step)
            if isinstance(step, Instance) and isinstance(step.cls, External):
                result = _transform(step, step.cls.name, result)
            else:
                return Unknown("transformed")
        return result
    value = None if first is None else force(first)
    if isinstance(value, Tensor) and (bare in _KEEPS_RANK or bare.startswith("Random")):
        return shapes.of_rank(value, value.rank)
    return Unknown("transformed image")


def transformed(transform: Instance) -> Value:
    """What a torchvision transform makes of an image."""
    assert isinstance(transform.cls, External)
    return _transform(transform, transform.cls.name, Unknown("image"))


# --- Sequential ----------------------------------------------------------------------------------------------------


def run_sequential(
    m: Machine, instance: Instance, args: Seq[Value], node: ast.AST, frame: Frame, calls: frozenset[int]
) -> Value:
    """The output of a Sequential: what its last element makes."""
    from torchfix_codemods.analysis.values import with_calls

    first: Value = args[0] if args else Unknown("input")
    if args:  # inside another Sequential that one was looked at
        losses.look_at_argument(m, first, node, 0, "input", frame, "value", "given to Sequential")
    elements = [*children(instance), *m.added_modules(instance)]
    if isinstance(instance.cls, ClassRef) or not elements or _starred(instance.args[-1:]):
        return Tensor(calls=calls)
    value: Value = first
    for last in options(elements[-1]):
        value = _last_output(m, instance, last, node, frame, calls, len(elements))
        if isinstance(value, Tensor) and value.activations:
            break
    if isinstance(value, Tensor) and not _one_way(instance, elements[-1]):
        value = replace(value, raw=frozenset())
    return with_calls(force(value), calls) if not isinstance(value, Unknown) else Tensor(calls=calls)


def _one_way(instance: Instance, last: Value) -> bool:
    """Whether a Sequential always has the same last element."""
    return all(len(list(options(value))) == 1 for value in (last, *instance.args))


def _starred(last: Seq[Value]) -> bool:
    """Whether what a Sequential was made of ends in layers of an unknown number."""
    return any(isinstance(o, ListOf) for value in last for o in options(value))


def _last_output(
    m: Machine,
    instance: Instance,
    last: Value,
    node: ast.AST,
    frame: Frame,
    calls: frozenset[int],
    count: int,
) -> Value:
    if not isinstance(last, Instance):
        return Tensor(calls=calls)
    if isinstance(last.cls, ClassRef):
        if not m.is_module_instance(last) or not isinstance(node, ast.Call):
            return Tensor(calls=calls)
        inner = Frame(frame.file, frame.context, frame.state.copy(), silent=True, depth=frame.depth + 1)
        return m.call_instance(last, (Tensor(calls=calls),), {}, node, inner)
    name = last.cls.name
    if name in api.ACTIVATION_MODULES and last.site is not None:
        dim = shapes.constant(last.argument(0, "dim"))
        kind = api.ACTIVATION_MODULES[name]
        activation = Activation(kind, last.site, "sequential", dim, made_at=last.site, container=instance.site)
        if kind == "log_softmax" and count > 1:
            activation = Activation(kind, last.site, "sequential", dim, last.site, instance.site)
        return Tensor(calls=calls, activations=frozenset([activation]))
    if name == "torch.nn.Sequential":
        return run_sequential(m, last, (), node, frame, calls)
    return layer(m, name, None, node, frame, calls)


# --- modes ---------------------------------------------------------------------------------------------------------


def set_mode(
    m: Machine, model: Value, method: str, args: Seq[Value], kwargs: Kwargs, node: ast.AST, frame: Frame
) -> None:
    """`model.train(...)` or `model.eval()`: the model and all it holds change their mode."""
    mode = "eval"
    if method == "train":
        flag = args[0] if args else kwargs.get("mode", Const(True))
        decided = shapes.constant(flag)
        mode = "train" if decided is True else "eval" if decided is False else "unknown"
    found = identities(model)
    for identity in found:
        frame.state.modes[identity] = mode
        m.trace.module_keys.add(identity)
        for other in list(frame.state.modes):
            if is_held_by(m, other, identity):
                frame.state.modes[other] = mode
    overridden = any(
        isinstance(i, Instance)
        and isinstance(i.cls, ClassRef)
        and (m.project.method(i.cls, "train") or m.project.method(i.cls, "eval"))
        for i in found
    )
    if found:
        m.emit(ModeSet(place_of(frame.file.path, node), frame.context, model, mode, overridden), frame)


def is_held_by(m: Machine, inner: Value | str, outer: Value | str) -> bool:
    """Whether a module is part of another."""
    current: Value | str | None = m.owners.get(inner)
    for _ in range(10):
        if current is None:
            return False
        if current == outer:
            return True
        current = m.owners.get(current)
    return False


# --- attributes ----------------------------------------------------------------------------------------------------


def external_attribute(m: Machine, instance: Instance, name: str) -> Value:
    """An attribute of an object of an external class."""
    assert isinstance(instance.cls, External)
    if name == "module" and instance.cls.name in api.WRAPPERS and instance.args:
        return instance.args[0]
    known = m.attributes.get(instance, {})
    if name in known:
        return known[name]
    if name in ("model", "module_") and trainer_of(m.project, instance.cls) is not None:
        return _trained_model(m, instance)
    if name in ("weight", "bias", "data", "grad"):
        return Tensor()
    if name == "module" and is_module_class(instance.cls.name):
        return instance  # a wrapper stands for what it wraps
    return Bound(instance, name)


def _trained_model(m: Machine, trainer: Instance) -> Value:
    """`trainer.model`, `learn.model`: what the trainer of a framework was given."""
    given = [value for value in (*trainer.args, *(v for _, v in trainer.kwargs)) if m.is_module_instance(value)]
    unknown = Unknown("the model of a trainer", key=f"{trainer.site}.model")
    return dict(trainer.kwargs).get("model", given[0] if given else unknown)


def module_attribute(m: Machine, instance: Instance, name: str) -> Value:
    """An attribute that torch.nn.Module itself gives to an object of a class of the project."""
    if name == "training":
        return Unknown("training flag", key=f"{m.label(instance)}.training")
    if name == "module":
        return instance  # of `DataParallel`: a wrapper stands for what it wraps
    if name in api.MODULE_METHODS | api.SAME_OBJECT | {"add_module", "forward"}:
        return Bound(instance, name)
    return Unknown("attribute set elsewhere", key=f"{m.label(instance)}.{name}")


def call_module_method(
    m: Machine, instance: Instance, name: str, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame
) -> Value | None:
    """A method that torch gives to modules and optimizers. None where it isn't one of those."""
    if isinstance(instance.cls, External) and is_optimizer(instance.cls.name):
        if name == "step":
            step(m, instance, args, kwargs, node, frame)
        return Unknown(f"optimizer.{name}()")
    if not m.is_module_instance(instance):
        return None
    if name in ("train", "eval"):
        set_mode(m, instance, name, args, kwargs, node, frame)
        return instance
    if name == "requires_grad_":
        flag = args[0] if args else kwargs.get("requires_grad", Const(True))
        stores.parameters_set(m, Bound(instance, "parameters"), flag, node, frame)
    if name in api.SAME_OBJECT:
        return instance
    if name == "add_module" and len(args) == 2:
        m.add_module(instance, shapes.constant(args[0]), args[1])
        return Const(None)
    if name == "append" and args:
        m.add_module(instance, None, args[0])
        return instance
    walked = name in ("values", "items") or (name in ("children", "named_children") and _is_iterated(node, frame))
    if walked and isinstance(instance.cls, External) and (held := m.children_of(instance)):
        one = join(held)
        return ListOf(one if name in ("values", "children") else Sequence((Unknown("key"), one)))
    moved = name in ("pop", "insert", "extend") and isinstance(instance.cls, External)
    if moved or (name in ("children", "named_children") and not _is_iterated(node, frame)):
        note_position(m, instance, node, frame)
    if name in ("parameters", "named_parameters"):
        return ListOf(Bound(instance, "parameters"), "parameters")
    if name == "forward" and isinstance(instance.cls, External):
        return call_external_instance(m, instance, args, kwargs, node, frame)
    return Unknown(f"module.{name}()")


def step(m: Machine, optimizer: Value, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> None:
    """`optimizer.step()`. One that gets a closure runs it: the backward pass is in there."""
    given = (*args, *kwargs.values())
    for value in given:
        if isinstance(value, FunctionRef | Partial):
            m.call(value, (), {}, node, frame)
    m.emit(OptimizerStep(place_of(frame.file.path, node), frame.context, optimizer, given), frame)


def copied(m: Machine, value: Value, node: ast.Call, frame: Frame) -> Value:
    """`copy.deepcopy(model)`: an object of its own, in the mode of the first."""
    value = force(value)
    if not isinstance(value, Instance):
        return Unknown("copy", key=f"{frame.file.path}:{node.lineno}:{node.col_offset}:copy", calls=calls_of(value))
    twin = replace(value, site=Site(frame.file.path, *frame.file.span(node)))
    m.copy_modules(value, twin)
    if value in frame.state.modes:
        frame.state.modes[twin] = frame.state.modes[value]
    return twin


def note_position(m: Machine, instance: Instance, node: ast.expr, frame: Frame) -> None:
    """Somebody takes layers of a container by their position: taking one out moves the others."""
    for child in m.children_of(instance):
        for option in options(child):
            if not isinstance(option, Instance) or not isinstance(option.cls, External) or option.site is None:
                continue
            kind = api.ACTIVATION_MODULES.get(option.cls.name)
            if kind is not None:
                activation = Activation(kind, option.site, "sequential", None, option.site, instance.site)
                place = place_of(frame.file.path, node)
                m.emit(Use(place, frame.context, activation, "index", "layers are counted here"), frame)


def _is_iterated(node: ast.Call, frame: Frame) -> bool:
    parent = frame.file.parent(node)
    return isinstance(parent, ast.For | ast.comprehension)


def look_all(
    m: Machine, args: Seq[Value], node: ast.Call, frame: Frame, kind: str, why: str, kwargs: Kwargs | None = None
) -> None:
    """All arguments of a call are looked at."""
    for position, value in enumerate(args):
        losses.look_at_argument(m, value, node, position, "", frame, kind, why)
    for name, value in (kwargs or {}).items():
        losses.look_at_argument(m, value, node, len(node.args), name, frame, kind, why)


__all__ = ["Choice", "join"]
