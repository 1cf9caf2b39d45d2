"""Plants each mistake in each correct program, and counts what the tool finds of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evaluate_parts import losses, phases, statistics, targets, tensors, updates
from evaluate_parts.checking import Checked, Found, check
from evaluate_parts.programs import Program, Runs, written
from evaluate_parts.shows import shows
from evaluate_parts.spots import Mutation, Spots, edited

Mutator = Callable[[Spots], Iterator[Mutation]]
MUTATORS: tuple[Mutator, ...] = (
    *losses.MUTATORS,
    *targets.MUTATORS,
    *phases.MUTATORS,
    *statistics.MUTATORS,
    *updates.MUTATORS,
    *tensors.MUTATORS,
)
CODES = (
    *("TFC101", "TFC102", "TFC103", "TFC104", "TFC105"),
    *("TFC201", "TFC202", "TFC203", "TFC204", "TFC205"),
    *("TFC301", "TFC302", "TFC303", "TFC304", "TFC401", "TFC402"),
)


@dataclass(frozen=True)
class Mutant:
    """A program with one mistake."""

    program: Program
    path: str
    mutation: Mutation
    texts: Mapping[str, bytes] = field(repr=False)

    @property
    def name(self) -> str:
        """Which it is, for people."""
        return f"{self.mutation.code} {self.program.name}/{self.path}:{self.mutation.line} {self.mutation.operator}"


@dataclass(frozen=True)
class Outcome:
    """A mutant that counts: whether the tool finds its mistake, whether `apply` repairs it, and what else it says."""

    mutant: Mutant
    found: bool
    fixed: bool
    others: tuple[Found, ...]


@dataclass(frozen=True)
class Rejected:
    """A mutant that does not count, and why."""

    mutant: Mutant
    reason: str


def mutants(program: Program, codes: Sequence[str] = CODES) -> Iterator[Mutant | Rejected]:
    """Every mutant of a program; those that are no Python are rejected."""
    seen = set()
    for path, spots in program.spots.items():
        for mutator in MUTATORS:
            for mutation in mutator(spots):
                if mutation.code not in codes or (mutation.code, mutation.edits) in seen:
                    continue
                seen.add((mutation.code, mutation.edits))
                yield _mutant(program, path, mutation)


def _mutant(program: Program, path: str, mutation: Mutation) -> Mutant | Rejected:
    text = edited(program.files[path].text, mutation.edits)
    texts = {**program.texts(), path: program.files[path].encode(text)}
    mutant = Mutant(program, path, mutation, texts)
    try:
        compile(texts[path], path, "exec")
    except SyntaxError as error:
        return Rejected(mutant, f"no Python: {error.msg}")
    return mutant


def is_mistake(mutant: Mutant, runs: Runs, *, all_run: bool) -> str | None:
    """Why a mutant does not count; None where it does."""
    base = runs.of(mutant.program, mutant.program.texts(), lines=True)
    if mutant.mutation.line not in base["lines"].get(mutant.path, ()):
        return "not reached"
    if mutant.mutation.unsure or all_run:
        plain = runs.of(mutant.program, mutant.program.texts())
        if not shows(mutant.mutation.code, plain, runs.of(mutant.program, mutant.texts)):
            return "its run does not show the mistake"
    return None


def outcome(mutant: Mutant, base: Checked) -> Outcome:
    """What the tool says of a mutant that it does not say of the program."""
    with written(mutant.texts) as folder:
        new = tuple(_new(check(folder, jobs=1).found, base.found))
    own = [found for found in new if found.code == mutant.mutation.code]
    others = tuple(found for found in new if found.code != mutant.mutation.code)
    return Outcome(mutant, bool(own), any(found.default for found in own), others)


def _new(found: Sequence[Found], known: Sequence[Found]) -> Iterator[Found]:
    """Findings that are not known, wherever their lines stand now."""
    left = Counter(map(_content, known))
    for one in found:
        if left[_content(one)]:
            left[_content(one)] -= 1
        else:
            yield one


def _content(found: Found) -> tuple[Any, ...]:
    return found.path, found.code, found.default, found.message, tuple(line.strip() for line in found.lines)
