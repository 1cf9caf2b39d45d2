"""What one run showed: its events, read into plain data."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Place = tuple[str, int]


@dataclass
class Forward:
    """A call of an outermost module. `stack` holds the places of the program that lead there, innermost first.

    `training` of its `dependent` mode-dependent layers were in training mode; `statistics` counts the normalisations
    whose running statistics moved (`frozen` of them have parameters of which none learns), `dropped` the calls that
    dropped values. `saved` is in bytes, None where not sampled; `crc` is a checksum of the output, `digest` its length
    as a vector and its projection on a ramp, `shapes` are those of its tensors; `learns` says whether an optimizer
    holds one of its parameters. `used` says whether a backward went through it.
    """

    stack: tuple[Place, ...]
    kind: str
    mode: str
    training: int
    dependent: int
    grad: bool
    graph: bool
    saved: int | None
    statistics: int
    dropped: int
    crc: int | None
    repeats: bool | None
    digest: tuple[float, float] | None = None
    shapes: tuple[tuple[int, ...], ...] | None = None
    learns: bool | None = None
    used: bool = False
    frozen: int = 0

    @property
    def trains(self) -> bool:
        """Whether it ran in training mode, as far as its layers depend on that (else as its flag says)."""
        return self.training > 0 if self.dependent else self.mode == "train"


@dataclass(frozen=True)
class Backward:
    """A backward pass: the value of the loss, and the bytes that graphs still held afterwards."""

    loss: float | None
    retain: bool
    live: int


@dataclass(frozen=True)
class Step:
    """An optimizer step: checksum of the parameters after it, norm of the gradients that it used.

    `gradients` of its parameters had one, None where that was not seen. `fresh` backward passes ran since its gradients
    were clear, `since` since the step before of the same optimizer, `backwards` since the last step of any. Of those,
    `lost` were cleared unused, `again` of them at a place whose others are used. None where that was not looked at.
    `optimizer` is the optimizer's number.
    """

    crc: int | None
    norm: float | None
    cleared: bool
    backwards: int
    gradients: int | None = None
    fresh: int | None = None
    since: int | None = None
    lost: int | None = None
    again: int | None = None
    optimizer: int = 0

    @property
    def stale(self) -> bool:
        """Whether it used gradients that the step before had used already."""
        return self.fresh is not None and self.since is not None and self.fresh > self.since

    @property
    def empty(self) -> bool:
        """Whether it had no gradient to use, although backward passes ran."""
        return self.fresh == 0 and bool(self.since)


@dataclass(frozen=True)
class Call:
    """A call of a function that a rule is about; `facts` are those of its kind."""

    kind: str
    place: Place
    facts: Mapping[str, Any]


ASSERTED = "device-side assert triggered"


@dataclass(frozen=True)
class Failure:
    """The exception that ended a run. `place` is the last line of the program in its traceback.

    `cause` is the line that computed the value on which a backward failed, where that was looked for.
    """

    kind: str
    message: str
    place: Place | None
    missing: str = ""
    cause: Place | None = None

    @property
    def asserted(self) -> bool:
        """Whether a GPU refused a value: any index, target or probability out of bounds ends so, and nothing else is
        said."""
        return ASSERTED in self.message

    def __str__(self) -> str:
        where = f" ({self.place[0]}:{self.place[1]})" if self.place else ""
        cause = f", for a value of {self.cause[0]}:{self.cause[1]}" if self.cause else ""
        return f"{self.kind}: {' '.join(self.message.split())[:200]}{where}{cause}"


@dataclass
class RunReport:
    """One run. `status` is finished, stopped (enough was seen), exit, crashed, or killed.

    `signal_number` is that of the signal that ended it (0: none, or not known), `overdue`: it was killed because its
    time was over. `files` of the program were loaded, `hits` are the units whose lines ran. `output` is the end of
    what it printed, `cuts` the number of loops that were cut short, `seconds` are of processor time, `peak` and
    `memory` are bytes; `whole`: the observer outlived it.
    """

    status: str = "killed"
    why: str = ""
    failure: Failure | None = None
    forwards: list[Forward] = field(default_factory=list)
    backwards: list[Backward] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    hits: set[str] = field(default_factory=set)
    cuts: int = 0
    warnings: list[tuple[str, str, str, int, int]] = field(default_factory=list)
    notes: list[tuple[str, str, int]] = field(default_factory=list)
    peak: int = 0
    memory: int | None = None
    device: str = ""
    torch: str = ""
    seconds: float = 0.0
    output: str = ""
    signal_number: int = 0
    overdue: bool = False
    whole: bool = False

    @property
    def ended_well(self) -> bool:
        """Whether nothing of the program's own went wrong: it finished, or enough was seen."""
        if self.status == "stopped":
            return self.why != "seconds" or bool(self.backwards or self.forwards)
        return self.status == "finished" or (self.status == "exit" and not self.why)

    @property
    def timed_out(self) -> bool:
        """Whether it ended where its time was over: how far it came is then chance."""
        return self.why == "seconds"

    @property
    def died(self) -> bool:
        """Whether it ended by a fault of its own, below Python. SIGKILL may come from anywhere: from the system too."""
        return self.status == "killed" and not self.overdue and self.signal_number not in (0, signal.SIGKILL)

    @property
    def worked(self) -> bool:
        """Whether a model ran at all."""
        return bool(self.forwards or self.backwards or self.steps)

    @property
    def evaluations(self) -> list[Forward]:
        """The forwards that no backward used."""
        return [forward for forward in self.forwards if not forward.used]

    @property
    def trainings(self) -> list[Forward]:
        """The forwards that a backward used."""
        return [forward for forward in self.forwards if forward.used]

    @property
    def checksums(self) -> list[int | None]:
        """Of the parameters, after each step, as far as they were taken."""
        return [step.crc for step in self.steps if step.crc is not None]

    @property
    def losses(self) -> list[float]:
        """The values on which backward was called."""
        return [backward.loss for backward in self.backwards if backward.loss is not None]


def report_of(events: Iterable[Mapping[str, Any]]) -> RunReport:
    """Read the events of one run, in their order. Without an end the run was killed; what came before counts."""
    report = RunReport()
    stacks: dict[int, tuple[Place, ...]] = {}
    numbers: dict[int, Forward] = {}
    for event in events:
        match event.get("e"):
            case "start":
                report.device, report.torch = event["device"], event["torch"]
            case "fwd":
                if event["stack"] is not None:
                    stacks[event["number"]] = tuple((path, line) for path, line in event["stack"])
                forward = _forward(event, stacks.get(event["number"], ()))
                numbers[event["i"]] = forward
                report.forwards.append(forward)
            case "used":
                if event["i"] in numbers:
                    numbers[event["i"]].used = True
            case "back":
                report.backwards.append(Backward(event["loss"], event["retain"], event["live"]))
            case "step":
                report.steps.append(_step(event))
            case "call":
                _call(report, event)
            case "file":
                report.files.add(event["path"])
            case "hit":
                report.hits.add(event["mark"])
            case "cut":
                report.cuts += 1
            case "end":
                _end(report, event)
            case "done":
                report.seconds, report.output = event.get("cpu", 0.0), event.get("output", "")
                report.signal_number, report.overdue = event.get("signal", 0), bool(event.get("killed"))
                report.whole = True
            case _:
                pass
    return report


def _step(event: Mapping[str, Any]) -> Step:
    return Step(
        event["crc"],
        event.get("norm"),
        event["cleared"],
        event["backs"],
        event.get("ng"),
        event.get("fresh"),
        event.get("since"),
        event.get("lost"),
        event.get("again"),
        event.get("opt", 0),
    )


def _forward(event: Mapping[str, Any], stack: tuple[Place, ...]) -> Forward:
    digest, shapes = event.get("digest"), event.get("shapes")
    return Forward(
        stack=stack,
        kind=event["cls"],
        mode=event["mode"],
        training=event["training"],
        dependent=event["dependent"],
        grad=event["grad"],
        graph=event["graph"],
        saved=event["saved"],
        statistics=event["bn"],
        dropped=event["drop"],
        crc=event.get("crc"),
        repeats=event.get("repeats"),
        digest=(digest[0], digest[1]) if digest else None,
        learns=event.get("learns"),
        frozen=event.get("frozen", 0),
        shapes=tuple(map(tuple, shapes)) if shapes is not None else None,
    )


def _call(report: RunReport, event: Mapping[str, Any]) -> None:
    """Note a call; a later word on how often the same dropout was called replaces the first."""
    call = Call(event["k"], (event["site"][0], event["site"][1]), event)
    if call.kind == "dropout":
        report.calls = [c for c in report.calls if not _is_same_dropout(c, call)]
    report.calls.append(call)


def _is_same_dropout(one: Call, other: Call) -> bool:
    names = ("active", "training")
    return one.kind == other.kind and one.place == other.place and all(one.facts[n] == other.facts[n] for n in names)


def _end(report: RunReport, event: Mapping[str, Any]) -> None:
    report.status, report.why = event["status"], str(event["why"] or "")
    report.peak, report.memory, report.device = event["peak"], event["memory"], event["device"]
    report.warnings = [(kind, text, path, line, count) for kind, text, path, line, count in event["warnings"]]
    report.notes = [(kind, what, count) for kind, what, count in event["notes"]]
    if (error := event["error"]) is not None:
        place, cause = (tuple(found[:2]) if (found := error.get(name)) else None for name in ("place", "cause"))
        report.failure = Failure(error["type"], error["message"], place, error.get("missing") or "", cause)
