"""What an expression can be, as far as the interpreter knows: the abstract values.

A value is immutable and hashable. `Unknown` carries a `key`, so that "the same unknown thing" can be recognised
(`model` of one function is one object, although nobody knows its class). Unknown is contagious and ends in "no fix".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

NO_CALLS: frozenset[int] = frozenset()


@dataclass(frozen=True, order=True, slots=True)
class Site:
    """A range of characters of a file: where a value was made."""

    path: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows. `key` names the thing (equal keys, same thing), `calls` are the model calls it may depend on."""

    reason: str
    key: str = ""
    calls: frozenset[int] = NO_CALLS


@dataclass(frozen=True, slots=True)
class Const:
    """A literal: str, bytes, int, float, bool or None."""

    value: object

    def __hash__(self) -> int:
        return hash((type(self.value), repr(self.value)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Const) and type(self.value) is type(other.value) and repr(self.value) == repr(other.value)
        )


@dataclass(frozen=True, slots=True)
class External:
    """A module, class, function or constant from outside the project, by its dotted name."""

    name: str


@dataclass(frozen=True, slots=True)
class FileModule:
    """A module (or package) of the project."""

    path: str


@dataclass(frozen=True, slots=True)
class ClassRef:
    """A class of the project: the file, its dotted name in the file and the line of its `class`."""

    path: str
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class FunctionRef:
    """A function, method or lambda of the project. `owner` is the class in whose body it stands."""

    path: str
    name: str
    line: int
    column: int
    owner: ClassRef | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """An object made by calling a class. `site` is the construction, so one object per place and arguments."""

    cls: ClassRef | External
    args: tuple[Value, ...] = ()
    kwargs: tuple[tuple[str, Value], ...] = ()
    site: Site | None = None
    _hash: int = field(default=0, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.cls, self.args, self.kwargs, self.site)))

    def __hash__(self) -> int:
        return self._hash

    def argument(self, position: int, name: str) -> Value | None:
        """The constructor's argument by position (from 0) or keyword; None where it was not given."""
        for key, value in self.kwargs:
            if key == name:
                return value
        return self.args[position] if position < len(self.args) else None


@dataclass(frozen=True, slots=True)
class Bound:
    """`receiver.name` before it is called: a method of the project (`function`) or of a torch object or an unknown."""

    receiver: Value
    name: str
    function: FunctionRef | None = None


@dataclass(frozen=True, slots=True)
class Partial:
    """`functools.partial(function, ...)`."""

    function: Value
    args: tuple[Value, ...] = ()
    kwargs: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Super:
    """`super()` inside a method of `cls`."""

    cls: ClassRef
    instance: Value


@dataclass(frozen=True, slots=True)
class Activation:
    """softmax, log_softmax, sigmoid or gumbel_softmax, applied last to a tensor (shape-only operations aside).

    `site` is the expression that applies it (the element for a Sequential). `form` is `function`, `method`, `module`,
    `sequential`, or `log` (the logarithm of a softmax); `made_at` is where the module was constructed, or the softmax
    of a `log` is applied. `moved` says that axes were permuted since. `base` is the expression that last had the very
    output, before a view, an index or the like.
    """

    kind: str
    site: Site
    form: str
    dim: object = None
    made_at: Site | None = None
    container: Site | None = None
    moved: bool = False
    base: tuple[str, int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor, or an array that stands for one.

    `rank` is the number of dimensions, `layout` is "CHW" or "HWC" where known; `dtype` is the type of whole numbers, or
    "float" for any floating point. `calls` are the ids of the model calls whose autograd graph it carries. `volatile`
    are the places whose `volatile=True` made it. `array` says that it certainly is an array of numpy.
    """

    rank: int | None = None
    shape: tuple[int | None, ...] | None = None
    dtype: str | None = None
    layout: str | None = None
    activations: frozenset[Activation] = frozenset()
    calls: frozenset[int] = NO_CALLS
    volatile: frozenset[Site] = frozenset()
    resized: frozenset[Site] = frozenset()  # calls of interpolate that it comes from, by shape-only operations
    order: str = ""  # "best": values of max/topk/sort, whose order survives a softmax but whose numbers do not
    raw: frozenset[Site] = frozenset()  # calls of layers (Linear, Conv) whose very scores these are
    array: bool = False

    def plain(self) -> Tensor:
        """The tensor after an operation that keeps the graph and nothing else."""
        return Tensor(calls=self.calls, volatile=self.volatile)

    def detached(self) -> Tensor:
        """The tensor without its autograd graph."""
        return replace(self, calls=NO_CALLS)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A tuple or list with known items."""

    items: tuple[Value, ...]
    kind: str = "tuple"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list, loader or generator whose items are all described by one value."""

    item: Value
    kind: str = "list"


@dataclass(frozen=True, slots=True)
class Mapping:
    """A dictionary with literal keys."""

    items: tuple[tuple[object, Value], ...]

    def get(self, key: object) -> Value | None:
        """The value under a literal key, None where it isn't known."""
        return next((value for name, value in self.items if name == key), None)

    def keys(self) -> Sequence:
        """The keys, as a loop over the dictionary gets them."""
        return Sequence(tuple(Const(key) for key, _ in self.items), "list")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values (a join over branches). Their order is that of the program, and does not count."""

    options: tuple[Value, ...] = field(compare=False)
    _set: frozenset[Value] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_set", frozenset(self.options))


class Lazy:
    """The output of a module of the project, computed only if somebody looks at it.

    `run` computes it; `calls` (the model calls that it depends on) is known without that.
    """

    __slots__ = ("_run", "_value", "calls")

    def __init__(self, run: object, calls: frozenset[int]) -> None:
        self._run: object = run
        self._value: Value | None = None
        self.calls = calls

    def force(self) -> Value:
        """The computed value (never itself lazy)."""
        if self._value is None:
            run, self._run = self._run, None
            if run is None:  # a cycle: the value is asked for while it is being computed
                return Unknown("recursive module call", calls=self.calls)
            assert callable(run)
            value: Value = run()
            self._value = force(value)
        return self._value


Value = (
    Unknown
    | Const
    | External
    | FileModule
    | ClassRef
    | FunctionRef
    | Instance
    | Bound
    | Partial
    | Super
    | Tensor
    | Sequence
    | ListOf
    | Mapping
    | Choice
    | Lazy
)

NONE = Const(None)
MAX_OPTIONS = 12


def force(value: Value) -> Value:
    """The value itself, with a lazy one computed."""
    while isinstance(value, Lazy):
        value = value.force()
    return value


def options(value: Value) -> Iterator[Value]:
    """The alternatives of a value: those of a join, else the value alone. Forces lazy values."""
    value = force(value)
    if isinstance(value, Choice):
        for option in value.options:
            yield from options(option)
    else:
        yield value


def join(values: Iterable[Value]) -> Value:
    """The least value that covers all; more than `MAX_OPTIONS` alternatives are unknown."""
    found: dict[Value, None] = {}
    for value in values:
        if isinstance(value, Choice):
            found.update(dict.fromkeys(value.options))
        else:
            found[value] = None
    if not found:
        return Unknown("no value")
    if len(found) == 1:
        return next(iter(found))
    tensors = [v for v in found if isinstance(v, Tensor)]
    if len(tensors) > 1:
        merged = _merge(tensors)
        found = {v: None for v in found if not isinstance(v, Tensor)} | {merged: None}
        if len(found) == 1:
            return merged
    if len(found) > MAX_OPTIONS:
        return Unknown("too many possibilities", calls=frozenset().union(*map(calls_of, found)))
    return Choice(tuple(found))


def _merge(tensors: list[Tensor]) -> Tensor:
    """One tensor for several: what they agree on, and the union of what they depend on."""
    first = tensors[0]
    return Tensor(
        rank=first.rank if len({t.rank for t in tensors}) == 1 else None,
        shape=first.shape if len({t.shape for t in tensors}) == 1 else None,
        dtype=first.dtype if len({(t.dtype, t.array) for t in tensors}) == 1 else None,
        layout=first.layout if len({t.layout for t in tensors}) == 1 else None,
        activations=frozenset().union(*(t.activations or {NO_ACTIVATION} for t in tensors)),
        calls=frozenset().union(*(t.calls for t in tensors)),
        volatile=joined_volatile([t.volatile for t in tensors]),
        resized=frozenset().union(*(t.resized for t in tensors)),
        order=first.order if len({t.order for t in tensors}) == 1 else "",
        raw=frozenset().union(*(t.raw for t in tensors)) if all(t.raw for t in tensors) else frozenset(),
        array=all(t.array for t in tensors),
    )


# Stands beside the places of `volatile=True` where another branch of a join has none.
NOT_VOLATILE = Site("", 0, 0)


def joined_volatile(found: Iterable[frozenset[Site]]) -> frozenset[Site]:
    """Where a value of several may come from; `NOT_VOLATILE` is among it if not all of them are volatile."""
    sets = list(found)
    if not any(sets):
        return frozenset()
    return frozenset[Site]().union(*(s or {NOT_VOLATILE} for s in sets))


# Marks the branch of a join in which no activation was applied: `if not self.training: x = softmax(x)`.
NO_ACTIVATION = Activation("none", Site("", 0, 0), "")


def calls_of(value: Value) -> frozenset[int]:
    """The ids of the model calls whose graph the value may carry. Never forces a lazy value."""
    match value:
        case Tensor() | Unknown() | Lazy():
            return value.calls
        case Sequence(items=items):
            return frozenset().union(*map(calls_of, items))
        case ListOf(item=item):
            return calls_of(item)
        case Mapping(items=pairs):
            return frozenset().union(*(calls_of(v) for _, v in pairs))
        case Choice(options=found):
            return frozenset().union(*map(calls_of, found))
        case Bound(receiver=receiver):
            return calls_of(receiver)
        case _:
            return NO_CALLS


def tensors_in(value: Value) -> Iterator[Tensor]:
    """Every tensor inside a value, looking into tuples, lists and dictionaries. Forces lazy values."""
    for option in options(value):
        match option:
            case Tensor():
                yield option
            case Sequence(items=items):
                for item in items:
                    yield from tensors_in(item)
            case ListOf(item=item):
                yield from tensors_in(item)
            case Mapping(items=pairs):
                for _, item in pairs:
                    yield from tensors_in(item)
            case _:
                pass


def with_calls(value: Value, calls: frozenset[int]) -> Value:
    """The same value, its tensors (and unknowns) carrying exactly these model calls."""
    match value:
        case Tensor():
            return replace(value, calls=calls)
        case Unknown():
            return replace(value, calls=calls)
        case Sequence(items=items):
            return replace(value, items=tuple(with_calls(i, calls) for i in items))
        case ListOf(item=item):
            return replace(value, item=with_calls(item, calls))
        case Mapping(items=pairs):
            return Mapping(tuple((k, with_calls(v, calls)) for k, v in pairs))
        case Choice(options=found):
            return join(with_calls(v, calls) for v in found)
        case Lazy():
            return with_calls(value.force(), calls)
        case _:
            return value


def all_calls(args: Iterable[Value], kwargs: dict[str, Value]) -> frozenset[int]:
    """Every model call whose graph comes in through the arguments of a call."""
    return frozenset[int]().union(*map(calls_of, args), *map(calls_of, kwargs.values()))
