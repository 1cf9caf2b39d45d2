"""The report as Markdown: what it tells, and that nothing in it acts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hostile_reports import reports
from hypothesis import HealthCheck, given, settings
from markdown_reader import complaints, parse
from notebooks import notebook

from torchfix_codemods import pipeline
from torchfix_codemods.report.formats import writer
from torchfix_codemods.report.markdown import write_markdown
from torchfix_codemods.report.markdown_parts import section
from torchfix_codemods.report.markdown_text import unwrapped
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import outcomes
from torchfix_codemods.report.standing import Standing, standing, tally, telling
from torchfix_codemods.rules import RULES
from torchfix_codemods.source.settings import Settings
from torchfix_codemods.verify.model import VERIFIED, WITHHELD, Evidence, ScriptRun, Verdict, VerdictName, Verification

PROGRAM = """\
import torch
import torch.nn.functional as F
from torch import nn

layer = nn.Linear(8, 3)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for step in range(4):
    x, y = torch.randn(20, 8), torch.randint(0, 3, (20,))
    loss = F.cross_entropy(F.softmax(layer(x), dim=1), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("markdown")
    (folder / "train.py").write_text(PROGRAM)
    (folder / "old.py").write_text("print 'torch'\n")
    analysis = pipeline.analyse(pipeline.Request((".",), folder, RULES, settings=Settings()))
    return pipeline.report_of(analysis, pipeline.make_plan(analysis))


def test_what_was_found_changed_and_left_alone(report: Report):
    text = write_markdown(report, outcomes(report))
    assert complaints(text) == []
    assert "**1 finding** in 1 file: 1 fixed." in text and "- 1 file analysed of 2, by torchfix " in text
    assert "| TFC101 softmax-before-cross-entropy | `train.py`\xa0L9 | behavior | fixed |  |  |" in text
    assert (
        "-    loss = F.cross_entropy(F.softmax(layer(x), dim=1), y)\n+    loss = F.cross_entropy(layer(x), y)" in text
    )
    assert "**fixed**: Hand the loss the logits: drop the softmax" in text
    assert "| `old.py` | syntax-error | line 1: " in text


def test_what_runs_showed(report: Report):
    (finding,) = report.findings
    numbers = (Evidence("steps", "4", "4"), Evidence("losses that get probabilities", "4 of 4", "0 of 4"))
    again = {"script": "train.py", "device": "cpu", "sandbox": "none", "repeat": "torchfix verify ."}
    shown = Verdict(finding.id, VerdictName.CHANGED_AS_INTENDED, "the loss gets logits", numbers, ("a note",), **again)
    script = ScriptRun("train.py", ("--epochs", "1"), "finished", 4, 1.25, "cpu", "none", "2.13.0", repeat="again")
    ran = replace(report, verification=Verification({finding.id: shown}, (script,)))
    text = write_markdown(ran, outcomes(ran))
    assert complaints(text) == []
    assert "- runs of the program: verified\n" in text
    assert "| ✅\xa0verified | the loss gets logits; losses that get probabilities: `4 of 4` → `0 of 4` |" in text
    assert "✅\xa0verified (CHANGED_AS_INTENDED): the loss gets logits" in text
    assert "| In the runs of `train.py` | before | after |\n| --- | --- | --- |\n| steps | `4` | `4` |" in text
    assert "Run on cpu with torch 2.13.0, isolated by none. Note: a note. Run it again: `torchfix verify .`" in text
    assert (
        "- `train.py --epochs 1`: 4 runs, 1.2 s; on cpu with torch 2.13.0, isolated by none; again by `again`" in text
    )


def test_a_cell_of_a_notebook_is_named(tmp_path: Path):
    (tmp_path / "a.ipynb").write_bytes(notebook("import torch", PROGRAM))
    analysis = pipeline.analyse(pipeline.Request((".",), tmp_path, RULES, settings=Settings()))
    told = pipeline.report_of(analysis, pipeline.make_plan(analysis))
    text = write_markdown(told, outcomes(told))
    assert "`a.ipynb, cell 2`\xa0L9" in text and "@@ a.ipynb, cell 2:6 @@" in text


def test_nothing_found_is_said(tmp_path: Path):
    told = pipeline.report_of(pipeline.analyse(pipeline.Request((".",), tmp_path, RULES, settings=Settings())))
    text = write_markdown(told, outcomes(told))
    assert "**Nothing found.**" in text and "- 0 files analysed of 0" in text


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(reports())
def test_nothing_in_a_report_acts(told: Report):
    text = write_markdown(told, outcomes(told))
    assert complaints(text) == [] and text.endswith("\n") and not text.endswith("\n\n")
    assert text == write_markdown(told, outcomes(told))
    assert text.encode("utf-8").decode("utf-8") == text


def test_the_table_of_formats_leads_here():
    assert writer("markdown") is write_markdown


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
@pytest.mark.parametrize("heading", ["Why", "What changes"])
def test_what_pages_say_is_ready_for_a_comment(rule, heading: str):
    """Every line end of a comment on GitHub is shown, and nobody must be mentioned by a page of ours."""
    text = section(rule, heading)
    assert text and complaints(text) == []
    assert not [child for token in parse(text) for child in token.children or () if child.type == "softbreak"]


def test_lines_are_joined_where_a_text_goes_on():
    wrapped = "a\nb\n\n* c\n  d\n* e\n\n  | f |\n  |---|\n  | g |\n\n```\nh\ni\n```\nj\nk\n1. l\nm"
    assert unwrapped(wrapped) == "a b\n\n* c d\n* e\n\n  | f |\n  |---|\n  | g |\n\n```\nh\ni\n```\nj k\n1. l m"


# --- verdicts for people ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VerdictName)
def test_every_verdict_has_its_group(name: VerdictName):
    kind = standing(Verdict("1", name))
    assert (kind is Standing.VERIFIED) == (name in VERIFIED)
    assert (kind in (Standing.REGRESSED, Standing.CONTRADICTED)) == (name in WITHHELD)
    assert kind.sign and kind.meaning


def test_fixes_are_counted_best_first():
    names = (VerdictName.REGRESSED, VerdictName.IMPROVED, VerdictName.NO_EFFECT, VerdictName.IMPROVED)
    shown = [*(Verdict("1", name) for name in names), None]
    assert tally(shown) == "2 verified, 1 not run, 1 not confirmed, 1 regressed"
    assert (tally(shown[1:2]), tally([])) == ("verified", "")


def test_the_telling_quantity_is_the_first_that_changed():
    numbers = (Evidence("parameters", "", "bit-equal"), Evidence("steps", "4", "4"), Evidence("loss", "2", "1"))
    assert telling(Verdict("1", VerdictName.IMPROVED, evidence=numbers)) == numbers[2]
    assert telling(Verdict("1", VerdictName.IMPROVED, evidence=numbers[:2])) is None and telling(None) is None
