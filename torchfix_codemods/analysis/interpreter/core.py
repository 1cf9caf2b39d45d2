"""What every part of the machine shares: the project, the trace being written, the budget, what was learned."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Hashable, Iterator
from collections.abc import Sequence as Seq
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from torchfix_codemods.analysis.interpreter.alike import Alike, Outcome
from torchfix_codemods.analysis.interpreter.state import (
    Frame,
    Identity,
)
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import (
    ApiCall,
    Context,
    Event,
    Freezing,
    Frozen,
    GraphLeaf,
    IndexCall,
    LossCall,
    Place,
    TargetCall,
    Trace,
    Use,
    VolatileFlag,
)
from torchfix_codemods.analysis.values import (
    ClassRef,
    FunctionRef,
    Instance,
    Value,
)

if TYPE_CHECKING:
    from torchfix_codemods.analysis.interpreter.machine import Machine

MAX_DEPTH = 24
MAX_STEPS = 20_000  # statements of one root; what lies beyond is unknown, and the trace says that it is incomplete
Kwargs = dict[str, Value]
#: Told wherever they happen, in code that is only run for its values too.
_OF_VALUES = (LossCall, Use, ApiCall, IndexCall, VolatileFlag, Freezing, TargetCall, GraphLeaf, Frozen)


class Core:
    """The state of a machine. `call` is what the parts built on it need of the whole."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.trace = Trace(Context("module", Place("", 1, 0, 1, 0)))
        self.steps = 0
        self._limit = MAX_STEPS
        self.next_call = 0
        self.leaves: dict[Place, int] = {}  # tensors that are told to need gradients -> their ids, below zero
        self.graphless: set[FunctionRef] = set()
        self.ran = 0  # calls in which a model may have run, those remembered included
        self.follows_activations = True
        self._added: dict[Instance, dict[object, Value]] = {}
        self.attributes: dict[Instance, dict[str, Value]] = {}
        self.owners: dict[Identity, Identity] = {}  # a submodule's identity -> the module that holds it
        self.closures: dict[FunctionRef, Frame] = {}
        self._given: set[FunctionRef] = set()  # functions of functions that went to code that was not read
        self.module_frames: dict[str, Frame] = {}
        self._static: dict[tuple[str, str], Value] = {}
        self._class_levels: dict[tuple[ClassRef, str], Value | None] = {}
        self._remembered: dict[object, Outcome] = {}
        self._alike: dict[Hashable, Alike] = {}
        self.kept_graphs = 0  # how often a value with a graph was put where it outlives the function
        self._active: dict[FunctionRef, int] = defaultdict(int)
        self._searched: set[tuple[Instance, str]] = set()

    def _begin(self, context: Context, path: str) -> None:
        self.trace = Trace(context, owners=self.owners, added=self._added)
        self.trace.files.add(path)
        self.steps, self._limit = 0, MAX_STEPS
        self._remembered, self._alike = {}, {}
        self.module_frames = {}

    @staticmethod
    def _file_place(file: ParsedFile) -> Place:
        return Place(file.path, 1, 0, len(file.line_starts), 0)

    def unknown_instance(self, cls: ClassRef) -> Instance:
        """Some object of the class, made elsewhere with arguments that nobody knows."""
        return Instance(cls)

    def adopt(self, trace: Trace) -> None:
        """Take over what another machine learned about which modules hold which."""
        self.owners |= trace.owners
        self._added |= trace.added

    def tick(self) -> bool:
        """Count one statement; False when the root's budget, or that of the part at hand, is spent."""
        self.steps += 1
        if self.steps > self._limit:
            self.trace.complete = False
            return False
        return True

    @contextmanager
    def at_most(self, steps: int) -> Iterator[None]:
        """Within this context no more than so many statements are run."""
        outer = self._limit
        self._limit = min(outer, self.steps + steps)
        try:
            yield
        finally:
            self._limit = outer

    def emit(self, event: Event, frame: Frame) -> None:
        """Write an event down. Inside a model's forward only what concerns values is of interest."""
        if frame.silent and not isinstance(event, _OF_VALUES):
            return
        self.trace.events.append(event)

    @property
    def whole(self) -> Machine:
        """This machine with all its parts: every core is one."""
        return cast("Machine", self)

    def call(self, callee: Value, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> Value:
        """Call any value."""
        raise NotImplementedError  # the machine does

    def is_module_instance(self, value: Value) -> bool:
        """Whether a value is certainly an `nn.Module` object."""
        raise NotImplementedError  # the machine does
