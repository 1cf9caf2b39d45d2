"""Reports for the tests of the page: a large one as real projects have it, and one full of hostile texts."""

from __future__ import annotations

import math

from torchfix_codemods.findings import Edit, Finding, Fix, LeftOut, Level, Location, Problem, Skipped, Step
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome, outcomes
from torchfix_codemods.rules import RULES
from torchfix_codemods.verify.model import Evidence, ScriptRun, Series, Verdict, VerdictName, Verification

LINES_PER_FILE = 130
FINDINGS_PER_FILE = 9
_NAMES = tuple(VerdictName)


def many(count: int) -> Report:
    """A report with `count` findings of all rules, levels and verdicts; each has steps, a diff and four curves."""
    files = [f"project/part_{number:03}.py" for number in range(-(-count // FINDINGS_PER_FILE))]
    texts = dict.fromkeys(files, "".join(f"    line_{line} = step({line})\n" for line in range(LINES_PER_FILE)))
    findings = [_finding(number, files[number // FINDINGS_PER_FILE], texts) for number in range(count)]
    verdicts = {found.id: _verdict(number, found.id) for number, found in enumerate(findings) if number % 5}
    script = ScriptRun(
        "train.py", ("--epochs", "1"), "finished", 9, 12.0, "cpu", "bubblewrap", "2.13.0", repeat="again"
    )
    return Report("0.0.0", len(files), (), tuple(findings), texts, verification=Verification(verdicts, (script,)))


def _finding(number: int, path: str, texts: dict[str, str]) -> Finding:
    rule = RULES[number % len(RULES)]
    lines = texts[path].splitlines(keepends=True)
    line = 5 + 12 * (number % FINDINGS_PER_FILE)
    start = sum(map(len, lines[:line])) + 4
    steps = tuple(Step(Location(path, start + 4 * n, start + 4 * n + 3), f"step {n} of {number}") for n in range(4))
    edits = (Edit(path, start, start + 4, "renamed"), Edit(path, start + 40, start + 40, "  # added"))
    place = Location(path, start, start + 4)
    fix = Fix(f"rename number {number}", edits) if number % 4 else None
    reason = None if fix else f"no fix for number {number}"
    level = Level(number % len(Level))
    message = f"message of finding {number}."
    return Finding(rule.name, rule.code, level, place, message, steps, fix, reason, id=f"{number:016x}")


def _verdict(number: int, name: str) -> Verdict:
    values = [2.5 / (1 + step / (1 + number % 7)) for step in range(64)]
    sunk = tuple(value / 2 for value in values)
    series = (
        Series("loss", "", "backward pass", tuple(values), sunk, 64),
        Series("gradient norm", "", "optimizer step", tuple(values), tuple(values), 64),
        Series("saved for backward", "bytes", "evaluation", (850_200,) * 8, (0,) * 8, 8),
        Series("held after backward", "bytes", "backward pass", (13_000,) * 64, (9_000,) * 64, 64),
    )
    evidence = (Evidence("evaluations that build a graph", "8 of 8", "0 of 8"), Evidence("parameters", "", "bit-equal"))
    shown = _NAMES[number // len(Level) % len(_NAMES)]
    return Verdict(name, shown, "why so", evidence, ("a note",), "train.py", "cpu", "bubblewrap", 1.5, "again", series)


def with_outcomes(report: Report) -> tuple[Report, list[Outcome]]:
    """A report and what became of its findings."""
    return report, outcomes(report)


def texts_in_all_places(hostile: str, code: str) -> Report:
    """A report in which every text that comes from outside is `hostile`; lines of code are `code`."""
    path = f"src/{hostile}.py"
    lines = f"first = 1\n{code}\nlast = 3\n"
    start = lines.index("\n") + 1
    place = Location(path, start, start + max(1, len(code)))
    fix = Fix(hostile, (Edit(path, start, start + len(code), code * 2),))
    found = Finding(hostile, "TFC999", Level.BEHAVIOR, place, hostile, (Step(place, hostile),), fix, id=hostile)
    no_fix = Finding(RULES[0].name, RULES[0].code, Level.SUGGESTION, place, hostile, (), None, hostile, id="2")
    shown = Verdict(
        found.id,
        VerdictName.REGRESSED,
        hostile,
        (Evidence(hostile, hostile, hostile),),
        (hostile,),
        hostile,
        hostile,
        hostile,
        1.0,
        hostile,
        (Series(hostile, "", hostile, (1.0, None), (math.pi,), 2),),
    )
    ran = ScriptRun(hostile, (hostile,), hostile, 1, 1.0, hostile, hostile, hostile, hostile, (hostile,), hostile)
    return Report(
        hostile,
        3,
        (Skipped(path + "x", hostile, hostile),),
        (found, no_fix),
        {path: lines},
        1,
        problems=(Problem(path, hostile, f"{hostile}\n{hostile}"),),
        warnings=(hostile,),
        verification=Verification({found.id: shown}, (ran,)),
        left_out=(LeftOut(path, 1, hostile, hostile),),
    )
