"""One finding as a result of SARIF: where, why, the chain of steps, and the fix as replacements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from os.path import isabs
from typing import Any
from urllib.parse import quote

from torchfix_codemods.findings import Edit, Location, Step
from torchfix_codemods.report.file_places import FilePlaces, Region
from torchfix_codemods.report.json import verdict_object
from torchfix_codemods.report.outcome import Outcome, Status
from torchfix_codemods.report.sarif_rules import LEVELS
from torchfix_codemods.report.text import verdict
from torchfix_codemods.rewrite.edits import by_path
from torchfix_codemods.source.errors import printable

#: The name of the folder that relative paths belong to; what it is on disk is the reader's business.
ROOT = "%SRCROOT%"
#: The key of our own fingerprint: the finding's id, which survives shifted lines.
FINGERPRINT = "torchfix/v1"
#: Fixes that are made, that somebody refused, or that nobody should make.
_NOT_OFFERED = frozenset((Status.FIXED, Status.SOLVED, Status.DECLINED, Status.WITHHELD, Status.DROPPED))
_LINK = re.compile(r"\[(?=[^\]]*\]\()")


def result(outcome: Outcome, places: FilePlaces, rule_index: int) -> dict[str, Any]:
    """A finding as a `result` object. `rule_index` is the place of its rule among those of the run."""
    finding = outcome.finding
    region = places.of(outcome)
    where = _location(finding.location, places) if region else _uncovered(outcome.path)
    steps = _code_flows(finding.steps, places) if region and finding.steps else {}
    return {
        "ruleId": finding.code,
        "ruleIndex": rule_index,
        "level": LEVELS[finding.level],
        "message": message(" ".join(_sentences(outcome))),
        "locations": [where],
        "partialFingerprints": {FINGERPRINT: finding.id},
        **steps,
        **(_fixes(outcome, places) if region else {}),
        "properties": _properties(outcome),
    }


def _sentences(outcome: Outcome) -> Iterator[str]:
    """What is wrong, what becomes of it, and what runs showed: GitHub shows nothing else."""
    yield outcome.finding.message.removesuffix(".") + "."
    yield verdict(outcome) + "."
    if outcome.shown and outcome.status is not Status.WITHHELD:  # there it is the reason already
        yield f"{outcome.shown.name.value}: {outcome.shown.reason}."


def message(text: str) -> dict[str, str]:
    """Text of ours as a `message`: nothing in it becomes a link, a placeholder or a new line."""
    escaped = printable(text).replace("{", "{{").replace("}", "}}")
    return {"text": _LINK.sub(r"\\[", escaped)}


def artifact(path: str) -> dict[str, str]:
    """A file as an `artifactLocation`; in a name that is not UTF-8 the bytes are what they are."""
    try:
        raw = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = path.encode("utf-8", "surrogatepass")
    if path.startswith("/"):
        return {"uri": "file://" + quote(raw)}
    if isabs(path):  # on Windows; elsewhere `C:` is a folder like others
        return {"uri": "file:///" + quote(raw)}
    return {"uri": quote(raw), "uriBaseId": ROOT}


def _file(path: str) -> dict[str, Any]:
    return {"artifactLocation": artifact(path)}


def _location(location: Location, places: FilePlaces, text: str = "") -> dict[str, Any]:
    """A location, with what is to be said about it; in a notebook also the cell and the line in it."""
    report = places.report
    cell = report.cell(location)
    inside = "" if cell is None else f"cell {cell}, line {report.start(location)[0]}"
    told = ": ".join(part for part in (inside, text) if part)
    physical = {**_file(location.path), "region": _region(places.region(location))}
    return {"physicalLocation": physical, **({"message": message(told)} if told else {})}


def _uncovered(path: str) -> dict[str, Any]:
    """What stands only in a text that another fix leaves; GitHub wants a line, and takes the first for the file."""
    physical = {**_file(path), "region": {"startLine": 1}}
    return {"physicalLocation": physical, "message": message("uncovered by another fix in this file")}


def _region(region: Region) -> dict[str, int]:
    return {
        "startLine": region.start_line,
        "startColumn": region.start_column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    }


def _code_flows(steps: tuple[Step, ...], places: FilePlaces) -> dict[str, Any]:
    """The evidence in reading order."""
    locations = [{"location": _location(step.location, places, step.text)} for step in steps]
    return {"codeFlows": [{"threadFlows": [{"locations": locations}]}]}


def _fixes(outcome: Outcome, places: FilePlaces) -> dict[str, Any]:
    fix = outcome.finding.fix
    if fix is None or outcome.status in _NOT_OFFERED:
        return {}
    changes = [_change(path, edits, places) for path, edits in by_path(fix.edits).items()]
    return {"fixes": [{"description": message(fix.title), "artifactChanges": changes}]}


def _change(path: str, edits: list[Edit], places: FilePlaces) -> dict[str, Any]:
    replacements = [
        {"deletedRegion": _region(region), **({"insertedContent": {"text": new}} if new else {})}
        for region, new in places.replacements(path, edits)
    ]
    return {"artifactLocation": artifact(path), "replacements": replacements}


def _properties(outcome: Outcome) -> dict[str, Any]:
    shown = outcome.shown
    return {
        "level": outcome.finding.level.label,
        "status": outcome.status.value,
        **({"verdict": verdict_object(shown)} if shown else {}),
    }
