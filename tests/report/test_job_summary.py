"""The summary of a job: what is in it, that it is never too long, and that the command line adds it to the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_reader import inlines, noticed, parse, text_of
from report_samples import ANY, PATHS, SEED, analysed, everything, made_up, with_verdict
from toy_rules import TOYS

from torchfix_codemods.cli.main import run
from torchfix_codemods.pipeline import report_of
from torchfix_codemods.report.job_summary import LIMIT, job_summary
from torchfix_codemods.report.outcome import outcomes
from torchfix_codemods.rules import RULES
from torchfix_codemods.verify.model import VerdictName

TRAIN = b"""import torch
import torch.nn as nn

net = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))
loss = nn.CrossEntropyLoss()(net(torch.randn(8, 4)), torch.zeros(8, dtype=torch.long))
"""


def test_it_has_the_findings_the_evidence_and_the_changes(tmp_path: Path):
    report = report_of(analysed(tmp_path, {"a.py": b"x = old_word  # kept\n"}))
    assert job_summary(report, outcomes(report)) == (
        "## torchfix: 1 finding, 1 fixable by `apply`\n\n"
        "- 1 file analysed of 1\n\n"
        "| Rule | Level | Where | What is wrong | Now |\n|---|---|---|---|---|\n"
        "| TOY101 toy-old-word | behavior | `a.py:1:5` | the word is old | fixable: replace old_word by new_word |\n\n"
        "### TOY101 toy-old-word: `a.py:1:5`\n\n"
        "- `a.py:1`: the old word is said here\n\n"
        "`a.py`\n\n```diff\n-x = old_word  # kept\n+x = new_word  # kept\n```\n"
    )


def test_every_kind_of_report_is_a_document(tmp_path: Path):
    report, results = everything(tmp_path, rules=(SEED, *TOYS))
    for told, found in ((report, results), with_verdict(report, VerdictName.REGRESSED)):
        text = job_summary(told, found)
        tokens = parse(text)
        assert sum(token.type == "tr_open" for token in tokens) == 1 + len(found)
        assert sum(token.tag == "h3" and token.nesting == 1 for token in tokens) == len(found)
        assert "syntax-error" in text and "toy-raising" in text


@given(ANY, PATHS, st.text())
def test_no_text_mentions_anybody_or_breaks_the_table(message: str, path: str, text: str):
    report = made_up(message, path, text)
    tokens = parse(job_summary(report, outcomes(report)))
    assert not any(noticed(text_of(token.children or ())) for token in inlines(tokens))
    assert sum(token.type == "td_open" for token in tokens) == 5
    assert not any(token.type in ("html_block", "html_inline") for token in tokens)


@given(st.integers(1000, 6000))
def test_it_is_cut_where_there_is_no_room_and_says_so(limit: int):
    report = made_up("word " * 300, text="é = old_word\n" * 100)
    whole = job_summary(report, outcomes(report))
    cut = job_summary(report, outcomes(report), limit)
    assert len(cut.encode()) <= limit
    kept, found, _ = cut.partition("\n**This summary is cut")
    assert (cut == whole) != bool(found) and whole.startswith(kept)


@pytest.fixture
def summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that the runner gives to a step, which has something in it already."""
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "train.py").write_bytes(TRAIN)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    yield file


def test_the_command_line_adds_it_to_what_is_there(summary: Path, capfdbinary: pytest.CaptureFixture[bytes]):
    assert run(["check", ".", "--output-format", "github"]) == 1
    assert capfdbinary.readouterr().out.startswith(b"::warning file=train.py,line=4,")
    assert summary.read_text().startswith("before\n## torchfix: 1 finding")
    once = summary.read_text()
    assert run(["check", ".", "--output-format", "text"]) == 1
    assert summary.read_text() == once


def test_where_it_cannot_be_written_there_is_a_warning(summary: Path, monkeypatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary / "none"))
    assert run(["check", ".", "--output-format", "github"]) == 1
    assert capsys.readouterr().err.count("warning: the job summary was not written: Not a directory\n") == 1
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "")
    assert run(["check", ".", "--output-format", "github"]) == 1
    assert "job summary was" not in capsys.readouterr().err


def test_what_earlier_commands_wrote_counts(summary: Path, capsys: pytest.CaptureFixture[str]):
    Path("more.py").write_bytes(TRAIN)
    summary.write_bytes(b"x" * (LIMIT - 1100))
    assert run(["check", ".", "--output-format", "github"]) == 1
    assert LIMIT - 1100 < summary.stat().st_size <= LIMIT and b"This summary is cut" in summary.read_bytes()
    summary.write_bytes(b"x" * LIMIT)
    assert run(["check", ".", "--output-format", "github"]) == 1
    assert summary.stat().st_size == LIMIT and "the job summary is full" in capsys.readouterr().err


def test_a_rule_of_ours_is_in_the_summary(tmp_path: Path):
    report = report_of(analysed(tmp_path, {"train.py": TRAIN}, RULES))
    assert "| TFC101 softmax-before-cross-entropy | behavior | `train.py:4:" in job_summary(report, outcomes(report))
