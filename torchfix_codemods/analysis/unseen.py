"""Functions that nothing made a program run, found by a word that they say, with those that call them.

A program runs the functions that say a word of interest to many rules. Some matter to one rule only, and only once it
knows what to look for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchfix_codemods.analysis.program import OnObject, Program
from torchfix_codemods.analysis.roots import functions_in
from torchfix_codemods.analysis.trace import Construction
from torchfix_codemods.analysis.values import ClassRef, FunctionRef, Instance

MOST_OBJECTS = 3  # of one class

#: By such a name a function is not called.
UNNAMED = frozenset(["forward", "__init__", "__call__"])


def unseen(program: Program, says: re.Pattern[str]) -> list[FunctionRef]:
    """The functions not run so far that say it, and those that call one of them by its name: the callers first."""
    return _saying(says, {ref: text for ref, text in _functions(program) if ref not in program.reached})


def unmet(program: Program, says: re.Pattern[str]) -> list[FunctionRef | OnObject]:
    """The same, and the methods that were run on no object of the program: they are to be, where it makes one."""
    found = _saying(says, {ref: text for ref, text in _functions(program) if not program.is_met(ref)})
    made = _made(program) if any(ref.owner for ref in found) else []
    return [run for ref in found for run in _on_objects(program, ref, made)]


def _on_objects(program: Program, ref: FunctionRef, made: list[Instance]) -> Iterator[FunctionRef | OnObject]:
    own = [one for one in made if isinstance(one.cls, ClassRef) and ref.owner in program.project.lineage(one.cls)]
    yield from (OnObject(ref, one) for one in own[:MOST_OBJECTS])
    if not own and ref not in program.reached:
        yield ref


def _made(program: Program) -> list[Instance]:
    """The objects of classes of the project that a program makes, each once."""
    values = (event.value for _, event in program.events(Construction))
    return list(dict.fromkeys(v for v in values if isinstance(v, Instance) and isinstance(v.cls, ClassRef)))


def _saying(says: re.Pattern[str], waiting: dict[FunctionRef, str]) -> list[FunctionRef]:
    found: list[FunctionRef] = []
    while more := [ref for ref, source in waiting.items() if says.search(source)]:
        found += more
        waiting = {ref: source for ref, source in waiting.items() if ref not in more}
        says = any_of({ref.name for ref in more} - UNNAMED)
    return found[::-1]


def any_of(names: set[str]) -> re.Pattern[str]:
    """Any of these words; nothing, if there is none."""
    return re.compile(r"\b(?:" + "|".join(map(re.escape, sorted(names))) + r")\b" if names else r"(?!)")


def _functions(program: Program) -> Iterator[tuple[FunctionRef, str]]:
    """The functions of a program that have a name to be called by, with what their bodies say."""
    for path in program.files:
        file = program.project.parse(path)
        for ref, node in functions_in(file) if file is not None else ():
            yield ref, file.source(node).partition(":")[2] if file is not None else ""


__all__ = ["UNNAMED", "any_of", "unmet", "unseen"]
