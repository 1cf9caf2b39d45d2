"""Every program of `corpus/` under `apply --verify`: the verdict on each fix is that of its `expected.json`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from test_corpus import PROGRAMS, contents, expected

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
import bench_verify

CHANGED = [program for program in PROGRAMS if not expected(program)["untouched"]]


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_fix_has_an_expected_verdict(program: str):
    places = {f"{f['path']}:{f['line']} {f['code']}" for f in expected(program)["findings"] if f["fix"]}
    assert expected(program)["verdicts"].keys() == places
    assert not {"REGRESSED", "PREMISE_ABSENT", "NOT_FIXED"} & set(expected(program)["verdicts"].values())


@pytest.mark.slow
@pytest.mark.parametrize("program", CHANGED)
def test_the_verdicts_are_the_expected_ones(program: str, tmp_path: Path):
    report = bench_verify.verified(program, tmp_path)
    found = {key: verdict["name"] for key, verdict in bench_verify.verdicts_of(report).items()}
    assert found == expected(program)["verdicts"]
    written, after = contents(tmp_path / program), contents(bench_verify.CORPUS / program / "after")
    assert written == after, "what was verified is what is written"


def test_the_table_names_what_is_not_as_expected(monkeypatch: pytest.MonkeyPatch):
    finding = {"path": "a.py", "line": 3, "code": "TFC202"}
    evidence = [{"what": "graphs", "before": "2", "after": "0"}]
    verdict = {"name": "IMPROVED", "evidence": evidence}
    report = {"findings": [{**finding, "fix": {"verdict": verdict}}, {**finding, "line": 4, "fix": None}]}
    monkeypatch.setattr(bench_verify, "verified", lambda program, folder: report)
    wanted = {"a.py:3 TFC202": "NOT_FIXED", "a.py:9 TFC301": "EQUIVALENT"}
    monkeypatch.setattr(bench_verify, "expected", lambda program: {"verdicts": wanted})
    _, *rows, last = bench_verify.corpus(["one"])
    assert last == "2 verdicts, 2 not as expected"
    assert "| one | a.py:3 | TFC202 | IMPROVED (expected: NOT_FIXED) | graphs: 2 -> 0 |" in rows[0]
    assert "| one | a.py:9 | TFC301 |  (expected: EQUIVALENT) | - |" in rows[1]
