"""The names by which the objects of a class may be held in a program, as far as its text tells."""

from __future__ import annotations

import re
from collections.abc import Iterable

from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.roots import functions_in
from torchfix_codemods.analysis.unseen import UNNAMED, any_of

_ASSIGNED = re.compile(r"^[ \t]*(?:\w+\.)*(\w+)(?:\[[^\]\n]*\])*[ \t]*(?::[^=\n]+)?=(?!=)([^\n]*)", re.M)
_RETURNS = re.compile(r"\breturn[ \t]+\S")
_STAYS_ITSELF = r"(?!\(|\w|\.(?!(?:to|cuda|cpu|eval|train|half|float)\())"  # neither called, nor asked for something


def held_names(program: Program, makers: Iterable[str], holders: Iterable[str]) -> set[str]:
    """Makers are the classes and what gives their objects, holders are names of such: those, and all that come of them.

    A name is another one for it if it is assigned what a maker gives, a holder, or what is called with a holder.
    """
    texts = [program.project.read(path) or "" for path in program.files]
    assigned = [(match[1], match[2]) for text in texts for match in _ASSIGNED.finditer(text)]
    made = _makers(program, set(makers))
    held, more, says = set(holders) - UNNAMED, made | set(holders), _making(made)
    while more:
        is_held = re.compile(any_of(more).pattern + _STAYS_ITSELF)
        more = {name for name, value in assigned if says.search(value) or is_held.search(value)} - held
        held = held | more
    return made | held


def _makers(program: Program, makers: set[str]) -> set[str]:
    """The classes, and the functions that return something and build one, or call a function that does."""
    functions = {}
    for path in program.files:
        file = program.project.parse(path)
        for ref, node in functions_in(file) if file is not None else ():
            functions[ref] = file.source(node) if file is not None else ""
    givers = {ref.name: text for ref, text in functions.items() if ref.name not in UNNAMED and _RETURNS.search(text)}
    new = set(makers)
    while new:
        says = _making(new)
        new = {name for name, text in givers.items() if name not in makers and says.search(text)}
        makers = makers | new
    return makers


def _making(makers: set[str]) -> re.Pattern[str]:
    return re.compile(any_of(makers).pattern + r"\(")


__all__ = ["held_names"]
