"""Labels that people gave, matched with findings: precision and recall per rule.

A label says of some lines what a rule should do there: `fix` (a mistake, and a fix that nobody has to think about),
`report-only` (a mistake or a doubt whose cure needs its author), `leave` (no mistake: a look-alike).

A finding matches a label of the same rule and file when their lines overlap, or stand within three lines of each
other. Each matches at most one of the other kind; the most matches are made, the nearest first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluate_parts.checking import Found
from evaluate_parts.tables import share

LABELS = ("fix", "report-only", "leave")
NEAR = 3
HEADING = (
    *("rule", "labelled mistakes", "findings", "right", "wrong", "unlabelled", "precision", "recall"),
    *("default fixes", "right fixes", "precision of fixes", "recall of fixes"),
)


@dataclass(frozen=True)
class Label:
    """What a person says of some lines (from 1, both ends included)."""

    path: str
    line: int
    end_line: int
    rule: str
    label: str


@dataclass(frozen=True)
class Figures:
    """The counts of one rule. Unlabelled findings count as wrong only where the labels are complete."""

    mistakes: int
    fixable: int
    right: int
    wrong: int
    unlabelled: int
    right_fixes: int
    wrong_fixes: int

    @property
    def findings(self) -> int:
        """All findings that say something about precision, and those that say nothing."""
        return self.right + self.wrong + self.unlabelled


def read_labels(path: Path) -> list[Label]:
    """The labels of a JSONL file. Raises `ValueError` that names the line which is none, and `OSError`."""
    labels = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                labels.append(_label(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path}:{number}: {_reason(error)}") from error
    return labels


def _label(row: object) -> Label:
    if not isinstance(row, dict):
        raise ValueError("not an object")
    label = Label(*(row[key] for key in ("path", "line", "end_line", "rule", "label")))
    if not all(isinstance(text, str) for text in (label.path, label.rule)):
        raise ValueError("path and rule are texts")
    if not all(type(number) is int for number in (label.line, label.end_line)) or not 1 <= label.line <= label.end_line:
        raise ValueError("line and end_line are numbers from 1, in this order")
    if label.label not in LABELS:
        raise ValueError(f"label {label.label!r} is none of {', '.join(LABELS)}")
    return label


def _reason(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def match(labels: Sequence[Label], found: Sequence[Found]) -> dict[int, int]:
    """The index of the finding for each label that has one: as many as possible, then the nearest."""
    distances = {
        (i, j): distance
        for i, label in enumerate(labels)
        for j, one in enumerate(found)
        if (distance := _distance(label, one)) is not None
    }
    chosen: dict[int, int] = {}  # finding -> label
    order = sorted(range(len(labels)), key=lambda i: min((d for (k, _), d in distances.items() if k == i), default=0))
    for i in order:
        _augment(i, distances, chosen, set())
    return {i: j for j, i in chosen.items()}


def _augment(i: int, distances: dict[tuple[int, int], int], chosen: dict[int, int], tried: set[int]) -> bool:
    """Find a finding for label `i`, moving others to their next best where that makes room."""
    for j in sorted((j for k, j in distances if k == i), key=lambda j: (distances[i, j], j)):
        if j in tried:
            continue
        tried.add(j)
        if j not in chosen or _augment(chosen[j], distances, chosen, tried):
            chosen[j] = i
            return True
    return False


def _distance(label: Label, found: Found) -> int | None:
    """Lines between the two ranges (0 where they overlap), None where they cannot match."""
    if (label.path, label.rule) != (found.path, found.rule):
        return None
    gap = max(label.line - found.end_line, found.line - label.end_line, 0)
    return gap if gap <= NEAR else None


def figures(labels: Sequence[Label], found: Iterable[Found], *, complete: bool) -> dict[str, Figures]:
    """The figures of every rule that has a label or a finding in a file that a label names.

    A finding that no label matches is unlabelled, and counts for nothing; with `complete` the labels hold all that
    is to be said about the files they name, and it counts as wrong.
    """
    named = {label.path for label in labels}
    looked_at = [one for one in found if one.path in named]
    rules = sorted({label.rule for label in labels} | {one.rule for one in looked_at})
    return {
        rule: _figures(
            [label for label in labels if label.rule == rule], [one for one in looked_at if one.rule == rule], complete
        )
        for rule in rules
    }


def _figures(labels: Sequence[Label], found: Sequence[Found], complete: bool) -> Figures:
    matched = match(labels, found)
    said = {j: labels[i].label for i, j in matched.items()}
    unlabelled = [one for j, one in enumerate(found) if j not in said]
    fixes = [said.get(j) for j, one in enumerate(found) if one.default]
    return Figures(
        mistakes=sum(label.label != "leave" for label in labels),
        fixable=sum(label.label == "fix" for label in labels),
        right=sum(label != "leave" for label in said.values()),
        wrong=sum(label == "leave" for label in said.values()) + (len(unlabelled) if complete else 0),
        unlabelled=0 if complete else len(unlabelled),
        right_fixes=fixes.count("fix"),
        wrong_fixes=sum(label != "fix" and (label is not None or complete) for label in fixes),
    )


def rows(all_figures: dict[str, Figures]) -> Iterator[tuple[object, ...]]:
    """One row per rule."""
    yield HEADING
    for rule, one in all_figures.items():
        yield (
            *(rule, one.mistakes, one.findings, one.right, one.wrong, one.unlabelled),
            *(share(one.right, one.right + one.wrong), share(one.right, one.mistakes)),
            *(one.right_fixes + one.wrong_fixes, one.right_fixes),
            *(share(one.right_fixes, one.right_fixes + one.wrong_fixes), share(one.right_fixes, one.fixable)),
        )
