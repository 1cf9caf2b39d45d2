"""The report as the summary of a job on GitHub: the numbers, a table of the findings, then why, and the changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from torchfix_codemods.report.diff import diff_rows
from torchfix_codemods.report.markdown_text import code, fence, plain, row
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.report.text import summary_lines, verdict, verdict_lines

#: Bytes; GitHub refuses the summary of a step beyond 1 MiB as a whole.
LIMIT = 900_000
_CUT = "\n**This summary is cut: it may not be longer.** All of it: `torchfix check . --report torchfix.md`\n"


def job_summary(report: Report, results: Sequence[Outcome], limit: int = LIMIT) -> str:
    """The summary as Markdown, at most `limit` bytes (1,000 or more) of UTF-8; it says so where it is cut."""
    return "".join(_fitting(_blocks(report, results), limit))


def _blocks(report: Report, results: Sequence[Outcome]) -> Iterator[str]:
    (headline, _), *others = summary_lines(report, results, None)
    yield f"## torchfix: {plain(headline)}\n\n"
    yield from (f"{'  ' if line.startswith(' ') else ''}- {plain(line)}\n" for line, _ in others)
    if results:
        yield "\n" + row(("Rule", "Level", "Where", "What is wrong", "Now")) + "\n" + "|---" * 5 + "|\n"
        yield from (_row(outcome) + "\n" for outcome in results)
    for outcome in results:
        yield f"\n### {plain(f'{outcome.finding.code} {outcome.finding.rule}')}: {code(outcome.place)}\n\n"
        yield from (f"- {code(place)}: {plain(text)}\n" for place, text in outcome.steps)
        yield from (f"- {plain(line)}\n" for line in verdict_lines(outcome))
        yield from _changes(outcome, report)


def _row(outcome: Outcome) -> str:
    finding = outcome.finding
    rule = f"{finding.code} {finding.rule}"
    return row((plain(rule), finding.level.label, code(outcome.place), plain(finding.message), plain(verdict(outcome))))


def _changes(outcome: Outcome, report: Report) -> Iterator[str]:
    """The diffs of the files, or cells, that the fix changes."""
    for name, text, edits in report.pieces(outcome.edits):
        lines = "\n".join(row.tag + row.text for hunk in diff_rows(text, edits) for row in hunk)
        yield f"\n{code(name)}\n\n{fence(lines, 'diff')}\n"


def _fitting(blocks: Iterable[str], limit: int) -> Iterator[str]:
    """As many blocks as there is room for, and the note that there are more."""
    room = limit - len(_CUT)
    for block in blocks:
        room -= len(block.encode("utf-8", "backslashreplace"))
        if room < 0:
            yield _CUT
            return
        yield block
