"""Code Quality reports: the keys and words that GitLab documents, and fingerprints that are all different."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from notebooks import notebook
from report_samples import ANY, FILES, PATHS, SEED, analysed, everything, made_up
from toy_rules import TOYS

from torchfix_codemods.findings import Level
from torchfix_codemods.pipeline import report_of
from torchfix_codemods.report.gitlab import write_gitlab
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import outcomes

#: What GitLab's documentation asks of each entry.
LINE = {"type": "integer", "minimum": 1}
WORD = {"type": "string", "minLength": 1}
ENTRY = {
    "type": "object",
    "required": ["description", "check_name", "fingerprint", "severity", "location"],
    "properties": {
        "description": WORD,
        "check_name": {"type": "string", "pattern": "^[a-z]+(-[a-z]+)*$"},
        "fingerprint": WORD,
        "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
        "location": {
            "type": "object",
            "required": ["path", "lines"],
            "properties": {
                "path": {"type": "string", "pattern": "^[^./]"},
                "lines": {"type": "object", "required": ["begin"], "properties": {"begin": LINE, "end": LINE}},
            },
        },
    },
}
VALIDATOR = Draft202012Validator({"type": "array", "items": ENTRY})


def entries(report: Report, results: Any = None) -> list[dict[str, Any]]:
    text = write_gitlab(report, outcomes(report) if results is None else results)
    assert text.isascii() and text.endswith("]\n")
    found: list[dict[str, Any]] = json.loads(text)
    VALIDATOR.validate(found)
    assert len({entry["fingerprint"] for entry in found}) == len(found)
    return found


def test_an_entry(tmp_path: Path):
    report = report_of(analysed(tmp_path, {"here.py": b"(\npair_here\n)\n", "there.py": b"pair_there\n"}))
    (entry,) = entries(report)
    assert entry == {
        "description": "a pair (TOY103 toy-pair; fixable: both)",
        "check_name": "toy-pair",
        "fingerprint": report.findings[0].id,
        "severity": "critical",
        "location": {"path": "here.py", "lines": {"begin": 2, "end": 2}},
    }


@pytest.mark.parametrize(
    ("level", "word"),
    [(Level.CRASH_FIX, "critical"), (Level.BEHAVIOR, "major"), (Level.EQUIVALENT, "minor"), (Level.SUGGESTION, "info")],
)
def test_severities(level: Level, word: str):
    assert entries(made_up(level=level))[0]["severity"] == word


def test_what_was_not_analysed_and_what_failed_are_entries(tmp_path: Path):
    report, results = everything(tmp_path, {**FILES, "seed.py": b"seed_word\n"}, (SEED, *TOYS))
    found = {(entry["check_name"], entry["location"]["path"]): entry for entry in entries(report, results)}
    assert found["not-analysed", "bad.py"]["description"].startswith("not analysed: syntax-error: ")
    assert found["rule-failed", "raises.py"]["description"].startswith("rule toy-raising failed: LookupError")
    assert found["toy-old-word", "seed.py"]["location"]["lines"] == {"begin": 1, "end": 1}
    assert found["toy-old-word", "book.ipynb"]["description"].startswith("cell ")
    assert entries(Report("0", 1, (), (), {})) == []


def test_a_cell_that_is_left_out_is_an_entry(tmp_path: Path):
    (entry,) = entries(report_of(analysed(tmp_path, {"a.ipynb": notebook("x = 1", "def (:")})))
    assert entry["description"].startswith("cell 2: not analysed: syntax-error: ")
    assert (entry["severity"], entry["location"]["path"]) == ("info", "a.ipynb")


def test_fingerprints_survive_shifted_lines(tmp_path: Path):
    before = entries(report_of(analysed(tmp_path, {"a.py": b"old_word\nold_word\n"})))
    after = entries(report_of(analysed(tmp_path, {"a.py": b"# new\n\nold_word\nold_word\n"})))
    assert [entry["fingerprint"] for entry in before] == [entry["fingerprint"] for entry in after]
    assert [entry["location"]["lines"]["begin"] for entry in after] == [3, 4]


@given(ANY, PATHS.filter(lambda path: path[0] not in "./"), st.text())
def test_any_text_gives_a_valid_report(message: str, path: str, text: str):
    report = made_up(message, path, text)
    twice = replace(report, findings=report.findings * 2, skipped=report.skipped * 2)
    assert len(entries(twice)) == 4
