"""What speaks against it that a network which only computes targets needs no gradients."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import chain

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import ModelCall, Place
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.analysis.values import ClassRef, FunctionRef, Instance, Value, options
from torchfix_codemods.rules._modes import receiver_text
from torchfix_codemods.rules._regions import is_resolved
from torchfix_codemods.rules._shared import node_of
from torchfix_codemods.rules._target_cases import Cases, Sink

_BY_HAND = re.compile(
    r"autograd\.grad\b|requires_grad_\(\)|requires_grad_\(True\)|\.requires_grad\s*=\s*True|enable_grad|register_\w*hook"
    r"|[aA]ttack|[aA]dversari|\.perturb\(|\b[pP][gG][dD]|[fF][gG][sS][mM]"
)
_CUTS = re.compile(r"no_grad|inference_mode|set_grad_enabled|\.detach\(|\.data\b|requires_grad|stop_grad")
_MAX_CODE = 60  # classes and functions of a model that are searched for these words


class Proof:
    """Asks, for the calls that targets come from, what must hold before they may lose their graph."""

    def __init__(self, cases: Cases) -> None:
        self.cases = cases
        self.project: Project = cases.phases.program.project
        self.files = [f for f in map(self.project.parse, cases.optimizers.files) if f is not None]

    def cuts_inside(self, call: ModelCall) -> bool:
        """Whether the code of the model itself speaks of cutting graphs: then it may have none."""
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
        if _CUTS.search(file.source(node)):
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
        for call in sink.teachers():
            name = self.receiver(call)
            if any(map(self._is_shallow, options(call.model))) or any(
                self._shares_by_hand(f, name) for f in self.files
            ):
                yield f"{name or 'the network'} may share parameters with one that is trained"
            if any(self._reads_gradients(f, name) for f in self.files):
                yield f"the gradients of {name or 'the network'} may be read"

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

    def _shares_by_hand(self, file: ParsedFile, name: str) -> bool:
        """Whether an attribute of the network, or one taken from it, is assigned: `teacher.head = student.head`."""
        if not name or f"{name}." not in file.text:
            return False
        return any(
            _is_part(file, target, name) or _takes_part(file, node.value, name)
            for node in walk(file.tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Attribute)
        )

    def _reads_gradients(self, file: ParsedFile, name: str) -> bool:
        """Whether gradients of the network's parameters are clipped, copied or used to move them."""
        if ".grad" not in file.text and "clip_grad" not in file.text and "hook" not in file.text:
            return False
        return any(_reads(file, node, name) for node in walk(file.tree))


def _reads(file: ParsedFile, node: ast.AST, name: str) -> bool:
    match node:
        case ast.Call(func=function, args=[first, *_]) if "clip_grad" in file.source(function):
            given = file.source(first)
            plain = re.fullmatch(r"([\w.]+)\.parameters\(\)", given)
            return plain is None or plain[1] in (name, "self")
        case ast.Call(func=ast.Attribute(attr=called)) if "hook" in called:
            return name in file.source(node)
        case ast.For(iter=iterable) | ast.comprehension(iter=iterable) if "parameters()" in file.source(iterable):
            own = re.search(rf"(?<![\w.]){re.escape(name)}\.", file.source(iterable)) or not name
            body = node if isinstance(node, ast.For) else file.parents[node]
            return bool(own) and re.search(r"\._?grad\b", file.source(body)) is not None  # type: ignore[arg-type]
        case _:
            return False


def _is_part(file: ParsedFile, target: ast.Attribute, name: str) -> bool:
    """Whether something inside of the network is assigned: not a flag such as `training`."""
    return file.source(target).startswith(f"{name}.") and target.attr not in ("training", "requires_grad")


def _takes_part(file: ParsedFile, value: ast.expr, name: str) -> bool:
    """Whether an attribute of the network is taken (and not called, as `name.eval()` is)."""
    called = {n.func for n in chain([value], ast.walk(value)) if isinstance(n, ast.Call)}
    return any(
        isinstance(n, ast.Attribute) and n not in called and file.source(n.value) == name for n in ast.walk(value)
    )


__all__ = ["Proof"]
