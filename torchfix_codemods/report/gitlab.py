"""The report as a Code Quality report of GitLab: what it shows in merge requests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha1
from typing import Any

from torchfix_codemods.findings import Level
from torchfix_codemods.report.file_places import FilePlaces
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.report.text import verdict
from torchfix_codemods.source.errors import printable

SEVERITIES = {
    Level.CRASH_FIX: "critical",
    Level.BEHAVIOR: "major",
    Level.EQUIVALENT: "minor",
    Level.SUGGESTION: "info",
}


def write_gitlab(report: Report, results: Sequence[Outcome]) -> str:
    """A JSON array in ASCII, with a final newline; files that were not analysed are entries too."""
    places = FilePlaces(report)
    entries = [_of_finding(outcome, places) for outcome in results]
    entries += _of_run(report)
    return json.dumps(list(_distinct(entries)), indent=1) + "\n"


def _of_finding(outcome: Outcome, places: FilePlaces) -> dict[str, Any]:
    finding, region = outcome.finding, places.of(outcome)
    cell = places.report.cell(finding.location) if region else None
    inside = "" if cell is None else f"cell {cell}, line {places.report.start(finding.location)[0]}: "
    told = f"{inside}{finding.message} ({finding.code} {finding.rule}; {verdict(outcome)})"
    lines = (region.start_line, region.end_line) if region else (1, 1)
    return _entry(told, finding.rule, finding.id, SEVERITIES[finding.level], outcome.path, lines)


def _of_run(report: Report) -> Iterator[dict[str, Any]]:
    """Silence is never success: what was not analysed, and what failed."""
    for skipped in report.skipped:
        detail = f": {skipped.detail}" if skipped.detail else ""
        told = f"not analysed: {skipped.reason}{detail}"
        yield _entry(told, "not-analysed", _hash(skipped.path, skipped.reason), "info", skipped.path)
    for item in report.left_out:
        told = f"cell {item.cell}: not analysed: {item.reason}: {item.detail}"
        fingerprint = _hash(item.path, str(item.cell), item.reason)
        yield _entry(told, "not-analysed", fingerprint, "info", item.path)
    for problem in report.problems:
        told = f"rule {problem.rule} failed: " + problem.detail.partition("\n")[0]
        yield _entry(told, "rule-failed", _hash(problem.path, problem.rule), "info", problem.path)


def _entry(
    told: str, check: str, fingerprint: str, severity: str, path: str, lines: tuple[int, int] = (1, 1)
) -> dict[str, Any]:
    return {
        "description": printable(told),
        "check_name": check,
        "fingerprint": fingerprint,
        "severity": severity,
        "location": {"path": printable(path), "lines": {"begin": lines[0], "end": lines[1]}},
    }


def _hash(*words: str) -> str:
    return sha1("\0".join(words).encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()[:16]


def _distinct(entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """GitLab drops all but one of those with the same fingerprint; each has one of its own here."""
    seen: set[str] = set()
    for entry in entries:
        fingerprint = entry["fingerprint"]
        while fingerprint in seen:
            fingerprint = _hash(fingerprint, "again")
        seen.add(fingerprint)
        yield {**entry, "fingerprint": fingerprint}
