"""What the interpreter saw: events, each with the place where it happened and the regions around it.

Rules read traces. Nodes are named by `Place` (file and position), not held, so that trees can be dropped.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from torchfix_codemods.analysis.values import Activation, FunctionRef, Instance, Site, Value


class Place(NamedTuple):
    """A node of a file: `ParsedFile.node_at` finds it again. Lines from 1, columns in UTF-8 bytes, as in `ast`."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int


def place_of(path: str, node: ast.AST) -> Place:
    """The place of a node that has a position."""
    return Place(
        path,
        node.lineno,  # type: ignore[attr-defined]
        node.col_offset,  # type: ignore[attr-defined]
        node.end_lineno,  # type: ignore[attr-defined]
        node.end_col_offset,  # type: ignore[attr-defined]
    )


@dataclass(eq=False, slots=True)
class Context:
    """One region of execution inside another: the top level of a file, a function call, a loop, a `with`, a branch.

    The chain of parents crosses calls, so it is the call stack and the nesting at once. For a loop over words, `detail`
    is the word; for a function, `function` is which, `of_module` says that it is a method of a module's class, `call`
    is the calling expression and `arguments` are its plain arguments, as written and as values.
    """

    kind: str  # "module", "function", "loop", "with", "branch"
    place: Place
    parent: Context | None = None
    function: FunctionRef | None = None
    of_module: bool = False
    detail: str = ""
    call: Place | None = None
    arguments: tuple[tuple[str, Value], ...] = ()

    def chain(self) -> Iterator[Context]:
        """This context and all around it, innermost first."""
        current: Context | None = self
        while current is not None:
            yield current
            current = current.parent

    def frame(self) -> Context:
        """The function call (or module top level) that holds this context."""
        return next(c for c in self.chain() if c.kind in ("function", "module"))

    def inside(self, other: Context) -> bool:
        """Whether `other` is this context or one around it."""
        return any(c is other for c in self.chain())


@dataclass(frozen=True, eq=False, slots=True)
class ModelCall:
    """A call that runs a model forward. `grad` is the gradient mode, `mode` the model's.

    That is "train", "eval", "mixed" (by the path), "unknown" (by a flag), "hidden" (by a context or decorator) or None.
    """

    id: int
    place: Place
    context: Context
    model: Value
    method: str
    grad: bool | None
    mode: str | None
    volatile: frozenset[Site]
    calls: frozenset[int]  # model calls whose graph comes in through the arguments


@dataclass(frozen=True, eq=False, slots=True)
class Backward:
    """A backward pass. `calls` flow into it; `attribute` is set for `self.loss.backward()`; `blind`: from anywhere."""

    place: Place
    context: Context
    calls: frozenset[int]
    attribute: str = ""
    blind: bool = False
    volatile: frozenset[Site] = frozenset()  # the `volatile=True` that it comes from


@dataclass(frozen=True, eq=False, slots=True)
class VolatileFlag:
    """`x.volatile`: `use` is "read", "set" (to True), "cleared" (False) or "unknown"; `certain` if `x` is a tensor."""

    place: Place
    context: Context
    use: str
    certain: bool
    volatile: frozenset[Site]
    calls: frozenset[int]


@dataclass(frozen=True, eq=False, slots=True)
class ModeSet:
    """`model.train()`, `model.eval()`, `model.train(flag)`: `mode` is "train", "eval" or "unknown"."""

    place: Place
    context: Context
    model: Value
    mode: str
    overridden: bool


@dataclass(frozen=True, eq=False, slots=True)
class Freezing:
    """`requires_grad` of all parameters of `model` is set: `learn` says to what, None where it isn't known."""

    place: Place
    context: Context
    model: Value
    learn: bool | None


@dataclass(frozen=True, eq=False, slots=True)
class OptimizerStep:
    """`optimizer.step()`, or the `step` of anything else (a scaler, a scheduler); `given` are its arguments."""

    place: Place
    context: Context
    optimizer: Value
    given: tuple[Value, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class GradientsCleared:
    """`owner.zero_grad()`, or a write to `.grad` of the owner's parameters (or of the owner itself, a tensor)."""

    place: Place
    context: Context
    owner: Value


@dataclass(frozen=True, eq=False, slots=True)
class Entrusted:
    """A `model` is given to a framework, which trains it: Lightning's `trainer.fit(model)`, `Trainer(model=model)`."""

    place: Place
    context: Context
    model: Value


@dataclass(frozen=True, eq=False, slots=True)
class LossCall:
    """A loss gets `argument` with `activations` applied to it; `raw` are the layers whose very scores it may be.

    `loss` is "cross_entropy", "bce_with_logits", "nll", "margin", "bce", or "log_softmax" for that function.
    """

    place: Place
    context: Context
    loss: str
    made_at: Site | None
    argument: Place
    activations: frozenset[Activation]
    rank: int | None
    raw: frozenset[Site] = frozenset()  # empty where it is, or may be, anything else


@dataclass(frozen=True, eq=False, slots=True)
class TargetCall:
    """A loss gets a target that carries a graph. `data`: its input certainly carries none.

    The calls are model calls (positive) and tensors that need gradients (negative, see `GraphLeaf`). `inside` a
    module's own forward the modules that it holds are not among them.
    """

    place: Place
    context: Context
    loss: str
    input: Place
    target: Place
    input_calls: frozenset[int]
    target_calls: frozenset[int]
    data: bool
    inside: bool


@dataclass(frozen=True, eq=False, slots=True)
class GraphLeaf:
    """A tensor is told to need gradients here. Its id is negative, and is among the calls of what comes from it."""

    id: int
    place: Place
    context: Context


@dataclass(frozen=True, eq=False, slots=True)
class Frozen:
    """Parameters of a model are told not to need gradients, or perhaps not to."""

    place: Place
    context: Context
    model: Value


@dataclass(frozen=True, eq=False, slots=True)
class Use:
    """Somebody looks at the output of an activation. `kind`: "invariant", "value", "escape", "index", "loss", "kept".

    What is kept is so in the attribute `why` of an object, for whoever reads it there.
    """

    place: Place  # the operand whose value is used
    context: Context
    activation: Activation
    kind: str
    why: str


@dataclass(frozen=True, eq=False, slots=True)
class ApiCall:
    """A call of one of the functions that a rule watches (interpolate, upsample), with its evaluated arguments."""

    place: Place
    context: Context
    name: str
    args: tuple[Value, ...]
    kwargs: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, eq=False, slots=True)
class IndexCall:
    """Numbers of a tensor are taken, put or counted by an index: `index_select`, `gather`, `embedding`, a class target.

    `source` is what the index counts in (for `one_hot` the number of classes), None where nothing is given. `form` is
    "function", "method" (of the source) or "module".
    """

    place: Place
    context: Context
    function: str
    form: str
    source: Value | None
    dim: Value | None
    index: Value


@dataclass(frozen=True, eq=False, slots=True)
class Escape:
    """A graph leaves what was followed: stored in an attribute, given to an unread callee, returned or yielded.

    Or a whole `model` does: it is exported.
    """

    place: Place
    context: Context
    calls: frozenset[int]
    kind: str  # "attribute", "argument", "callee", "return", "yield", "export"
    name: str = ""
    volatile: frozenset[Site] = frozenset()  # the `volatile=True` that it comes from
    model: Value | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Construction:
    """An object of a class was built here."""

    place: Place
    context: Context
    value: Value


Event = (
    ModelCall
    | Backward
    | ModeSet
    | Freezing
    | OptimizerStep
    | GradientsCleared
    | Entrusted
    | LossCall
    | TargetCall
    | GraphLeaf
    | Frozen
    | Use
    | ApiCall
    | IndexCall
    | Escape
    | Construction
    | VolatileFlag
)


@dataclass(eq=False, slots=True)
class Trace:
    """Everything seen while one root (a file's top level, or a function nobody calls) was interpreted."""

    root: Context
    events: list[Event] = field(default_factory=list)
    reached: set[FunctionRef] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    module_keys: set[Value | str] = field(default_factory=set)  # identities used as a torch.nn.Module
    carriers: dict[Site, set[str]] = field(default_factory=dict)  # activation -> names that return its output
    variables: set[Site] = field(default_factory=set)  # calls of `Variable` that were run
    flows: dict[Place, set[int]] = field(default_factory=dict)  # statement -> model calls in what it computes
    plain: set[Place] = field(default_factory=set)  # operands whose numbers come from no activation, in some run
    returned: dict[FunctionRef, set[int]] = field(default_factory=dict)  # model calls in what a function returns
    complete: bool = True
    owners: dict[Value | str, Value | str] = field(default_factory=dict)  # a submodule -> the module that holds it
    added: dict[Instance, dict[object, Value]] = field(default_factory=dict)  # by add_module() and append()

    @property
    def weight(self) -> int:
        """How much it holds: events, and what is known of places."""
        return 20 + len(self.events) + len(self.flows) + len(self.plain) + len(self.reached) + len(self.owners)
