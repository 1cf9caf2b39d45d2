"""Findings on a terminal: who, where, why, and the diff. Code goes into `Text` objects only, never through markup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.text import Text

from torchfix_codemods.findings import Level
from torchfix_codemods.report.diff import Row, diff_rows
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome, Status
from torchfix_codemods.report.places import printable_code
from torchfix_codemods.report.text import verdict, verdict_lines
from torchfix_codemods.source.errors import printable

# ANSI colours only: they follow the terminal's own theme, so light ones stay readable.
_LEVEL_STYLES = {
    Level.EQUIVALENT: "green",
    Level.CRASH_FIX: "yellow",
    Level.BEHAVIOR: "magenta",
    Level.SUGGESTION: "blue",
}
_ROW_STYLES = {" ": "", "-": "red", "+": "green"}
_STATUS_STYLES = {Status.FIXED: "bold green", Status.FIXABLE: "green", Status.DROPPED: "red"}


def print_outcomes(console: Console, results: Iterable[Outcome], report: Report) -> None:
    """Every outcome with its steps and its diff."""
    for outcome in results:
        for line in outcome_texts(outcome, report):
            console.print(line)
        console.print()


def outcome_texts(outcome: Outcome, report: Report) -> Iterator[Text]:
    """The lines of one outcome."""
    finding = outcome.finding
    yield Text.assemble(
        (printable(outcome.place), "bold"),
        "  ",
        (f"{finding.code} {finding.rule}", "bold cyan"),
        "  ",
        (finding.level.label, _LEVEL_STYLES[finding.level]),
    )
    yield Text(f"  {printable(finding.message)}")
    for place, text in outcome.steps:
        yield Text.assemble("    ", (printable(place), "cyan"), f"  {printable(text)}")
    if outcome.status is not Status.SOLVED:
        yield from diff_texts(outcome, report)
    yield Text(f"  {printable(verdict(outcome))}", style=_STATUS_STYLES.get(outcome.status, "yellow"))
    for number, line in enumerate(verdict_lines(outcome)):
        yield Text(f"  {printable(line)}", style=_verdict_style(outcome) if not number else "")


def _verdict_style(outcome: Outcome) -> str:
    shown = outcome.shown
    return "bold green" if shown and shown.verified else "bold red" if shown and shown.withheld else "yellow"


def diff_texts(outcome: Outcome, report: Report) -> Iterator[Text]:
    """The diff of one outcome, file by file, of notebooks cell by cell."""
    # Edits of a text that is no longer the original are left out: the verdict says what became of them.
    pieces = report.pieces(outcome.edits)
    several = len({edit.path for edit in outcome.edits}) > 1
    for name, text, edits in pieces:
        if several or len(pieces) > 1 or edits[0].path in report.notebooks:
            yield Text(f"  {printable(name)}", style="bold")
        for number, rows in enumerate(diff_rows(text, edits)):
            if number:
                yield Text("    ...", style="dim")
            yield from map(_row_text, rows)


def _row_text(row: Row) -> Text:
    style = _ROW_STYLES[row.tag]
    old, new = (f"{number:5}" if number else " " * 5 for number in (row.old_number, row.new_number))
    line = Text.assemble((f"  {old} {new} ", "dim"), (f"{row.tag} ", style))
    position = 0
    for start, end in row.emphasis:
        line.append(printable_code(row.text[position:start]), style)
        line.append(printable_code(row.text[start:end]), f"{style} bold reverse")
        position = end
    line.append(printable_code(row.text[position:]), style)
    return line
