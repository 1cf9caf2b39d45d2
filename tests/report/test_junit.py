"""JUnit XML, read by junitparser as others read it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped, TestSuite
from notebooks import notebook
from report_samples import ANY, FILES, PATHS, SEED, analysed, everything, made_up
from toy_rules import TOYS

from torchfix_codemods.findings import Problem
from torchfix_codemods.pipeline import report_of
from torchfix_codemods.report.junit import write_junit
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import outcomes


def suites(report: Report, results: Any = None) -> dict[str, TestSuite]:
    """The suites by their names. The sums that stand in the file are those of its cases."""
    text = write_junit(report, outcomes(report) if results is None else results)
    assert text.endswith("</testsuites>\n")
    xml = JUnitXml.fromstring(text.encode("utf-8"))
    told = [(s.tests, s.failures, s.errors, s.skipped) for s in (xml, *xml)]
    xml.update_statistics()
    assert told == [(s.tests, s.failures, s.errors, s.skipped) for s in (xml, *xml)]
    for suite in xml:
        names = [(case.classname, case.name) for case in suite]
        assert len(set(names)) == len(names)
    return {suite.name: suite for suite in xml}


def test_a_finding_is_a_failed_case_of_its_file(tmp_path: Path):
    report = report_of(analysed(tmp_path, {"a.py": b"x = old_word\nold_word\nmaybe_word\n", "b.py": b"old_word\n"}))
    found = suites(report)
    assert list(found) == ["torchfix", "a.py", "b.py"]
    first, second, third = found["a.py"]
    names = ["TOY101 toy-old-word", "TOY101 toy-old-word (2)", "TOY201 toy-maybe"]
    assert [case.name for case in (first, second, third)] == names
    assert first._elem.attrib["file"] == "a.py" and first._elem.attrib["line"] == "1"
    (failure,) = first.result
    assert isinstance(failure, Failure) and (failure.message, failure.type) == ("the word is old", "behavior")
    assert failure.text.startswith("a.py:1:5: TOY101 toy-old-word [behavior] the word is old\n    a.py:1: the old")


def test_names_of_cases_survive_shifted_lines(tmp_path: Path):
    def names(text: bytes) -> list[str]:
        return [case.name for case in suites(report_of(analysed(tmp_path, {"a.py": text})))["a.py"]]

    assert names(b"old_word\nold_word\n") == names(b"# new\nold_word\n\nold_word\n")


def test_a_clean_run_is_one_passed_case(tmp_path: Path):
    (suite,) = suites(report_of(analysed(tmp_path, {"a.py": b"x = 1\n"}))).values()
    (case,) = suite
    assert case.is_passed and case.system_out == "1 file analysed of 1"


def test_where_nothing_was_analysed_nothing_passes(tmp_path: Path):
    (suite,) = suites(report_of(analysed(tmp_path, {"bad.py": b"def (:\n"}))).values()
    run, bad = suite
    assert not run.is_passed and isinstance(run.result[0], Skipped)
    assert bad.name == "bad.py" and bad.result[0].message.startswith("syntax-error: ")


def test_a_cell_that_is_left_out_is_skipped_and_warnings_are_told(tmp_path: Path):
    report = report_of(analysed(tmp_path, {"a.ipynb": notebook("x = 1", "def (:")}))
    run, cell = suites(replace(report, warnings=("one", "two")))["torchfix"]
    assert cell.name == "a.ipynb, cell 2" and cell.result[0].message.startswith("syntax-error: ")
    assert run.is_passed and run.system_err == "one\ntwo"


def test_a_rule_that_failed_is_an_error(tmp_path: Path):
    report = report_of(analysed(tmp_path, {"raises.py": b"raise_word\n"}))
    _, case = suites(report)["torchfix"]
    (error,) = case.result
    assert isinstance(error, Error) and case.name == "toy-raising on raises.py"
    assert error.message == "rule toy-raising failed" and "Traceback" in error.text


def test_what_is_fixed_passes(tmp_path: Path):
    report, results = everything(tmp_path, {**FILES, "seed.py": b"seed_word\n"}, (SEED, *TOYS))
    found = suites(report, results)
    assert [case.is_passed for case in found["seed.py"]] == [True, True]
    assert [case.is_passed for case in found["sub folder/b.py"]] == [False, False, False]
    assert found["a.py"].failures == 0 and found["torchfix"].errors == 1


@given(ANY, PATHS, st.text())
def test_any_text_is_valid_xml(message: str, path: str, text: str):
    report = replace(made_up(message, path, text), problems=(Problem(path, "some-rule", message),))
    (failed,) = (suite for name, suite in suites(report).items() if name != "torchfix" or suite.failures)
    assert failed.failures == 1
    raw = write_junit(report, outcomes(report)).encode("utf-8")
    assert ElementTree.fromstring(raw).get("errors") == "1"
