"""The report as one JSON object, as `schema.json` describes it. Keys may be added, never changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from torchfix_codemods.findings import Edit, Finding, Fix, Level, Location, Skipped
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.rewrite.notebook_edits import cell_edit
from torchfix_codemods.verify.model import Series, Verdict

SCHEMA = 1
#: A list of numbers as `json.dumps` indents it; no text of JSON holds a line feed.
_NUMBERS = re.compile(r"\[\n[-+.,\w\s]+\]")
#: Significant digits of a point of a series: those of a 32-bit float.
_DIGITS = 7


def write_json(report: Report, _: Sequence[Outcome]) -> str:
    """The report as JSON text: what is in it does not depend on what became of the findings."""
    return to_json(report)


def to_json(report: Report) -> str:
    """The report as JSON text in ASCII, with a final newline: any terminal and any pipe takes it."""
    text = json.dumps(to_object(report), indent=1)
    return _NUMBERS.sub(lambda match: " ".join(match[0].split()), text) + "\n"


def to_object(report: Report) -> dict[str, Any]:
    """The report as what `json.dumps` takes."""
    return {
        "schema": SCHEMA,
        "version": report.version,
        "files": {"seen": report.seen, "analysed": report.analysed, "skipped": _skipped(report.skipped)},
        **_narrowed(report),
        **({"left_out": [asdict(item) for item in report.left_out]} if report.left_out else {}),
        "findings": [_finding(finding, report) for finding in report.findings],
        **({"runs": [asdict(ran) for ran in report.verification.scripts]} if report.verification else {}),
    }


def _skipped(files: Iterable[Skipped]) -> list[dict[str, str]]:
    return [{"path": s.path, "reason": s.reason, "detail": s.detail} for s in files]


def _narrowed(report: Report) -> dict[str, Any]:
    """The files around the given ones, and what does not count; nothing where all that was read counts."""
    narrowing, context = report.narrowing, report.context
    told: dict[str, Any] = {}
    if context is not None:
        told["context"] = {"files": context.files, "skipped": _skipped(context.skipped)}
    if narrowing is not None:
        told["outside"] = narrowing.outside
        told["baseline"] = {"known": narrowing.known, "stale": narrowing.stale}
    return told


def _finding(finding: Finding, report: Report) -> dict[str, Any]:
    line, column = report.start(finding.location)
    end_line, end_column = report.end(finding.location)
    steps = [
        {
            "path": step.location.path,
            **_cell(step.location, report),
            "line": report.start(step.location)[0],
            "text": step.text,
        }
        for step in finding.steps
    ]
    return {
        "id": finding.id,
        "rule": finding.rule,
        "code": finding.code,
        "level": finding.level.label,
        "path": finding.location.path,
        **_cell(finding.location, report),
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "message": finding.message,
        "steps": steps,
        "fix": None if finding.fix is None else _fix(finding.fix, finding, report),
        "no_fix_reason": finding.no_fix_reason,
    }


def _cell(location: Location, report: Report) -> dict[str, int]:
    cell = report.cell(location)
    return {} if cell is None else {"cell": cell}


def _fix(fix: Fix, finding: Finding, report: Report) -> dict[str, Any]:
    verdict = report.verdict(finding)
    told = {} if verdict is None else {"verdict": verdict_object(verdict)}
    edits = [_edit(edit, report) for edit in fix.edits]
    return {"title": fix.title, "default": finding.level is not Level.SUGGESTION, "edits": edits, **told}


def _edit(edit: Edit, report: Report) -> dict[str, Any]:
    """An edit of a file, in a notebook of the source of a cell."""
    notebook, where = report.notebooks.get(edit.path), {}
    if notebook is not None:
        cell, edit = cell_edit(notebook, edit)
        where = {"cell": cell.number}
    return {"path": edit.path, **where, "start": edit.start, "end": edit.end, "replacement": edit.new}


def verdict_object(verdict: Verdict) -> dict[str, Any]:
    """What runs showed about a fix, as what `json.dumps` takes; `seconds` of wall time."""
    return {
        "name": verdict.name.value,
        "verified": verdict.verified,
        "withheld": verdict.withheld,
        "reason": verdict.reason,
        "evidence": [asdict(evidence) for evidence in verdict.evidence],
        "caveats": list(verdict.caveats),
        "script": verdict.script,
        "device": verdict.device,
        "sandbox": verdict.sandbox,
        "seconds": round(verdict.seconds, 3),
        "repeat": verdict.repeat,
        **({"series": [_series(series) for series in verdict.series]} if verdict.series else {}),
    }


def _series(series: Series) -> dict[str, Any]:
    """A series without what would say nothing new: the second side where it is the first, a count that is plain."""
    return {
        "what": series.what,
        "unit": series.unit,
        "over": series.over,
        "before": list(map(_rounded, series.before)),
        **({} if series.same else {"after": list(map(_rounded, series.after))}),
        **({"count": series.count} if series.count > series.points else {}),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")
