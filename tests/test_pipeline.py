"""The whole way without a terminal: what is found, planned, skipped and reported."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
import toy_rules

from torchfix_codemods import pipeline
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.checking import pool, stages
from torchfix_codemods.findings import Edit, Finding, Fix, Level, Location
from torchfix_codemods.pipeline import Analysis, Request, analyse, file_changes, make_plan, patch
from torchfix_codemods.rules import RULES
from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.source.settings import load_settings


def write(folder: Path, texts: Mapping[str, str | bytes]) -> None:
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)


def request(folder: Path, *, rules: tuple[Rule, ...] = toy_rules.TOYS, jobs: int = 1, **more: object) -> Request:
    return Request(paths=(".",), cwd=folder, rules=rules, settings=load_settings(folder), jobs=jobs, **more)  # type: ignore[arg-type]


def run(folder: Path, texts: Mapping[str, str | bytes], **more: object) -> Analysis:
    write(folder, texts)
    return analyse(request(folder, **more))  # type: ignore[arg-type]


def after(analysis: Analysis, **more: object) -> dict[str, str]:
    plan = make_plan(analysis, **more)  # type: ignore[arg-type]
    return {change.path: change.after.decode() for change in file_changes(analysis, plan)}


def rules_of(analysis: Analysis) -> list[str]:
    return [finding.rule for finding in analysis.findings]


def test_findings_come_in_the_order_of_the_files(tmp_path: Path):
    found = run(tmp_path, {"b.py": "old_word\n", "a.py": "maybe_word\nold_word\n", "c/a.py": "chain_1\n"}).findings
    assert [(f.location.path, f.rule) for f in found] == [
        ("a.py", "toy-maybe"),
        ("a.py", "toy-old-word"),
        ("b.py", "toy-old-word"),
        ("c/a.py", "toy-chain"),
    ]


def test_ids_survive_shifted_lines_and_spacing_and_tell_twins_apart(tmp_path: Path):
    before = run(tmp_path, {"a.py": "x = old_word\ny = 1\nx = old_word\n"}).findings
    later = run(tmp_path, {"a.py": "'''doc'''\n\n\nx  =  old_word\ny = 2\nif y:\n    x = old_word\n"}).findings
    assert [f.id for f in before] == [f.id for f in later]
    assert len({f.id for f in before}) == 2
    assert all(len(f.id) == 16 for f in before)


def test_a_plan_reaches_the_fixed_point_and_holds_suggestions_back(tmp_path: Path):
    analysis = run(tmp_path, {"a.py": "chain_3, old_word, maybe_word\n"})
    assert after(analysis) == {"a.py": "chain_0, new_word, maybe_word\n"}
    assert [f.rule for f in make_plan(analysis).held_back] == ["toy-maybe"]
    everything = analyse(request(tmp_path, up_to=Level.SUGGESTION))
    assert after(everything) == {"a.py": "chain_0, new_word, sure_word\n"}
    cautious = analyse(request(tmp_path, up_to=Level.EQUIVALENT))
    assert after(cautious) == {"a.py": "chain_0, old_word, maybe_word\n"}


def test_a_fix_over_two_files_is_made_in_both(tmp_path: Path):
    analysis = run(tmp_path, {"p/here.py": "pair_here\n", "p/there.py": "pair_there\n"})
    assert after(analysis) == {"p/here.py": "one\n", "p/there.py": "two\n"}


def test_a_fix_that_breaks_the_file_is_dropped_alone(tmp_path: Path):
    analysis = run(tmp_path, {"a.py": "break_word\nold_word\n"})
    plan = make_plan(analysis)
    assert after(analysis) == {"a.py": "break_word\nnew_word\n"}
    assert [(d.finding.rule, d.reason) for d in plan.dropped] == [("toy-breaking", "would-not-parse")]


@pytest.mark.parametrize("word", ["raise_word", "deep_word"])
def test_a_rule_that_raises_costs_that_rule_on_that_file(tmp_path: Path, word: str):
    analysis = run(tmp_path, {"a.py": f"{word}\nold_word\n", "b.py": "old_word\n"})
    assert rules_of(analysis) == ["toy-old-word", "toy-old-word"]
    (problem,) = analysis.problems
    assert (problem.path, problem.rule) == ("a.py", "toy-raising")
    first, *rest = problem.detail.splitlines()
    assert first.startswith("LookupError: lost at line 1" if word == "raise_word" else "RecursionError:")
    assert any("Traceback" in line for line in rest)


BAD = {
    "syntax.py": (b"def f(:\n", "syntax-error"),
    "python2.py": (b"print 'old_word'\n", "syntax-error"),
    "nul.py": (b"old_word\0\n", "nul-byte"),
    "latin.py": (b"# \xe9 old_word\n", "undecodable"),
    "codec.py": (b"# coding: klingon\nold_word\n", "unknown-encoding"),
    "deep.py": (b"x = " + b"(" * 2000 + b")" * 2000 + b"\n", "too-deep"),
    "long.py": (b"x = " + b"-" * 200_000 + b"1\n", "too-deep"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_analysed_is_named_and_the_rest_goes_on(tmp_path: Path, name: str):
    raw, reason = BAD[name]
    analysis = run(tmp_path, {name: raw, "good.py": "old_word\n", "empty.py": ""})
    assert [(s.path, s.reason) for s in analysis.skipped] == [(name, reason)]
    assert rules_of(analysis) == ["toy-old-word"]
    report = pipeline.report_of(analysis)
    assert (report.seen, report.analysed) == (3, 2)


def test_files_that_the_gate_turns_away_are_parsed_in_a_small_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, {"bad.py": "def f(:\n", "good.py": "x = 1\n"})
    ours = request(tmp_path, rules=())
    assert [s.path for s in analyse(ours).skipped] == ["bad.py"]
    monkeypatch.setattr(stages, "PARSED_FOR_ERRORS", 3)
    assert analyse(ours).skipped == ()


def test_files_that_a_closer_look_turns_away_are_parsed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    broken = "from torch import nn\n\nclass Net(nn.Module):\n    def evaluate(self, x):\n        return self.net(x\n"
    write(tmp_path, {"bad.py": broken, "good.py": "import torch\n\ndef validate_all(x):\n    return len(x)\n"})
    ours = Request(paths=(".",), cwd=tmp_path, rules=RULES)
    assert [s.path for s in analyse(ours).skipped] == ["bad.py"]
    monkeypatch.setattr(stages, "PARSED_FOR_ERRORS", 3)
    assert analyse(ours).skipped == ()


def test_suppression_by_comment_by_settings_and_by_file(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text('[tool.torchfix.per-file-ignores]\n"tests/*" = ["toy-old-word"]\n')
    texts = {
        "a.py": "old_word  # torchfix: ignore[toy-old-word]\nold_word\nold_word  # torchfix: ignore[toy-chain]\n",
        "b.py": "# torchfix: skip-file\nold_word\n",
        "tests/t.py": "old_word, chain_1\n",
    }
    analysis = run(tmp_path, texts)
    assert [(f.location.path, f.rule) for f in analysis.findings] == [
        ("a.py", "toy-old-word"),
        ("a.py", "toy-old-word"),
        ("tests/t.py", "toy-chain"),
    ]
    assert analysis.suppressed == 3
    assert "a.py" in after(analysis) and after(analysis)["a.py"].splitlines()[0].startswith("old_word")


def test_a_fix_never_changes_a_file_that_wants_to_be_skipped(tmp_path: Path):
    texts = {"here.py": "pair_here\n", "there.py": "# torchfix: skip-file\npair_there\n"}
    analysis = run(tmp_path, texts)
    (finding,) = analysis.findings
    assert finding.fix is None and "there.py" in (finding.no_fix_reason or "")
    assert after(analysis) == {}


def test_a_misspelled_suppression_is_a_warning(tmp_path: Path):
    analysis = run(tmp_path, {"a.py": "x = 1  # torchfix: ignore[no-such-rule]\ny = 1  # torchfix: ingore\n"})
    assert [w.split(": ")[0] for w in analysis.warnings] == ["a.py:1", "a.py:2"]
    assert "no-such-rule" in analysis.warnings[0]


def test_a_file_that_changes_during_the_run_is_skipped_and_not_rewritten(tmp_path: Path):
    def check(file: ParsedFile, project: object) -> object:
        if file.path == "a.py":
            (tmp_path / "a.py").write_text("# longer than it was\nold_word\n")
        return toy_rules.check_old(file, project)  # type: ignore[arg-type]

    rule = Rule("TOY101", "toy-old-word", "s", Level.BEHAVIOR, check)  # type: ignore[arg-type]
    analysis = run(tmp_path, {"a.py": "old_word\n", "b.py": "old_word\n"}, rules=(rule,))
    assert [(s.path, s.reason) for s in analysis.skipped] == [("a.py", "changed-while-reading")]
    assert [f.location.path for f in analysis.findings] == ["b.py"]


def test_a_mistake_found_from_two_files_is_one_finding_and_the_more_cautious_one(tmp_path: Path):
    def check(file: ParsedFile, project: object) -> object:
        place = Location("model.py", 0, 5)
        fix = Fix("t", (Edit("model.py", 0, 5, "y"),))
        if file.path == "sure.py":
            yield Finding("toy-two", "TOY900", Level.BEHAVIOR, place, "m", fix=fix)
        if file.path == "unsure.py":
            yield Finding("toy-two", "TOY900", Level.SUGGESTION, place, "m", no_fix_reason="two users")

    rule = Rule("TOY900", "toy-two", "s", Level.BEHAVIOR, check)  # type: ignore[arg-type]
    texts = {"model.py": "x = 1\n", "sure.py": "", "unsure.py": ""}
    (finding,) = run(tmp_path, texts, rules=(rule,)).findings
    assert finding.no_fix_reason == "two users"


def test_the_patch_is_accepted_by_git_apply(tmp_path: Path):
    import subprocess

    texts = {"a b.py": "old_word", "é.py": "x\r\nold_word\r\n", "sub/c.py": "old_word\n"}
    analysis = run(tmp_path, texts)
    plan = make_plan(analysis)
    wanted = {change.path: change.after for change in file_changes(analysis, plan)}
    subprocess.run(["git", "apply", "-"], input=patch(analysis, plan), cwd=tmp_path, check=True)
    assert {name: (tmp_path / name).read_bytes() for name in texts} == wanted


def words(number: int) -> str:
    pick = random.Random(number)
    choice = ["old_word", "chain_2", "maybe_word", "raise_word", "x = 1", "hopeless_word", "pair_here"]
    return "\n".join(pick.choices(choice, k=4)) + "\n"


@pytest.fixture
def many(tmp_path: Path) -> Path:
    texts = {f"d{n % 7}/f{n}.py": words(n) for n in range(90)}
    write(tmp_path, {**texts, "d1/there.py": "pair_there\n", "d2/bad.py": "def f(:\n", "d3/bad.py": b"\xff\n"})
    return tmp_path


def test_several_processes_give_the_same_as_one(many: Path, monkeypatch: pytest.MonkeyPatch):
    serial = analyse(request(many))
    monkeypatch.setattr(pool, "WORTH_A_POOL", 10)
    forked = analyse(request(many, jobs=3))
    assert forked.findings == serial.findings and len(serial.findings) > 50
    assert [(p.path, p.rule) for p in forked.problems] == [(p.path, p.rule) for p in serial.problems]
    assert (forked.skipped, forked.producers) == (serial.skipped, serial.producers)
    assert after(forked) == after(serial)


def test_a_file_that_kills_its_process_is_skipped_alone(many: Path, monkeypatch: pytest.MonkeyPatch):
    def check(file: ParsedFile, project: object) -> object:
        if file.path == "d4/f4.py":
            os._exit(11)
        return toy_rules.check_old(file, project)  # type: ignore[arg-type]

    monkeypatch.setattr(pool, "WORTH_A_POOL", 10)
    rule = Rule("TOY101", "toy-old-word", "s", Level.BEHAVIOR, check)  # type: ignore[arg-type]
    analysis = analyse(request(many, rules=(rule,), jobs=2))
    lost = [(s.path, s.reason) for s in analysis.skipped if s.reason == "analysis-died"]
    assert lost == [("d4/f4.py", "analysis-died")]
    found = {f.location.path for f in analysis.findings}
    wanted = {f"d{n % 7}/f{n}.py" for n in range(90) if "old_word" in words(n)}
    assert found == wanted - {"d4/f4.py"}


def test_progress_hears_every_stage(many: Path):
    heard: dict[str, tuple[int, int]] = {}
    analyse(request(many), lambda stage, done, total: heard.__setitem__(stage, (done, total)))
    assert heard["analysing"][0] == heard["analysing"][1] > 80
    assert heard["reading"][0] == heard["reading"][1] == 93


def test_a_project_that_never_names_torch_is_parsed_and_not_interpreted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "def evaluate(model, loader):\n    model.eval()\n    for x in loader:\n        print(model(x))\n"
    (tmp_path / "a.py").write_text(text)
    (tmp_path / "b.py").write_text("def (:\n")
    request = Request((".",), tmp_path, RULES)
    alone = analyse(request)
    assert not alone.findings and [item.path for item in alone.skipped] == ["b.py"]
    monkeypatch.setattr(stages, "PARSED_FOR_ERRORS", 10)  # too much of it to be parsed for nothing
    assert not analyse(request).skipped
    (tmp_path / "c.py").write_text("import torch\n")
    assert [finding.rule for finding in analyse(request).findings] == ["eval-without-no-grad"]
    given = Request(("-",), tmp_path, RULES, given=("a.py", text.encode()))
    assert [finding.rule for finding in analyse(given).findings] == ["eval-without-no-grad"]
