"""The report as annotations of GitHub Actions: workflow commands on standard output, one a line.

GitHub shows ten of each level for a step and drops the others without a word, so we stop before that and say so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from torchfix_codemods.findings import Level
from torchfix_codemods.report.file_places import FilePlaces, Region
from torchfix_codemods.report.markdown_text import cut
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.report.text import count, finding_lines
from torchfix_codemods.source.errors import printable

LEVELS = {
    Level.CRASH_FIX: "error",
    Level.BEHAVIOR: "warning",
    Level.EQUIVALENT: "notice",
    Level.SUGGESTION: "notice",
}
#: Annotations of a level before the one that says how many more there are.
SHOWN = 9
#: Where those are that are not shown.
IN_SUMMARY = "in the job summary"
ELSEWHERE = "than GitHub shows: `--report FILE` writes all of them"
_LONGEST = 8000  # characters of a message


@dataclass(frozen=True)
class Annotation:
    """A remark for people: `level` is error, warning or notice, `lines` are its text, `place` the properties of where.

    Names and code are shown with their control characters as escapes, so no line of theirs can be a command.
    """

    level: str
    title: str
    lines: tuple[str, ...]
    place: tuple[tuple[str, str], ...] = ()

    @property
    def message(self) -> str:
        """The text as it is shown, at most 8,000 characters of it."""
        return cut("\n".join(map(printable, self.lines)), _LONGEST)

    def command(self) -> str:
        """The workflow command, one line without its end."""
        properties = (*self.place, ("title", self.title))
        told = ",".join(f"{name}={escaped(printable(value), ':,')}" for name, value in properties)
        return f"::{self.level} {told}::{escaped(self.message)}"


def write_github(report: Report, results: Sequence[Outcome], *, rest: str = IN_SUMMARY) -> str:
    """The annotations, empty where there is nothing to say; files must be named from the top of the repository.

    `rest` says where those are that are not shown.
    """
    return "".join(annotation.command() + "\n" for annotation in _shown(every_annotation(report, results), rest))


def every_annotation(report: Report, results: Iterable[Outcome]) -> Iterator[Annotation]:
    """What is to be said of the run, then one for each finding."""
    for problem in report.problems:
        detail = f"rule {problem.rule} failed: " + problem.detail.partition("\n")[0]
        yield Annotation("error", "torchfix", (detail,), (("file", problem.path),))
    if report.skipped:
        reasons = Counter(item.reason for item in report.skipped)
        told = ", ".join(f"{reason} {number}" for reason, number in sorted(reasons.items()))
        yield Annotation("warning", "torchfix", (f"{count(len(report.skipped), 'file')} not analysed ({told})",))
    if report.left_out:
        told = f"{count(len(report.left_out), 'cell')} of notebooks left out, or not followed in all they do"
        yield Annotation("warning", "torchfix", (told,))
    yield from (Annotation("warning", "torchfix", (warning,)) for warning in report.warnings)
    places = FilePlaces(report)
    yield from (_of_finding(outcome, places) for outcome in results)


def _of_finding(outcome: Outcome, places: FilePlaces) -> Annotation:
    finding, region = outcome.finding, places.of(outcome)
    lines = [finding.message, *(line[4:] for line in list(finding_lines(outcome))[1:])]
    if region and (cell := places.report.cell(finding.location)) is not None:
        lines[0] = f"cell {cell}, line {places.report.start(finding.location)[0]}: {lines[0]}"
    place = (("file", outcome.path), *(_place(region) if region else ()))
    return Annotation(LEVELS[finding.level], f"{finding.code} {finding.rule}", tuple(lines), place)


def _place(region: Region) -> Iterator[tuple[str, str]]:
    yield "line", str(region.start_line)
    yield "endLine", str(region.end_line)
    if region.start_line == region.end_line:  # GitHub takes columns within one line only
        yield "col", str(region.start_column)
        yield "endColumn", str(region.end_column)


def _shown(found: Iterable[Annotation], rest: str) -> Iterator[Annotation]:
    """So many of each level that none is dropped in silence, then how many more there are."""
    levels: dict[str, list[Annotation]] = {"error": [], "warning": [], "notice": []}
    for annotation in found:
        levels[annotation.level].append(annotation)
    for level, own in levels.items():
        yield from own[:SHOWN]
        if len(own) > SHOWN:
            yield Annotation(level, "torchfix", (f"{len(own) - SHOWN:,} more {rest}",))


def escaped(text: str, also: str = "") -> str:
    """Text as a workflow command takes it; `also` are the characters that end a property."""
    return "".join(f"%{ord(c):02X}" if c in "%\r\n" + also else c for c in text)
