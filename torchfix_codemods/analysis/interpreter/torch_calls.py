"""Calls of what the project does not define: torch's functions, methods of unknown objects, contexts, decorators."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq
from dataclasses import replace
from typing import TYPE_CHECKING

from torchfix_codemods.analysis import torch_api as api
from torchfix_codemods.analysis import unread_names
from torchfix_codemods.analysis.interpreter import (
    builtin_calls,
    containers,
    expressions,
    framework_calls,
    fresh,
    grad_modes,
    indexing,
    losses,
    modules,
    resizing,
    shapes,
    stores,
    targets,
    tensors,
)
from torchfix_codemods.analysis.interpreter.modules import (
    is_module_class,
    set_mode,
)
from torchfix_codemods.analysis.interpreter.shapes import constant
from torchfix_codemods.analysis.interpreter.state import Frame, identities
from torchfix_codemods.analysis.interpreter.tensors import (
    all_volatile,
    item_of,
    volatile_in,
)
from torchfix_codemods.analysis.trace import Backward, Escape, place_of
from torchfix_codemods.analysis.values import (
    NO_CALLS,
    NONE,
    NOT_VOLATILE,
    Activation,
    Bound,
    Choice,
    Const,
    External,
    FunctionRef,
    Instance,
    Lazy,
    ListOf,
    Mapping,
    Partial,
    Sequence,
    Site,
    Tensor,
    Unknown,
    Value,
    all_calls,
    calls_of,
    force,
    join,
    options,
)

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.core import Kwargs
    from torchfix_codemods.analysis.interpreter.machine import Machine

WATCHED = frozenset(
    [
        "torch.nn.functional.interpolate",
        "torch.nn.functional.upsample",
        "torch.nn.functional.upsample_nearest",
        "torch.nn.functional.upsample_bilinear",
        "torch.nn.Upsample",
    ]
)
_IMAGE_READERS = {
    "torchvision.io.read_image": "CHW",
    "torchvision.io.image.read_image": "CHW",
    "torchvision.transforms.functional.to_tensor": "CHW",
    "torchvision.transforms.functional.pil_to_tensor": "CHW",
    "cv2.imread": "HWC",
}


# --- external functions and classes --------------------------------------------------------------------------------


def call_external(m: Machine, dotted: str, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> Value:
    """Call a function or class from outside the project."""
    name = api.canonical(dotted)
    first = args[0] if args else kwargs.get("input")
    targets.note_call(m, name, args, kwargs, node, frame)
    indexing.note_function(m, name, args, kwargs, node, frame)
    if name in api.ACTIVATION_FUNCTIONS and first is not None:
        return _activation(m, name, first, args, kwargs, node, frame)
    if name in api.LOGIT_LOSSES and ".functional." in name:
        return losses.call_loss(m, api.LOGIT_LOSSES[name], None, args, kwargs, node, frame)
    if name in WATCHED and ".functional." in name:
        resizing.note_call(m, name, args, kwargs, node, frame)
        modules.look_all(m, args, node, frame, "value", "given to interpolate")
        return resizing.resized(first, node, frame)
    if name in api.WRAPPERS:
        if first is not None and name in ("torch.nn.DataParallel",):
            return first
        return first if first is not None else Unknown("wrapped")
    if name == "collections.namedtuple":
        return External(f"{name}.made")  # a class of plain records: calling it runs no model
    if name == "torch.autograd.Variable":
        made = _variable(m, first, args, kwargs, node, frame)
        return targets.needing(m, made, kwargs.get("requires_grad", args[1] if len(args) > 1 else None), node, frame)
    if name.startswith("builtins."):
        return builtin_calls.call_builtin(m, name.removeprefix("builtins."), args, kwargs, node, frame)
    if name.startswith(("torch.func.", "torch.vmap", "torch.optim.swa_utils.", "torch.ao.", "torch.fx.", "functorch.")):
        model_handed(m, name, args, kwargs, node, frame)
    if name.startswith("torch.") and not is_class_name(name):
        result = _torch_function(m, name, first, args, kwargs, node, frame)
        result = targets.without_graph(result, name, frame)
        return targets.needing(m, result, kwargs.get("requires_grad"), node, frame)
    if is_module_class(name) or modules.is_optimizer(name) or name.startswith(("torch.utils.data.", "torchvision.")):
        if name in _IMAGE_READERS:
            return _image(name, args, kwargs)
        return modules.make(m, name, args, kwargs, node, frame)
    found = framework_calls.made(m, name, args, kwargs, node, frame)
    return _other(m, name, first, args, kwargs, node, frame) if found is None else found


def _image(name: str, args: Seq[Value], kwargs: Kwargs) -> Tensor:
    """What a reader gives; with a flag OpenCV may read a grey image of rank 2."""
    if name == "cv2.imread" and len(args) + len(kwargs) > 1:
        return Tensor()
    whole = name != "torchvision.transforms.functional.to_tensor"
    return Tensor(rank=3, layout=_IMAGE_READERS[name], dtype="uint8" if whole else None)


def is_class_name(name: str) -> bool:
    """By convention: the last part begins with a capital letter (`torch.nn.Linear`, `torch.optim.SGD`)."""
    last = name.rpartition(".")[2]
    return last[:1].isupper() and not name.endswith("Tensor")


def _activation(
    m: Machine, name: str, first: Value, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame
) -> Value:
    dim = constant(args[1] if len(args) > 1 else kwargs.get("dim"))
    site = Site(frame.file.path, *frame.file.span(node))
    activation = Activation(api.ACTIVATION_FUNCTIONS[name], site, "function", dim)
    operand = losses.argument_node(node, 0, "input") or node
    return tensors.log_softmax_of(m, first, activation, operand, node, frame)


def _variable(m: Machine, first: Value | None, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> Value:
    """`Variable(x)`: today a detached tensor; `volatile=True` is remembered by its place."""
    site = Site(frame.file.path, *frame.file.span(node))
    m.trace.variables.add(site)
    flag = kwargs.get("volatile", args[2] if len(args) > 2 else None)
    value = force(first) if first is not None else Unknown("data")
    volatile = frozenset(volatile_in(value))
    if flag is not None and constant(flag) not in (False, 0, None):
        volatile = frozenset([site])
    elif flag is not None and not isinstance(force(flag), Const):
        volatile = frozenset([site, NOT_VOLATILE])
    if isinstance(value, Tensor):
        return Tensor(value.rank, value.shape, value.dtype, value.layout, value.activations, NO_CALLS, volatile)
    return Tensor(volatile=volatile)


def _torch_function(
    m: Machine,
    name: str,
    first: Value | None,
    args: Seq[Value],
    kwargs: Kwargs,
    node: ast.Call,
    frame: Frame,
) -> Value:
    if name in api.SHAPED:
        return shapes.made(name, args, kwargs)
    if name in api.SHAPED_SECOND:
        index = api.SHAPED_SECOND[name]
        shape = kwargs.get("size", args[index] if 0 <= index < len(args) else (args[-1] if args else None))
        if name == "torch.randint" and len(args) == 2 and "size" not in kwargs:
            shape = args[1]
        types = {k: v for k, v in kwargs.items() if k == "dtype"}
        return shapes.made(name, (shape,), types) if shape is not None else Tensor()
    bare = name.rpartition(".")[2]
    resizing.note_layer(m, name, first, node, frame)
    if (counted := fresh.counted(name, args, kwargs)) is not None:
        return counted
    match name:
        case "torch.no_grad" | "torch.enable_grad" | "torch.inference_mode" | "torch.set_grad_enabled":
            return grad_modes.grad_mode(name, args, kwargs, frame)
        case "torch.autograd.backward" | "torch.autograd.grad":
            m.emit(Backward(place_of(frame.file.path, node), frame.context, all_calls(args, kwargs)), frame)
            return ListOf(Tensor(calls=all_calls(args, kwargs)))
        case "torch.load" | "torch.jit.load" | "torch.hub.load":
            return Unknown("loaded from a file", key=f"{frame.file.path}:{node.lineno}:{node.col_offset}:loaded")
        case "torch.save":
            model_handed(m, name, args, kwargs, node, frame)
            modules.look_all(m, args, node, frame, "escape", f"given to {name}", kwargs)
            return NONE
        case "torch.onnx.export" | "torch.jit.trace" | "torch.jit.script":
            place = place_of(frame.file.path, node)
            m.emit(Escape(place, frame.context, NO_CALLS, "export", name, model=first), frame)
            return first if first is not None and name == "torch.jit.script" else Unknown("exported model")
        case "torch.device":
            return Unknown("result of torch.device")
        case "torch.tensor" | "torch.as_tensor" | "torch.from_numpy" | "torch.asarray":
            return fresh.from_data(name, args, kwargs)
        case _:
            pass
    if bare in api.JOINING:
        return _joined(m, bare, first, node, frame)
    if bare in ("sum", "mean", "max", "min") and first is not None and isinstance(force(first), Sequence | ListOf):
        return Tensor(calls=calls_of(first))
    if name in api.PROBABILITY_LOSSES:
        losses.note_first(m, api.PROBABILITY_LOSSES[name], None, args, kwargs, node, frame)
    if name.endswith("_loss") or bare in ("binary_cross_entropy", "kl_div"):
        modules.look_all(m, args, node, frame, "loss", f"given to {bare}", kwargs)
        return Tensor(rank=0, calls=all_calls(args, kwargs), volatile=all_volatile(args, kwargs))
    value = None if first is None else force(first)
    if isinstance(value, Choice):
        found = [option for option in options(value) if isinstance(option, Tensor)]
        value = join(found) if found else value
    if isinstance(value, Tensor):
        operand = losses.argument_node(node, 0, "input") or node
        for position, other in enumerate(args[1:], 1):
            losses.look_at_argument(m, other, node, position, "", frame, "value", f"used by {bare}()")
        result = tensors.operate(m, bare, value, args[1:], kwargs, operand, node, frame)
        return _keep_calls(result, all_calls(args, kwargs)) if bare not in api.DETACHING else result
    modules.look_all(m, args, node, frame, "value", f"given to {bare}", kwargs)
    if bare in (
        "relu",
        "dropout",
        "leaky_relu",
        "elu",
        "max_pool2d",
        "avg_pool2d",
        "linear",
        "conv2d",
        "normalize",
    ):
        return Tensor(calls=all_calls(args, kwargs), volatile=all_volatile(args, kwargs))
    return (
        Unknown(f"result of {name}", calls=all_calls(args, kwargs))
        if not args
        else Tensor(calls=all_calls(args, kwargs), volatile=all_volatile(args, kwargs))
    )


def _keep_calls(value: Value, calls: frozenset[int]) -> Value:
    from torchfix_codemods.analysis.values import with_calls

    return (
        with_calls(value, calls)
        if isinstance(value, Tensor) and value.calls != calls and value.dtype in (None, shapes.FLOAT)
        else value
    )


def _joined(m: Machine, bare: str, first: Value | None, node: ast.Call, frame: Frame) -> Value:
    value = None if first is None else force(first)
    items: list[Value] = []
    for option in options(value) if value is not None else ():
        items += option.items if isinstance(option, Sequence) else [option.item] if isinstance(option, ListOf) else []
    found = [t for item in items for t in options(item) if isinstance(t, Tensor)]
    if not found:
        return Tensor(calls=calls_of(first) if first is not None else NO_CALLS)
    joined = join(found)
    assert isinstance(joined, Tensor)
    rank = None if joined.rank is None else joined.rank + (bare == "stack")
    if bare == "stack":  # a new dimension in front: behind it the classes stand elsewhere
        nowhere = (replace(a, base=a.base or tensors.NOWHERE) if a.kind != "none" else a for a in joined.activations)
        joined = replace(joined, activations=frozenset(nowhere))
    calls = calls_of(value) if value is not None else NO_CALLS  # of what is no tensor to us, too
    return Tensor(rank, None, joined.dtype, None, joined.activations, calls, joined.volatile)


def _other(
    m: Machine, name: str, first: Value | None, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame
) -> Value:
    """A function or class of another library."""
    bare = name.rpartition(".")[2]
    if name in ("functools.partial", "partial") and first is not None:
        return Partial(first, tuple(args[1:]), tuple(kwargs.items()))
    if name in ("copy.deepcopy", "copy.copy") and first is not None:
        return modules.copied(m, first, node, frame)
    if name in api.TRANSPARENT_ITERATORS or bare in ("tqdm", "trange", "prefetch"):
        return first if first is not None else ListOf(Unknown("number"))
    if name in ("collections.OrderedDict", "OrderedDict"):
        return first if first is not None else Mapping(tuple(kwargs.items()))
    if name in ("itertools.chain", "itertools.islice", "itertools.cycle"):
        items = [item_of(m, a, builtin_calls.written(node, i), frame) for i, a in enumerate(args)]
        return ListOf(join(items)) if items else Unknown(name)
    if name in _IMAGE_READERS:
        return _image(name, args, kwargs)
    if name in api.SHAPED:
        return shapes.made(name, args, kwargs)
    if name in api.SHAPED_SECOND:
        return shapes.made(name, args[:1], {})
    if (counted := fresh.counted(name, args, kwargs)) is not None:
        return counted
    if name.startswith("numpy.") and bare in api.JOINING:
        return _joined(m, bare, first, node, frame)
    if name.startswith("numpy.") and first is not None:
        value = force(first)
        if isinstance(value, Tensor) and bare not in ("array", "asarray"):
            operand = losses.argument_node(node, 0, "a") or node
            return tensors.operate(m, bare, value, args[1:], kwargs, operand, node, frame)
        if isinstance(value, Sequence | Tensor) and bare in ("array", "asarray"):
            return fresh.from_data(name, args, kwargs)
    unread(m, name, args, kwargs, node, frame)
    if name in ("numpy.array", "numpy.asarray") and ("dtype" in kwargs or len(args) > 1):
        return fresh.from_data(name, args, kwargs)
    if is_class_name(name):
        calls = all_calls(args, kwargs)
        return Unknown(
            f"object of {name}", key=f"{frame.file.path}:{node.lineno}:{node.col_offset}:{name}", calls=calls
        )
    return Unknown(
        f"result of {name}",
        key=f"{frame.file.path}:{node.lineno}:{node.col_offset}:{name}()",
        calls=all_calls(args, kwargs),
    )


# They get a model and look at it only; or they wrap it, and what they give is used as before.
_HARMLESS_TO_MODELS = frozenset(
    "summary watch add_graph profile count_parameters count_params print info debug warning log init_weights initialize"
    " prepare broadcast_parameters get_model_complexity_info load_state_dict load_checkpoint save_checkpoint hasattr"
    " len type id apply register append add_module deepcopy copy".split()
)


def model_handed(m: Machine, name: str, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> None:
    """A model, or a function that asks one, goes to code that was not read, which may call it and read the numbers."""
    if name.rpartition(".")[2] in _HARMLESS_TO_MODELS or not m.follows_activations:
        return
    for value in (*args, *kwargs.values()):
        given = () if isinstance(value, Lazy) else tuple(options(value))
        if any(m.is_module_instance(option) for option in given):
            place = place_of(frame.file.path, node)
            m.emit(Escape(place, frame.context, NO_CALLS, "export", name, model=value), frame)
        m.run_given([ref for ref in given if isinstance(ref, FunctionRef)], node, frame)


def unread(m: Machine, name: str, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> None:
    """Tensors go to code that was not read."""
    model_handed(m, name, args, kwargs, node, frame)
    modules.look_all(m, args, node, frame, "escape", f"given to {name}, which was not read", kwargs)
    grad_modes.note_unread(m, name, args, node, frame)
    calls, volatile = all_calls(args, kwargs), all_volatile(args, kwargs)
    _given(m, name, calls, volatile, node, frame)


def _given(
    m: Machine, name: str, calls: frozenset[int], volatile: frozenset[Site], node: ast.Call, frame: Frame
) -> None:
    """Graphs go to a callee that was not read. Where its name says that nothing comes of it, that needs no event."""
    if not frame.silent and (volatile or (calls and unread_names.matters(name))):
        m.emit(Escape(place_of(frame.file.path, node), frame.context, calls, "callee", name, volatile), frame)


# --- methods -------------------------------------------------------------------------------------------------------


def call_method(m: Machine, bound: Bound, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> Value:
    """A method of an object that the project does not define."""
    receiver = force(bound.receiver)
    match receiver:
        case Tensor():
            if bound.name == "backward":
                blind = not any(id_ > 0 for id_ in receiver.calls)
                return _backward(m, receiver.calls, node, frame, _attribute_of(node), receiver.volatile, blind)
            return tensors.call_tensor_method(m, receiver, bound.name, args, kwargs, node, frame)
        case Instance():
            if bound.name == "backward":  # of a model that a framework wraps, of the object of a framework
                return _backward(m, all_calls(args, kwargs), node, frame, _attribute_of(node))
            found = framework_calls.call_method(m, receiver, bound.name, args, kwargs, node, frame)
            if found is None:
                found = modules.call_module_method(m, receiver, bound.name, args, kwargs, node, frame)
            if found is not None:
                return found
            unread(m, bound.name, args, kwargs, node, frame)
            return Unknown(
                f"{bound.name}()",
                calls=all_calls(args, kwargs),
                key=f"{frame.file.path}:{node.lineno}:{node.col_offset}()",
            )
        case Sequence() | ListOf() | Mapping():
            return containers.call_method(m, receiver, bound.name, args, kwargs, node, frame)
        case _:
            return call_unknown(m, Unknown(bound.name, calls=calls_of(receiver)), args, kwargs, node, frame)


def _backward(
    m: Machine,
    calls: frozenset[int],
    node: ast.Call,
    frame: Frame,
    attribute: str = "",
    volatile: frozenset[Site] = frozenset(),
    blind: bool | None = None,
) -> Value:
    calls = frozenset(id_ for id_ in calls if id_ > 0)
    blind = not calls and not attribute if blind is None else blind
    m.emit(Backward(place_of(frame.file.path, node), frame.context, calls, attribute, blind, volatile), frame)
    return NONE


def call_unknown(m: Machine, callee: Value, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> Value:
    """Call something that nobody knows: perhaps a model, perhaps a method of one, perhaps anything."""
    if isinstance(node.func, ast.Attribute):
        known = frame.receiver  # evaluating it again would run it again
        again = known is None or known[0] is not node
        receiver = expressions.evaluate(m, node.func.value, frame) if known is None or again else known[1]
        m.trace.plain.add(place_of(frame.file.path, node.func.value))
        found = _duck_method(m, receiver, node.func.attr, args, kwargs, node, frame)
        if found is not None:
            return found
    key = callee.key if isinstance(callee, Unknown) else ""
    calls = all_calls(args, kwargs) | calls_of(callee)
    spread = any(keyword.arg is None for keyword in node.keywords)  # model(**batch)
    if key and (spread or not all(isinstance(a, Const | External | FunctionRef) for a in (*args, *kwargs.values()))):
        name = ast.unparse(node.func)[:60]
        model_handed(m, name, args, kwargs, node, frame)
        modules.look_all(m, args, node, frame, "escape", f"given to {name}, which was not read", kwargs)
        _given(m, name, all_calls(args, kwargs), frozenset(), node, frame)
        flowing = None if _is_command(node, frame) else m.model_call(callee, "", args, kwargs, node, frame)
        if flowing is not None:
            return Unknown(
                "output of an unknown callable",
                key=f"{frame.file.path}:{node.lineno}:{node.col_offset}()",
                calls=flowing | calls,
            )
    unread(m, ast.unparse(node.func)[:60], args, kwargs, node, frame)
    return Unknown(
        "result of an unknown callable",
        key=f"{frame.file.path}:{node.lineno}:{node.col_offset}()",
        calls=calls,
    )


def _attribute_of(node: ast.Call) -> str:
    """`loss` of `self.loss.backward()`, "" where the receiver is no attribute."""
    receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
    return receiver.attr if isinstance(receiver, ast.Attribute) else ""


def _is_command(node: ast.Call, frame: Frame) -> bool:
    """`model.reset_length(...)` as a statement of its own: a method whose value nobody takes is no forward."""
    return frame.discarded is node and isinstance(node.func, ast.Attribute) and node.func.attr != "forward"


def _duck_method(
    m: Machine, receiver: Value, name: str, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame
) -> Value | None:
    """Methods whose name says what the receiver is."""
    indexing.note_method(m, receiver, name, args, kwargs, node, frame)
    if name == "requires_grad_":
        flag = args[0] if args else kwargs.get("requires_grad", Const(True))
        whole = Bound(receiver, "parameters") if identities(receiver) else receiver
        stores.parameters_set(m, whole, flag, node, frame)
    if name in ("backward", "manual_backward"):
        attribute = _attribute_of(node)
        calls = calls_of(receiver) | all_calls(args, kwargs)
        return _backward(m, calls, node, frame, attribute)
    if name in api.MODULE_METHODS:
        m.trace.module_keys.update(identities(receiver))
        if name in ("parameters", "named_parameters") and identities(receiver):
            return ListOf(Bound(receiver, "parameters"), "parameters")
        if name in ("train", "eval") and len(args) + len(kwargs) <= 1:
            set_mode(m, receiver, name, args, kwargs, node, frame)
            return receiver
        return Unknown(f"{name}()", calls=calls_of(receiver))
    if name == "enter_context" and args:
        grad_modes.enter_context(m, args[0], node.args[0], frame)
        return args[0]
    if name == "step":
        modules.step(m, receiver, args, kwargs, node, frame)
        return Unknown("step()")
    if name in api.SAME_OBJECT and identities(receiver):
        return receiver
    perhaps_tensor = _may_be_tensor(receiver)
    if perhaps_tensor and name in api.ACTIVATION_METHODS and not calls_of(receiver):
        return tensors.call_tensor_method(m, Tensor(), name, args, kwargs, node, frame)
    if isinstance(receiver, Unknown | Choice) and name in ("detach", "item", "numpy", "cpu", "data", "tolist"):
        keep = calls_of(receiver) if name == "cpu" else NO_CALLS
        return Unknown(f"{name}()", calls=keep)
    if perhaps_tensor and name in (
        "log_softmax",
        "unsqueeze",
        "permute",
        "view",
        "argmax",
        "squeeze",
        "transpose",
    ):
        return tensors.call_tensor_method(m, Tensor(calls=calls_of(receiver)), name, args, kwargs, node, frame)
    return None


def _may_be_tensor(receiver: Value) -> bool:
    """Whether a method's name says what a value is: nothing is known of it, or that it is a tensor in other branches.

    Not where a graph, an activation or `volatile=True` comes in: that nothing is known does not say that there is none.
    """
    if isinstance(receiver, Unknown):
        return True
    plain = (
        isinstance(o, Unknown) or (isinstance(o, Tensor) and not o.volatile | o.activations) for o in options(receiver)
    )
    return not calls_of(receiver) and all(plain)
