"""Which models learn: are all optimizers of a program in view, and all that they were given?

`Phases.optimised` says what optimizers were seen to hold. That no other one holds a model is a question of its own.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from functools import cached_property

from torchfix_codemods.analysis.interpreter.modules import is_optimizer
from torchfix_codemods.analysis.interpreter.state import Identity, identities
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import Phases
from torchfix_codemods.analysis.trace import Construction, OptimizerStep, Place
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.analysis.values import (
    Bound,
    ClassRef,
    Const,
    External,
    FunctionRef,
    Instance,
    ListOf,
    Mapping,
    Sequence,
    Site,
    Tensor,
    Unknown,
    Value,
    options,
)

_MAKES_ONE = re.compile(
    r"[oO]ptim(?!al)|Adam|SGD|RMS[pP]rop|Ada(?:[A-Z]|delta|grad)|BFGS|Rprop|^(?:Lion|LARS|LAMB|Lamb|Ranger\w*|Lookahead)$"
)
_ADDS_MORE = re.compile(
    r"add_param_group|param_groups(?:\.(?:append|extend|insert)|\s*\+?=[^=])"
    r"|\[['\"]params['\"]\]\s*(?:\.(?:append|extend|insert)|\+?=[^=])"
)
# Whoever else gets `model.parameters()` may move them. Methods of lists, and of what counts, copies or clips, do not.
_TAKES_PARAMETERS = frozenset(
    "append extend update copy_to store restore clip_grad_norm_ clip_grad_value_ clip_grad_norm unscale_".split()
)
_BUILTINS = frozenset(dir(builtins))
_HARMLESS = ("torch.", "builtins.", "itertools.", "math.", "functools.", "numpy.", "copy.")
_READS_ONE = re.compile(r"lr_scheduler|schedul|warm|load|save|step|zero|log|state|print|param_groups|prepare", re.I)
_ENDS_A_STEP = re.compile(r"sched|scal(?:er|ar)|env|accelerator", re.I)


class Optimizers:
    """The optimizers of a program: what they hold, and why others may be there that were not seen."""

    def __init__(self, phases: Phases) -> None:
        self.phases = phases
        self._program = phases.program
        self.files = sorted({path for trace in self._program.traces for path in trace.files} | set(self._program.files))

    @cached_property
    def made(self) -> set[Instance]:
        """Every optimizer that is constructed, or that makes a step."""
        values = [event.value for _, event in self._program.events(Construction)]
        values += [option for _, event in self._program.events(OptimizerStep) for option in options(event.optimizer)]
        return {v for v in values if isinstance(v, Instance) and is_torch_optimizer(v)}

    @cached_property
    def held(self) -> set[Identity]:
        """The models whose parameters they hold."""
        return {identity for one in self.made for identity in _holders(one.argument(0, "params"))}

    def holds(self, model: Value) -> bool:
        """Whether one of them holds parameters of the model, of a part of it, or of what it is a part of."""
        related = self.phases.related
        return any(related(identity, other) for identity in identities(model) for other in self.held)

    @cached_property
    def stepped(self) -> set[Identity] | None:
        """The models that the steps of optimizers change; None where one step is not clear, or none was seen."""
        steps = list(self._program.events(OptimizerStep))
        moved = [o for _, event in steps for o in options(event.optimizer) if is_torch_optimizer(o)]
        given = [one.argument(0, "params") for one in moved if isinstance(one, Instance)]
        if not given or not all(map(_is_understood, given)) or any(map(self._is_another, steps)):
            return None
        return {identity for one in given for identity in _holders(one)}

    @cached_property
    def doubt(self) -> str:
        """Why there may be an optimizer that holds something else; "" where there is none."""
        if not self.made:
            return "no optimizer was seen"
        if not all(_is_understood(one.argument(0, "params")) for one in self.made):
            return "what an optimizer was given is not clear"
        if any(map(self._is_another, self._program.events(OptimizerStep))):
            return "an optimizer makes a step that was not seen to be made"
        if any(_ADDS_MORE.search(self._program.project.read(path) or "") for path in self.files):
            return "more is given to an optimizer later"
        return "" if self._all_written_are_seen else "an optimizer may be made in a place that was not followed"

    def _is_another(self, found: tuple[object, OptimizerStep]) -> bool:
        event = found[1]
        if all(isinstance(o, Const) or is_torch_optimizer(o) for o in options(event.optimizer)):
            return False
        call = self._call(event.place)
        if call is None or call.args or call.keywords:  # `env.step(action)`, `scaler.step(optimizer)`
            return call is None
        said = ast.unparse(call.func)
        reasons = [o.reason for o in options(event.optimizer) if isinstance(o, Unknown)]
        return not _ENDS_A_STEP.search(said) and not all("lr_scheduler" in reason for reason in reasons or [""])

    def _call(self, place: Place) -> ast.Call | None:
        file = self._program.project.parse(place.path)
        node = file.node_at((place.line, place.column, place.end_line, place.end_column), ast.Call) if file else None
        return node if isinstance(node, ast.Call) else None

    @cached_property
    def _all_written_are_seen(self) -> bool:
        seen = [one.site for one in self.made if one.site is not None]
        return all(
            any(_covers(site, file, call) for site in seen)
            for file in map(self._program.project.parse, self.files)
            if file is not None
            for call in self._made_in(file)
        )

    def _made_in(self, file: ParsedFile) -> Iterator[ast.Call]:
        """The calls of a file that may make an optimizer, by what is written."""
        if ".parameters(" in file.text or "optim" in file.text:
            yield from (n for n in walk(file.tree) if isinstance(n, ast.Call) and self._may_make_one(file, n))

    def _may_make_one(self, file: ParsedFile, call: ast.Call) -> bool:
        """Whether a call has the name of an optimizer, or gets parameters. What the project defines was followed."""
        said = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
        target = self._program.project.resolve(file, call.func)
        if isinstance(target, ClassRef):
            return self._is_own(target)
        if isinstance(target, FunctionRef) or self._is_defined(said):
            return False
        if isinstance(target, External) and "lr_scheduler" in target.name:
            return False
        if isinstance(call.func, ast.Name) and said in _BUILTINS:
            return False
        if _MAKES_ONE.search(said) and not _READS_ONE.search(said):
            return True
        known = isinstance(target, External) and target.name.startswith(_HARMLESS)
        return not known and said not in _TAKES_PARAMETERS and any(map(_are_parameters, call.args))

    def _is_defined(self, name: str) -> bool:
        """Whether a function or method of that name stands in the files: what it makes is written there."""
        return name.isidentifier() and any(
            f"def {name}(" in (self._program.project.read(path) or "") for path in self.files
        )

    @property
    def moves_tensors(self) -> bool:
        """Whether one of them was given tensors or parameters that belong to no model: the input may be learned."""
        given = [part for one in self.made for part in _parts(one.argument(0, "params"))]
        return any(isinstance(part, Tensor) or _is_parameter(part) for part in given)

    def _is_own(self, cls: ClassRef) -> bool:
        """Whether a class of the project is an optimizer."""
        lineage = self._program.project.lineage(cls)
        return any(isinstance(base, External) and is_optimizer(base.name) for base in lineage)


def _are_parameters(argument: ast.expr) -> bool:
    """Whether `model.parameters()` is in an argument."""
    calls = (n.func for n in ast.walk(argument) if isinstance(n, ast.Call))
    return any(isinstance(f, ast.Attribute) and f.attr.endswith("parameters") for f in calls)


def _covers(site: Site, file: ParsedFile, call: ast.Call) -> bool:
    return site.path == file.path and site.start <= file.span(call)[0] and file.span(call)[1] <= site.end


def is_torch_optimizer(value: Value) -> bool:
    """Whether a value is an optimizer of torch."""
    return isinstance(value, Instance) and isinstance(value.cls, External) and is_optimizer(value.cls.name)


def _holders(given: Value | None) -> Iterator[Identity]:
    """The models whose `parameters()` are inside an optimizer's argument."""
    for part in _parts(given):
        if isinstance(part, Bound) and part.name == "parameters":
            yield from identities(part.receiver)


def _parts(given: Value | None) -> Iterator[Value]:
    """Everything inside an optimizer's argument."""
    for option in options(given) if given is not None else ():
        match option:
            case ListOf(item=item):
                yield from _parts(item)
            case Sequence(items=items):
                for item in items:
                    yield from _parts(item)
            case Mapping(items=pairs):
                yield from _parts(dict(pairs).get("params"))
            case _:
                yield option


def _is_parameter(value: Value) -> bool:
    return isinstance(value, Instance) and isinstance(value.cls, External) and value.cls.name == "torch.nn.Parameter"


def _is_understood(given: Value | None) -> bool:
    """Whether an optimizer's argument is made of parameters of models that were followed to their construction."""
    if given is None:
        return False
    found = [o for o in options(given) if not isinstance(o, Const)]
    return bool(found) and all(map(_is_known_part, found))


def _is_known_part(option: Value) -> bool:
    match option:
        case Bound(receiver=receiver, name="parameters"):
            models = list(options(receiver))
            return bool(models) and all(isinstance(model, Instance) for model in models)
        case ListOf(item=item):
            return _is_understood(item)
        case Sequence(items=items):
            return bool(items) and all(map(_is_understood, items))
        case Mapping(items=pairs):
            return _is_understood(dict(pairs).get("params"))
        case _:
            return False


def optimizers_of(phases: Phases) -> Optimizers:
    """The optimizers of a program, looked for once."""
    known = getattr(phases, "optimizers", None)
    if known is None:
        known = Optimizers(phases)
        phases.optimizers = known  # type: ignore[attr-defined]
    return known


__all__ = ["Optimizers", "is_torch_optimizer", "optimizers_of"]
