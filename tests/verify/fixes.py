"""Fixes written by hand, right and wrong ones, as the plan would hand them on, and their verdicts."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from running import Programs

from torchfix_codemods.findings import Edit, Finding, Fix, Level, Location
from torchfix_codemods.verify.schedule import Judged, Options, Schedule
from torchfix_codemods.verify.units import Unit, Variant, marks_before

LEVELS = {
    "TFC101": Level.BEHAVIOR,
    "TFC102": Level.SUGGESTION,
    "TFC103": Level.BEHAVIOR,
    "TFC104": Level.BEHAVIOR,
    "TFC301": Level.BEHAVIOR,
    "TFC302": Level.BEHAVIOR,
    "TFC401": Level.CRASH_FIX,
}


@dataclass(frozen=True)
class Change:
    """A fix of a rule: pairs of old and new text; an old text must stand exactly once in the program."""

    code: str
    replacements: tuple[tuple[str, str], ...]
    path: str = "main.py"


def change(code: str, *replacements: tuple[str, str], path: str = "main.py") -> Change:
    return Change(code, replacements, path)


def judge_all(programs: Programs, files: dict[str, str] | str, changes: Sequence[Change], **job: Any) -> list[Judged]:
    """The verdicts of changes to a program, from real runs."""
    given = {"main.py": files} if isinstance(files, str) else files
    texts = {path: textwrap.dedent(text) for path, text in given.items()}
    return judge_units(programs, texts, [unit(n, [item], texts) for n, item in enumerate(changes, 1)], **job)


def judge_units(programs: Programs, texts: dict[str, str], units: Sequence[Unit], **job: Any) -> list[Judged]:
    """The verdicts of units, from real runs."""
    marks = marks_before(units, texts.__getitem__, str)

    def run(variant: Variant, options: Options) -> Any:
        told = variant.marks(str) if variant.units else marks
        shrunk = {"batch": options.batch} if options.batch is not None else {}
        given = {**job, "limits": {**shrunk, "evaluating": options.evaluating, **job.get("limits", {})}}
        return programs.run(
            {**texts, **variant.texts},
            seed=options.seed,
            fixed_seeds=options.fixed_seeds,
            repeat=options.repeat,
            hold=options.hold,
            marks=told,
            **given,
        )

    return Schedule(run, texts.__getitem__, str).judge_all(units)


def verdicts(programs: Programs, files: dict[str, str] | str, *changes: Change, **job: Any) -> list[str]:
    """Their names alone."""
    return [judged.judgement.name.value for judged in judge_all(programs, files, changes, **job)]


def unit(number: int, changes: Sequence[Change], texts: dict[str, str]) -> Unit:
    """One fix made of the changes to several files."""
    edits = tuple(_edit(item.path, texts[item.path], old, new) for item in changes for old, new in item.replacements)
    path = changes[0].path
    own = [edit for edit in edits if edit.path == path]
    spans = [edit for edit in own if edit.start < edit.end] or own
    place = Location(path, min(e.start for e in spans), max(e.end for e in spans))
    code = changes[0].code
    level = LEVELS.get(code, Level.EQUIVALENT)
    finding = Finding("rule", code, level, place, "message", fix=Fix("title", edits), id=f"id{number}")
    return Unit(f"fix{number}", (finding,), edits)


def _edit(path: str, text: str, old: str, new: str) -> Edit:
    """The edit without what both have in common at their ends."""
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
    start, end = text.index(old), text.index(old) + len(old)
    while old and new and old[0] == new[0]:
        old, new, start = old[1:], new[1:], start + 1
    while old and new and old[-1] == new[-1]:
        old, new, end = old[:-1], new[:-1], end - 1
    return Edit(path, start, end, new)
