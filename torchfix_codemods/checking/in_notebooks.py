"""What counts for findings in notebooks beside the rules: what their cells can hold, and what was not seen of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from torchfix_codemods.findings import Finding, LeftOut, Level, Location, Step
from torchfix_codemods.rewrite.edits import by_path
from torchfix_codemods.rewrite.notebook_edits import refusal
from torchfix_codemods.source.notebooks import Notebook


def cautious(finding: Finding, notebooks: Mapping[str, Notebook], text_of: Callable[[str], str]) -> Finding:
    """The finding without a fix that its cells cannot hold, and as a suggestion where a cell was not analysed.

    `notebooks` are those as they were read, `text_of` gives the texts as they are by now.
    """
    if not notebooks:
        return finding
    return _unless_unseen(_unless_refused(finding, notebooks, text_of), notebooks)


def _unless_refused(finding: Finding, notebooks: Mapping[str, Notebook], text_of: Callable[[str], str]) -> Finding:
    if finding.fix is None:
        return finding
    for path, edits in by_path(finding.fix.edits).items():
        reason = refusal(notebooks[path], text_of(path), edits) if path in notebooks else None
        if reason is not None:
            return replace(finding, level=Level.SUGGESTION, fix=None, no_fix_reason=reason)
    return finding


def _unless_unseen(finding: Finding, notebooks: Mapping[str, Notebook]) -> Finding:
    if finding.fix is None or finding.level is Level.SUGGESTION:
        return finding
    places = {finding.location.path, *(s.location.path for s in finding.steps), *by_path(finding.fix.edits)}
    unseen = [item for path in sorted(places & notebooks.keys()) for item in notebooks[path].left_out]
    if not unseen:
        return finding
    return replace(
        finding,
        level=Level.SUGGESTION,
        message=f"{finding.message}; what cell {unseen[0].cell} does is not known",
        steps=(*finding.steps, *(_step(item, notebooks[item.path]) for item in unseen[:1])),
    )


def _step(item: LeftOut, notebook: Notebook) -> Step:
    cell = next(cell for cell in notebook.cells if cell.number == item.cell)
    start = min(cell.start, len(notebook.text))
    return Step(Location(item.path, start, start), f"this cell was left out: {item.detail}")
