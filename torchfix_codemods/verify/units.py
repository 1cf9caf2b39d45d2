"""Fixes as they are run: which are made together, the texts with some of them, and where their lines are.

Fixes whose edits were made into one (in a later pass of the plan, say) cannot be told apart: they are one unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from torchfix_codemods.findings import Edit, Finding
from torchfix_codemods.rewrite.compose import PlannedEdit
from torchfix_codemods.rewrite.edits import apply_edits, by_path, merge
from torchfix_codemods.verify.comparison import Lines
from torchfix_codemods.verify.lines import FUNCTIONS, REGIONS, Block, blocks, line_map, lines_of, lines_written
from torchfix_codemods.verify.runs import Place

_IMPORTS = re.compile(r"(?:\s*(?:import|from)\s[^\n]*\n?)+\Z")
Mark = tuple[str, int, int]
#: The text of a path that reports show; the path within the project for such a path.
Text = Callable[[str], str]
Within = Callable[[str], str]


@dataclass(frozen=True)
class Unit:
    """Fixes that are run together: `findings` (more than one where their edits are one), all of their edits."""

    name: str
    findings: tuple[Finding, ...]
    edits: tuple[Edit, ...]

    @property
    def code(self) -> str:
        """The rule that judges it: of the finding whose level says most about the program."""
        return max(self.findings, key=lambda finding: (finding.level, finding.code)).code


def units_of(findings: Iterable[Finding], planned: Sequence[PlannedEdit]) -> list[Unit]:
    """The units of a plan, in the order of its findings."""
    wanted = {finding.id: finding for finding in findings}
    groups = {name: {name} for name in wanted}
    for item in planned:
        names = [name for name in item.fixes if name in wanted]
        if len(names) > 1 and not _is_shared(item.edit, [wanted[name] for name in names]):
            together = set().union(*(groups[name] for name in names))
            groups |= dict.fromkeys(together, together)
    units: list[Unit] = []
    for name, group in groups.items():
        if name != next(other for other in wanted if other in group):
            continue
        edits = [item.edit for item in planned if not item.fixes.isdisjoint(group)]
        if edits:
            members = tuple(wanted[other] for other in wanted if other in group)
            units.append(Unit(f"fix{len(units) + 1}", members, tuple(merge(edits))))
    return units


def _is_shared(edit: Edit, findings: Iterable[Finding]) -> bool:
    """Whether each of the fixes wants this very edit for itself, as two that add the same import do."""
    return all(finding.fix is not None and edit in finding.fix.edits for finding in findings)


class Variant:
    """The files with some units made: texts, the marks of their lines, and the way back to the unchanged lines."""

    def __init__(self, text: Text, units: Sequence[Unit]) -> None:
        self.units = tuple(units)
        self._edits = by_path(merge(*(unit.edits for unit in units)))
        self._before = {path: text(path) for path in self._edits}
        self.texts = {path: apply_edits(self._before[path], edits) for path, edits in self._edits.items()}

    def back(self, within: Within) -> Callable[[Place], Place]:
        """A function from places of the changed files to those of the unchanged ones, nearest where a line is new."""
        maps = {
            within(path): line_map(self._before[path], self.texts[path], edits) for path, edits in self._edits.items()
        }

        def place(changed: Place) -> Place:
            path, line = changed
            lines = maps.get(path)
            return (path, lines[max(0, min(line, len(lines)) - 1)]) if lines else changed

        return place

    def marks(self, within: Within) -> dict[str, list[Mark]]:
        """The changed lines of each unit, by the path within the project."""
        found: dict[str, list[Mark]] = {}
        for unit in self.units:
            for edit in _telling(unit.edits):
                lines = lines_written(self._before[edit.path], self._edits[edit.path], edit)
                found.setdefault(within(edit.path), []).append((unit.name, *lines))
        return found


def marks_before(units: Iterable[Unit], text: Text, within: Within) -> dict[str, list[Mark]]:
    """The lines of the unchanged files that each unit changes."""
    found: dict[str, list[Mark]] = {}
    for unit in units:
        for edit in _telling(unit.edits):
            lines = lines_of(text(edit.path), edit.start, edit.end)
            found.setdefault(within(edit.path), []).append((unit.name, *lines))
    return found


def scope_of(unit: Unit, text: Text, within: Within) -> dict[str, list[Lines]]:
    """The lines that a unit is about: from its first edit to its last, with what its findings point at.

    Where it adds a decorator, or edits stand in the header of a function, that is the whole function; so for the header
    of a loop, on which a region begins whose further lines are only indented.
    """
    scope: dict[str, list[Lines]] = {}
    for path, edits in by_path(_telling(unit.edits)).items():
        content = text(path)
        regions = blocks(content, REGIONS)
        spans = [lines_of(content, edit.start, edit.end) for edit in edits]
        places = [finding.location for finding in unit.findings if finding.location.path == path]
        spans += [lines_of(content, place.start, place.end) for place in places]
        headers = [r for r in regions if any(r.first <= first <= r.header for first, _ in spans)]
        whole = [*spans, *((region.first, region.last) for region in headers)]
        scope[within(path)] = _hulls(whole, blocks(content, FUNCTIONS))
    return scope


def _hulls(spans: Sequence[Lines], known: Sequence[Block]) -> list[Lines]:
    """One range for all spans inside of one function, so that what stands between two edits belongs to them."""
    hulls: dict[Block | None, Lines] = {}
    for first, last in spans:
        home = max((f for f in known if f.first <= first <= f.last), default=None)
        low, high = hulls.get(home, (first, last))
        hulls[home] = (min(low, first), max(high, last))
    return list(hulls.values())


def _telling(edits: Sequence[Edit]) -> list[Edit]:
    """The edits without those that only add imports (they always run), unless there are no others."""
    others = [edit for edit in edits if not (edit.start == edit.end and _IMPORTS.match(edit.new))]
    return others or list(edits)
