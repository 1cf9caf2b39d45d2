"""The words of a verification: limits of a run, evidence, verdicts. Plain data, no behaviour beyond small questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class VerdictName(str, Enum):
    """What the runs showed about one fix, best first."""

    FIXED_CRASH = "FIXED_CRASH"  # the program raised what the rule says, and runs now
    IMPROVED = "IMPROVED"  # a measured quantity is better, and nothing that had to stay has changed
    CHANGED_AS_INTENDED = "CHANGED_AS_INTENDED"  # what the rule looks at changed as declared, the rest stayed
    EQUIVALENT = "EQUIVALENT"  # the same numbers, and nothing to see for the rule in this run
    NO_EFFECT = "NO_EFFECT"  # what the rule looks at is as it was
    NOT_FIXED = "NOT_FIXED"  # the mistake is still there
    REGRESSED = "REGRESSED"  # a new crash, NaN, fewer steps, or something changed that had to stay
    PREMISE_ABSENT = "PREMISE_ABSENT"  # the mistake was not there before
    NOT_EXERCISED = "NOT_EXERCISED"  # the changed lines never ran, or never where the mistake could show
    CANNOT_RUN = "CANNOT_RUN"  # a module, file or argument is missing, or the text doesn't compile
    INCONCLUSIVE = "INCONCLUSIVE"  # noise, a crash before and after, a time limit
    NOT_RUN = "NOT_RUN"  # no program was run that loads its file


#: What `--require-verified` writes.
VERIFIED = frozenset(
    (VerdictName.FIXED_CRASH, VerdictName.IMPROVED, VerdictName.CHANGED_AS_INTENDED, VerdictName.EQUIVALENT)
)
#: What `apply --verify` never writes.
WITHHELD = frozenset((VerdictName.REGRESSED, VerdictName.PREMISE_ABSENT))


@dataclass(frozen=True)
class Limits:
    """How far a run goes. `inner` and `outer` are iterations in which a model works; `seconds` of wall time.

    `batch` is the largest batch that a loader gives (0: as written); `memory` is GiB of address space (0: no limit).
    """

    inner: int = 4
    outer: int = 2
    steps: int = 64
    forwards: int = 2000
    seconds: float = 60.0
    batch: int = 16
    memory: int = 8


@dataclass(frozen=True)
class Evidence:
    """One observed quantity, as text with its unit: `what` it is, before and after the fix."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Series:
    """One quantity over a run, before and after the fix: for pictures, never for judgements.

    `what` names it ("loss", "gradient norm", "saved for backward"), `unit` is "" or "bytes", `over` says what the index
    counts ("backward pass", "optimizer step", "evaluation"). None stands where a value was not a finite number. `count`
    is how many values the longer side had: of more than its points, these are evenly spread (0: nothing was left out).
    """

    what: str
    unit: str
    over: str
    before: tuple[float | None, ...]
    after: tuple[float | None, ...]
    count: int = 0

    @property
    def points(self) -> int:
        """The points of the longer side."""
        return max(len(self.before), len(self.after))

    @property
    def same(self) -> bool:
        """Whether both sides are the same, bit for bit at every point."""
        return self.before == self.after


@dataclass(frozen=True)
class Verdict:
    """What the runs showed about the fix of one finding (`finding` is its id).

    `reason` is one line for people; `caveats` are stand-ins, shims, redirects and the like that the runs needed.
    `repeat` is the command that makes the runs again. `device` is cuda, cpu or cpu-redirect, `sandbox` the layer
    reached.
    """

    finding: str
    name: VerdictName
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    caveats: tuple[str, ...] = ()
    script: str = ""
    device: str = ""
    sandbox: str = ""
    seconds: float = 0.0
    repeat: str = ""
    series: tuple[Series, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether a run confirmed the fix."""
        return self.name in VERIFIED

    @property
    def withheld(self) -> bool:
        """Whether the runs speak against the fix."""
        return self.name in WITHHELD


@dataclass(frozen=True)
class ScriptRun:
    """What was run for which fixes, for the report: one script with its arguments and how its first run ended."""

    script: str
    args: tuple[str, ...]
    status: str
    runs: int
    seconds: float
    device: str = ""
    sandbox: str = ""
    torch: str = ""
    error: str = ""
    caveats: tuple[str, ...] = ()
    repeat: str = ""


@dataclass(frozen=True)
class Verification:
    """Everything that was run: a verdict for every fix, by the id of its finding."""

    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    scripts: tuple[ScriptRun, ...] = ()

    @property
    def regressed(self) -> bool:
        """Whether some fix made things worse."""
        return any(verdict.name is VerdictName.REGRESSED for verdict in self.verdicts.values())
