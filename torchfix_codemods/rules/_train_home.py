"""Where the `train()` of a model belongs: in the function that trains it, if nothing but training calls that."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from torchfix_codemods.analysis.phases import Phases
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Context, ModelCall
from torchfix_codemods.rules._modes import receiver_text
from torchfix_codemods.rules._other_object import name_outside
from torchfix_codemods.rules._shared import node_of


@dataclass(frozen=True)
class Home:
    """The function, or the frame of the loop, that the `train()` belongs to, and what the model is called there."""

    frame: Context
    receiver: str


def home_of(project: Project, phases: Phases, call: ModelCall, loop: Context) -> Home | None:
    """The innermost function around a training call, up to the frame of `loop`, that no evaluation calls."""
    file = project.parse(call.place.path)
    node = node_of(file, call.place, ast.Call) if file is not None else None
    name = receiver_text(file, node, call.method) if file is not None and isinstance(node, ast.Call) else ""
    frame = call.context.frame()
    while frame is not loop.frame() and _serves_evaluation(phases, call, frame):
        name = name_outside(project, name, frame) or ""
        if frame.parent is None:
            return None
        frame = frame.parent.frame()
    return Home(frame, name) if name else None


def _serves_evaluation(phases: Phases, call: ModelCall, frame: Context) -> bool:
    """Whether the function of a frame is called elsewhere too, and what the model computes there is not trained."""
    return any(
        context.kind == "function" and context.place == frame.place and context.call != frame.call
        for site in phases.sites.values()
        for execution in site.executions
        if not execution.trained and phases.same(execution.event.model, call.model)
        for context in execution.event.context.chain()
    )
