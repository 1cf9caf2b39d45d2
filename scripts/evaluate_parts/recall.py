"""The figures of the mutants: recall of findings and of default fixes per rule, and false positives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluate_parts.checking import Found, check, codes
from evaluate_parts.mutants import CODES, Outcome, Rejected, is_mistake, mutants, outcome
from evaluate_parts.programs import Program, Runner, Runs, written
from evaluate_parts.tables import share

Told = Callable[[str], None]
HEADING = (
    "rule",
    "mutants",
    "found",
    "recall",
    "fixed by default",
    "recall of fixes",
    "false positives",
    "false fixes",
)


@dataclass(frozen=True)
class Recall:
    """What became of every mutant, and what the tool says of the programs as they are: all of it is wrong."""

    outcomes: tuple[Outcome, ...]
    rejected: tuple[Rejected, ...]
    wrong: tuple[tuple[str, Found], ...]


def measure(programs: Sequence[Program], wanted: Sequence[str], runs: Runs, told: Told, *, all_run: bool) -> Recall:
    """Plant, reject what is no mistake, check."""
    outcomes: list[Outcome] = []
    rejected: list[Rejected] = []
    wrong: list[tuple[str, Found]] = []
    for program in programs:
        with written(program.texts()) as folder:
            base = check(folder, jobs=1)
        wrong += [(program.name, one) for one in base.found if one.default or (one.code, one.path) not in program.known]
        for mutant in mutants(program, wanted):
            if isinstance(mutant, Rejected):
                rejected.append(mutant)
            elif (reason := is_mistake(mutant, runs, all_run=all_run)) is not None:
                rejected.append(Rejected(mutant, reason))
            else:
                outcomes.append(outcome(mutant, base))
        told(f"{program.name}: {len(outcomes)} mutants so far, {len(rejected)} that are none")
        runs.keep()
    return Recall(tuple(outcomes), tuple(rejected), tuple(wrong))


def with_runs(
    programs: Sequence[Program], wanted: Sequence[str], kept: Path | None, told: Told, *, all_run: bool
) -> Recall:
    """`measure` with a process for the runs."""
    with Runner() as runner:
        return measure(programs, wanted, Runs(runner, kept), told, all_run=all_run)


def rows(recall: Recall, wanted: Sequence[str]) -> Iterator[tuple[object, ...]]:
    """One row per rule, in the order of the codes."""
    names = codes()
    said = Counter(found.code for _, found in recall.wrong)
    fixes = Counter(found.code for _, found in recall.wrong if found.default)
    yield HEADING
    for code in CODES:
        own = [one for one in recall.outcomes if one.mutant.mutation.code == code]
        if code not in wanted:
            continue
        if code not in names:
            yield code, len(own), *["no such rule"] * (len(HEADING) - 2)
            continue
        found, fixed = sum(one.found for one in own), sum(one.fixed for one in own)
        yield code, len(own), found, share(found, len(own)), fixed, share(fixed, len(own)), said[code], fixes[code]


def missed(recall: Recall) -> Iterator[str]:
    """The mutants that are not found, those found without a default fix, and what is said of correct programs."""
    there = codes()
    for one in recall.outcomes:
        if one.mutant.mutation.code in there and not one.fixed:
            yield f"{'found only' if one.found else 'missed    '}  {one.mutant.name}"
    for one in recall.outcomes:
        for other in one.others:
            fix = "fix" if other.default else "no default fix"
            yield f"also       {one.mutant.name}: {other.code} {other.path}:{other.line} ({fix})"
    for name, found in recall.wrong:
        fix = "fix" if found.default else "no default fix"
        yield f"wrong      {name}: {found.code} {found.path}:{found.line} ({fix}) {found.message}"


def not_counted(recall: Recall) -> Iterator[str]:
    """The mutants that are none, with their reasons."""
    for one in recall.rejected:
        yield f"no mutant  {one.mutant.name}: {one.reason}"
