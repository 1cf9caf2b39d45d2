"""The report as Markdown for people: a table of all findings, then by rule why, the change and what runs showed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from torchfix_codemods.report import markdown_parts as parts
from torchfix_codemods.report.markdown_text import plain, row
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.report.standing import tally
from torchfix_codemods.report.text import count
from torchfix_codemods.rules.registry import all_rules
from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.verify.model import ScriptRun


def write_markdown(report: Report, results: Sequence[Outcome]) -> str:
    """The report as Markdown, with a final newline. What is not ours in it mentions nobody and is never markup."""
    rules = {rule.code: rule for rule in all_rules()}
    codes = sorted({outcome.finding.code for outcome in results})
    blocks = [
        "# torchfix report",
        *_summary(report, results),
        *_table(results),
        *(block for code in codes for block in _rule(report, rules.get(code), _of(results, code))),
        *_runs(report),
        *_not_looked_at(report),
        *_notes(report),
    ]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _of(results: Sequence[Outcome], code: str) -> list[Outcome]:
    return [outcome for outcome in results if outcome.finding.code == code]


def _summary(report: Report, results: Sequence[Outcome]) -> Iterator[str]:
    """How many findings of what state, how the runs ended, and how much was looked at."""
    states = Counter(outcome.status.value for outcome in results)
    told = ", ".join(f"{number:,} {state}" for state, number in states.items())
    files = count(len({outcome.path for outcome in results}), "file")
    yield f"**{count(len(results), 'finding')}** in {files}: {told}." if results else "**Nothing found.**"
    lines = [f"- {count(report.analysed, 'file')} analysed of {report.seen:,}, by torchfix {plain(report.version)}"]
    if report.verification is not None:
        runs = tally(outcome.shown for outcome in results if outcome.finding.fix)
        lines.append(f"- runs of the program: {runs or 'there is no fix to run'}")
    if report.suppressed:
        lines.append(f"- {count(report.suppressed, 'finding')} suppressed by comments or settings")
    yield "\n".join(lines)


def _table(results: Sequence[Outcome]) -> Iterator[str]:
    if not results:
        return
    head = (row(("Rule", "Where", "Level", "Status", "Verdict", "What the runs showed")), row(["---"] * 6))
    yield "\n".join([*head, *map(_line, results)])


def _line(outcome: Outcome) -> str:
    finding = outcome.finding
    told = (parts.verdict_word(outcome.shown), parts.finding_of_run(outcome.shown)) if outcome.shown else ("", "")
    name = f"{plain(finding.code)} {plain(finding.rule)}"
    return row((name, parts.located(outcome), finding.level.label, outcome.status.value, *told))


# --- one rule, one finding -------------------------------------------------------------------------------------------


def _rule(report: Report, rule: Rule | None, own: Sequence[Outcome]) -> Iterator[str]:
    """The findings of a rule below the reason why they matter. A rule that is not installed has no page."""
    finding = own[0].finding
    yield f"## {plain(finding.code)} {plain(finding.rule)}"
    if rule is not None:
        yield parts.section(rule, "Why")
    for outcome in own:
        yield from _finding(report, outcome)


def _finding(report: Report, outcome: Outcome) -> Iterator[str]:
    finding = outcome.finding
    yield f"### {parts.located(outcome)}"
    yield parts.prose(finding.message)
    yield "\n".join(parts.chain(outcome))
    title = parts.prose(finding.fix.title) if finding.fix else ""
    why = parts.prose(outcome.why)
    said = "; ".join(filter(None, (title, why)))
    yield f"**{outcome.status.value}**{': ' if said else ''}{said}"
    if finding.fix:
        yield f"Effect on the program: {parts.EFFECTS[finding.level]} ({finding.level.label})."
        yield parts.diff(report, outcome.edits)
    if outcome.shown is not None:
        yield f"{parts.verdict_word(outcome.shown)} ({outcome.shown.name.value}): {parts.prose(outcome.shown.reason)}"
        yield "\n".join(parts.evidence(outcome.shown))
        yield parts.how_it_ran(outcome.shown, report.verification.scripts if report.verification else ())


# --- what is to be known besides -------------------------------------------------------------------------------------


def _runs(report: Report) -> Iterator[str]:
    if report.verification is None or not report.verification.scripts:
        return
    yield "## Scripts that were run"
    yield "\n".join(map(_script, report.verification.scripts))


def _script(ran: ScriptRun) -> str:
    """One script: how often and how long it ran, how it ended, on what, and how to do it again."""
    said = [f"- {parts.span(' '.join((ran.script, *ran.args)))}: {count(ran.runs, 'run')}, {ran.seconds:.1f} s"]
    if ran.error:
        said.append(f"it ends with {parts.prose(ran.error)}" if ran.runs else parts.prose(ran.error))
    if ran.device:
        said.append(f"on {plain(ran.device)} with torch {plain(ran.torch)}, isolated by {plain(ran.sandbox)}")
    said += (f"note: {parts.prose(caveat)}" for caveat in ran.caveats)
    if ran.repeat:
        said.append(f"again by {parts.span(ran.repeat)}")
    return "; ".join(said)


def _not_looked_at(report: Report) -> Iterator[str]:
    """Files that were skipped, and cells of notebooks that were left out or not followed in all they do."""
    if not report.skipped and not report.left_out:
        return
    yield "## Not looked at"
    whole = [(item.path, item.reason, item.detail) for item in report.skipped]
    cells = [(f"{item.path}, cell {item.cell}", item.reason, item.detail) for item in report.left_out]
    rows = [(parts.span(name), plain(reason), parts.prose(detail)) for name, reason, detail in (*whole, *cells)]
    yield "\n".join(map(row, (("What", "Why", "Detail"), ("---", "---", "---"), *rows)))


def _notes(report: Report) -> Iterator[str]:
    """Rules that failed, and warnings."""
    notes = [
        f"- rule {plain(problem.rule)} failed on {parts.span(problem.path)}: {parts.prose(_first_line(problem.detail))}"
        for problem in report.problems
    ]
    notes += (f"- warning: {parts.prose(warning)}" for warning in report.warnings)
    if notes:
        yield "## Problems"
        yield "\n".join(notes)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
