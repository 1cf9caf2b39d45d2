"""Where something stands in a file as editors and forges count it; of a notebook in its JSON, not in its cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from torchfix_codemods.findings import Edit, Location
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.report.places import TextLines
from torchfix_codemods.rewrite.compose import PlannedEdit
from torchfix_codemods.rewrite.edits import merge
from torchfix_codemods.rewrite.notebook_edits import json_edits, json_range


@dataclass(frozen=True)
class Region:
    """Lines and columns from 1, the end column after the last character; columns in UTF-16 code units."""

    start_line: int
    start_column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class FilePlaces:
    """Places in the unchanged files of a report."""

    report: Report

    def of(self, outcome: Outcome) -> Region | None:
        """Where a finding stands; None where it showed up only in a text that a fix had changed already."""
        return None if outcome.place == outcome.path else self.region(outcome.finding.location)

    def region(self, location: Location) -> Region:
        """Where a location stands. Raises `KeyError` for a file that the report does not hold."""
        span = location.start, location.end
        if (notebook := self.report.notebooks.get(location.path)) is not None:
            span = json_range(notebook, *span)
        return self._region(location.path, *span)

    def replacements(self, path: str, edits: Iterable[Edit]) -> list[tuple[Region, str]]:
        """Edits of one file as regions and the texts that take their places, by place.

        Raises `ValueError` for an edit that reaches beyond a cell of a notebook.
        """
        spans = [(edit.start, edit.end, edit.new) for edit in merge(edits)]
        if (notebook := self.report.notebooks.get(path)) is not None:
            planned = [PlannedEdit(edit, frozenset()) for edit in merge(edits)]
            spans = [(start, end, new) for start, end, new, _ in json_edits(notebook, planned)]
        return [(self._region(path, start, end), new) for start, end, new in spans]

    def _region(self, path: str, start: int, end: int) -> Region:
        return Region(*self._line_column(path, start), *self._line_column(path, end))

    def _line_column(self, path: str, offset: int) -> tuple[int, int]:
        lines = self._lines[path]
        line, column = lines.line_column(offset)
        before = lines.text[offset - column + 1 : offset]
        return line, len(before.encode("utf-16-le", "surrogatepass")) // 2 + 1

    @cached_property
    def _lines(self) -> Mapping[str, TextLines]:
        notebooks = self.report.notebooks.items()
        return {**self.report.lines, **{path: TextLines(notebook.json) for path, notebook in notebooks}}
