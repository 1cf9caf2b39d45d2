"""What an inserted `eval()` would spoil: training that goes on with the model, or goes on inside of its call."""

from __future__ import annotations

import re

from torchfix_codemods.analysis.phases import Phases, trained_ids
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import ModelCall, ModeSet, Trace
from torchfix_codemods.analysis.values import ClassRef, Instance, options

_STEPS = re.compile(r"\.backward\(|\boptim\w*\.step\(")
_OWN_METHOD = re.compile(r"\bself\.(\w+)\(")


def trains_itself(event: ModelCall, phases: Phases) -> bool:
    """Whether the method that is called, or one of the class that it calls, steps: a trainer dressed as a module.

    This is read from the text, since a module's own code may be in a file that the trace of the caller leaves out.
    """
    classes = [o.cls for o in options(event.model) if isinstance(o, Instance) and isinstance(o.cls, ClassRef)]
    return any(_method_trains(cls, event.method, phases.program.project, set()) for cls in classes)


def _method_trains(cls: ClassRef, name: str, project: Project, seen: set[str]) -> bool:
    method = project.method(cls, name) if name not in seen else None
    seen.add(name)
    file = project.parse(method.path) if method is not None else None
    if method is None or file is None:
        return False
    source = file.source(file.function_at(method.line, method.column))
    called = _OWN_METHOD.findall(source)
    return bool(_STEPS.search(source)) or any(_method_trains(cls, other, project, seen) for other in called)


def trains_next(trace: Trace, event: ModelCall, phases: Phases) -> bool:
    """Whether the same model trains behind a call of it, with no `train()` in between to take `eval()` back.

    The look at an untrained model before its training is such a call.
    """
    trained = trained_ids(trace)
    for later in trace.events[trace.events.index(event) + 1 :]:
        if isinstance(later, ModeSet) and later.mode == "train" and phases.same(later.model, event.model):
            return False
        if isinstance(later, ModelCall) and later.id in trained and phases.same(later.model, event.model):
            return True
    return False
