"""One finding: closed, a line that says what and where; open, the evidence, the change, the runs and the reason."""

from __future__ import annotations

from collections.abc import Iterator

from torchfix_codemods.findings import Location
from torchfix_codemods.report.html.diff import diffs
from torchfix_codemods.report.html.markup import Markup, join, marked, tag
from torchfix_codemods.report.html.shown import shown, verdict_badge, verdict_name
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome, Status
from torchfix_codemods.report.places import TextLines
from torchfix_codemods.report.text import verdict

#: What stands for a status where there is little room; the word is always said as well.
_SIGNS = {Status.FIXED: "✓", Status.FIXABLE: "✓", Status.WITHHELD: "✕", Status.DROPPED: "✕", Status.SOLVED: "✓"}


def finding(outcome: Outcome, report: Report, number: int, why: str, *, opened: bool) -> Markup:
    """A finding with its number (from 1) on the page; `why` explains its rule, "" where nothing is known of it."""
    found = outcome.finding
    return tag(
        "details",
        _line(outcome),
        tag("div", *_parts(outcome, report, number, why), class_="body"),
        class_="finding",
        id=f"finding-{number}",
        open=opened,
        data_rule=found.rule,
        data_code=found.code,
        data_level=found.level.label,
        data_status=outcome.status.value,
        data_verdict=verdict_name(outcome.shown),
        data_file=outcome.path,
    )


def status_sign(status: Status) -> Markup:
    """The sign of a status, for the eye only."""
    return tag("span", _SIGNS.get(status, "○"), class_=f"sign {_kind(status)}", aria_hidden="true")


def level_badge(label: str) -> Markup:
    """The level as a badge."""
    return tag("span", label, class_=f"badge level {label}")


def _kind(status: Status) -> str:
    return status.value.replace(" ", "-")


def _line(outcome: Outcome) -> Markup:
    found = outcome.finding
    rule = tag("span", f"{found.code} {found.rule}", class_="rule")
    badges = (level_badge(found.level.label), verdict_badge(outcome.shown))
    return tag(
        "summary",
        status_sign(outcome.status),
        tag("span", found.message, class_="message"),
        tag("span", *badges, tag("span", outcome.status.value, class_="badge status"), class_="badges"),
        tag("span", tag("span", outcome.place, class_="place"), " ", rule, class_="where"),
    )


def _parts(outcome: Outcome, report: Report, number: int, why: str) -> Iterator[Markup]:
    fixed = outcome.finding.fix is not None
    yield tag("p", verdict(outcome), class_=f"outcome {_kind(outcome.status)}")
    yield _part("Evidence", _evidence(outcome, report), "evidence")
    if fixed and outcome.status is not Status.SOLVED and (change := diffs(outcome, report)):
        yield _part("Change", change, "change")
    if outcome.shown is not None:
        yield _part("Runs before and after", shown(outcome.shown, f"finding-{number}"), "runs")
    if why:
        about = tag("p", "More: ", tag("code", f"torchfix explain {outcome.finding.rule}"), class_="more")
        yield _part("Why it matters", tag("div", Markup(why), about, class_="prose"), "why")


def _part(heading: str, content: Markup, kind: str) -> Markup:
    return tag("section", tag("h4", heading), content, class_=kind)


def _evidence(outcome: Outcome, report: Report) -> Markup:
    """The steps to the finding, each with its line of code where the text is at hand; first its own where none is."""
    found = outcome.finding
    # A finding that a fix uncovered stands in a text that no longer is the one of the report.
    known = outcome.place != outcome.path
    items = [(place, said, step.location) for (place, said), step in zip(outcome.steps, found.steps, strict=True)]
    line = outcome.place.rpartition(":")[0] if known else outcome.place
    if all(place != line for place, _, _ in items):
        items.insert(0, (line, "found here", found.location))
    return tag("ol", *(_step(place, said, _excerpt(where, report) if known else "") for place, said, where in items))


def _step(place: str, said: str, excerpt: str) -> Markup:
    return tag("li", tag("span", place, class_="place"), " ", tag("span", said, class_="said"), excerpt or Markup(""))


def _excerpt(location: Location, report: Report) -> Markup:
    """The line where a location begins, with what it covers of it marked."""
    if location.path not in report.texts:
        return Markup("")
    notebook = report.notebooks.get(location.path)
    source = TextLines(notebook.cell_at(location.start).source) if notebook else report.lines[location.path]
    line, column = report.start(location)
    end_line, end_column = report.end(location)
    text = source.line(line)
    first, last = column - 1, end_column - 1 if end_line == line else len(text)
    # A mark over all that a line says would say nothing.
    whole = not (text[:first] + text[last:]).strip()
    spans = [(first, last)] if first < last <= len(text) and not whole else []
    number = tag("span", str(line), class_="number", aria_hidden="true")
    return tag("pre", join([number, tag("code", marked(text, spans))]), class_="excerpt")
