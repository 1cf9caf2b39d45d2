"""Which runs are made, so that each fix gets a verdict of its own from as few of them as can be.

Twice the program as it is; all fixes that must leave training alone in one run (halved where that fails), each of the
others alone, and one last run with all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from torchfix_codemods.verify.comparison import Comparison, has_nan
from torchfix_codemods.verify.contracts import contract_of
from torchfix_codemods.verify.invariants import Judgement
from torchfix_codemods.verify.model import Evidence, VerdictName
from torchfix_codemods.verify.runs import RunReport
from torchfix_codemods.verify.units import Text, Unit, Variant, Within, scope_of
from torchfix_codemods.verify.verdict import cause_of, judge

_MORE_SEEDS = (1, 2)


@dataclass(frozen=True)
class Options:
    """How one run is made. `batch` None is the recipe's own limit.

    `hold`: the parameters stay as they are.
    """

    seed: int = 0
    fixed_seeds: bool = False
    batch: int | None = None
    repeat: bool = False
    hold: bool = False


class Runner(Protocol):
    """Makes one run of the program with some units."""

    def __call__(self, variant: Variant, options: Options) -> RunReport:
        """Run it."""


#: Hears what is run, how many runs were made, and about how many there will be.
Told = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Judged:
    """A unit's judgement, and a run that shows its circumstances."""

    unit: Unit
    judgement: Judgement
    run: RunReport


class Schedule:
    """The runs of one script for some units. `judge_all` makes them."""

    def __init__(self, run: Runner, text: Text, within: Within, told: Told = lambda phase, done, about: None) -> None:
        self._make = run
        self._text = text
        self._within = within
        self._told = told
        self._options = Options()
        self._done = 0
        self._about = 0

    def judge_all(self, units: Sequence[Unit]) -> list[Judged]:
        """A judgement for every unit, in their order."""
        self._options = replace(self._options, repeat=any(contract_of(unit.code).repeats for unit in units))
        self._about = runs_for(units)
        base = self._baseline(units)
        if cause_of(base.first) and not _may_be_cured(base.first):
            judgement = Judgement(VerdictName.CANNOT_RUN, cause_of(base.first))
            return [Judged(unit, judgement, base.first) for unit in units]
        found = self._one_by_one(units, base) if not base.first.ended_well else self._grouped(units, base)
        if len(units) > 1:
            found = self._together(units, found, base)
        order = {unit.name: number for number, unit in enumerate(units)}
        return sorted(found, key=lambda judged: order[judged.unit.name])

    # --- the program as it is ----------------------------------------------------------------------------------------

    def _baseline(self, units: Sequence[Unit]) -> _Base:
        """Two runs without any fix, made comparable: unshrunk batches, overridden seeds where they are needed."""
        nothing = self._variant(())
        first = self._made(nothing, "the program as it is")
        if not first.ended_well and any(kind == "batch" for kind, _, _ in first.notes):
            self._options = replace(self._options, batch=0)
            whole = self._made(nothing, "with its own batch size")
            if whole.ended_well or not whole.failure or str(whole.failure) != str(first.failure):
                first = whole
            else:
                self._options = replace(self._options, batch=None)
        if cause_of(first) and not _may_be_cured(first):
            return _Base(nothing, first, first)
        second = self._made(nothing, "the same again")
        if Comparison(first, second, second).noisy:
            self._options = replace(self._options, fixed_seeds=True)
            first, second = (self._made(nothing, "under fixed seeds") for _ in range(2))
        return _Base(nothing, first, second)

    # --- fixes -------------------------------------------------------------------------------------------------------

    def _grouped(self, units: Sequence[Unit], base: _Base) -> list[Judged]:
        """Fixes after which evaluations give something else are not run with those after which they may not."""
        neutral = [unit for unit in units if contract_of(unit.code).neutral]
        others = [unit for unit in units if unit not in neutral]
        groups = [[u for u in neutral if contract_of(u.code).keeps is keeps] for keeps in (True, False)]
        found = [judged for group in groups if group for judged in self._neutral(group, base)]
        return [*found, *(self._alone(unit, base) for unit in others)]

    def _neutral(self, units: Sequence[Unit], base: _Base) -> list[Judged]:
        """Units that must leave training alone: in one run where they do, in halves where they don't."""
        if len(units) == 1:
            return [self._alone(units[0], base)]
        variant = self._variant(units)
        after = self._made(variant, f"with {len(units)} fixes that must not change training")
        if _is_clean(base, after, keeps=all(contract_of(unit.code).keeps for unit in units)):
            return [self._judged(unit, base, variant, after) for unit in units]
        middle = len(units) // 2
        return [*self._neutral(units[:middle], base), *self._neutral(units[middle:], base)]

    def _alone(self, unit: Unit, base: _Base) -> Judged:
        variant = self._variant([unit])
        after = self._made(variant, f"with {unit.findings[0].code} alone")
        seeds: list[tuple[RunReport, RunReport]] = []
        if contract_of(unit.code).seeds and after.ended_well and not _is_synthetic(after):
            seeds = [self._pair(base, variant, f"under seed {seed}", seed=seed) for seed in _MORE_SEEDS]
        held = None
        if contract_of(unit.code).holds and after.ended_well and base.first.ended_well:
            held = self._pair(base, variant, "with the parameters held", hold=True)
        return self._judged(unit, base, variant, after, seeds, held)

    def _pair(self, base: _Base, variant: Variant, phase: str, **changed: Any) -> tuple[RunReport, RunReport]:
        options = replace(self._options, **changed)
        return self._run(base.variant, phase, options), self._run(variant, phase, options)

    def _one_by_one(self, units: Sequence[Unit], base: _Base) -> list[Judged]:
        """The program raises as it is: a fix may need the others before it shows what it does."""
        found = [self._alone(unit, base) for unit in units]
        if len(units) == 1 or all(judged.run.ended_well for judged in found):
            return found
        everything = self._variant(units)
        after = self._made(everything, "with all fixes")
        if not after.ended_well:
            return found
        return [self._without(judged, units, everything, after) for judged in found]

    def _without(self, judged: Judged, units: Sequence[Unit], everything: Variant, after: RunReport) -> Judged:
        """Judge a fix by the program that has all others."""
        if judged.run.ended_well:
            return judged
        variant = self._variant([unit for unit in units if unit is not judged.unit])
        runs = [self._made(variant, f"without {judged.unit.findings[0].code}") for _ in range(2)]
        result = self._judged(judged.unit, _Base(variant, *runs), everything, after)
        reason = f"{result.judgement.reason} (with the other fixes made)"
        return replace(result, judgement=replace(result.judgement, reason=reason))

    def _together(self, units: Sequence[Unit], found: list[Judged], base: _Base) -> list[Judged]:
        """What each fix does alone, all of them must do together."""
        good = [judged.unit for judged in found if judged.judgement.name not in _BAD]
        if len(good) < 2:
            return found
        after = self._made(self._variant(good), "with all fixes together")
        worse = not after.ended_well or (has_nan(after) and not has_nan(base.first))
        if not worse or not base.first.ended_well:
            return found
        evidence = (Evidence("ends", base.first.status, after.status),)
        if after.status == "killed":
            judgement = Judgement(VerdictName.INCONCLUSIVE, "the run with all fixes together was killed", evidence)
        else:
            reason = f"together the fixes make it worse: {after.failure or after.status}"
            judgement = Judgement(VerdictName.REGRESSED, reason, evidence)
        return [replace(j, judgement=judgement) if j.unit in good else j for j in found]

    # --- how ---------------------------------------------------------------------------------------------------------

    def _variant(self, units: Sequence[Unit]) -> Variant:
        return Variant(self._text, units)

    def _made(self, variant: Variant, phase: str) -> RunReport:
        return self._run(variant, phase, self._options)

    def _run(self, variant: Variant, phase: str, options: Options) -> RunReport:
        self._told(phase, self._done, max(self._about, self._done + 1))
        self._done += 1
        return self._make(variant, options)

    def _judged(
        self,
        unit: Unit,
        base: _Base,
        variant: Variant,
        after: RunReport,
        seeds: Sequence[tuple[RunReport, RunReport]] = (),
        held: tuple[RunReport, RunReport] | None = None,
    ) -> Judged:
        comparison = Comparison(
            base.first,
            base.second,
            after,
            scope_of(unit, self._text, self._within),
            variant.back(self._within),
            base.variant.back(self._within),
            seeds,
            held,
            alone=len(variant.units) == len(base.variant.units) + 1,
        )
        return Judged(unit, judge(unit, comparison), after)


def runs_for(units: Sequence[Unit]) -> int:
    """About how many runs are made for units, if nothing special comes up."""
    contracts = [contract_of(unit.code) for unit in units]
    groups = len({contract.keeps for contract in contracts if contract.neutral})
    alone = sum(1 + 2 * contract.holds for contract in contracts if not contract.neutral)
    return 2 + groups + alone + (len(units) > 1)


@dataclass(frozen=True)
class _Base:
    """A program without the fix in question, run twice."""

    variant: Variant
    first: RunReport
    second: RunReport


_BAD = (VerdictName.REGRESSED, VerdictName.PREMISE_ABSENT, VerdictName.CANNOT_RUN)


def _is_clean(base: _Base, after: RunReport, *, keeps: bool) -> bool:
    """Whether a run with several fixes ended well, with the same training; `keeps`: and the same evaluations."""
    comparison = Comparison(base.first, base.second, after)
    counts = [(len(r.backwards), len(r.forwards)) for r in (base.first, after)]
    same = after.ended_well and comparison.same_training and counts[0] == counts[1]
    return same and not (keeps and (comparison.other_outputs() or comparison.other_prints()))


def _may_be_cured(run: RunReport) -> bool:
    """Whether what keeps a program from running could be a fix's business: its own text, its own calls."""
    failure = run.failure
    cures = ("SyntaxError", "TypeError", "ValueError", "RuntimeError", "AttributeError", "NotImplementedError")
    return failure is not None and failure.kind in cures and failure.place is not None


def _is_synthetic(run: RunReport) -> bool:
    return any(kind == "dataset" for kind, _, _ in run.notes)
