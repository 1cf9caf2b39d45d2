"""What a report says of our fixes: verdicts only, each with the very edits that it is about.

The job that may write executes nothing and makes every rewrite anew from the files; of the report of the job that ran
the programs it takes how these runs went, and nothing else. A forged report can call a fix of ours by a wrong verdict;
it cannot bring in a fix, a path or a text that we would write.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torchfix_codemods import __version__
from torchfix_codemods.delivery.proposing.untrusted import (
    Malformed,
    amount,
    clean,
    count,
    exact,
    items,
    mapping,
    read_object,
    text,
)
from torchfix_codemods.report.json import SCHEMA
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.verify.model import Evidence, ScriptRun, Series, Verdict, VerdictName

#: Findings of a report that are looked at, at most.
MAX_FINDINGS = 50_000
#: Points of one side of a series, at most; our own have 256.
MAX_POINTS = 1024
_ID = re.compile(r"[0-9a-f]{16}")
_SECONDS = 1e7

#: An edit as a report writes it: path, cell of a notebook or None, start, end, the new text.
ToldEdit = tuple[str, "int | None", int, int, str]


@dataclass(frozen=True)
class ToldVerdict:
    """A verdict, and the edits of the fix that was run: for a fix with other edits it says nothing."""

    verdict: Verdict
    edits: tuple[ToldEdit, ...]


@dataclass(frozen=True)
class Told:
    """What a report tells: verdicts by the id of the finding, what was run, and notes for people on what was odd.

    Its paths count from `made_in`, if that is known, or from the top of the repository.
    """

    version: str = __version__
    verdicts: Mapping[str, ToldVerdict] = field(default_factory=dict)
    runs: tuple[ScriptRun, ...] = ()
    notes: tuple[str, ...] = ()
    made_in: Path | None = None


def read_verdicts(path: Path, made_in: Path | None = None) -> Told:
    """The verdicts in a JSON report of `torchfix verify`, which was run in `made_in`.

    A verdict that is not as it must be is left out, and a note counts it. Raises `UsageError` for a file that is not a
    regular one, is too large, or is no report of this schema.
    """
    found = read_object(path)
    if type(found.get("schema")) is not int or found["schema"] != SCHEMA:
        raise UsageError(f"{path}: not a report of schema {SCHEMA} (written with --report FILE.json)")
    try:
        version = text(found, "version", 40)
        findings = items(found, "findings", MAX_FINDINGS, lambda item: item)
    except Malformed as error:
        raise UsageError(f"{path}: not a report: {error}") from error
    verdicts, wrong = _verdicts(findings)
    runs, lost = _runs(found)
    return Told(version, verdicts, runs, (*_other_version(version), *_notes(wrong), *lost), made_in)


def _other_version(version: str) -> list[str]:
    if version == __version__:
        return []
    return [f"the report was written by version {version or '(unknown)'}, this is {__version__}"]


def _notes(wrong: Mapping[str, int]) -> list[str]:
    return [f"verdicts left out of the report: {number} ({reason})" for reason, number in sorted(wrong.items())]


def _verdicts(findings: Iterable[object]) -> tuple[dict[str, ToldVerdict], Counter[str]]:
    """The verdicts by id, and how many were left out for which reason."""
    verdicts: dict[str, ToldVerdict] = {}
    wrong: Counter[str] = Counter()
    twice: set[str] = set()
    for finding in findings:
        try:
            told = _told(mapping(finding))
        except Malformed as error:
            wrong[str(error)] += 1
            told = _warning(finding)
        if told is not None and told.verdict.finding in verdicts:
            twice.add(told.verdict.finding)
            if told.verdict.withheld:
                verdicts[told.verdict.finding] = told
        elif told is not None:
            verdicts[told.verdict.finding] = told
    for name in twice:  # which of the two is meant nobody can say
        if not verdicts[name].verdict.withheld:
            del verdicts[name]
        wrong["its id stands twice"] += 1
    return verdicts, wrong


def _warning(finding: object) -> ToldVerdict | None:
    """What is left of a verdict that can't be read: that runs speak against the fix, whatever else it says."""
    match finding:
        case {"id": str(name), "fix": {"verdict": {"name": str(word)}}} if _ID.fullmatch(name):
            verdict = Verdict(name, VerdictName[word]) if word in VerdictName.__members__ else None
            return ToldVerdict(verdict, ()) if verdict is not None and verdict.withheld else None
    return None


def _told(finding: Mapping[str, Any]) -> ToldVerdict | None:
    """The verdict on one finding, None where there is none. Raises `Malformed`."""
    fix = finding.get("fix")
    if fix is None or "verdict" not in mapping(fix):
        return None
    name = exact(finding, "id", 16)
    if not _ID.fullmatch(name):
        raise Malformed("id is not 16 hexadecimal digits")
    return ToldVerdict(_verdict(name, mapping(fix["verdict"])), items(fix, "edits", 500, _edit))


def _edit(value: object) -> ToldEdit:
    edit = mapping(value)
    cell = count(edit, "cell") if "cell" in edit else None
    replacement = exact(edit, "replacement", 200_000)
    return exact(edit, "path", 4096), cell, count(edit, "start"), count(edit, "end"), replacement


def _verdict(finding: str, found: Mapping[str, Any]) -> Verdict:
    name = found.get("name")
    if type(name) is not str or name not in VerdictName.__members__:
        raise Malformed("name is none of the verdicts")
    return Verdict(
        finding=finding,
        name=VerdictName[name],
        reason=text(found, "reason", 500),
        evidence=items(found, "evidence", 30, _evidence),
        caveats=items(found, "caveats", 50, _line),
        script=text(found, "script", 300),
        device=text(found, "device", 40),
        sandbox=text(found, "sandbox", 40),
        seconds=_seconds(found),
        repeat=_command(found),
        series=items(found, "series", 12, _series),
    )


def _evidence(value: object) -> Evidence:
    found = mapping(value)
    return Evidence(text(found, "what", 200), text(found, "before", 200), text(found, "after", 200))


def _line(value: object) -> str:
    if type(value) is not str:
        raise Malformed("a list of texts holds something else")
    return clean(value, 300)


def _command(found: Mapping[str, Any]) -> str:
    """The command that makes the runs again; "" for anything else that somebody might want to be typed.

    With `--python` it would start a program of the writer's choice.
    """
    told = text(found, "repeat", 1000)
    try:
        words = shlex.split(told)
    except ValueError:
        return ""
    is_ours = words[:2] == ["torchfix", "verify"] and not any(word.startswith("--py") for word in words)
    return told if is_ours and shlex.join(words) == told else ""


def _seconds(found: Mapping[str, Any]) -> float:
    seconds = amount(found.get("seconds", 0.0), _SECONDS)
    if seconds < 0:
        raise Malformed("seconds is less than 0")
    return seconds


def _series(value: object) -> Series:
    found = mapping(value)
    what, unit, over = (text(found, key, 80) for key in ("what", "unit", "over"))
    before = items(found, "before", MAX_POINTS, _point)
    after = items(found, "after", MAX_POINTS, _point) if "after" in found else before
    return Series(what, unit, over, before, after, count(found, "count") if "count" in found else 0)


def _point(value: object) -> float | None:
    return None if value is None else amount(value)


def _runs(found: Mapping[str, Any]) -> tuple[tuple[ScriptRun, ...], list[str]]:
    """What was run; nothing, and a note, where that part of the report is not as it must be."""
    try:
        return items(found, "runs", 200, _run), []
    except Malformed as error:
        return (), [f"what the report says of the runs was left out ({error})"]


def _run(value: object) -> ScriptRun:
    found = mapping(value)
    short = {key: text(found, key, 300) for key in ("script", "status", "device", "sandbox", "torch")}
    args, caveats = (items(found, key, 100, _line) for key in ("args", "caveats"))
    return ScriptRun(
        **short,
        args=args,
        runs=count(found, "runs"),
        seconds=_seconds(found),
        error=text(found, "error", 1000),
        caveats=caveats,
        repeat=_command(found),
    )
