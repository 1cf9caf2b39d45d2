"""What an expression may hold of the outputs that a look follows, and where in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce


@dataclass(frozen=True)
class Held:
    """`output`: it may be such an output itself; `inside`: it holds some, nobody knows where.

    `items` are those of a tuple, as far as their positions are certain; with `more` there may be others behind them,
    and these are what `inside` tells of. `fields` are what an object was given by keywords. `gives` is what a call of
    it gives: a module in an attribute, a function, a class (which gives something that gives), or a list of those.
    """

    output: bool = False
    inside: bool = False
    items: tuple[Held, ...] | None = None
    more: bool = False
    fields: tuple[tuple[str, Held], ...] = ()
    gives: Held | None = None
    nothing: bool = False  # not there: None, or not bound yet

    @property
    def any(self) -> bool:
        """Whether there is an output in it, wherever."""
        return self.output or self.inside or any(part.any for part in self.parts)

    @property
    def parts(self) -> tuple[Held, ...]:
        """Its items and fields, as far as they are known."""
        return (*(self.items or ()), *(held for _, held in self.fields))

    @property
    def matters(self) -> bool:
        """Whether there is an output in it, or may come from it."""
        return self.any or self.gives is not None

    def item(self, index: int | None) -> Held:
        """What `held[index]` may be; any of its items where the index is not known."""
        output = Held(output=self.output or self.inside, inside=self.inside, gives=self.gives)
        if index is None or index < 0:
            return joined([output, *(held.loose() for held in self.parts)])
        if self.items is not None:
            known = index < len(self.items)
            return self.items[index] if known else output if self.more or self.output else Held(gives=self.gives)
        return output  # an object is asked for its fields by their names

    def behind(self, start: int) -> Held:
        """`held[start:]`."""
        if self.items is None or start < 0:
            return self if self.items is None and not self.fields else self.loose()
        return replace(self, items=self.items[start:])

    def loose(self) -> Held:
        """The same, without knowing where in it."""
        within = any(part.any for part in self.parts)
        return Held(self.output, self.inside or within, gives=joined_calls([self, *self.parts]))

    def field(self, name: str) -> Held:
        """`held.name`, `held["name"]`."""
        found = dict(self.fields).get(name)
        rest = replace(self, fields=(), gives=None)
        within = rest.loose() if rest.items is not None else rest
        return joined([found, within]) if found is not None else within


CLEAN = Held()
OUTPUT = Held(output=True)
HOLDER = Held(inside=True)
ANYTHING = Held(output=True, inside=True)
NOTHING = Held(nothing=True)


def joined(values: Iterable[Held]) -> Held:
    """The least that covers all."""
    return reduce(_joined, values, NOTHING)


def joined_calls(values: Iterable[Held]) -> Held | None:
    """What calling any of these gives."""
    found = [value.gives for value in values if value.gives is not None]
    return joined(found) if found else None


def _joined(a: Held, b: Held) -> Held:
    if a == b or b.nothing:
        return a
    if a.nothing:
        return b
    inside, more, items = a.inside or b.inside, False, None
    if a.items is not None and b.items is not None:
        count = min(len(a.items), len(b.items))
        items = tuple(_joined(x, y) for x, y in zip(a.items, b.items, strict=False))
        left = (*a.items[count:], *b.items[count:])
        more, inside = a.more or b.more or bool(left), inside or any(item.any for item in left)
    else:
        inside = inside or any(item.any for item in (*(a.items or ()), *(b.items or ())))
    return Held(a.output or b.output, inside, items, more, _fields(a, b), joined_calls([a, b]))


def _fields(a: Held, b: Held) -> tuple[tuple[str, Held], ...]:
    found = dict(a.fields)
    for name, held in b.fields:
        found[name] = _joined(found.get(name, NOTHING), held)
    return tuple(sorted(found.items(), key=lambda pair: pair[0]))


def row(items: Iterable[Held]) -> Held:
    """A tuple or list of these."""
    found = tuple(items)
    return Held(items=found, gives=joined_calls(found))


def chained(a: Held, b: Held) -> Held:
    """`a + b` of two tuples or lists."""
    gives = joined_calls([a, b])
    if a.items is None:
        return Held(inside=a.any or b.any, gives=gives)
    if a.more or b.items is None:
        return replace(a, inside=a.inside or b.any, more=True, gives=gives)
    return Held(inside=b.inside, items=(*a.items, *b.items), more=b.more, gives=gives)
