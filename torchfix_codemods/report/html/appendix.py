"""What stands after the findings: what is not fixed and why, the runs, and what could not be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torchfix_codemods.findings import Problem
from torchfix_codemods.report.html.markup import Markup, code, join, tag
from torchfix_codemods.report.html.shown import repeat
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome, Status
from torchfix_codemods.report.text import count
from torchfix_codemods.verify.model import ScriptRun

_DONE = (Status.FIXED, Status.FIXABLE)


def appendix(report: Report, results: Sequence[Outcome]) -> Markup:
    """The sections for which there is something to say."""
    scripts = report.verification.scripts if report.verification else ()
    return join(
        [
            _section("Without a fix for now", "unfixed", list(_unfixed(results)), ("finding", "rule", "state", "why")),
            _blocks("Runs", "runs", [_run(ran) for ran in scripts]),
            _section("Files that were skipped", "skipped", list(_skipped(report)), ("file", "reason", "detail")),
            _section("Cells that were left out", "left-out", list(_left_out(report)), ("cell", "reason", "detail")),
            _blocks("Rules that failed", "problems", [_problem(problem) for problem in report.problems]),
            _blocks("Warnings", "warnings", [tag("p", warning) for warning in report.warnings]),
        ]
    )


def _section(heading: str, name: str, rows: Sequence[Markup], columns: Sequence[str]) -> Markup:
    if not rows:
        return Markup("")
    head = tag("thead", tag("tr", *(tag("th", column, scope="col") for column in columns)))
    table = tag("div", tag("table", head, tag("tbody", *rows)), class_="wide")
    return _headed(f"{heading} ({len(rows):,})", name, [table])


def _blocks(heading: str, name: str, blocks: Sequence[Markup]) -> Markup:
    return _headed(f"{heading} ({len(blocks):,})", name, blocks) if blocks else Markup("")


def _headed(heading: str, name: str, content: Sequence[Markup]) -> Markup:
    title = tag("h2", heading, id=f"{name}-heading")
    return tag("section", title, *content, class_="appendix", id=name, aria_labelledby=f"{name}-heading")


def _unfixed(results: Sequence[Outcome]) -> Iterator[Markup]:
    """By what became of them, in the order of the files."""
    numbered = [(number, outcome) for number, outcome in enumerate(results, 1) if outcome.status not in _DONE]
    for status in Status:
        for number, outcome in numbered:
            if outcome.status is status:
                link = tag("a", outcome.place, href=f"#finding-{number}", class_="place")
                found = outcome.finding
                cells = (link, f"{found.code} {found.rule}", status.value, outcome.why)
                yield tag("tr", *(tag("td", cell) for cell in cells))


def _skipped(report: Report) -> Iterator[Markup]:
    for item in report.skipped:
        yield tag("tr", tag("td", item.path, class_="place"), tag("td", item.reason), tag("td", item.detail))


def _left_out(report: Report) -> Iterator[Markup]:
    for item in report.left_out:
        place = tag("td", f"{item.path}, cell {item.cell}", class_="place")
        yield tag("tr", place, tag("td", item.reason), tag("td", item.detail))


def _problem(problem: Problem) -> Markup:
    lines = problem.detail.splitlines() or [""]
    first = tag("p", f"{problem.rule} on ", tag("span", problem.path, class_="place"), f": {lines[0]}")
    if len(lines) < 2:
        return first
    trace = join(Markup(f"{code(line)}\n") for line in lines[1:])
    return join([first, tag("details", tag("summary", "Traceback"), tag("pre", trace))])


def _run(ran: ScriptRun) -> Markup:
    """How a script was run, how it ended, and how to run it again."""
    told = f"{count(ran.runs, 'run') if ran.runs else 'not run'}, {ran.seconds:.1f} s, the first: {ran.status}"
    parts = [tag("h3", tag("code", " ".join((ran.script, *ran.args)))), tag("p", told)]
    if ran.error:
        parts.append(tag("p", f"As it is, it ends with {ran.error}" if ran.runs else ran.error, class_="error"))
    if ran.device:
        parts.append(tag("p", f"On {ran.device} with torch {ran.torch}, isolated by {ran.sandbox}"))
    parts += [tag("p", f"Note: {caveat}", class_="caveat") for caveat in ran.caveats]
    return tag("div", *parts, repeat(ran.repeat) if ran.repeat else "", class_="card")
