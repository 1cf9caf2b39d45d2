"""Judgements of runs that are made up: what real programs show only by chance, or on a slow machine."""

from __future__ import annotations

import signal

import pytest

from torchfix_codemods.findings import Edit, Finding, Fix, Level, Location
from torchfix_codemods.verify.comparison import Comparison
from torchfix_codemods.verify.invariants import less_training
from torchfix_codemods.verify.runs import Backward, Call, Failure, RunReport, Step, report_of
from torchfix_codemods.verify.schedule import Options, Schedule
from torchfix_codemods.verify.units import Unit, Variant
from torchfix_codemods.verify.verdict import cause_of, judge


def run(status: str = "finished", *, steps: int = 3, gradients: int = 4, why: str = "", **further: object) -> RunReport:
    """A run of some steps, each with its backward, that exercised both fixes."""
    done = [Step(number, 1.0, True, 1, gradients) for number in range(steps)]
    back = [Backward(1.0, False, 0)] * steps
    report = RunReport(status, why, steps=done, backwards=back, files={"main.py"}, hits={"fix1", "fix2"})
    for name, value in further.items():
        setattr(report, name, value)
    return report


def unit(number: int, code: str) -> Unit:
    edit = Edit("main.py", number, number, "#")
    finding = Finding("rule", code, Level.BEHAVIOR, Location("main.py", 0, 1), "", fix=Fix("", (edit,)), id=str(number))
    return Unit(f"fix{number}", (finding,), (edit,))


OVER = {"why": "seconds"}


def test_time_that_is_over_before_the_first_step_takes_no_gradients_away():
    before = run("stopped", steps=1, **OVER)
    assert less_training(Comparison(before, before, run("stopped", steps=0, **OVER))) is None
    assert less_training(Comparison(before, before, run("stopped", steps=1, gradients=2, **OVER))) is not None


def test_more_dropout_is_chance_where_the_time_was_over():
    def dropping(count: int, status: str, **further: str) -> RunReport:
        calls = [
            Call("dropout", ("main.py", 1), {"active": True, "training": training, "n": number})
            for training, number in ((True, count), (False, 2))
        ]
        return run(status, calls=calls, **further)

    alpha = Comparison(dropping(0, "finished"), dropping(0, "finished"), dropping(4, "finished"))
    assert judge(unit(1, "TFC303"), alpha).reason == "dropout drops in training"
    late = Comparison(dropping(2, "stopped", **OVER), dropping(3, "stopped", **OVER), dropping(4, "stopped", **OVER))
    assert judge(unit(1, "TFC303"), late).name == "NOT_FIXED"


@pytest.mark.parametrize(
    "after, expected",
    [
        (run("killed", signal_number=signal.SIGSEGV), "REGRESSED"),
        (run("killed", signal_number=signal.SIGKILL), "INCONCLUSIVE"),  # from the system, for lack of memory
        (run("killed", signal_number=signal.SIGKILL, overdue=True), "INCONCLUSIVE"),
        (run("killed"), "INCONCLUSIVE"),
        (run("crashed", failure=Failure("ValueError", "", ("main.py", 1))), "REGRESSED"),
    ],
)
def test_a_changed_program_that_dies(after: RunReport, expected: str):
    before = run()
    assert judge(unit(1, "TFC101"), Comparison(before, before, after)).name == expected


@pytest.mark.parametrize(
    "together, expected",
    [
        (run("killed", overdue=True), {"EQUIVALENT"}),
        (run("stopped", steps=0, **OVER), {"EQUIVALENT"}),
        (run("killed", signal_number=signal.SIGABRT), {"REGRESSED"}),
        (run("crashed", failure=Failure("ValueError", "", None)), {"REGRESSED"}),
    ],
)
def test_fixes_together(together: RunReport, expected: set[str]):
    def make(variant: Variant, options: Options) -> RunReport:
        return together if len(variant.units) == 2 else run()

    found = Schedule(make, lambda path: "text\n", str).judge_all([unit(1, "TFC998"), unit(2, "TFC999")])
    assert {each.judgement.name.value for each in found} == expected


def test_why_a_run_ended_without_a_word():
    def ended(**done: object) -> RunReport:
        return report_of([{"e": "start", "device": "cpu", "torch": "2"}, {"e": "done", "output": "", **done}])

    assert "killed by SIGSEGV" in cause_of(ended(signal=11, killed=False))
    assert "killed by signal 99" in cause_of(ended(signal=99, killed=False))
    assert "before the time limit" in cause_of(ended(signal=9, killed=True))
    assert "ended without a word" in cause_of(report_of([]))


@pytest.mark.parametrize(
    "seconds, expected", [([5, 9], "NOT_EXERCISED"), ([5, 5], "REGRESSED"), ([3], "NOT_EXERCISED")]
)
def test_what_is_printed_differently_has_to_be_so_twice(seconds: list[int], expected: str):
    """Two runs of the unchanged program may print the same time by chance."""
    told = iter(seconds)

    def make(variant: Variant, options: Options) -> RunReport:
        return run(output=f"epoch 1: {next(told) if variant.units else 3}\n")

    (found,) = Schedule(make, lambda path: "text\n", str).judge_all([unit(1, "TFC202")])
    assert found.judgement.name == expected


def test_an_error_by_chance_is_no_regression():
    runs = iter([run(), run(), run("crashed", failure=Failure("OSError", "", None)), run()])
    (found,) = Schedule(lambda variant, options: next(runs), lambda path: "text\n", str).judge_all([unit(1, "TFC202")])
    assert found.judgement.name == "INCONCLUSIVE"
    assert found.judgement.reason.startswith("in one of two runs: it raises now: OSError")


def test_no_run_is_made_for_files_that_the_program_does_not_load():
    made = []

    def make(variant: Variant, options: Options) -> RunReport:
        made.append([unit.name for unit in variant.units])
        return run()

    edit = Edit("other.py", 1, 1, "#")
    finding = Finding("rule", "TFC101", Level.BEHAVIOR, Location("other.py", 0, 1), "", fix=Fix("", (edit,)), id="2")
    other = Unit("fix2", (finding,), (edit,))
    found = Schedule(make, lambda path: "text\n", str).judge_all([unit(1, "TFC999"), other])
    assert [each.judgement.name.value for each in found] == ["EQUIVALENT", "NOT_RUN"]
    assert made == [[], [], ["fix1"]]


def test_a_cured_program_loads_more():
    """Another fix may be what lets the program come to the file of this one."""
    edit = Edit("other.py", 1, 1, "#")
    finding = Finding("rule", "TFC999", Level.BEHAVIOR, Location("other.py", 0, 1), "", fix=Fix("", (edit,)), id="2")
    other = Unit("fix2", (finding,), (edit,))
    crash = run("crashed", failure=Failure("ValueError", "no", ("main.py", 1)))

    def make(variant: Variant, options: Options) -> RunReport:
        cured = any(unit.name == "fix1" for unit in variant.units)
        return run(files={"main.py", "other.py"}) if cured else crash

    found = Schedule(make, lambda path: "text\n", str).judge_all([unit(1, "TFC401"), other])
    assert [each.judgement.name.value for each in found] == ["REGRESSED", "EQUIVALENT"]

    (alone,) = Schedule(make, lambda path: "text\n", str).judge_all([other])
    assert alone.judgement.reason == "the program ends before it loads the changed file: ValueError: no (main.py:1)"
