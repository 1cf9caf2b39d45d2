"""What trains: places that must not go under `torch.no_grad()`, and functions that training may go through unseen."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from torchfix_codemods.analysis.mentions import paths_with
from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.phases import Execution, trained_ids
from torchfix_codemods.analysis.trace import Backward, Context, ModelCall, OptimizerStep, Place, Trace
from torchfix_codemods.analysis.values import ClassRef
from torchfix_codemods.rules._regions import Region, Regions
from torchfix_codemods.rules._shared import node_of
from torchfix_codemods.rules._volatile_flow import Flow

_UNREAD = re.compile(r"(?:^|_)(?:fit|optimi[sz]e|learn|train)(?:_|$)")


class Training:
    """What trains in a program, apart from what is itself computed from volatile values."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.project = flow.phases.program.project
        self._regions: dict[str, Regions] = {}
        self.trained = list(self._trained())
        self._hot: dict[str, set[Place]] = defaultdict(set)
        for place in self._places():
            self._hot[place.path].add(place)

    def regions(self, file: ParsedFile) -> Regions:
        """The evaluation regions of a file, computed once for each tree: a long run drops trees and parses anew."""
        known = self._regions.get(file.path)
        if known is None or known.file is not file:
            known = self._regions[file.path] = Regions(file, self.flow.phases)
        return known

    def _trained(self) -> Iterator[tuple[Trace, ModelCall]]:
        """The executions of models that train, or let their graph out of sight, on input that is not volatile.

        What is called by an unknown name may be a model as well; then it counts if it trains.
        """
        for trace in self.flow.phases.program.traces:
            infected, trained = self.flow.infected.get(id(trace), set()), trained_ids(trace)
            for event in trace.events:
                if isinstance(event, ModelCall) and event.id in trained - infected:
                    yield trace, event
        for site in self.flow.phases.sites.values():
            for e in site.executions:
                if e.loose and e.event.id not in self.flow.infected.get(id(e.trace), set()):
                    yield e.trace, e.event

    def _places(self) -> Iterator[Place]:
        """Whatever trains, and everything around it up the call stack, with the calls that lead there."""
        for trace in self.flow.phases.program.traces:
            for event in trace.events:
                if isinstance(event, Backward) or (isinstance(event, OptimizerStep) and self._is_optimizer(event)):
                    yield from (event.place, *_stack(event.context))
        for _, call in self.trained:
            yield from (call.place, *_stack(call.context))

    def _is_optimizer(self, event: OptimizerStep) -> bool:
        """Not `env.step(action)` of a simulation."""
        file = self.project.parse(event.place.path)
        call = node_of(file, event.place, ast.Call) if file is not None else None
        return not isinstance(call, ast.Call) or not call.args or "opt" in ast.unparse(call.func).lower()

    def is_shared(self, place: Place) -> bool:
        """Whether a call expression also runs for training, on input that is not volatile."""
        return any(event.place == place for _, event in self.trained)

    def is_around(self, place: Place) -> bool:
        """Whether something trains inside a function or a loop, or in what it calls."""
        return place in self._hot[place.path]

    def is_absent(
        self, file: ParsedFile, statements: list[ast.stmt], runs: Sequence[Execution] = (), own: Place | None = None
    ) -> bool:
        """Whether nothing inside the statements trains. `runs` are models whose code counts, `own` a call that may."""
        first, last = statements[0].lineno, statements[-1].end_lineno or statements[-1].lineno
        if any(first <= p.line and p.end_line <= last and p != own for p in self._hot[file.path]):
            return False
        region = Region("statements", statements[0], Context("module", Place(file.path, 1, 0, 1, 0)), None)
        region.last = statements[-1]
        region.executions += runs
        return not self.regions(file).differentiates(region) and not any(map(_sounds_like_training, statements))

    def is_apart(self, file: ParsedFile, statement: ast.stmt, own: Place | None) -> bool:
        """Whether the statement computes nothing that is trained and not volatile itself."""
        place = Place(file.path, *_position(statement))
        if any(e.id in trace.flows.get(place, ()) for trace, e in self.trained if e.place != own):
            return False
        names = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        return not any(_is_leaf(file, name) for name in names)

    # --- what the interpreter does not write down ------------------------------------------------------------------

    def is_called_by_models(self, function: FunctionNode) -> bool:
        """Whether a class of modules calls a function of this name: of what a forward does, no events are kept."""
        name = function.name
        return name in ("forward", "__call__") or any(
            isinstance(node, ast.Call) and last_name(node.func) == name and not _switches_mode(node)
            for file in self._files_with(name)
            for cls in ast.walk(file.tree)
            if isinstance(cls, ast.ClassDef) and self.project.is_module(ClassRef(file.path, cls.name, cls.lineno))
            for node in ast.walk(cls)
        )

    def is_handed_on(self, function: FunctionNode) -> bool:
        """Whether some code uses a function of this name without calling it: a callback, whose caller is not known."""
        for file in self._files_with(function.name):
            for node in ast.walk(file.tree):
                if not isinstance(node, ast.Name | ast.Attribute) or last_name(node) != function.name:
                    continue
                parent = file.parents[node]
                if isinstance(node.ctx, ast.Load) and not (isinstance(parent, ast.Call) and parent.func is node):
                    return True
        return False

    def _files_with(self, word: str) -> Iterator[ParsedFile]:
        for path in paths_with(self.project, word):
            if (file := self.project.parse(path)) is not None:
                yield file


def _stack(context: Context) -> Iterator[Place]:
    """The regions around, innermost first, and the calls of their functions."""
    for around in context.chain():
        yield around.place
        if around.call is not None:
            yield around.call


def _switches_mode(call: ast.Call) -> bool:
    """`self.train()` and `self.eval()` are methods of every module."""
    flags = all(isinstance(argument, ast.Constant) for argument in call.args)
    return isinstance(call.func, ast.Attribute) and call.func.attr in ("train", "eval") and flags


def last_name(node: ast.expr) -> str:
    """`c` of `a.b.c`; "" for what is no chain of names."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _position(node: ast.stmt) -> tuple[int, int, int, int]:
    return node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0


def _sounds_like_training(statement: ast.stmt) -> bool:
    """Whether code that was perhaps not read sounds as if it trained: `trainer.fit(...)`."""
    for node in ast.walk(statement):
        if not isinstance(node, ast.Call):
            continue
        name = last_name(node.func)
        switch = name == "train" and isinstance(node.func, ast.Attribute) and len(node.args) + len(node.keywords) <= 1
        if _UNREAD.search(name.lower()) and not switch:
            return True
    return False


def _is_leaf(file: ParsedFile, name: str) -> bool:
    """Whether the file makes something of this name that asks for a gradient."""
    pattern = rf"\b{re.escape(name)}\s*=[^=\n][^\n]*(?:\bParameter\(|requires_grad\s*=\s*True|requires_grad_\()"
    return re.search(pattern, file.text) is not None
