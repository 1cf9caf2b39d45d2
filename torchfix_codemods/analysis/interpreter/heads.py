"""Models of torchvision whose last layer was replaced: they give what the new one gives."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from torchfix_codemods.analysis import torch_api as api
from torchfix_codemods.analysis.interpreter.state import Frame
from torchfix_codemods.analysis.trace import Place
from torchfix_codemods.analysis.values import External, Instance, Site, Tensor, Unknown, Value

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.machine import Machine


def run_head(m: Machine, instance: Instance, node: ast.AST, frame: Frame, calls: frozenset[int]) -> Tensor | None:
    """The output of a model whose head is a Sequential that ends in an activation; None for any other."""
    from torchfix_codemods.analysis.interpreter.modules import run_sequential

    name = instance.cls.name.rpartition(".")[2]
    head = _head(m, instance, name)
    if not isinstance(head, Instance) or head.cls != External("torch.nn.Sequential"):
        return None
    given = run_sequential(m, head, (), node, frame, calls)
    if not isinstance(given, Tensor) or not given.activations:
        return None
    for activation in given.activations:
        m.trace.carriers.setdefault(activation.site, set()).add(name)
    return given


def note_stored(m: Machine, receiver: Value, attribute: str, frame: Frame) -> None:
    """`model.fc = ...` on one branch only: on the others the model keeps what it had."""
    if attribute not in api.HEADS or not isinstance(receiver, Instance) or receiver.site is None:
        return
    branch = next((c for c in frame.context.chain() if c.kind == "branch"), None)
    if branch is not None and not _holds(branch.place, receiver.site, frame):
        m.set_attribute(receiver, attribute, Unknown("the head that the model had"), frame)


def _holds(place: Place, site: Site, frame: Frame) -> bool:
    start = frame.file.offset(place.line, place.column)
    return place.path == site.path and start <= site.start < frame.file.offset(place.end_line, place.end_column)


def _head(m: Machine, instance: Instance, name: str) -> Value | None:
    known = m.attributes.get(instance, {})
    found = (attribute for attribute, models in api.HEADS.items() if name.startswith(models))
    return known.get(next(found, "")) if instance.cls.name.startswith("torchvision.models.") else None


__all__ = ["note_stored", "run_head"]
