"""Which findings count: on changed lines, not in a baseline, in the given files; and what is planned of them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import toy_rules
from notebooks import notebook
from test_pre_commit import MODEL, TRAIN

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.findings import Edit, Finding, Fix, Level, Location
from torchfix_codemods.pipeline import (
    Analysis,
    Request,
    analyse,
    entries_of,
    file_changes,
    make_plan,
    report_of,
    rewritten,
    with_all_known,
)
from torchfix_codemods.report.formats import writer
from torchfix_codemods.report.outcome import outcomes
from torchfix_codemods.rules import RULES
from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.source.baseline import write_baseline
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.reader import Reader
from torchfix_codemods.source.settings import load_settings


def write(folder: Path, texts: Mapping[str, str | bytes]) -> None:
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def committed(folder: Path, texts: Mapping[str, str | bytes]) -> None:
    write(folder, texts)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "all")


def run(
    folder: Path, *paths: str, rules: tuple[Rule, ...] = toy_rules.TOYS, cwd: Path | None = None, **more: object
) -> Analysis:
    request = Request(paths or (".",), cwd or folder, rules, settings=load_settings(folder), **more)  # type: ignore[arg-type]
    return analyse(request)


def after(analysis: Analysis) -> dict[str, str]:
    return {change.path: change.after.decode() for change in file_changes(analysis, make_plan(analysis))}


def places(analysis: Analysis) -> list[tuple[str, str]]:
    return [(f.location.path, f.rule.removeprefix("toy-")) for f in analysis.findings]


# --- ids -------------------------------------------------------------------------------------------------------


def test_ids_do_not_depend_on_the_working_folder(tmp_path: Path) -> None:
    texts = {"sub/a.py": "old_word\nold_word\n", "b.py": "old_word\n"}
    committed(tmp_path, texts)
    (tmp_path / "empty").mkdir()
    top = {f.id for f in run(tmp_path).findings}
    assert len(top) == 3
    assert {f.id for f in run(tmp_path / "empty", "..").findings} == top
    assert {f.id for f in run(tmp_path / "empty", str(tmp_path)).findings} == top
    below = {f.id for f in run(tmp_path / "sub", "a.py").findings}
    assert below < top and len(below) == 2
    assert {f.id for f in run(tmp_path, "sub").findings} == below
    assert {f.id for f in run(tmp_path / "sub", "a.py", project=True).findings} == below


def test_ids_at_the_top_are_those_of_a_folder_without_git(tmp_path: Path) -> None:
    write(tmp_path, {"sub/a.py": "old_word\n"})
    plain = [f.id for f in run(tmp_path).findings]
    (tmp_path / "pyproject.toml").write_text("[tool.torchfix]\n")
    assert [f.id for f in run(tmp_path / "sub").findings] == plain
    git(tmp_path, "init", "-q")
    assert [f.id for f in run(tmp_path).findings] == plain == ["1a3194271d022065"]


def test_the_same_line_in_two_repositories_has_two_ids(tmp_path: Path) -> None:
    for name in ("one", "two"):
        committed(tmp_path / name, {"a.py": "old_word\n"})
    assert len({f.id for f in run(tmp_path).findings}) == 2


# --- changed lines ---------------------------------------------------------------------------------------------


def test_only_findings_on_changed_lines_count_and_are_fixed(tmp_path: Path) -> None:
    committed(tmp_path, {"a.py": "old_word\nx = 1\n", "b.py": "old_word\n"})
    write(tmp_path, {"a.py": "old_word\nx = old_word\n", "new.py": "old_word\n"})
    analysis = run(tmp_path, since="HEAD")
    assert places(analysis) == [("a.py", "old-word"), ("new.py", "old-word")]
    assert after(analysis) == {"a.py": "old_word\nx = new_word\n", "new.py": "new_word\n"}
    narrowing = report_of(analysis).narrowing
    assert narrowing is not None and (narrowing.outside, narrowing.known, narrowing.stale) == (2, 0, 0)


def test_a_link_of_the_chain_on_a_changed_line_is_enough(tmp_path: Path) -> None:
    """Who swaps the loss in train.py hears of the softmax in model.py."""
    committed(tmp_path, {"model.py": MODEL, "train.py": TRAIN.replace("CrossEntropyLoss", "MSELoss")})
    assert places(run(tmp_path, rules=RULES, since="HEAD")) == []
    write(tmp_path, {"train.py": TRAIN})
    analysis = run(tmp_path, rules=RULES, since="HEAD")
    assert places(analysis) == [("model.py", "softmax-before-cross-entropy")]
    assert set(after(analysis)) == {"model.py"}
    write(tmp_path, {"train.py": TRAIN + "print(net)\n"})
    git(tmp_path, "commit", "-qam", "loss")
    write(tmp_path, {"train.py": TRAIN + "print(net)  # a line that has no part in it\n"})
    assert places(run(tmp_path, rules=RULES, since="HEAD")) == []


def test_what_a_fix_uncovers_elsewhere_is_left_alone(tmp_path: Path) -> None:
    """A chain counts down at its own place; a finding outside stays outside in the later passes too."""
    committed(tmp_path, {"a.py": "chain_1\nx = 1\nold_word\nchain_2\n"})
    write(tmp_path, {"a.py": "chain_1\nchain_3, old_word\nold_word\nchain_2\n"})
    analysis = run(tmp_path, since="HEAD")
    assert after(analysis) == {"a.py": "chain_1\nchain_0, new_word\nold_word\nchain_2\n"}
    results = outcomes(report_of(analysis, make_plan(analysis)))
    assert {outcome.status.value for outcome in results} == {"fixed"} and len(results) == 2


def check_uncovered(file: ParsedFile, project: object) -> object:
    """`first` -> `second`; and where no `first` is left, every `hidden` -> `seen`."""
    kind = "first" if "first" in file.text else "hidden"
    start = file.text.find(kind)
    if start != -1:
        edit = Edit(file.path, start, start + len(kind), {"first": "second", "hidden": "seen"}[kind])
        yield Finding(
            f"toy-{kind}", "TOY900", Level.BEHAVIOR, Location(file.path, start, edit.end), "m", (), Fix("t", (edit,))
        )


def test_a_finding_that_a_fix_uncovers_counts_where_its_lines_do(tmp_path: Path) -> None:
    rules = (Rule("TOY900", "toy-first", "s", Level.BEHAVIOR, check_uncovered),)  # type: ignore[arg-type]
    committed(tmp_path, {"a.py": "x = 1\nhidden\n"})
    write(tmp_path, {"a.py": "first\nhidden\n"})
    assert after(run(tmp_path, rules=rules)) == {"a.py": "second\nseen\n"}
    assert after(run(tmp_path, rules=rules, since="HEAD")) == {"a.py": "second\nhidden\n"}
    write(tmp_path, {"a.py": "first\n\nhidden\n"})
    git(tmp_path, "commit", "-qam", "all")
    write(tmp_path, {"a.py": "first # new\n\nhidden # new\n"})
    assert after(run(tmp_path, rules=rules, since="HEAD")) == {"a.py": "second # new\n\nseen # new\n"}


def test_a_renamed_file_and_carriage_returns(tmp_path: Path) -> None:
    committed(tmp_path, {"a.py": "one = 1\r\nold_word\r\n" * 5})
    git(tmp_path, "mv", "a.py", "b.py")
    write(tmp_path, {"b.py": "one = 1\r\nold_word\r\n" * 4 + "one = 1\r\nx = old_word\r\n"})
    assert after(run(tmp_path, since="HEAD")) == {"b.py": "one = 1\r\nold_word\r\n" * 4 + "one = 1\r\nx = new_word\r\n"}


def test_lines_of_notebooks(tmp_path: Path) -> None:
    committed(tmp_path, {"n.ipynb": notebook("old_word\nx = 1", "%matplotlib inline\ny = 1\nold_word")})
    write(tmp_path, {"n.ipynb": notebook("old_word\nx = 1", "%matplotlib inline\ny = old_word\nold_word")})
    analysis = run(tmp_path, since="HEAD")
    assert len(analysis.findings) == 1 and len(analysis.sorted_out.outside) == 2
    assert "y = new_word" in after(analysis)["n.ipynb"] and after(analysis)["n.ipynb"].count("old_word") == 2


def test_odd_names_and_files_without_a_suffix(tmp_path: Path) -> None:
    names = ["é b.py", 'q"\t.py', os.fsdecode(b"\xff.py"), "script"]
    committed(tmp_path, dict.fromkeys(names, "old_word\nx = 1\n"))
    write(tmp_path, dict.fromkeys(names, "old_word\nold_word\n"))
    analysis = run(tmp_path, ".", "script", since="HEAD")
    assert sorted(f.location.path for f in analysis.findings) == sorted(names)
    assert len(analysis.sorted_out.outside) == len(names)


def test_a_revision_that_is_not_there_is_found_before_any_work(tmp_path: Path) -> None:
    committed(tmp_path, {"a.py": "raise_word\n"})

    def check(file: ParsedFile, project: object) -> object:
        raise AssertionError("no file is looked at")

    rule = Rule("TOY900", "toy", "s", Level.BEHAVIOR, check)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="--since nope"):
        run(tmp_path, rules=(rule,), since="nope")


# --- a baseline ------------------------------------------------------------------------------------------------


def with_baseline(folder: Path, analysis: Analysis) -> Path:
    file = folder / "known.json"
    write_baseline(file, entries_of(analysis))
    return file


def test_known_findings_do_not_count_and_are_not_fixed(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "old_word\nchain_1\n", "b/c.py": "maybe_word\n"})
    file = with_baseline(tmp_path, run(tmp_path))
    analysis = run(tmp_path, baseline=file)
    assert (places(analysis), after(analysis), len(analysis.sorted_out.known)) == ([], {}, 3)
    assert report_of(with_all_known(run(tmp_path))).narrowing == report_of(analysis).narrowing


def test_a_further_mistake_of_the_same_words_is_new(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "old_word\n"})
    file = with_baseline(tmp_path, run(tmp_path))
    write(tmp_path, {"a.py": "'''moved'''\n\nold_word\nold_word\n"})
    analysis = run(tmp_path, baseline=file)
    assert len(analysis.findings) == 1 and len(analysis.sorted_out.known) == 1
    assert after(analysis) == {"a.py": "'''moved'''\n\nold_word\nnew_word\n"}


def test_a_known_twin_is_not_fixed_when_the_new_one_is(tmp_path: Path) -> None:
    """Once the new one is repaired, the known one inherits no id that would have it repaired too, and the other way."""
    write(tmp_path, {"a.py": "old_word\n"})
    file = with_baseline(tmp_path, run(tmp_path))
    write(tmp_path, {"a.py": "old_word; chain_2\nold_word\n"})
    assert after(run(tmp_path, baseline=file)) == {"a.py": "new_word; chain_0\nold_word\n"}


def test_entries_that_are_gone_are_counted_where_this_run_has_looked(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "old_word\nchain_1\n", "b.py": "old_word\n"})
    file = with_baseline(tmp_path, run(tmp_path))
    write(tmp_path, {"a.py": "", "b.py": ""})

    def stale(*paths: str, **more: object) -> int:
        narrowing = report_of(run(tmp_path, *paths, baseline=file, **more)).narrowing  # type: ignore[arg-type]
        assert narrowing is not None
        return narrowing.stale

    assert stale() == 3
    assert stale("a.py") == 2
    assert stale(rules=(toy_rules.CHAIN,)) == 1
    write(tmp_path, {"a.py": "def f(:\n"})
    assert stale() == 1
    write(tmp_path, {"b.py": "x = old_word\n"})  # another line: the one is gone, the other is new
    assert stale() == 1 and len(run(tmp_path, "b.py", baseline=file).findings) == 1


def test_a_baseline_counts_from_any_folder(tmp_path: Path) -> None:
    committed(tmp_path, {"sub/a.py": "old_word\n", "b.py": "old_word\n"})
    file = with_baseline(tmp_path, run(tmp_path))
    for cwd, path in ((tmp_path / "sub", "a.py"), (tmp_path / "sub", ".."), (tmp_path, "sub/a.py")):
        assert run(cwd, path, baseline=file).findings == ()


# --- the project around ----------------------------------------------------------------------------------------


def test_a_model_and_its_loss_in_two_files(tmp_path: Path) -> None:
    committed(tmp_path, {"model.py": MODEL, "train.py": TRAIN, "bad.py": "def f(:\n"})
    assert places(run(tmp_path, "model.py", rules=RULES)) == []
    analysis = run(tmp_path, "model.py", rules=RULES, project=True)
    assert places(analysis) == [("model.py", "softmax-before-cross-entropy")]
    assert set(after(analysis)) == {"model.py"}
    report = report_of(analysis)
    assert (report.seen, report.analysed, report.skipped) == (1, 1, ())
    assert report.context is not None and report.context.files == 2
    assert places(run(tmp_path, "train.py", rules=RULES, project=True)) == []


PACKAGED = TRAIN.replace("from model", "from package.nets.model")


def test_from_a_folder_inside_of_the_project(tmp_path: Path) -> None:
    """Absolute imports count from the top, wherever somebody stands; shown paths count from there."""
    texts = {"package/nets/model.py": MODEL, "package/nets/__init__.py": "", "package/train.py": PACKAGED}
    committed(tmp_path, texts)
    analysis = run(tmp_path / "package/nets", "model.py", rules=RULES, project=True)
    (finding,) = analysis.findings
    assert finding.location.path == "model.py"
    assert {step.location.path for step in finding.steps} == {"model.py", str(tmp_path / "package/train.py")}
    assert set(after(analysis)) == {"model.py"}


def test_through_links(tmp_path: Path) -> None:
    texts = {"package/nets/model.py": MODEL, "package/nets/__init__.py": "", "package/train.py": PACKAGED}
    committed(tmp_path / "real", texts)
    (tmp_path / "linked").symlink_to("real")
    (tmp_path / "real/nets").symlink_to("package/nets")
    (tmp_path / "real/link.py").symlink_to("package/nets/model.py")
    for cwd, path in (("linked", "package/nets/model.py"), ("real", "nets/model.py"), ("real", "link.py")):
        analysis = run(tmp_path / cwd, path, rules=RULES, project=True)
        assert places(analysis) == [(path, "softmax-before-cross-entropy")]
        assert len(analysis.findings[0].steps) == 3 and set(after(analysis)) == {path}


def test_where_there_is_no_repository(tmp_path: Path) -> None:
    write(tmp_path, {"p/sub/model.py": MODEL, "p/train.py": TRAIN.replace("from model", "from sub.model")})
    below = {"rules": RULES, "project": True}
    assert places(run(tmp_path, "p/sub/model.py", **below)) == []  # the folder that holds the given files is all
    assert len(run(tmp_path, "p/sub/model.py", "p/train.py", **below).findings) == 1
    write(tmp_path, {"p/pyproject.toml": "[tool.torchfix]\n"})
    settings = load_settings(tmp_path / "p/sub")
    request = Request(("p/sub/model.py",), tmp_path, RULES, settings=settings, project=True)
    assert len(analyse(request).findings) == 1
    left_out = replace(settings, exclude=("train.py",))
    assert analyse(replace(request, settings=left_out)).findings == ()


def test_a_home_folder_is_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"home/a.py": "old_word\n", "home/project/a.py": "old_word\n"})
    git(tmp_path / "home", "init", "-q")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    analysis = run(tmp_path / "home/project", "a.py", project=True)
    assert (len(analysis.findings), analysis.inputs.around) == (1, 0)
    with pytest.raises(UsageError, match="belongs to no project"):
        run(tmp_path / "home", "a.py", project=True)


def test_a_fix_that_changes_a_file_which_was_not_given_is_not_made(tmp_path: Path) -> None:
    committed(tmp_path, {"here.py": "pair_here\nold_word\n", "there.py": "pair_there\n"})
    analysis = run(tmp_path, "here.py", project=True)
    pair, old = analysis.findings
    assert (pair.level, pair.fix) == (Level.CRASH_FIX, None)  # what is wrong is as wrong as it was
    assert pair.no_fix_reason == "its fix also changes there.py, which was not given"
    assert old.fix is not None and after(analysis) == {"here.py": "pair_here\nnew_word\n"}
    report = report_of(analysis, make_plan(analysis))
    told = {name: writer(name)(report, outcomes(report)) for name in ("sarif", "github", "gitlab", "junit", "json")}
    assert json.loads(told["sarif"])["runs"][0]["results"][0]["level"] == "error"
    assert told["github"].startswith("::error file=here.py,line=1,")
    assert "fixes" not in json.loads(told["sarif"])["runs"][0]["results"][0]
    whole = report_of(run(tmp_path, rules=(toy_rules.PAIR,)))
    severity = json.loads(writer("gitlab")(whole, outcomes(whole)))[0]["severity"]
    assert json.loads(told["gitlab"])[0]["severity"] == severity and 'type="crash-fix"' in told["junit"]
    first = json.loads(told["json"])["findings"][0]
    assert (first["level"], first["fix"]) == ("crash-fix", None)
    assert after(run(tmp_path, "here.py", "there.py", project=True)) == {
        "here.py": "one\nnew_word\n",
        "there.py": "two\n",
    }


def test_somebody_elses_rule_may_find_things_by_the_users_of_a_file(tmp_path: Path) -> None:
    """Its findings may stand in another file than the one that it looks at."""

    def check(file: ParsedFile, project: object) -> object:
        if "import model" in file.text:
            yield Finding("toy", "TOY900", Level.SUGGESTION, Location("model.py", 0, 1), "m", no_fix_reason="none")
            yield Finding("toy", "TOY900", Level.SUGGESTION, Location("user.py", 0, 1), "m", no_fix_reason="none")

    rule = Rule("TOY900", "toy", "s", Level.BEHAVIOR, check)  # type: ignore[arg-type]
    committed(tmp_path, {"model.py": "x = 1\n", "between.py": "import model\n", "user.py": "import between\n"})
    analysis = run(tmp_path, "model.py", rules=(rule,), project=True)
    assert places(analysis) == [("model.py", "toy")]
    assert len(analysis.sorted_out.elsewhere) == 1


def test_standard_input_in_its_project(tmp_path: Path) -> None:
    committed(tmp_path, {"model.py": "not yet written\n", "train.py": TRAIN})
    request = Request(("-",), tmp_path, RULES, given=("model.py", MODEL.encode()), project=True)
    analysis = analyse(request)
    assert places(analysis) == [("model.py", "softmax-before-cross-entropy")]
    new = rewritten(analysis, make_plan(analysis), "model.py")
    assert new is not None and b"softmax" not in new and (tmp_path / "model.py").read_text() == "not yet written\n"
    assert analyse(replace(request, project=False)).findings == ()


def test_changed_lines_in_the_given_files_of_a_project(tmp_path: Path) -> None:
    committed(tmp_path, {"model.py": MODEL, "train.py": TRAIN.replace("CrossEntropyLoss", "MSELoss")})
    write(tmp_path, {"train.py": TRAIN})
    assert places(run(tmp_path, "model.py", rules=RULES, project=True, since="HEAD")) == [
        ("model.py", "softmax-before-cross-entropy")
    ]
    git(tmp_path, "commit", "-qam", "loss")
    assert places(run(tmp_path, "model.py", rules=RULES, project=True, since="HEAD")) == []


# --- much of everything ----------------------------------------------------------------------------------------


def reads(folder: Path, files: int, monkeypatch: pytest.MonkeyPatch) -> float:
    """How often a file is read for each one that there is, with half of ten findings in each of them known."""
    folder.mkdir()
    write(folder, {f"m{number}.py": TEN for number in range(files)})
    entries = entries_of(run(folder, rules=RULES))
    assert len(entries) == 10 * files
    write_baseline(folder / "known.json", entries[::2])
    counted: list[str] = []
    read = Reader.source
    monkeypatch.setattr(Reader, "source", lambda reader, path: counted.append(path) or read(reader, path))
    analysis = run(folder, rules=RULES, baseline=folder / "known.json")
    assert len(make_plan(analysis).accepted) == 5 * files
    monkeypatch.undo()
    return len(counted) / files


TEN = "from torch import nn\n" + "".join(
    f"y{n} = x\nloss{n} = nn.CrossEntropyLoss()(nn.Softmax(dim=1)(y{n}), labels)\n" for n in range(10)
)


def test_a_project_of_twice_the_size_takes_twice_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = (reads(tmp_path / str(files), files, monkeypatch) for files in (4, 16))
    assert few == many
