"""What speaks against it that a network which only computes targets needs no gradients."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Backward, ModelCall, Place
from torchfix_codemods.analysis.values import ClassRef, FunctionRef, Instance, Value, options
from torchfix_codemods.rules._modes import receiver_text
from torchfix_codemods.rules._regions import is_resolved
from torchfix_codemods.rules._shared import node_of
from torchfix_codemods.rules._target_cases import Cases, Sink
from torchfix_codemods.rules._target_text import cuts_by_data, may_share, reads_gradients, shares_by_hand

_BY_HAND = re.compile(
    r"autograd\.grad\b|requires_grad_\(\)|requires_grad_\(True\)|\.requires_grad\s*=\s*True|enable_grad|register_\w*hook"
    r"|[aA]ttack|[aA]dversari|\.perturb\(|\b[pP][gG][dD]|[fF][gG][sS][mM]"
)
_DIFFERENTIATED = re.compile(r"autograd\.grad\b|import grad\b|\.retain_grad\(|autograd\.functional|(?<!\w)grad\(")
_CUTS = re.compile(r"_grad|grad_|autograd|inference_mode|detach|\.backward\(")
_MAX_CODE = 60  # classes and functions of a model that are searched for these words


class Proof:
    """Asks, for the calls that targets come from, what must hold before they may lose their graph."""

    def __init__(self, cases: Cases) -> None:
        self.cases = cases
        self.project: Project = cases.phases.program.project
        self.files = [f for f in map(self.project.parse, cases.optimizers.files) if f is not None]

    def cuts_inside(self, call: ModelCall) -> bool:
        """Whether the code of the model itself cuts graphs or asks for gradients: then it may have none, or need it."""
        seen: set[ClassRef | FunctionRef] = set()
        classes = [o.cls for o in options(call.model) if isinstance(o, Instance) and isinstance(o.cls, ClassRef)]
        return any(self._says(cls, seen) for cls in classes)

    def _says(self, code: ClassRef | FunctionRef, seen: set[ClassRef | FunctionRef]) -> bool:
        if code in seen or len(seen) > _MAX_CODE:
            return False
        seen.add(code)
        bases = self.project.lineage(code) if isinstance(code, ClassRef) else ()
        if any(self._says(base, seen) for base in bases if isinstance(base, ClassRef)):
            return True
        file, node = self._code(code)
        if file is None or node is None:
            return False
        if _CUTS.search(file.source(node)) or any(cuts_by_data(file, n) for n in ast.walk(node)):
            return True
        called = (self.project.resolve(file, n.func) for n in ast.walk(node) if isinstance(n, ast.Call))
        return any(self._says(c, seen) for c in called if isinstance(c, ClassRef | FunctionRef))

    def _code(self, code: ClassRef | FunctionRef) -> tuple[ParsedFile | None, ast.stmt | None]:
        if isinstance(code, ClassRef):
            return self.project.class_node(code) or (None, None)
        node = self.cases.phases.program.machine.node_of(code)
        return self.project.parse(code.path), node if isinstance(node, ast.stmt) else None

    def doubts(self, sink: Sink) -> Iterator[str]:
        """Why it is not certain that nobody needs these gradients, most important first."""
        program, optimizers = self.cases.phases.program, self.cases.optimizers
        if not all(is_resolved(call.model) for call in sink.teachers()):
            yield "it is not clear which network computes the target"
        if not all(any(self.cases.learns(call.model) for call in use.inputs) for use in sink.uses):
            yield "it is not clear which optimizer trains the other side"
        if any(self.cases.learns(call.model) for call in sink.teachers()):
            yield "an optimizer holds what computes the target, which is in evaluation mode here"
        if any(self.cases.is_idle(call.model) for call in sink.teachers()):
            yield "what computes the target keeps an optimizer, of which no step was seen"
        if optimizers.doubt:
            yield optimizers.doubt
        if not program.followed:
            yield "the program is too large to be followed as a whole"
        if not all(use.trained for use in sink.uses):
            yield "no backward pass was seen on every way from this loss"
        if any(call.grad is None for call in sink.teachers()):
            yield "gradients may be off where the target is computed"
        yield from self._of_teachers(sink)

    def _of_teachers(self, sink: Sink) -> Iterator[str]:
        places = [sink.place, *(call.place for call in sink.teachers())]
        if any(_BY_HAND.search(text) for text in map(self._around, places)):
            yield "something is differentiated by hand nearby"
        elif any(_DIFFERENTIATED.search(file.text) for file in self.files):
            yield "something is differentiated by hand"
        if self._ends_alone(sink):
            yield "another backward pass goes through the target alone"
        for call in sink.teachers():
            name = self.receiver(call)
            if self._shares or self._is_shared(call.model, name):
                yield f"{name or 'the network'} may share parameters with one that is trained"
            if any(reads_gradients(f, name, self._learners - {name}) for f in self.files):
                yield f"the gradients of {name or 'the network'} may be read"

    def _is_shared(self, model: Value, name: str) -> bool:
        return any(map(self._is_shallow, options(model))) or any(shares_by_hand(f, name) for f in self.files)

    def is_followed_up(self, call: ModelCall) -> bool:
        """Whether a network that is never trained gets the parameters of another one: it only computes targets."""
        name = re.escape(self.receiver(call))
        copied = re.compile(rf"(?<![\w.]){name}\.load_state_dict\(\s*[\w.\[\]]+\.state_dict\(\)")
        return bool(name) and self.cases.is_idle(call.model) and any(copied.search(f.text) for f in self.files)

    def _ends_alone(self, sink: Sink) -> bool:
        """Whether a backward pass comes from these calls and nothing that learns: without a graph it would raise."""
        targets = {(id(use.trace), call.id) for use in sink.uses for call in use.targets}
        for trace, event in self.cases.phases.program.events(Backward):
            ids = {(id(trace), call) for call in event.calls}
            if ids & targets and not any(ids & {(id(u.trace), c.id) for c in u.inputs} for u in sink.uses):
                return True
        return False

    @cached_property
    def _shares(self) -> bool:
        return any(may_share(file, self.project) for file in self.files)

    @cached_property
    def _learners(self) -> set[str]:
        """The names under which only networks are called that an optimizer was seen to hold."""
        found: dict[bool, set[str]] = {True: set(), False: set()}
        for _, call in self.cases.phases.program.events(ModelCall):
            found[self.cases.learns(call.model)].add(self.receiver(call))
        return found[True] - found[False]

    def receiver(self, call: ModelCall) -> str:
        """How the network is called where it computes the target."""
        file = self.project.parse(call.place.path)
        node = node_of(file, call.place, ast.Call) if file is not None else None
        return receiver_text(file, node, call.method) if file is not None and isinstance(node, ast.Call) else ""

    def _around(self, place: Place) -> str:
        """The text of the function at a place, or of the file where there is none."""
        file = self.project.parse(place.path)
        node = node_of(file, place) if file is not None else None
        function = file.enclosing_function(node) if file is not None and node is not None else None
        return "" if file is None else file.source(function) if function is not None else file.text

    def _is_shallow(self, model: Value) -> bool:
        """Whether the network is a copy that shares its parameters: no deep one."""
        if not isinstance(model, Instance) or model.site is None:
            return False
        file = self.project.parse(model.site.path)
        made = (file.text[model.site.start : model.site.end] if file is not None else "").partition("(")[0]
        return "copy" in made and "deepcopy" not in made


__all__ = ["Proof"]
