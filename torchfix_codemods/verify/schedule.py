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
_WHOLE_EVALUATION = 64  # iterations: the pictures of a grid, the letters of a name


@dataclass(frozen=True)
class Options:
    """How one run is made. `batch` None is the recipe's own limit.

    `evaluating`: so many iterations a loop may have in which nothing is trained, 0: as many as any other.
    `hold`: the parameters stay as they are.
    """

    seed: int = 0
    fixed_seeds: bool = False
    batch: int | None = None
    evaluating: int = 0
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
    """A unit's judgement, a run that shows its circumstances, and the runs without and with it that were compared."""

    unit: Unit
    judgement: Judgement
    run: RunReport
    pair: tuple[RunReport, RunReport] | None = None


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
        self.first: RunReport | None = None  # of the program as it is

    def judge_all(self, units: Sequence[Unit]) -> list[Judged]:
        """A judgement for every unit, in their order."""
        self._options = replace(self._options, repeat=any(contract_of(unit.code).repeats for unit in units))
        self._about = runs_for(units)
        base = self._baseline()
        self.first = base.first
        if cause_of(base.first) and not _may_be_cured(base.first):
            judgement = Judgement(VerdictName.CANNOT_RUN, cause_of(base.first))
            return [Judged(unit, judgement, base.first) for unit in units]
        found = self._of_loaded(units, base)
        if len(units) > 1:
            found = self._together(units, found, base)
        order = {unit.name: number for number, unit in enumerate(units)}
        return sorted(found, key=lambda judged: order[judged.unit.name])

    # --- the program as it is ----------------------------------------------------------------------------------------

    def _baseline(self) -> _Base:
        """Two runs without any fix, made comparable: unshrunk batches, whole evaluations, overridden seeds."""
        nothing = self._variant(())
        first = self._made(nothing, "the program as it is")
        if not first.ended_well and any(kind == "batch" for kind, _, _ in first.notes):
            first = self._less_bounded(first, "with its own batch size", replace(self._options, batch=0))
        if first.failure and first.evaluations and first.cuts:
            further = replace(self._options, evaluating=_WHOLE_EVALUATION)
            first = self._less_bounded(first, "with whole evaluations", further)
        if cause_of(first) and not _may_be_cured(first):
            return _Base(nothing, first, first)
        second = self._made(nothing, "the same again")
        if Comparison(first, second, second).noisy:
            self._options = replace(self._options, fixed_seeds=True)
            first, second = (self._made(nothing, "under fixed seeds") for _ in range(2))
        return _Base(nothing, first, second)

    def _less_bounded(self, first: RunReport, phase: str, options: Options) -> RunReport:
        """The program as it is under other options, which stay where its error was one of the bounds."""
        before, self._options = self._options, options
        other = self._made(self._variant(()), phase)
        if other.ended_well or not other.failure or str(other.failure) != str(first.failure):
            return other
        self._options = before
        return first

    # --- fixes -------------------------------------------------------------------------------------------------------

    def _of_loaded(self, units: Sequence[Unit], base: _Base) -> list[Judged]:
        """No run is made for fixes in files that the program does not load: of several programs, each has its own."""
        judged_by = self._grouped if base.first.ended_well else self._one_by_one
        own = self._loaded(units, [base.first, base.second])
        self._about += runs_for(own) - runs_for(units)
        found = judged_by(own, base)
        further = self._loaded(units, [judged.run for judged in found])
        if any(unit not in own for unit in further):  # a cured program comes further
            own = [unit for unit in units if unit in own or unit in further]
            found = judged_by(own, base)
        reason = "the program does not load the changed file"
        if base.first.failure is not None:
            reason = f"the program ends before it loads the changed file: {base.first.failure}"
        judgement = Judgement(VerdictName.NOT_RUN, reason)
        return [*found, *(Judged(unit, judgement, base.first) for unit in units if unit not in own)]

    def _loaded(self, units: Sequence[Unit], runs: Sequence[RunReport]) -> list[Unit]:
        """The units of which a run has loaded a file."""
        files = {path for run in runs for path in run.files}
        return [unit for unit in units if any(self._within(edit.path) in files for edit in unit.edits)]

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
        result = self._judged(unit, base, variant, after, seeds, held)
        if result.judgement.name is not VerdictName.REGRESSED:
            return result
        again = self._made(variant, f"with {unit.findings[0].code} once more")
        if contract_of(unit.code).steers and again.ended_well:
            held = self._pair(base, variant, "with the parameters held", hold=True)
        return _confirmed(
            self._judged(unit, base, variant, after, seeds, held, again),
            self._judged(unit, base, variant, again, seeds, held, after),
        )

    def _pair(self, base: _Base, variant: Variant, phase: str, **changed: Any) -> tuple[RunReport, RunReport]:
        options = replace(self._options, **changed)
        return self._run(base.variant, phase, options), self._run(variant, phase, options)

    def _one_by_one(self, units: Sequence[Unit], base: _Base) -> list[Judged]:
        """The program raises as it is: a fix may need the others before it shows what it does."""
        found = [self._alone(unit, base) for unit in units]
        if len(units) < 2 or all(judged.run.ended_well for judged in found):
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
        if not base.first.ended_well or _is_late(after):
            return found
        if after.ended_well and (has_nan(base.first) or not has_nan(after)):
            return found
        evidence = (Evidence("ends", base.first.status, after.status),)
        if after.status == "killed" and not after.died:
            judgement = Judgement(VerdictName.INCONCLUSIVE, "the run with all fixes together was killed", evidence)
        else:
            reason = f"together the fixes make it worse: {after.failure or after.status}"
            judgement = Judgement(VerdictName.REGRESSED, reason, evidence)
        pair = (base.first, after)
        return [replace(j, judgement=judgement, pair=pair) if j.unit in good else j for j in found]

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
        twice: RunReport | None = None,
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
            twice=twice,
        )
        return Judged(unit, judge(unit, comparison), after, (base.first, after))


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


_BAD = (VerdictName.REGRESSED, VerdictName.PREMISE_ABSENT, VerdictName.CANNOT_RUN, VerdictName.NOT_RUN)


def _is_clean(base: _Base, after: RunReport, *, keeps: bool) -> bool:
    """Whether a run with several fixes ended well, with the same training; `keeps`: and the same evaluations."""
    comparison = Comparison(base.first, base.second, after)
    counts = [(len(r.backwards), len(r.forwards)) for r in (base.first, after)]
    same = after.ended_well and comparison.same_training and counts[0] == counts[1]
    return same and not (keeps and (comparison.other_outputs() or comparison.other_prints()))


def _confirmed(once: Judged, twice: Judged) -> Judged:
    """What two runs with a fix show alike: one that the machine ended, or a printed time, is no regression."""
    if once.judgement.name is twice.judgement.name:
        return once
    worse = once if once.judgement.name is VerdictName.REGRESSED else twice
    reason = f"in one of two runs: {worse.judgement.reason}"
    return replace(worse, judgement=Judgement(VerdictName.INCONCLUSIVE, reason, worse.judgement.evidence))


def _is_late(run: RunReport) -> bool:
    """Whether a run ended because its time was over, which may be the machine's doing."""
    return run.timed_out or (run.status == "killed" and not run.died)


def _may_be_cured(run: RunReport) -> bool:
    """Whether what keeps a program from running could be a fix's business: its own text, its own calls."""
    failure = run.failure
    cures = ("SyntaxError", "TypeError", "ValueError", "RuntimeError", "AttributeError", "NotImplementedError")
    return failure is not None and failure.kind in cures and failure.place is not None


def _is_synthetic(run: RunReport) -> bool:
    return any(kind == "dataset" for kind, _, _ in run.notes)
