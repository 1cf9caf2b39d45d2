"""Two runs side by side: what a rule looks at, before and after one fix, and what had to stay as it was."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torchfix_codemods.verify.runs import Call, Forward, Place, RunReport

Lines = tuple[int, int]  # first and last, from 1


@dataclass(frozen=True)
class Comparison:
    """The runs of the program without a fix (twice, against noise) and with it.

    `scope` holds the lines of the unchanged files that the fix is about; `back` gives the unchanged file's line for a
    line of the program with the fix, `front` for one of the program without (which may have other fixes). `seeds` are
    further pairs of runs, each under a seed of its own. `alone`: the fix is the only one between the two.
    """

    before: RunReport
    again: RunReport
    after: RunReport
    scope: Mapping[str, Sequence[Lines]] = field(default_factory=dict)
    back: Callable[[Place], Place] = lambda place: place
    front: Callable[[Place], Place] = lambda place: place
    seeds: Sequence[tuple[RunReport, RunReport]] = ()
    alone: bool = True

    @property
    def noisy(self) -> bool:
        """Whether the unchanged program differs from itself."""
        return _common(self.before, self.again) != "equal" or len(self.before.steps) != len(self.again.steps)

    @property
    def same_training(self) -> bool:
        """Whether the parameters are bit for bit the same after every step, and there are as many steps."""
        return _common(self.before, self.after) == "equal" and len(self.before.steps) == len(self.after.steps)

    def trajectory(self) -> str:
        """The same in words."""
        steps = min(len(self.before.checksums), len(self.after.checksums))
        if not steps:
            return "no optimizer step was seen"
        if self.same_training:
            return f"bit-equal over {steps} steps"
        pairs = zip(self.before.checksums, self.after.checksums, strict=False)
        first = next((number for number, (a, b) in enumerate(pairs, 1) if a != b), None)
        if first is None:
            return f"bit-equal over {steps} steps, but {len(self.before.steps)} -> {len(self.after.steps)} steps"
        return f"different from step {first}"

    def in_scope(self, forward: Forward, *, changed: bool) -> bool:
        """Whether the lines of the fix lead to a forward. `changed`: it is one of the changed program."""
        places = map(self.back if changed else self.front, forward.stack)
        return any(first <= line <= last for path, line in places for first, last in self.scope.get(path, ()))

    def evaluations(self) -> tuple[list[Forward], list[Forward]]:
        """The forwards that no backward used, before and after: those of the fix, or all where none is of it."""
        before = [f for f in self.before.evaluations if self.in_scope(f, changed=False)]
        after = [f for f in self.after.evaluations if self.in_scope(f, changed=True)]
        return (before, after) if before or after else (self.before.evaluations, self.after.evaluations)

    def has_own_evaluations(self) -> bool:
        """Whether the lines of the fix lead to an evaluation."""
        before = any(self.in_scope(f, changed=False) for f in self.before.evaluations)
        return before or any(self.in_scope(f, changed=True) for f in self.after.evaluations)

    def elsewhere(self, count: Callable[[Sequence[Forward]], int]) -> tuple[int, int]:
        """What is counted over the evaluations that are not of the fix."""
        return (
            count([f for f in self.before.evaluations if not self.in_scope(f, changed=False)]),
            count([f for f in self.after.evaluations if not self.in_scope(f, changed=True)]),
        )

    def calls(self, kind: str) -> tuple[list[Call], list[Call]]:
        """The calls of a kind before and after."""
        return [c for c in self.before.calls if c.kind == kind], [c for c in self.after.calls if c.kind == kind]

    def same_outputs(self) -> bool | None:
        """Whether the sampled evaluations give bit for bit the same; None where there is nothing to compare."""
        before, after = ([f.crc for f in run.evaluations if f.crc is not None] for run in (self.before, self.after))
        return before == after if before and after else None


def _common(one: RunReport, other: RunReport) -> str:
    """`equal` or `different` over the steps that both have, `none` where there are none."""
    pairs = list(zip(one.checksums, other.checksums, strict=False))
    if not pairs:
        losses = zip(one.losses, other.losses, strict=False)
        return "equal" if all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in losses) else "different"
    return "equal" if all(a == b for a, b in pairs) else "different"


def share(part: int, whole: int) -> str:
    """`3 of 8`."""
    return f"{part} of {whole}"


def size(count: float) -> str:
    """Bytes as people read them, in powers of 1000."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def has_nan(run: RunReport) -> bool:
    """Whether a loss was no number."""
    return any(not math.isfinite(loss) for loss in run.losses)
