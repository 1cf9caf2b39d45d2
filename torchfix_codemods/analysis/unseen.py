"""Functions that nothing made a program run, found by a word that they say, with those that call them.

A program runs the functions that say a word of interest to many rules. Some matter to one rule only, and only once it
knows what to look for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.roots import functions_in
from torchfix_codemods.analysis.values import FunctionRef

#: By such a name a function is not called.
UNNAMED = frozenset(["forward", "__init__", "__call__"])


def unseen(program: Program, says: re.Pattern[str]) -> list[FunctionRef]:
    """The functions not run so far that say it, and those that call one of them by its name: the callers first."""
    waiting = dict(_waiting(program))
    found: list[FunctionRef] = []
    while more := [ref for ref, source in waiting.items() if says.search(source)]:
        found += more
        waiting = {ref: source for ref, source in waiting.items() if ref not in more}
        says = any_of({ref.name for ref in more} - UNNAMED)
    return found[::-1]


def any_of(names: set[str]) -> re.Pattern[str]:
    """Any of these words; nothing, if there is none."""
    return re.compile(r"\b(?:" + "|".join(map(re.escape, sorted(names))) + r")\b" if names else r"(?!)")


def _waiting(program: Program) -> Iterator[tuple[FunctionRef, str]]:
    """The functions of a program that were not run, with what their bodies say."""
    for path in program.files:
        file = program.project.parse(path)
        for ref, node in functions_in(file) if file is not None else ():
            if ref not in program.reached:
                yield ref, file.source(node).partition(":")[2] if file is not None else ""


__all__ = ["UNNAMED", "any_of", "unseen"]
