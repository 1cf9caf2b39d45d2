"""Two runs side by side: what a rule looks at, before and after one fix, and what had to stay as it was."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torchfix_codemods.verify.printed import difference
from torchfix_codemods.verify.runs import Call, Forward, Place, RunReport

_CLOSE = 1e-4  # part of its length by which an output may differ
_GPU_NOISE = 1e-3  # part of a loss by which two runs on a GPU may differ
_SPREAD = 4  # times the distance of the two unchanged runs that a third run may be away
Lines = tuple[int, int]  # first and last, from 1


@dataclass(frozen=True)
class Comparison:
    """The runs of the program without a fix (twice, against noise) and with it.

    `scope` holds the lines of the unchanged files that the fix is about; `back` gives the unchanged file's line for a
    line of the program with the fix, `front` for one of the program without (which may have other fixes). `seeds` are
    further pairs of runs, each under a seed of its own; `held` is one whose optimizers move nothing. `alone`: the fix
    is the only one between the two. `twice` is another run with the fix, where there was one.
    """

    before: RunReport
    again: RunReport
    after: RunReport
    scope: Mapping[str, Sequence[Lines]] = field(default_factory=dict)
    back: Callable[[Place], Place] = lambda place: place
    front: Callable[[Place], Place] = lambda place: place
    seeds: Sequence[tuple[RunReport, RunReport]] = ()
    held: tuple[RunReport, RunReport] | None = None
    alone: bool = True
    twice: RunReport | None = None

    @property
    def noisy(self) -> bool:
        """Whether the unchanged program differs from itself, by more than a GPU's sums in another order."""
        return not _is_same(self.before, self.again) and not self.gpu_noise

    @property
    def same_training(self) -> bool:
        """Whether the parameters are bit for bit the same after every step, and there are as many steps.

        On a GPU that does not repeat itself: whether the losses differ no more than those of the unchanged program do,
        and the steps are made in the same way.
        """
        if self.same_bits:
            return True
        alike = len(self.before.losses) == len(self.after.losses) and _leads_alike(self.before, self.after)
        apart = _distance(self.before.losses, self.after.losses)
        return alike and 0 < apart <= _SPREAD * self.gpu_noise and self._same_gradients()

    @property
    def same_bits(self) -> bool:
        """Whether the parameters are bit for bit the same after every step, on whatever device."""
        return _is_same(self.before, self.after)

    @property
    def exactly(self) -> str:
        """How a training is the same that is the same, in words."""
        return "bit for bit" if self.same_bits else "up to the noise of the GPU"

    def _same_gradients(self) -> bool:
        """Whether the gradients of each step are about as long: the first losses of a training tell little of them."""
        before, again, after = ([step.norm for step in run.steps] for run in (self.before, self.again, self.after))
        return _distance(before, after) <= _SPREAD * max(_distance(before, again), _GPU_NOISE)

    @property
    def gpu_noise(self) -> float:
        """How far the losses of the two unchanged runs are apart, where that is a GPU's small noise; else 0."""
        if self.before.device != "cuda" or len(self.before.losses) != len(self.again.losses):
            return 0.0
        distance = _distance(self.before.losses, self.again.losses)
        return distance if distance <= _GPU_NOISE else 0.0

    @property
    def steered(self) -> bool:
        """Whether training differs only in how its optimizers are set, or in when it ends.

        The same losses and gradients lead to other parameters, or to no further step: a schedule or an early stop that
        follows what evaluations give.
        """
        pairs = list(zip(self.before.steps, self.after.steps, strict=False))
        first = next((number for number, (a, b) in enumerate(pairs) if a.crc != b.crc), len(pairs))
        if first == len(pairs) and len(self.before.steps) == len(self.after.steps):
            return False
        used = sum(step.backwards for step, _ in pairs[: first + 1])
        losses = ([backward.loss for backward in run.backwards[:used]] for run in (self.before, self.after))
        return all(a.norm == b.norm for a, b in pairs[: first + 1]) and not any(
            a != b for a, b in zip(*losses, strict=False)
        )

    @property
    def countable(self) -> bool:
        """Whether how much was seen is the program's doing, and not that of a time limit."""
        return not (self.before.timed_out or self.again.timed_out or self.after.timed_out)

    def fewer(self, count: Callable[[RunReport], int]) -> bool:
        """Whether there is less of something in the changed program."""
        return self.countable and count(self.after) < count(self.before)

    def trajectory(self) -> str:
        """The same in words."""
        steps = min(len(self.before.checksums), len(self.after.checksums))
        if not steps:
            return "no optimizer step was seen"
        if self.same_bits:
            return f"bit-equal over {steps} steps"
        if self.same_training:
            return f"the same over {steps} steps, up to the noise of the GPU ({self.gpu_noise:.1e} of the loss)"
        pairs = zip(self.before.checksums, self.after.checksums, strict=False)
        first = next((number for number, (a, b) in enumerate(pairs, 1) if a != b), None)
        if first is None:
            return f"bit-equal over {steps} steps, but {len(self.before.steps)} -> {len(self.after.steps)} steps"
        return f"different from step {first}"

    def in_scope(self, forward: Forward, *, changed: bool) -> bool:
        """Whether the lines of the fix lead to a forward. `changed`: it is one of the changed program."""
        return any(map(self._is_own, map(self.back if changed else self.front, forward.stack)))

    def evaluations(self) -> tuple[list[Forward], list[Forward]]:
        """The same forwards before and after, as far as no backward uses them afterwards: those of the fix, or all
        where none is of it. One that only fed a backward which needed nothing of it is an evaluation too."""
        pairs = [(before, after) for before, after in self._pairs() if not after.used]
        of_fix = [pair for pair in self.of_fix() if not pair[1].used]
        chosen = of_fix or pairs
        return [before for before, _ in chosen], [after for _, after in chosen]

    def elsewhere(self, count: Callable[[Sequence[Forward]], int]) -> tuple[int, int]:
        """What is counted over the evaluations that are not of the fix."""
        pairs = [pair for pair in self._pairs() if not pair[1].used and not self._of_fix(*pair)]
        return count([before for before, _ in pairs]), count([after for _, after in pairs])

    def has_own_evaluations(self) -> bool:
        """Whether the lines of the fix lead to an evaluation."""
        return any(not after.used and self._of_fix(before, after) for before, after in self._pairs())

    def of_fix(self) -> list[tuple[Forward, Forward]]:
        """The same forwards before and after to which the lines of the fix lead."""
        return [pair for pair in self._pairs() if self._of_fix(*pair)]

    def _pairs(self) -> list[tuple[Forward, Forward]]:
        """The forwards of both runs in their order; a fix that leaves the program alone leaves that too."""
        return list(zip(self.before.forwards, self.after.forwards, strict=False))

    def _of_fix(self, before: Forward, after: Forward) -> bool:
        return self.in_scope(before, changed=False) or self.in_scope(after, changed=True)

    def calls(self, kind: str, *, of_fix: bool = False) -> tuple[list[Call], list[Call]]:
        """The calls of a kind before and after; `of_fix`: those from lines of the fix, where there are some."""
        found = [[call for call in run.calls if call.kind == kind] for run in (self.before, self.after)]
        if of_fix:
            backs = (self.front, self.back)
            own = [[c for c in calls if self._is_own(back(c.place))] for calls, back in zip(found, backs, strict=True)]
            found = own if any(own) else found
        return found[0], found[1]

    def _is_own(self, place: Place) -> bool:
        path, line = place
        return any(first <= line <= last for first, last in self.scope.get(path, ()))

    def other_shapes(self) -> str:
        """The first output whose shapes differ, as text; "" where none is seen."""
        for before, after in self._pairs():
            if None not in (before.shapes, after.shapes) and before.shapes != after.shapes:
                return f"{before.kind} gives {_shapes(before)} -> {_shapes(after)}"
        return ""

    def other_outputs(self) -> str:
        """The first output with other values (up to rounding), as text; "" where none is seen.

        What differs between two runs of the unchanged program is left out, and as much as its losses differ on a GPU.
        """
        twins, part = self.again.forwards, max(_CLOSE, _SPREAD * self.gpu_noise)
        for (before, after), twin in zip(self._pairs(), twins, strict=False):
            if _is_close(before, twin, part) and not _is_close(before, after, part):
                where = f" ({before.stack[0][0]}:{before.stack[0][1]})" if before.stack else ""
                return f"{before.kind}{where} gives other values"
        return ""

    def other_prints(self) -> tuple[str, str] | None:
        """The first line that is printed differently, before and after.

        A GPU's small noise may turn any answer of a model, and with it what is counted and printed: then numbers are
        held to their size.
        """
        if not self.countable:
            return None
        twice = self.twice.output if self.twice is not None else None
        rough = self.gpu_noise > 0
        return difference(self.before.output, self.again.output, self.after.output, twice, rough=rough)


def _is_same(one: RunReport, other: RunReport) -> bool:
    """Whether two runs train the same, as far as both came: how far a time limit lets them come is chance."""
    whole = one.timed_out or other.timed_out or len(one.steps) == len(other.steps)
    return whole and _trains_alike(one, other)


def _distance(one: Sequence[float | None], other: Sequence[float | None]) -> float:
    """The largest difference of two numbers at the same place, as part of them."""
    pairs = zip(one, other, strict=False)
    return max((_apart(a, b) for a, b in pairs if a is not None and b is not None), default=0.0)


def _apart(one: float, other: float) -> float:
    if one == other or (math.isnan(one) and math.isnan(other)):
        return 0.0
    if not (math.isfinite(one) and math.isfinite(other)):
        return math.inf
    return abs(one - other) / max(abs(one), abs(other), 1e-12)


def _leads_alike(one: RunReport, other: RunReport) -> bool:
    """Whether the steps are made alike as far as it can be counted, and by forwards in the same modes."""
    steps = ([(step.cleared, step.backwards, step.gradients) for step in run.steps] for run in (one, other))
    both = ((a, b) for a, b in zip(one.forwards, other.forwards, strict=False) if a.used and b.used)
    return next(steps) == next(steps) and all(a.trains == b.trains for a, b in both)


def _is_close(one: Forward, other: Forward, part: float) -> bool:
    """Whether two outputs are the same up to a part; so are outputs of which one wasn't looked at."""
    if one.crc == other.crc or one.digest is None or other.digest is None:
        return True
    return are_close(one.digest, other.digest, part)


def are_close(one: Sequence[float], other: Sequence[float], part: float = _CLOSE) -> bool:
    """Whether two digests (a length, a projection) are those of the same values up to a part, here rounding."""
    allowed = part * max(one[0], other[0]) + _CLOSE / 10
    return all(
        a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= allowed for a, b in zip(one, other, strict=True)
    )


def _shapes(forward: Forward) -> str:
    return ", ".join(str(list(shape)) for shape in forward.shapes or ())


def _trains_alike(one: RunReport, other: RunReport) -> bool:
    """Whether the parameters (the losses, where none were seen) are bit for bit the same as far as both runs came."""
    if one.checksums and other.checksums:
        return all(a == b for a, b in zip(one.checksums, other.checksums, strict=False))
    losses = zip(one.losses, other.losses, strict=False)
    return all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in losses)


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
