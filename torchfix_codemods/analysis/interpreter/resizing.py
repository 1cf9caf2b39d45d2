"""Interpolation, and the layers that say whether its output is taken for images or for signals."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq
from dataclasses import replace
from typing import TYPE_CHECKING

from torchfix_codemods.analysis.interpreter import shapes
from torchfix_codemods.analysis.interpreter.state import Frame
from torchfix_codemods.analysis.trace import ApiCall, place_of
from torchfix_codemods.analysis.values import Const, External, Instance, Site, Tensor, Value, calls_of, force, options

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.core import Kwargs
    from torchfix_codemods.analysis.interpreter.machine import Machine

UPSAMPLERS = {
    "torch.nn.Upsample": None,
    "torch.nn.UpsamplingNearest2d": "nearest",
    "torch.nn.UpsamplingBilinear2d": "bilinear",
}
#: Layers and functions whose input has a batch and channels, then one or two dimensions.
_FLAT = ("conv1d", "convtranspose1d", "conv_transpose1d", "max_pool1d", "avg_pool1d", "maxpool1d", "avgpool1d")
_IMAGE = ("conv2d", "convtranspose2d", "conv_transpose2d", "max_pool2d", "avg_pool2d", "maxpool2d", "avgpool2d")


def note_call(m: Machine, name: str, args: Seq[Value], kwargs: Kwargs, node: ast.AST, frame: Frame) -> None:
    """Write down that an image (or a signal) is resized."""
    m.emit(ApiCall(place_of(frame.file.path, node), frame.context, name, tuple(args), tuple(kwargs.items())), frame)


def note_upsampler(m: Machine, instance: Instance, first: Value | None, node: ast.AST, frame: Frame) -> None:
    """The same for `nn.Upsample(...)(x)`: the arguments of the construction are those of the call."""
    assert isinstance(instance.cls, External)
    if first is None or not isinstance(node, ast.Call):
        return
    given = dict(zip(("size", "scale_factor", "mode"), instance.args, strict=False)) | dict(instance.kwargs)
    if (mode := UPSAMPLERS[instance.cls.name]) is not None:
        given["mode"] = Const(mode)
    note_call(m, instance.cls.name, (first,), given, node, frame)


def note_layer(m: Machine, name: str, first: Value | None, node: ast.AST, frame: Frame) -> None:
    """Write down that something resized goes into a layer for signals or for images."""
    bare = name.rpartition(".")[2].lower()
    if first is None or bare not in (*_FLAT, *_IMAGE):
        return
    for option in options(first):
        if isinstance(option, Tensor) and option.resized:
            note_call(m, f"torch.nn.functional.{bare[-2:]}", (option,), {}, node, frame)


def resized(first: Value | None, node: ast.AST, frame: Frame) -> Value:
    """The output of an interpolation: as many dimensions, the first two as large as before; scores stay scores."""
    value = force(first) if first is not None else None
    if not isinstance(value, Tensor):
        return Tensor(calls=calls_of(first)) if first is not None else Tensor()
    dims, site = shapes.sizes(value), Site(frame.file.path, *frame.file.span(node))  # type: ignore[arg-type]
    leading = None if dims is None else (*dims[:2], *(None,) * (len(dims) - 2))
    output = shapes.with_sizes(Tensor(calls=value.calls), leading, value.layout)
    return replace(output, dtype=value.dtype, resized=frozenset([site]), raw=value.raw)
