"""The report as SARIF 2.1.0, for code scanning, reviews and editors.

Places are those of the files as they were analysed, columns in UTF-16 code units.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from torchfix_codemods.report.file_places import FilePlaces
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.report.sarif_results import ROOT, artifact, message, result
from torchfix_codemods.report.sarif_rules import HOME, LEVELS, descriptors

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
#: What GitHub takes of one run; it refuses a file with more.
MOST_RESULTS = 25_000
_WORST_FIRST = ("error", "warning", "note")


def write_sarif(report: Report, results: Sequence[Outcome]) -> str:
    """The report as a SARIF log in ASCII, with a final newline."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report, results)]}
    return json.dumps(log, indent=1) + "\n"


def _run(report: Report, results: Sequence[Outcome]) -> dict[str, Any]:
    rules = descriptors(results)
    indexes = {rule["id"]: index for index, rule in enumerate(rules)}
    places = FilePlaces(report)
    driver = {
        "name": "torchfix",
        "version": report.version,
        "informationUri": HOME,
        "rules": rules,
    }
    return {
        "tool": {"driver": driver},
        "automationDetails": {"id": "torchfix/"},
        "columnKind": "utf16CodeUnits",
        "newlineSequences": ["\r\n", "\n", "\r"],
        "originalUriBaseIds": {ROOT: {"description": {"text": "The folder in which torchfix was run."}}},
        "invocations": [_invocation(report, list(_notifications(report, len(results))))],
        "results": [result(outcome, places, indexes[outcome.finding.code]) for outcome in _worst(results)],
    }


def _worst(results: Sequence[Outcome]) -> Sequence[Outcome]:
    """As many results as a run may have; what crashes goes before what is only untidy."""
    if len(results) <= MOST_RESULTS:
        return results
    return sorted(results, key=lambda outcome: _WORST_FIRST.index(LEVELS[outcome.finding.level]))[:MOST_RESULTS]


def _invocation(report: Report, notifications: list[dict[str, Any]]) -> dict[str, Any]:
    told = {"toolExecutionNotifications": notifications} if notifications else {}
    return {"executionSuccessful": not report.problems, "exitCode": report.exit_code, **told}


def _notifications(report: Report, findings: int) -> Iterator[dict[str, Any]]:
    """What was not analysed, what failed, and what is not in this log: silence is never success."""
    for skipped in report.skipped:
        yield _notification("warning", skipped.reason, f"not analysed: {skipped.reason}", skipped.detail, skipped.path)
    for item in report.left_out:
        yield _notification("note", item.reason, f"not analysed in cell {item.cell}", item.detail, item.path)
    for problem in report.problems:
        detail = problem.detail.partition("\n")[0]
        yield _notification("error", "rule-failed", f"rule {problem.rule} failed", detail, problem.path)
    for warning in report.warnings:
        yield _notification("warning", "warning", warning)
    if findings > MOST_RESULTS:
        told = f"{findings - MOST_RESULTS:,} findings are left out: a run has at most {MOST_RESULTS:,} results"
        yield _notification("warning", "too-many-results", told)


def _notification(level: str, name: str, text: str, detail: str = "", path: str = "") -> dict[str, Any]:
    where = {"locations": [{"physicalLocation": {"artifactLocation": artifact(path)}}]} if path else {}
    told = message(f"{text}: {detail}" if detail else text)
    return {"descriptor": {"id": name}, "level": level, "message": told, **where}
