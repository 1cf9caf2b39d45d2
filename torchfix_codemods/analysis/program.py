"""The part of a project that matters for one file: the file itself, those that import it, and what running them shows.

Each root (the top level of a file, a function that nobody calls) is run by a machine of its own, so that the findings
of a file depend neither on the order in which files are looked at nor on the number of processes.
"""

from __future__ import annotations

import ast
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from torchfix_codemods.analysis.importers import users_of
from torchfix_codemods.analysis.interpreter.machine import Machine
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.reach import reach_of
from torchfix_codemods.analysis.roots import functions_in, roots_of
from torchfix_codemods.analysis.trace import Event, Trace
from torchfix_codemods.analysis.values import FunctionRef, Instance

E_ = TypeVar("E_", bound=Event)

KEPT_WEIGHT = 60_000  # of the traces that are kept; neighbours in a folder share users
_INTERESTING = re.compile(
    r"oftmax|igmoid|ross_?[eE]ntropy|BCE|nll_loss|NLLLoss|volatile|\.eval\(|\.train\(|\.backward\(|[lL]oader|load_state_dict"
    r"|no_grad|interpolate|[uU]psample"
    r"|\.prepare\(|\.setup\("
)


@dataclass(frozen=True)
class OnObject:
    """A method that is to be run on an object that the program makes."""

    method: FunctionRef
    receiver: Instance


Root = str | FunctionRef | OnObject


class Program:
    """The traces that concern one file. `complete` is False where importers were left out."""

    _interests = ""  # a name for what `_is_interesting` asks for

    def __init__(self, project: Project, path: str) -> None:
        self.project = project
        self.path = path
        self.machine = Machine(project)  # runs nothing; knows what the machines of all traces learned
        self.traces: list[Trace] = []
        self.roots: list[Root] = []  # of the traces, in their order
        self.files, self.complete = self._closure()
        reached: set[FunctionRef] = set()
        for other in self.files:
            file = project.parse(other)
            if file is not None and _runs(file):
                reached |= self._keep(other)
        for other in self.files:
            file = project.parse(other)
            if file is None:
                continue
            for ref in self._roots(file):
                if ref not in reached:
                    reached |= self._keep(ref)
        self.reached = reached

    @property
    def followed(self) -> bool:
        """Whether all importers were read and every trace ran to its end: else there may be callers not seen."""
        return self.complete and all(trace.complete for trace in self.traces)

    def is_called_in_a_module(self, name: str) -> bool:
        """Whether a method of some `torch.nn.Module` in these files calls a plain name."""
        call = re.compile(rf"(?<![\w.]){re.escape(name)}\(")
        files = [path for path in self.files if call.search(self.project.read(path) or "")]
        return any(
            call.search(parsed.source(method))
            for parsed in map(self.project.parse, files)
            if parsed is not None
            for ref, method in functions_in(parsed)
            if ref.owner is not None and self.project.is_module(ref.owner) and method.name != name
        )

    def and_also(self, functions: Iterable[FunctionRef | OnObject]) -> Program:
        """The same with more functions run, in that order, those that were not yet. This one stays as it is.

        A method that is run on an object stands for what was seen of it on an object that nobody knows.
        """
        wider, chosen = copy(self), list(functions)
        wider.__dict__.pop("phases", None)  # those of the traces so far
        replaced = {run.method for run in chosen if isinstance(run, OnObject)}
        kept = [(r, t) for r, t in zip(self.roots, self.traces, strict=True) if r not in replaced]
        wider.roots, wider.traces = [r for r, _ in kept], [t for _, t in kept]
        wider.reached, wider.machine = set(self.reached), Machine(self.project)
        for trace in wider.traces:
            wider.machine.adopt(trace)
        for run in chosen:
            if not (wider.is_met(run.method) if isinstance(run, OnObject) else run in wider.reached):
                wider.reached |= wider._keep(run)
        return wider

    def is_met(self, method: FunctionRef) -> bool:
        """Whether a method was called in some trace, and not only run as the root of one."""
        pairs = zip(self.roots, self.traces, strict=True)
        return any(method in trace.reached and _run_by(root) != method for root, trace in pairs)

    def _keep(self, root: Root) -> set[FunctionRef]:
        trace = trace_of(self.project, root)
        self.traces.append(trace)
        self.roots.append(root)
        self.machine.adopt(trace)
        return trace.reached

    def _closure(self) -> tuple[list[str], bool]:
        """The users (farthest first, since callers set the mode for those they call), then the file."""
        users, complete = users_of(reach_of(self.project), self.path)
        return users[::-1], complete

    def _roots(self, file: ParsedFile) -> Iterator[FunctionRef]:
        """Functions worth running on their own, those that nobody in the file calls first."""
        roots = roots_of(self.project, file, self._interests, self._is_interesting)
        if not roots or file.path == self.path:
            return (root.ref for root in roots)
        text, names = file.text, self._wanted_names
        said = names.search(text) is not None
        return (r.ref for r in roots if said and (r.ref.owner or names.search(text[r.start : r.end])))

    def _is_interesting(self, source: str) -> bool:
        return _INTERESTING.search(source) is not None

    @cached_property
    def _wanted_names(self) -> re.Pattern[str]:
        facts = self.project.facts(self.path)
        names = [*(c.name for c in facts.classes), *(f.name for f in facts.functions)] if facts else []
        stem = self.path.removesuffix("/__init__.py").removesuffix(".py").rpartition("/")[2]
        return re.compile(r"\b(?:" + "|".join(map(re.escape, [*names, stem])) + r")\b")

    def events(self, kind: type[E_]) -> Iterator[tuple[Trace, E_]]:
        """All events of a kind, with the trace they belong to."""
        for trace in self.traces:
            for event in trace.events:
                if isinstance(event, kind):
                    yield trace, event


def _run_by(root: Root) -> str | FunctionRef:
    return root.method if isinstance(root, OnObject) else root


def trace_of(project: Project, root: Root) -> Trace:
    """The trace of a file's top level or of a function, by a machine of its own, remembered for other programs."""
    known: OrderedDict[Root, Trace] = project.memory.setdefault("traces", OrderedDict())
    if root in known:
        known.move_to_end(root)
        return known[root]
    machine = Machine(project)
    if isinstance(root, OnObject):
        known[root] = machine.run_function(root.method, root.receiver)
    elif isinstance(root, FunctionRef):
        known[root] = machine.run_function(root)
    else:
        file = project.parse(root)
        assert file is not None
        known[root] = machine.run_module(file)
    trace = known[root]
    kept = sum(other.weight for other in known.values())
    while kept > KEPT_WEIGHT and len(known) > 1:
        kept -= known.popitem(last=False)[1].weight
    return trace


def program_for(project: Project, path: str) -> Program:
    """The program around a file; remembered while the rules look at that file."""
    known = project.memory.get("program")
    if known is None or known.path != path:
        known = Program(project, path)
        project.memory["program"] = known
    assert isinstance(known, Program)
    return known


def _runs(file: ParsedFile) -> bool:
    """Whether importing the file does something beyond defining and importing."""
    return any(
        isinstance(s, ast.Expr | ast.For | ast.While | ast.With | ast.If | ast.Assign) and not _is_docstring(s)
        for s in file.tree.body
    )


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
