"""The JSON report: what it says, and that its schema describes it."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from torchfix_codemods.findings import Edit, Finding, Fix, Level, Location, Skipped, Step
from torchfix_codemods.report.json import to_json, to_object
from torchfix_codemods.report.model import Report, named_paths
from torchfix_codemods.verify.model import Evidence, ScriptRun, Series, Verdict, VerdictName, Verification

SCHEMA = json.loads(files("torchfix_codemods.report").joinpath("schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)

TEXTS = {"model.py": "é = 1\r\nreturn softmax(x)\r\n", "sub/train.py": "loss = CE()\n"}


def finding(level: Level = Level.BEHAVIOR, fix: Fix | None = None) -> Finding:
    start = TEXTS["model.py"].index("softmax")
    step = Step(Location("sub/train.py", 7, 11), "CE() is built here")
    place = Location("model.py", start, start + 10)
    return Finding("some-rule", "TFC999", level, place, "m", (step,), fix, None if fix else "no", id="1" * 16)


def report(*findings: Finding) -> Report:
    return Report("0.1.0", 3, (Skipped("bad.py", "syntax-error", "line 1"),), findings, TEXTS)


@pytest.mark.parametrize("name", VerdictName)
def test_every_verdict_is_in_the_schema(name: VerdictName):
    shown = Verdict("1" * 16, name, "why", (Evidence("what", "1", "2"),), ("a note",), "train.py", "cpu", "x", 1.5, "y")
    ran = ScriptRun("train.py", ("--epochs", "1"), "finished", 3, 1.5, caveats=("a note",))
    told = report(finding(fix=Fix("t", (Edit("model.py", 14, 24, "x"),))))
    told = replace(told, verification=Verification({shown.finding: shown}, (ran,)))
    VALIDATOR.validate(json.loads(to_json(told)))


def test_series_are_told_briefly():
    same = Series("loss", "", "backward pass", (0.1234567891, None), (0.1234567891, None), 2)
    other = Series("saved for backward", "bytes", "evaluation", (850200, 1e-9), (0,), 600)
    shown = Verdict("1" * 16, VerdictName.IMPROVED, series=(same, other))
    told = report(finding(fix=Fix("t", (Edit("model.py", 14, 24, "x"),))))
    text = to_json(replace(told, verification=Verification({shown.finding: shown})))
    VALIDATOR.validate(json.loads(text))
    assert json.loads(text)["findings"][0]["fix"]["verdict"]["series"] == [
        {"what": "loss", "unit": "", "over": "backward pass", "before": [0.1234568, None]},
        {
            "what": "saved for backward",
            "unit": "bytes",
            "over": "evaluation",
            "before": [850200, 1e-9],
            "after": [0],
            "count": 600,
        },
    ]
    assert "[ 0.1234568, null ]" in text, "the numbers of a series stand on one line"


def test_a_verdict_without_series_has_no_such_key():
    shown = Verdict("1" * 16, VerdictName.NOT_RUN)
    told = report(finding(fix=Fix("t", (Edit("model.py", 14, 24, "x"),))))
    written = to_object(replace(told, verification=Verification({shown.finding: shown})))
    assert "series" not in written["findings"][0]["fix"]["verdict"]


@given(st.lists(st.one_of(st.text(), st.lists(st.text("[]\n 1,"))), min_size=1))
def test_texts_that_look_like_lists_come_back(texts: list):
    shown = Verdict("1" * 16, VerdictName.NOT_RUN, json.dumps(texts, indent=1), caveats=("[\n 1\n]",))
    told = report(finding(fix=Fix("t", (Edit("model.py", 14, 24, "x"),))))
    told = replace(told, verification=Verification({shown.finding: shown}))
    assert json.loads(to_json(told)) == json.loads(json.dumps(to_object(told)))


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


def test_every_key_of_the_agreed_form():
    fix = Fix("t", (Edit("model.py", 14, 24, "x"),))
    assert to_object(report(finding(fix=fix))) == {
        "schema": 1,
        "version": "0.1.0",
        "files": {
            "seen": 3,
            "analysed": 2,
            "skipped": [{"path": "bad.py", "reason": "syntax-error", "detail": "line 1"}],
        },
        "findings": [
            {
                "id": "1" * 16,
                "rule": "some-rule",
                "code": "TFC999",
                "level": "behavior",
                "path": "model.py",
                "line": 2,
                "column": 8,
                "end_line": 2,
                "end_column": 18,
                "message": "m",
                "steps": [{"path": "sub/train.py", "line": 1, "text": "CE() is built here"}],
                "fix": {
                    "title": "t",
                    "default": True,
                    "edits": [{"path": "model.py", "start": 14, "end": 24, "replacement": "x"}],
                },
                "no_fix_reason": None,
            }
        ],
    }


@pytest.mark.parametrize("level", list(Level))
def test_a_fix_is_default_unless_it_is_a_suggestion(level: Level):
    fix = Fix("t", (Edit("model.py", 0, 1, "x"),))
    (written,) = to_object(report(finding(level, fix)))["findings"]
    assert written["fix"]["default"] == (level is not Level.SUGGESTION)
    VALIDATOR.validate(to_object(report(finding(level, fix))))


def test_the_schema_refuses_what_is_not_agreed():
    good = to_object(report(finding()))
    VALIDATOR.validate(good)
    for key in ("id", "steps", "fix", "no_fix_reason"):
        broken = json.loads(json.dumps(good))
        del broken["findings"][0][key]
        with pytest.raises(ValidationError):
            VALIDATOR.validate(broken)
    broken = {**good, "schema": 2}
    with pytest.raises(ValidationError):
        VALIDATOR.validate(broken)


@given(st.text(), st.text())
def test_any_text_is_written_in_ascii_and_comes_back(message: str, new: str):
    found = Finding(
        "r",
        "TFC1",
        Level.BEHAVIOR,
        Location("a\udce9.py", 0, 0),
        message,
        fix=Fix("t", (Edit("b", 0, 0, new),)),
        id="i",
    )
    text = to_json(Report("0", 1, (), (found,), {"a\udce9.py": ""}))
    assert text.isascii() and text.endswith("}\n")
    (back,) = json.loads(text)["findings"]
    assert (back["message"], back["path"]) == (message, "a\udce9.py")
    assert back["fix"]["edits"][0]["replacement"] == new


def test_named_paths_are_those_of_places_steps_and_edits():
    fix = Fix("t", (Edit("third.py", 0, 0, "x"),))
    assert named_paths([finding(fix=fix)]) == ["model.py", "sub/train.py", "third.py"]


def test_the_example_of_the_readme_fits_the_schema():
    readme = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
    VALIDATOR.validate(json.loads(readme.split("```json\n")[1].split("```")[0]))
