"""The one `Report` of a run: all that any writer needs, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

from torchfix_codemods.findings import Edit, Finding, LeftOut, Location, Problem, Skipped
from torchfix_codemods.report.places import TextLines
from torchfix_codemods.rewrite.edits import by_path
from torchfix_codemods.source.notebooks import Notebook

if TYPE_CHECKING:
    from torchfix_codemods.rewrite.plan import Plan
    from torchfix_codemods.verify.model import Verdict, Verification


@dataclass(frozen=True)
class Narrowing:
    """How many findings don't count: those `outside` of the changed lines, those `known` from a baseline.

    `stale` is the number of entries of the baseline of which nothing is found any more.
    """

    outside: int = 0
    known: int = 0
    stale: int = 0


@dataclass(frozen=True)
class Context:
    """The project around the given files: how many more files were read, and which of them could not be."""

    files: int
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a run saw, found, and would or did change.

    `findings` are those of the unchanged files, by place; `texts` holds the unchanged text of each file that a finding,
    a step or an edit names. `plan` is None where none was asked for (`check`), `verification` where nothing was run.
    `timings` are seconds by stage. `notebooks` are those among the `texts`; in these, lines and columns count within
    a cell. `left_out` is what was not analysed of any notebook. `narrowing` is None where everything counts, `context`
    where only the given files were read.
    """

    version: str
    seen: int
    skipped: tuple[Skipped, ...]
    findings: tuple[Finding, ...]
    texts: Mapping[str, str]
    suppressed: int = 0
    plan: Plan | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    exit_code: int = 0
    verification: Verification | None = None
    notebooks: Mapping[str, Notebook] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    narrowing: Narrowing | None = None
    context: Context | None = None

    @property
    def analysed(self) -> int:
        """Files that were read and looked at."""
        return self.seen - len({skipped.path for skipped in self.skipped})

    def verdict(self, finding: Finding) -> Verdict | None:
        """What runs showed about the fix of a finding; None where nothing was run for it."""
        return self.verification.verdicts.get(finding.id) if self.verification else None

    @cached_property
    def lines(self) -> Mapping[str, TextLines]:
        """The lines of each text."""
        return {path: TextLines(text) for path, text in self.texts.items()}

    def start(self, location: Location) -> tuple[int, int]:
        """Line and column (from 1) where a location begins; in a notebook those within the cell."""
        return self._line_column(location.path, location.start, location.start)

    def end(self, location: Location) -> tuple[int, int]:
        """Line and column (from 1) after the last character of a location; in a notebook those within the cell."""
        return self._line_column(location.path, location.end, location.start)

    def cell(self, location: Location) -> int | None:
        """The number (from 1) of the cell in which a location begins; None outside of notebooks."""
        notebook = self.notebooks.get(location.path)
        return None if notebook is None else notebook.cell_at(location.start).number

    def file(self, location: Location) -> str:
        """What people read before the line of a location: the path, and the cell of a notebook."""
        cell = self.cell(location)
        return location.path if cell is None else f"{location.path}, cell {cell}"

    def pieces(self, edits: Iterable[Edit]) -> list[tuple[str, str, list[Edit]]]:
        """The texts that edits of the unchanged files change, with their names and edits: of a notebook the cells.

        Left out are edits of texts that are not at hand, or that are no longer the unchanged ones.
        """
        from torchfix_codemods.rewrite.notebook_edits import cell_edit

        found: list[tuple[str, str, list[Edit]]] = []
        for path, own in by_path(edits).items():
            text = self.texts.get(path)
            if text is None or own[-1].end > len(text):
                continue
            if (notebook := self.notebooks.get(path)) is None:
                found.append((path, text, own))
                continue
            cells: dict[int, tuple[str, str, list[Edit]]] = {}
            for cell, edit in map(partial(cell_edit, notebook), own):
                cells.setdefault(cell.number, (f"{path}, cell {cell.number}", cell.source, []))[2].append(edit)
            found += cells.values()
        return found

    def _line_column(self, path: str, offset: int, start: int) -> tuple[int, int]:
        notebook = self.notebooks.get(path)
        if notebook is None:
            return self.lines[path].line_column(offset)
        cell = notebook.cell_at(start)
        return TextLines(cell.source).line_column(cell.source_offset(offset - cell.start))


def named_paths(findings: Iterable[Finding]) -> list[str]:
    """The paths that findings name, in their places, steps and edits: what a report needs the text of."""
    paths: dict[str, None] = {}
    for finding in findings:
        paths[finding.location.path] = None
        paths.update((step.location.path, None) for step in finding.steps)
        paths.update((edit.path, None) for edit in (finding.fix.edits if finding.fix else ()))
    return list(paths)
