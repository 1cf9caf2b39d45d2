"""The report as one JSON object, as `schema.json` describes it. Keys may be added, never changed."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from torchfix_codemods.findings import Finding, Fix, Level
from torchfix_codemods.report.model import Report
from torchfix_codemods.verify.model import Verdict

SCHEMA = 1


def to_json(report: Report) -> str:
    """The report as JSON text in ASCII, with a final newline: any terminal and any pipe takes it."""
    return json.dumps(to_object(report), indent=1) + "\n"


def to_object(report: Report) -> dict[str, Any]:
    """The report as what `json.dumps` takes."""
    skipped = [{"path": s.path, "reason": s.reason, "detail": s.detail} for s in report.skipped]
    return {
        "schema": SCHEMA,
        "version": report.version,
        "files": {"seen": report.seen, "analysed": report.analysed, "skipped": skipped},
        "findings": [_finding(finding, report) for finding in report.findings],
        **({"runs": [asdict(ran) for ran in report.verification.scripts]} if report.verification else {}),
    }


def _finding(finding: Finding, report: Report) -> dict[str, Any]:
    line, column = report.start(finding.location)
    end_line, end_column = report.end(finding.location)
    steps = [
        {"path": step.location.path, "line": report.start(step.location)[0], "text": step.text}
        for step in finding.steps
    ]
    return {
        "id": finding.id,
        "rule": finding.rule,
        "code": finding.code,
        "level": finding.level.label,
        "path": finding.location.path,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "message": finding.message,
        "steps": steps,
        "fix": None if finding.fix is None else _fix(finding.fix, finding.level, report.verdict(finding)),
        "no_fix_reason": finding.no_fix_reason,
    }


def _fix(fix: Fix, level: Level, verdict: Verdict | None) -> dict[str, Any]:
    edits = [{"path": e.path, "start": e.start, "end": e.end, "replacement": e.new} for e in fix.edits]
    told = {} if verdict is None else {"verdict": _verdict(verdict)}
    return {"title": fix.title, "default": level is not Level.SUGGESTION, "edits": edits, **told}


def _verdict(verdict: Verdict) -> dict[str, Any]:
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
    }
