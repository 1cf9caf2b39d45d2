"""What a proposal says: nothing in it acts, it is short enough, and somebody who reads it can judge the change."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hostile_proposals import proposals
from hypothesis import HealthCheck, given, settings
from markdown_reader import complaints, parse
from proposal_tools import analysed, proposal_of
from toy_rules import TOYS

from torchfix_codemods import pipeline
from torchfix_codemods.delivery.body.fitting import size
from torchfix_codemods.delivery.body.text import LIMIT, body, inert, message, title
from torchfix_codemods.delivery.model import Chapter, Kept, Proposal, Reason
from torchfix_codemods.findings import Edit, Finding, Fix, Level, Location, Step
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import outcomes
from torchfix_codemods.rules.registry import all_rules
from torchfix_codemods.verify.model import Evidence, ScriptRun, Verdict, VerdictName, Verification

MARKER = "<!-- torchfix:v1 eyJiYXNlIjoibWFpbiJ9 -->"
GOLDEN = Path(__file__).with_name("three_rules.md")
PROGRAM = Path(__file__).with_name("three_rules")

SCRIPT = ScriptRun("train.py", (), "finished", 11, 3.2, "cpu", "bubblewrap", "2.13.0", repeat="torchfix verify .")


def judged(finding: Finding) -> Verdict:
    """The verdicts of the three rules, as a run gave them."""
    again = {"script": "train.py", "device": "cpu", "sandbox": "bubblewrap", "repeat": "torchfix verify ."}
    caveats = ("batch size 16 instead of 30",)
    match finding.code:
        case "TFC101":
            numbers = Evidence("losses that get probabilities", "8 of 8", "0 of 8")
            name, reason = VerdictName.CHANGED_AS_INTENDED, "the loss gets logits"
            return Verdict(finding.id, name, reason, (numbers,), caveats, **again)
        case "TFC301":
            numbers = Evidence("training loss", "1.2", "nan")
            return Verdict(finding.id, VerdictName.REGRESSED, "NaN in the loss", (numbers,), caveats, **again)
        case _:
            return Verdict(finding.id, VerdictName.NOT_RUN, "no script reaches it by imports: no file imports it")


@pytest.fixture(scope="module")
def analysis(tmp_path_factory: pytest.TempPathFactory) -> pipeline.Analysis:
    texts = {path.name.removesuffix(".txt"): path.read_text() for path in sorted(PROGRAM.iterdir())}
    return analysed(tmp_path_factory.mktemp("three"), texts)


@pytest.fixture(scope="module")
def three(analysis: pipeline.Analysis) -> Proposal:
    proposal = proposal_of(analysis, judged, (SCRIPT,))
    return replace(proposal, report=replace(proposal.report, version="1.2.3"))


def test_the_body_of_three_rules_is_the_one_that_was_read_and_approved(three: Proposal):
    """After a wanted change: `TORCHFIX_GOLDEN=write pytest tests/delivery/test_text.py`, and read the difference."""
    text = body(three, MARKER) + "\n"
    if os.environ.get("TORCHFIX_GOLDEN") == "write":
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_the_body_of_three_rules_is_in_order(three: Proposal):
    text = body(three, MARKER)
    assert complaints(text) == []
    assert not re.search(r"\bsafe", text, re.IGNORECASE)
    assert not any(child.type == "softbreak" for token in parse(text) for child in token.children or ())


def test_titles(three: Proposal):
    assert title(three) == "torchfix: 3 fixes in 3 files (2 verified)"
    (first, *_) = three.chapters
    one = replace(three, chapters=(first,), rule=first.rule)
    assert title(one) == "torchfix TFC101: softmax before a loss that contains it (2 fixes)"


def test_the_message_of_a_commit(three: Proposal):
    text = message(three.chapters[0])
    assert text.replace(f"Version: {pipeline.__version__}", "Version: V") == (
        "torchfix TFC101: hand the loss the logits: drop the softmax\n"
        "\n"
        "softmax before a loss that applies softmax itself\n"
        "\n"
        "`nn.CrossEntropyLoss` and `F.cross_entropy` expect raw scores (logits):\n"
        "they compute log-softmax and the negative log likelihood in one step.\n"
        "\n"
        "Files: model.py, small.py\n"
        "Verdicts: all verified\n"
        "\n"
        "Torchfix-Rule: TFC101\n"
        "Torchfix-Version: V\n"
    )


def test_git_reads_the_trailers(three: Proposal, tmp_path: Path):
    command = ["git", "interpret-trailers", "--parse"]
    done = subprocess.run(command, input=message(three.chapters[1]), text=True, capture_output=True, cwd=tmp_path)
    assert done.stdout == f"Torchfix-Rule: TFC201\nTorchfix-Version: {pipeline.__version__}\n"


def test_a_rule_of_its_own_says_one_commit(three: Proposal):
    one = replace(three, chapters=three.chapters[:1], kept=(), rule=three.chapters[0].rule)
    text = body(one, MARKER)
    assert "**2 fixes** in 2 files, one commit: all verified." in text
    assert "Not in this pull request" not in text and "revert its commit" not in text


@pytest.mark.parametrize("reason", Reason)
def test_a_fix_that_is_kept_out_is_never_passed_over(three: Proposal, reason: Reason):
    (kept,) = three.kept
    text = body(replace(three, kept=(replace(kept, reason=reason, detail="because"),)), MARKER)
    (told,) = re.findall(r"\*\*1 fix\*\* [a-z].*:\n\n- `train.py`\xa0L18 TFC301 .* updated: (.*)\n", text)
    run = reason in (Reason.WITHHELD, Reason.NOT_VERIFIED)
    assert told == ("❌\xa0regressed, NaN in the loss; training loss: `1.2` → `nan`" if run else "because")


@pytest.mark.slow
def test_real_runs_are_told(analysis: pipeline.Analysis, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(analysis.request.cwd)
    shown = pipeline.verification(analysis, pipeline.make_plan(analysis))
    proposal = proposal_of(analysis, lambda finding: shown.verdicts.get(finding.id), shown.scripts)
    text = body(proposal, MARKER)
    assert complaints(text) == []
    assert re.search(r"\*\*TFC101\*\* .* \| ✅\xa0verified \| the loss gets logits; .*`\d+ of \d+` → `0 of \d+`", text)
    assert "\nRun on cpu with torch 2." in text and "again: `torchfix verify . --script train.py`" in text


def test_the_seconds_that_a_run_took_change_nothing(three: Proposal):
    shown = three.report.verification
    assert shown is not None
    slow = {name: replace(verdict, seconds=99.0) for name, verdict in shown.verdicts.items()}
    again = replace(shown, verdicts=slow, scripts=(replace(SCRIPT, seconds=99.0),))
    assert body(replace(three, report=replace(three.report, verification=again)), MARKER) == body(three, MARKER)


# --- anybody's text --------------------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(proposals())
def test_nothing_in_a_body_acts(proposal: Proposal):
    text = body(proposal, MARKER)
    assert complaints(text) == []
    assert text.rpartition("\n")[2] == MARKER
    assert size(text) <= LIMIT and text == body(proposal, MARKER)
    assert text.encode("utf-8").decode("utf-8") == text


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(proposals())
def test_nothing_in_a_message_or_a_title_acts(proposal: Proposal):
    for text in (title(proposal), *map(message, proposal.chapters)):
        assert "@" not in text and not re.search(r"#\d|GH-\d|://|\[skip ci\]", text, re.IGNORECASE)
        assert text.replace("\n", "").isprintable()
    for chapter in proposal.chapters:
        subject, blank, *_ = message(chapter).split("\n")
        assert subject.startswith(f"torchfix {chapter.rule.code}: ") and len(subject) <= 72 and not blank
        *_, trailers = message(chapter).rstrip("\n").split("\n\n")
        assert trailers.split("\n")[0] == f"Torchfix-Rule: {chapter.rule.code}" and trailers.count("\n") == 1
    assert len(title(proposal)) <= 200 and "\n" not in title(proposal)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("decorate with @torch.no_grad()", "decorate with torch.no_grad()"),
        ("fixes #1 and GH-2, o/r#3", "fixes # 1 and GH 2, o/r# 3"),
        ("[skip ci] a[0]", "(skip ci) a[0]"),
        ("closes https://a.b/o/r/issues/1", "closes https: //a.b/o/r/issues/1"),
        ("a\nb\u202e", "a b\\u202e"),
    ],
)
def test_words_of_a_commit_are_inert(text: str, told: str):
    assert inert(text) == told


# --- the limit -------------------------------------------------------------------------------------------------------


def big(fixes: int, length: int, files: int = 40, rules: int = 5) -> Proposal:
    """A proposal with many fixes, each with so much text around it."""
    code = "x = 1\n" * 200 + "y" * length
    texts = {f"package/module_{number}.py": code for number in range(files)}
    chosen = [*TOYS, *all_rules()][:rules]
    found = []
    for number in range(fixes):
        rule, path = chosen[number % rules], f"package/module_{number % files}.py"
        place = Location(path, 6 * (number % 200), 6 * (number % 200) + 5)
        steps = (Step(place, f"step {number} " + "s" * length),)
        fix = Fix(f"fix {number}", (Edit(path, place.start, place.end, "z = 2"),))
        message = f"message {number} " + "m" * length
        found.append(Finding(rule.name, rule.code, Level.BEHAVIOR, place, message, steps, fix, id=f"{number:016x}"))
    shown = {f.id: Verdict(f.id, VerdictName.IMPROVED, f"r{f.id}", (Evidence("loss", "2", f.id),)) for f in found}
    report = Report("1", files, (), tuple(found), texts, verification=Verification(shown))
    results = outcomes(report)
    chapters = [
        Chapter(rule, own, {o.path: b"" for o in own}, b"")
        for rule in chosen
        if (own := tuple(o for o in results if o.finding.code == rule.code))
    ]
    return Proposal(report, tuple(chapters), tuple(Kept(o, Reason.OVER_THE_CAP, "d" * length) for o in results))


@pytest.mark.parametrize(("fixes", "length"), [(3, 70_000), (50, 300), (500, 10), (500, 70_000), (2_000, 300)])
def test_a_long_proposal_fits_and_says_what_is_missing(fixes: int, length: int):
    proposal = big(fixes, length)
    text = body(proposal, MARKER)
    assert size(text) <= LIMIT and text.endswith("\n\n" + MARKER)
    assert complaints(text) == []
    head = text.partition("<details>")[0]
    assert all(f"**{chapter.rule.code}**" in head for chapter in proposal.chapters)
    assert ("Left out:" in head) == (fixes > 3)


def test_measurements_go_before_diffs_and_diffs_before_the_reasoning():
    some, more, most = (body(big(number, 30), MARKER) for number in (120, 150, 250))
    assert "the measurements of " in some and "the diff of" not in some and some.count("```diff") == 120
    assert "the measurements of 150 fixes, the diff of" in more and "the description of" not in more
    assert 0 < more.count("```diff") < 150
    kept = "the list of what is not in this pull request"
    assert f"the diff of 250 fixes, {kept}, the description of" in most and "the lines of the table" not in most


def test_a_table_that_is_too_long_counts_by_rule_and_file():
    text = body(big(2_000, 30), MARKER)
    assert "the lines of the table" in text
    assert "| `package/module_0.py` (50), `package/module_5.py` (50), `package/module_10.py` (50) and " in text
    assert "5 more files | ✅ 400 verified |" in text


def test_text_beyond_the_basic_plane_counts_twice():
    assert size("a") == 1 and size("\N{FIRE}a") == 3
