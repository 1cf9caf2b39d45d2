"""The change of a fix, before and after side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from torchfix_codemods.report.diff import Row, diff_rows
from torchfix_codemods.report.html.markup import Markup, join, marked, tag
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome

Pair = tuple[Row | None, Row | None]


def diffs(outcome: Outcome, report: Report) -> Markup:
    """The diff of each text that the fix changes (of notebooks each cell); nothing where the texts are not at hand."""
    return join(_diff(name, list(diff_rows(text, edits))) for name, text, edits in report.pieces(outcome.edits))


def pairs(rows: Iterable[Row]) -> Iterator[Pair]:
    """The rows of a hunk in two columns: a line beside what became of it."""
    old: list[Row] = []
    new: list[Row] = []
    for row in rows:
        if row.tag == " ":
            yield from _aligned(old, new)
            old, new = [], []
            yield row, row
        else:
            (old if row.tag == "-" else new).append(row)
    yield from _aligned(old, new)


def _aligned(old: Sequence[Row], new: Sequence[Row]) -> Iterator[Pair]:
    """Removed and added lines beside each other; one that was only indented anew stands beside itself."""
    left, right = 0, 0
    later = [row.text.strip() for row in new]
    earlier = [row.text.strip() for row in old]
    while left < len(old) and right < len(new):
        if earlier[left] in later[right:]:
            same = later.index(earlier[left], right)
            yield from ((None, row) for row in new[right:same])
            yield old[left], new[same]
            left, right = left + 1, same + 1
        elif later[right] in earlier[left:]:
            yield old[left], None
            left += 1
        else:
            yield old[left], new[right]
            left, right = left + 1, right + 1
    yield from ((row, None) for row in old[left:])
    yield from ((None, row) for row in new[right:])


def _diff(name: str, hunks: Sequence[Sequence[Row]]) -> Markup:
    head = tag("tr", *(tag("th", side, scope="col", colspan=2) for side in ("before", "after")))
    bodies = (tag("tbody", *(_line(old, new) for old, new in pairs(rows))) for rows in hunks)
    columns = tag("colgroup", *(tag("col", class_=kind) for kind in ("narrow", "", "narrow", "")))
    return tag("table", tag("caption", name), columns, tag("thead", head), *bodies, class_="diff")


def _line(old: Row | None, new: Row | None) -> Markup:
    if old is new:
        return tag("tr", *_side(old, "", old=True), *_side(new, "", old=False), class_="same")
    return tag("tr", *_side(old, "old", old=True), *_side(new, "new", old=False))


def _side(row: Row | None, kind: str, *, old: bool) -> Iterator[Markup]:
    """The number and the text of one side; without a row it is empty."""
    if row is None:
        yield tag("td", class_="number none")
        yield tag("td", class_="none")
        return
    number = row.old_number if old else row.new_number
    yield tag("td", str(number), class_=f"number {kind}".strip())
    # The sign is a word for those who hear the page, and is not copied with the code.
    sign = {"old": "removed: ", "new": "added: "}.get(kind, "")
    told = [tag("span", sign, class_="aside")] if sign else []
    yield tag("td", *told, tag("code", marked(row.text, row.emphasis)), class_=kind)
