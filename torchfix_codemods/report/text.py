"""The report as plain lines, for pipes and logs: one line per finding, its evidence indented below."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from torchfix_codemods.findings import Level
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome, Status

if TYPE_CHECKING:
    from torchfix_codemods.verify.model import ScriptRun


def finding_lines(outcome: Outcome) -> Iterator[str]:
    """The lines of one finding."""
    finding = outcome.finding
    yield f"{outcome.place}: {finding.code} {finding.rule} [{finding.level.label}] {finding.message}"
    for place, text in outcome.steps:
        yield f"    {place}: {text}"
    yield f"    {verdict(outcome)}"
    for line in verdict_lines(outcome):
        yield f"    {line}"


def verdict_lines(outcome: Outcome) -> Iterator[str]:
    """What runs showed about the fix: the verdict, and the numbers before and after."""
    shown = outcome.shown
    if shown is None:
        return
    yield f"{shown.name.value}: {shown.reason}"
    for evidence in shown.evidence:
        numbers = f"{evidence.before} -> {evidence.after}" if evidence.before else evidence.after
        yield f"  {evidence.what}: {numbers}"
    if shown.script:
        yield f"  run: {shown.script}" + (f" on {shown.device}" if shown.device else "")


def verdict(outcome: Outcome) -> str:
    """What became of it, and which fix or why none: `fixed: remove the softmax`."""
    parts = [outcome.finding.fix.title if outcome.finding.fix else "", outcome.why]
    said = "; ".join(part for part in parts if part)
    return f"{outcome.status.value}: {said}" if said else outcome.status.value


def summary_lines(report: Report, results: Sequence[Outcome], written: int | None) -> Iterator[tuple[str, str]]:
    """The summary as pairs of line and style. `written` is the number of files written, None where none should be."""
    counted = Counter(outcome.status for outcome in results)
    yield _headline(report, counted, written), "bold"
    yield from _runs(report, results)
    yield from _unfinished(counted, results)
    if report.suppressed:
        yield f"{count(report.suppressed, 'finding')} suppressed by comments or settings", ""
    yield from _narrowed(report)
    yield from _skipped(report)
    yield from _left_out(report)
    for problem in report.problems:
        yield f"rule {problem.rule} failed on {problem.path}: {problem.detail.splitlines()[0]}", "red"
    for warning in report.warnings:
        yield f"warning: {warning}", "yellow"
    if not report.seen:
        yield "no Python files were found (or all are excluded)", "yellow"
    else:
        yield f"{count(report.analysed, 'file')} analysed of {report.seen}", ""
    yield from _context(report)


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`, `2 fixes`."""
    plural = noun + ("es" if noun.endswith("x") else "s")
    return f"{number:,} {noun if number == 1 else plural}"


def _headline(report: Report, counted: Counter[Status], written: int | None) -> str:
    total = sum(counted.values())
    if not total:
        narrowing = report.narrowing
        found = "nothing new" if narrowing and (narrowing.outside or narrowing.known) else "nothing found"
        nothing = found if report.analysed else "nothing was analysed"
        return nothing if written is None else f"{nothing}: no files were modified"
    if written is None:
        return f"{count(total, 'finding')}, {counted[Status.FIXABLE] + counted[Status.FIXED]} fixable by `apply`"
    if not written:
        return f"no files were modified: {count(total, 'finding')}, no fix applied"
    made = counted[Status.FIXED]
    what = f"{count(made, 'fix')} applied" if made else "comments inserted"
    return f"{what} in {count(written, 'file')} (`torchfix undo` takes it back)"


def _unfinished(counted: Counter[Status], results: Sequence[Outcome]) -> Iterator[tuple[str, str]]:
    held = [o.finding.level for o in results if o.status is Status.HELD_BACK]
    for level in sorted(set(held)):
        number = count(held.count(level), "fix")
        hint = "needs its author's intent: " if level is Level.SUGGESTION else ""
        yield f"{number} held back ({level.label}): {hint}use --up-to {level.label}, or -i to decide one by one", ""
    texts = {
        Status.NO_FIX: "without a fix",
        Status.DECLINED: "left alone",
        Status.WAITING: "waiting for another fix: run again",
        Status.DROPPED: "dropped",
        Status.WITHHELD: "withheld by the runs",
        Status.SOLVED: "solved by another fix",
    }
    for status, text in texts.items():
        if counted[status]:
            yield f"{count(counted[status], 'finding')} {text}", ""
    # Neither a patch nor a review says what became of them.
    for outcome in results:
        if outcome.status is Status.WITHHELD:
            yield f"    {outcome.place}: {outcome.finding.code} {outcome.why}", ""


def _runs(report: Report, results: Sequence[Outcome]) -> Iterator[tuple[str, str]]:
    """How the fixes did in the runs, and the scripts that were run."""
    if report.verification is None:
        return
    names = Counter(outcome.shown.name.value for outcome in results if outcome.shown is not None)
    told = ", ".join(f"{name} {number}" for name, number in sorted(names.items()))
    yield f"verdicts: {told or 'there is no fix to run'}", "red" if report.verification.regressed else ""
    for ran in report.verification.scripts:
        yield from ((f"    {line}", "") for line in _script_lines(ran))


def _script_lines(ran: ScriptRun) -> Iterator[str]:
    """How a script was run, what the runs needed that it did not bring, and how to run it again."""
    runs = count(ran.runs, "run") if ran.runs else "not run"
    yield f"{' '.join((ran.script, *ran.args))}: {runs}, {ran.seconds:.1f} s"
    if ran.error:
        yield f"  as it is, it ends with {ran.error}" if ran.runs else f"  {ran.error}"
    if ran.device:
        yield f"  on {ran.device} with torch {ran.torch}, isolated by {ran.sandbox}"
    for caveat in ran.caveats:
        yield f"  note: {caveat}"
    yield f"  run it again: {ran.repeat}"


def _narrowed(report: Report) -> Iterator[tuple[str, str]]:
    """What does not count, and why."""
    narrowing = report.narrowing
    if narrowing is None:
        return
    if narrowing.outside:
        yield f"outside: {count(narrowing.outside, 'finding')} on lines that were not changed", ""
    if narrowing.known:
        yield f"{narrowing.known:,} known from the baseline", ""
    if narrowing.stale:
        gone = "finding of the baseline is" if narrowing.stale == 1 else "findings of the baseline are"
        yield f"{narrowing.stale:,} {gone} not there any more: write it anew with --write-baseline", ""


def _context(report: Report) -> Iterator[tuple[str, str]]:
    """The project around the given files."""
    context = report.context
    if context is None:
        return
    unread = ", ".join(item.path for item in context.skipped[:3])
    more = f" and {len(context.skipped) - 3} more" if len(context.skipped) > 3 else ""
    told = f"; not readable: {unread}{more}" if unread else ""
    yield f"{count(context.files, 'more file')} of the project read for context{told}", ""


def _left_out(report: Report) -> Iterator[tuple[str, str]]:
    if not report.left_out:
        return
    yield f"{count(len(report.left_out), 'cell')} of notebooks left out, or not followed in all they do:", "yellow"
    for item in report.left_out:
        yield f"    {item.path}, cell {item.cell}: {item.reason}: {item.detail}", "yellow"


def _skipped(report: Report) -> Iterator[tuple[str, str]]:
    if not report.skipped:
        return
    reasons = Counter(item.reason for item in report.skipped)
    told = ", ".join(f"{reason} {number}" for reason, number in sorted(reasons.items()))
    yield f"{count(len(report.skipped), 'file')} skipped, not analysed ({told}):", "yellow"
    for item in report.skipped:
        yield f"    {item.path}: {item.reason}{': ' + item.detail if item.detail else ''}", "yellow"
