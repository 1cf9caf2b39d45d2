"""The SARIF log: against the schema, against a reader of its own, and against what the pipeline would write."""

from __future__ import annotations

import json
import ntpath
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from report_samples import ANY, FILES, PATHS, SEED, analysed, everything, made_up, with_verdict
from sarif_reader import fixed, path_of, text_at
from toy_rules import TOYS

import torchfix_codemods
from torchfix_codemods.findings import Level
from torchfix_codemods.pipeline import file_changes, make_plan, report_of
from torchfix_codemods.report import sarif, sarif_results
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Status, outcomes
from torchfix_codemods.report.sarif import write_sarif
from torchfix_codemods.report.sarif_rules import HOME
from torchfix_codemods.rules import RULES
from torchfix_codemods.verify.model import VerdictName

SCHEMA = json.loads((Path(__file__).parent / "sarif-2.1.0.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
CORPUS = Path(__file__).parent.parent.parent / "corpus"
REPOSITORY = Path(torchfix_codemods.__file__).parent.parent


def run_of(report: Report, results: Any = None) -> dict[str, Any]:
    """The only run of a log, which the schema accepts."""
    text = write_sarif(report, outcomes(report) if results is None else results)
    assert text.isascii() and text.endswith("}\n")
    log = json.loads(text)
    VALIDATOR.validate(log)
    (run,) = log["runs"]
    return run


def test_every_kind_of_report_fits_the_schema(tmp_path: Path):
    report, results = everything(tmp_path)
    run = run_of(report, results)
    assert {result["properties"]["status"] for result in run["results"]} >= {"fixed", "held back", "dropped", "no fix"}
    for name in VerdictName:
        (verdict,) = (
            r["properties"]["verdict"]
            for r in run_of(*with_verdict(report, name))["results"]
            if "verdict" in r["properties"]
        )
        assert verdict["name"] == name.value
    assert run_of(Report("0.1.0", 0, (), (), {}))["results"] == []


def test_the_schema_refuses_what_is_none(tmp_path: Path):
    run = run_of(made_up())
    run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    assert not VALIDATOR.is_valid({"version": "2.1.0", "runs": [run]})


def test_each_result_names_its_rule_and_all_our_rules_are_told(tmp_path: Path):
    report, results = everything(tmp_path)
    run = run_of(report, results)
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules[: len(RULES)]] == [rule.code for rule in RULES]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result, outcome in zip(run["results"], results, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == outcome.finding.code


def test_a_rule_is_told_with_its_page(tmp_path: Path):
    for rule, told in zip(RULES, run_of(made_up())["tool"]["driver"]["rules"], strict=False):
        assert told["shortDescription"]["text"].lower() == rule.summary.lower() + "."
        assert told["help"]["text"] == rule.page().sections["Why"]
        assert "## Safety" in told["help"]["markdown"] and len(told["fullDescription"]["text"]) <= 1024
        assert (REPOSITORY / told["helpUri"].removeprefix(f"{HOME}/blob/HEAD/")).is_file()


@pytest.mark.parametrize(
    ("level", "word"),
    [(Level.CRASH_FIX, "error"), (Level.BEHAVIOR, "warning"), (Level.EQUIVALENT, "note"), (Level.SUGGESTION, "note")],
)
def test_what_crashes_is_an_error(level: Level, word: str):
    assert run_of(made_up(level=level))["results"][0]["level"] == word


def test_regions_are_where_the_words_stand_in_the_files(tmp_path: Path):
    run = run_of(report_of(analysed(tmp_path)))
    words = {"TOY101": "old_word", "TOY102": "chain_3", "TOY103": "pair_here", "TOY201": "maybe_word"}
    seen = set()
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        path = path_of(place["artifactLocation"])
        if word := words.get(result["ruleId"]):
            assert text_at((tmp_path / path).read_bytes(), place["region"]) == word
            seen.add(path)
        for flow in result.get("codeFlows", ()):
            for step in flow["threadFlows"][0]["locations"]:
                at = step["location"]["physicalLocation"]
                raw = (tmp_path / path_of(at["artifactLocation"])).read_bytes()
                assert text_at(raw, at["region"]) in ("old_word", "pair_there")
    assert seen == {*FILES} - {"there.py", "raises.py", "bad.py"}


def test_in_a_notebook_the_cell_is_told_too(tmp_path: Path):
    run = run_of(report_of(analysed(tmp_path, {"book.ipynb": FILES["book.ipynb"]})))
    told = [result["locations"][0]["message"]["text"] for result in run["results"]]
    assert told == ["cell 1, line 2", "cell 2, line 1", "cell 2, line 2", "cell 2, line 3"]


def fixes_come_out_alike(folder: Path, analysis: Any) -> int:
    """Each fix by itself: as a reader of SARIF makes it, and as we do. Gives the number of fixes."""
    report = report_of(analysis)
    compared = 0
    for result, outcome in zip(run_of(report)["results"], outcomes(report), strict=True):
        plan = make_plan(analysis, lambda finding, own=outcome.finding.id: finding.id == own)
        if "chain" in outcome.finding.rule:  # our plan makes its fixes to the end, the log has the first
            continue
        if outcome.finding.fix is None or {item.finding.id for item in plan.accepted} != {outcome.finding.id}:
            continue
        (fix,) = result["fixes"]
        assert fixed(folder, fix) == {change.path: change.after for change in file_changes(analysis, plan)}
        compared += 1
    return compared


def test_a_reader_makes_the_same_files_of_a_fix(tmp_path: Path):
    assert fixes_come_out_alike(tmp_path, analysed(tmp_path)) >= 14


@pytest.mark.parametrize("program", ["mnist_2017", "cnn_crlf", "cnn_latin1", "tagger_pkg", "fcn_trainer"])
def test_a_reader_makes_the_same_files_of_a_program(tmp_path: Path, program: str):
    files = {
        path.relative_to(CORPUS / program / "before").as_posix(): path.read_bytes()
        for path in (CORPUS / program / "before").rglob("*.py")
    }
    assert fixes_come_out_alike(tmp_path, analysed(tmp_path, files, RULES)) >= 1


CELLS = st.lists(
    st.lists(
        st.sampled_from(["old_word", "'\U0001d400\"\\\\é\t'", "x = [1,\n 2]", "%time old_word", "maybe_word", ""])
    ),
    max_size=4,
)


@given(CELLS, st.booleans(), st.booleans(), st.sampled_from([None, 1, 4]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_reader_makes_the_same_notebook(
    tmp_path: Path, cells: list[list[str]], lists: bool, ascii: bool, indent: Any
):
    from notebooks import code, notebook

    raw = notebook(*(code("\n".join(cell), as_list=lists) for cell in cells), indent=indent, ensure_ascii=ascii)
    analysis = analysed(tmp_path, {"book.ipynb": raw})
    assert not analysis.skipped
    fixes_come_out_alike(tmp_path, analysis)


def test_what_the_runs_speak_against_is_not_offered(tmp_path: Path):
    report = report_of(analysed(tmp_path, {"a.py": b"old_word\n"}))
    (good,) = run_of(*with_verdict(report, VerdictName.IMPROVED))["results"]
    (bad,) = run_of(*with_verdict(report, VerdictName.REGRESSED))["results"]
    assert "fixes" in good and "fixes" not in bad
    assert bad["properties"]["verdict"]["withheld"]
    assert good["message"]["text"].endswith(" fixable: replace old_word by new_word. IMPROVED: why {{0}}.")


def test_what_a_review_refused_is_not_offered(tmp_path: Path):
    report = report_of(analysed(tmp_path, {"a.py": b"old_word\nold_word\n"}))
    first, second = run_of(report, outcomes(report, [report.findings[0].id]))["results"]
    assert "fixes" not in first and "fixes" in second


def test_a_finding_that_only_a_fix_uncovered_has_a_file_but_no_place(tmp_path: Path):
    first, later = run_of(*everything(tmp_path, {"a.py": b"seed_word\n"}, (SEED, *TOYS)))["results"]
    assert first["locations"][0]["physicalLocation"]["region"]["endColumn"] == 10 and later["ruleId"] == "TOY101"
    (where,) = later["locations"]
    assert where["physicalLocation"]["region"] == {"startLine": 1} and "fixes" not in later
    assert where["message"]["text"] == "uncovered by another fix in this file"


def test_fingerprints_survive_shifted_lines_and_differ(tmp_path: Path):
    def fingerprints(text: str) -> dict[str, int]:
        run = run_of(report_of(analysed(tmp_path, {"a.py": text.encode()})))
        return {
            result["partialFingerprints"]["torchfix/v1"]: result["locations"][0]["physicalLocation"]["region"][
                "startLine"
            ]
            for result in run["results"]
        }

    lines = ["x = old_word", "print(maybe_word)", "x = old_word", "print(chain_3)"]
    before, after = fingerprints("\n".join(lines)), fingerprints("# new\n\n" + "\n\n".join(lines))
    assert list(before) == list(after) and len(before) == 4
    assert list(before.values()) == [1, 2, 3, 4] and list(after.values()) == [3, 5, 7, 9]


def test_what_was_not_analysed_and_what_failed_is_told(tmp_path: Path):
    report = replace(report_of(analysed(tmp_path)), warnings=("w {0}",), exit_code=2)
    (invocation,) = run_of(report)["invocations"]
    told = invocation["toolExecutionNotifications"]
    by_name = {notification["descriptor"]["id"]: notification for notification in told}
    assert not invocation["executionSuccessful"] and invocation["exitCode"] == 2
    assert by_name["syntax-error"]["level"] == "warning"
    assert by_name["rule-failed"]["message"]["text"].startswith("rule toy-raising failed: ")
    assert path_of(by_name["rule-failed"]["locations"][0]["physicalLocation"]["artifactLocation"]) == "raises.py"
    assert by_name["warning"]["message"]["text"] == "w {{0}}"
    assert run_of(made_up())["invocations"][0]["executionSuccessful"]


def test_too_many_results_lose_the_least_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    files = {"here.py": b"maybe_word\nold_word\npair_here\nold_word\n", "there.py": b"pair_there\n"}
    report = report_of(analysed(tmp_path, files))
    monkeypatch.setattr(sarif, "MOST_RESULTS", 2)
    run = run_of(report)
    assert [result["level"] for result in run["results"]] == ["error", "warning"]
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert notification["message"]["text"].startswith("2 findings are left out")


def test_names_of_files_are_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def uri(path: str) -> dict[str, str]:
        return run_of(made_up(path=path))["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]

    assert uri("a b/é:#?%.py") == {"uri": "a%20b/%C3%A9%3A%23%3F%25.py", "uriBaseId": "%SRCROOT%"}
    assert uri("/far/a.py") == {"uri": "file:///far/a.py"}
    assert uri("C:/near/a.py") == {"uri": "C%3A/near/a.py", "uriBaseId": "%SRCROOT%"}
    assert uri("\udce9.py")["uri"] == "%E9.py" and uri("\ud800.py")["uri"] == "%ED%A0%80.py"
    monkeypatch.setattr(sarif_results, "isabs", ntpath.isabs)
    assert uri("C:/far/a.py") == {"uri": "file:///C%3A/far/a.py"}
    assert uri("near/a.py") == {"uri": "near/a.py", "uriBaseId": "%SRCROOT%"}


def test_no_words_become_links_or_placeholders():
    (result,) = run_of(made_up("see [x](1) and x[0] {0}"))["results"]
    assert result["message"]["text"].startswith("see \\[x](1) and x[0] {{0}}.")


@given(ANY, PATHS, st.text())
@settings(max_examples=50, deadline=None)
def test_any_text_gives_a_valid_log(message: str, path: str, text: str):
    run = run_of(made_up(message, path, text))
    (result,) = run["results"]
    (fix,) = result["fixes"]
    content = fix["artifactChanges"][0]["replacements"][0].get("insertedContent", {"text": ""})
    assert content["text"] == text and result["message"]["text"].isprintable()


def test_status_words_of_fixes_that_are_offered(tmp_path: Path):
    report, results = everything(tmp_path)
    shuffled = random.Random(0).sample(results, len(results))
    for result, outcome in zip(run_of(report, shuffled)["results"], shuffled, strict=True):
        offered = outcome.finding.fix is not None and outcome.status in (Status.HELD_BACK, Status.WAITING)
        assert ("fixes" in result) == offered, outcome.status


def test_rules_that_are_not_installed_are_told_by_name_alone(tmp_path: Path):
    rules = run_of(*everything(tmp_path))["tool"]["driver"]["rules"][len(RULES) :]
    assert {rule["help"]["text"].lower() for rule in rules} == {f"{toy.name}." for toy in TOYS} - {"toy-raising."}
