"""The head of the page: how much was found, what became of it, and which rules and files it is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from torchfix_codemods.findings import Level
from torchfix_codemods.report.html.markup import Markup, tag
from torchfix_codemods.report.html.shown import verdict_word
from torchfix_codemods.report.markdown_parts import EFFECTS
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome, Status
from torchfix_codemods.report.standing import Standing, standing
from torchfix_codemods.report.text import count
from torchfix_codemods.verify.model import VERIFIED, WITHHELD, VerdictName


def overview(report: Report, results: Sequence[Outcome]) -> Markup:
    """The tiles and the panels."""
    tiles = tag("ul", *_tiles(report, results), class_="tiles")
    panels = [panel for panel in (_rules(results), _levels(results), _verdicts(results)) if panel]
    return tag(
        "section",
        tag("h2", "Overview", id="overview-heading", class_="aside"),
        tiles,
        tag("div", *panels, class_="panels"),
        class_="overview",
        aria_labelledby="overview-heading",
    )


def _tiles(report: Report, results: Sequence[Outcome]) -> Iterator[Markup]:
    counted = Counter(outcome.status for outcome in results)
    yield _tile(len(results), "finding")
    if counted[Status.FIXED]:
        yield _tile(counted[Status.FIXED], "fix applied", "fixes applied", "good")
    if counted[Status.FIXABLE] or not counted[Status.FIXED]:
        yield _tile(counted[Status.FIXABLE], "fixable by apply", "fixable by apply", "good")
    if report.verification is not None:
        names = [outcome.shown.name for outcome in results if outcome.shown is not None]
        yield _tile(sum(name in VERIFIED for name in names), "confirmed by runs", "confirmed by runs", "good")
        against = sum(name in WITHHELD for name in names)
        yield _tile(against, "refuted by runs", "refuted by runs", "bad" if against else "")
    analysed = f"of {count(report.seen, 'file')} analysed"
    yield _tile(report.analysed, analysed, analysed)
    skipped = len(report.skipped)
    yield _tile(skipped, "file skipped", "files skipped", "warn" if skipped else "")
    if report.suppressed:
        yield _tile(report.suppressed, "suppressed", "suppressed")


def _tile(number: int, one: str, several: str = "", kind: str = "") -> Markup:
    name = one if number == 1 else several or f"{one}s"
    return tag("li", tag("strong", f"{number:,}"), " ", tag("span", name), class_=f"tile {kind}".strip())


def _rules(results: Sequence[Outcome]) -> Markup | None:
    counted = Counter((outcome.finding.code, outcome.finding.rule) for outcome in results)
    if not counted:
        return None
    largest = max(counted.values())
    rows = (
        tag(
            "li",
            tag("a", tag("span", code, class_="code"), " ", rule, href=f"#{group_name(code, rule)}"),
            _bar(number, largest),
            tag("span", f"{number:,}", class_="amount"),
        )
        for (code, rule), number in sorted(counted.items())
    )
    return _panel("Rules", tag("ul", *rows, class_="bars rules"))


def group_name(code: str, rule: str) -> str:
    """The id of the group of a rule: letters, digits and hyphens, so that a link needs no escapes."""
    return "rule-" + "".join(c if c.isascii() and c.isalnum() else "-" for c in f"{code}-{rule}")


def _levels(results: Sequence[Outcome]) -> Markup | None:
    counted = Counter(outcome.finding.level for outcome in results)
    rows = [(level.label, f"level {level.label}", counted[level]) for level in Level if counted[level]]
    meanings = [(level.label, EFFECTS[level].replace("**", "")) for level in Level if counted[level]]
    return _panel("Levels", _bars(rows), _legend("Effect of a fix on the program", meanings)) if rows else None


def _verdicts(results: Sequence[Outcome]) -> Markup | None:
    counted = Counter(outcome.shown.name for outcome in results if outcome.shown is not None)
    rows = [(verdict_word(name.value), _kind(name), counted[name]) for name in VerdictName if counted[name]]
    groups: dict[Standing, list[str]] = {}
    for shown in sorted((o.shown for o in results if o.shown is not None), key=lambda verdict: verdict.name.value):
        groups.setdefault(standing(shown), []).append(verdict_word(shown.name.value))
    meanings = [(", ".join(dict.fromkeys(groups[kind])), kind.meaning) for kind in Standing if kind in groups]
    return _panel("Verdicts of the runs", _bars(rows), _legend("What these words mean", meanings)) if rows else None


def _legend(heading: str, meanings: Sequence[tuple[str, str]]) -> Markup:
    """Words and what they mean, for who meets them for the first time."""
    items = [part for word, meaning in meanings for part in (tag("dt", word), tag("dd", meaning))]
    return tag("details", tag("summary", heading), tag("dl", *items), class_="legend")


def _kind(name: VerdictName) -> str:
    return "good" if name in VERIFIED else "bad" if name in WITHHELD else "open"


def _bars(rows: Sequence[tuple[str, str, int]]) -> Markup:
    """Bars of label, style and number."""
    largest = max(number for _, _, number in rows)
    items = (
        tag("li", tag("span", label), _bar(number, largest, kind), tag("span", f"{number:,}", class_="amount"))
        for label, kind, number in rows
    )
    return tag("ul", *items, class_="bars")


def _bar(number: int, largest: int, kind: str = "") -> Markup:
    """A bar for the eye only: the number stands beside it."""
    width = round(100 * number / largest, 1)
    return tag(
        "svg",
        tag("rect", width=100, height=8, class_="track"),
        tag("rect", width=width, height=8, class_=f"filled {kind}".strip()),
        viewBox="0 0 100 8",
        preserveAspectRatio="none",
        class_="bar",
        aria_hidden="true",
    )


def _panel(heading: str, *content: Markup) -> Markup:
    return tag("section", tag("h3", heading), *content, class_="panel")
