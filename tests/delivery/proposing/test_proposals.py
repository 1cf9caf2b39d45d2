"""From findings to chapters: each is a commit that stands on those before it, and what stays out says why."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import toy_rules
from delivery_repository import analysed, apply_patches, git, programs, repository, write
from hypothesis import given, settings
from hypothesis import strategies as st
from notebooks import notebook, sources

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.delivery.git.repository import Repository
from torchfix_codemods.delivery.model import Proposal, Reason
from torchfix_codemods.delivery.proposing.choice import Options, for_units
from torchfix_codemods.delivery.proposing.proposals import proposals
from torchfix_codemods.delivery.proposing.verdicts import Told, read_verdicts
from torchfix_codemods.findings import Edit, Finding, Fix, Level, Location
from torchfix_codemods.pipeline import Analysis, analyse, file_changes, make_plan, report_of
from torchfix_codemods.report.json import to_json
from torchfix_codemods.report.outcome import Status
from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.source.old_names import readable
from torchfix_codemods.verify.model import Verdict, VerdictName, Verification
from torchfix_codemods.verify.units import Unit

PROGRAMS = ("cnn_crlf", "cnn_latin1", "fcn_trainer", "mnist_2017", "multilabel_tags", "resnet_2017", "sentiment_tabs")
DEFAULTS = Options()
ANY = Options(require="any")
NOTHING = Told()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with programs of the corpus in which several rules find something; nobody writes to it."""
    return repository(tmp_path_factory.mktemp("corpus"), programs(PROGRAMS))


@pytest.fixture(scope="module")
def analysis(corpus: Path) -> Analysis:
    return analysed(corpus)


@pytest.fixture(scope="module")
def whole(analysis: Analysis) -> Proposal:
    return proposal(analysis)


def proposal(analysis: Analysis, told: Told = NOTHING, options: Options = DEFAULTS, **more: Any) -> Proposal:
    (only,) = proposals(analysis, told, options, Repository(analysis.request.cwd).committable, **more)
    return only


def toys(folder: Path, files: Mapping[str, str | bytes], **more: object) -> Analysis:
    return analysed(repository(folder, files), toy_rules.TOYS, **more)


def told_of(analysis: Analysis, names: Mapping[str, VerdictName], folder: Path, forge: Any = None) -> Told:
    """What is read from the report of a run that gave the findings at these places (`path:rule`) these verdicts."""
    verdicts = {
        finding.id: Verdict(finding.id, name, "it was run")
        for finding in analysis.findings
        for place, name in names.items()
        if place == f"{finding.location.path}:{finding.rule}"
    }
    assert len(verdicts) == len(names)
    found = json.loads(to_json(report_of(analysis, verification=Verification(verdicts))))
    if forge:
        forge(found)
    path = folder.parent / "report.json"
    path.write_text(json.dumps(found))
    return read_verdicts(path)


def made(found: Proposal) -> list[str]:
    return [f"{outcome.path}:{outcome.finding.rule}" for chapter in found.chapters for outcome in chapter.fixes]


def kept(found: Proposal) -> dict[str, Reason]:
    return {f"{k.outcome.path}:{k.outcome.finding.rule}": k.reason for k in found.kept}


def last_state(found: Proposal) -> dict[str, bytes]:
    state: dict[str, bytes] = {}
    for chapter in found.chapters:
        state |= chapter.files
    return state


# --- chapters --------------------------------------------------------------------------------------------------------


def test_the_chapters_follow_the_rules_and_end_in_the_plan(analysis: Analysis, whole: Proposal):
    found = whole
    codes = [chapter.rule.code for chapter in found.chapters]
    order = [rule.code for rule in analysis.request.rules]
    assert codes == [code for code in order if code in codes] and len(codes) >= 6
    assert all(fix.finding.code == chapter.rule.code for chapter in found.chapters for fix in chapter.fixes)
    plan = make_plan(analysis)
    assert last_state(found) == {change.path: change.after for change in file_changes(analysis, plan)}
    assert sorted(found.fingerprints) == sorted({item.finding.id for item in plan.accepted})
    assert any(len([c for c in found.chapters if name in c.files]) > 1 for name in last_state(found))


def test_git_apply_makes_each_chapter_on_top_of_those_before(whole: Proposal, corpus: Path, tmp_path: Path):
    found = whole
    clone = tmp_path / "clone"
    git(tmp_path, "-c", "core.autocrlf=false", "clone", "-q", str(corpus), str(clone))
    for chapter, state in zip(found.chapters, apply_patches(clone, found.chapters), strict=True):
        assert state == chapter.files
    changed = set(git(clone, "diff", "--name-only", "-z").decode().strip("\0").split("\0"))
    assert changed == set(last_state(found))


def test_every_state_parses(whole: Proposal):
    for chapter in whole.chapters:
        for name, content in chapter.files.items():
            encoding = "latin-1" if "latin1" in name else "utf-8-sig"
            ast.parse(readable(content.decode(encoding)))


def test_no_chapter_changes_a_line_that_is_not_its_own(tmp_path: Path):
    text = "old_word\nx = 1\nchain_3\nx = 2\nold_word, chain_2\n"
    found = proposal(toys(tmp_path / "r", {"a.py": text}), options=ANY)
    assert [chapter.rule.name for chapter in found.chapters] == ["toy-old-word", "toy-chain"]
    assert [chapter.files["a.py"].decode() for chapter in found.chapters] == [
        "new_word\nx = 1\nchain_3\nx = 2\nnew_word, chain_2\n",
        "new_word\nx = 1\nchain_0\nx = 2\nnew_word, chain_0\n",
    ]
    second = found.chapters[1].patch.decode()
    assert "-chain_3\n+chain_0\n" in second and "-new_word, chain_2\n+new_word, chain_0\n" in second


@pytest.mark.parametrize(
    "raw",
    [
        b"old_word\r\nchain_1\r\n",
        b"\xef\xbb\xbfold_word\nchain_1\n",
        b"\xef\xbb\xbfold_word\r\nchain_1",
        b"# coding: latin-1\nold_word\nx = '\xe9'; chain_1\n",
        b"old_word; chain_1\x0c\nx = 1\rchain_2\n",
        "# coding: iso2022_jp\nold_word; x = '\u65e5'; chain_1\n".encode("iso2022_jp"),
    ],
    ids=["crlf", "bom", "bom-crlf-no-newline", "latin-1", "form-feed-and-cr", "iso-2022-jp"],
)
def test_bytes_of_all_kinds(tmp_path: Path, raw: bytes):
    analysis = toys(tmp_path / "r", {"a b/ü.py": raw})
    found = proposal(analysis)
    assert [chapter.rule.name for chapter in found.chapters] == ["toy-old-word", "toy-chain"]
    states = apply_patches(analysis.request.cwd, found.chapters)
    assert states == [dict(chapter.files) for chapter in found.chapters]
    assert states[-1] == {c.path: c.after for c in file_changes(analysis, make_plan(analysis))}


def test_notebooks(tmp_path: Path):
    raw = notebook("old_word\n", "chain_2\nold_word\n", indent=2, ensure_ascii=True)
    analysis = toys(tmp_path / "r", {"n.ipynb": raw})
    found = proposal(analysis)
    states = apply_patches(analysis.request.cwd, found.chapters)
    assert [sources(state["n.ipynb"]) for state in states] == [
        ["new_word\n", "chain_2\nnew_word\n"],
        ["new_word\n", "chain_0\nnew_word\n"],
    ]


def test_a_file_that_git_holds_with_other_line_ends_is_committed_as_git_holds_it(tmp_path: Path):
    analysis = toys(tmp_path / "r", {"a.py": b"old_word\nx\n"})
    (analysis.request.cwd / "a.py").write_bytes(b"old_word\r\nx\r\n")
    analysis = analysed(analysis.request.cwd, toy_rules.TOYS)
    found = proposal(analysis)
    assert found.chapters[0].files == {"a.py": b"new_word\nx\n"}
    git(analysis.request.cwd, "apply", "--cached", "-", stdin=found.chapters[0].patch)
    assert git(analysis.request.cwd, "show", ":a.py") == b"new_word\nx\n"


words = st.sampled_from(["old_word", "chain_1", "chain_3", "x", "maybe_word", "break_word"])
lines = st.lists(st.lists(words, min_size=1, max_size=3).map(", ".join), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(lines, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_mixture_ends_in_the_plan(tmp_path_factory: Any, rows: list[str], newline: str, ended: bool):
    folder = tmp_path_factory.mktemp("mix")
    write(folder, {"a.py": newline.join(rows) + newline * ended})
    analysis = analysed(folder, toy_rules.TOYS, up_to=Level.SUGGESTION)
    (found,) = proposals(analysis, Told(), ANY, lambda path, raw, new: new)
    plan = make_plan(analysis)
    assert last_state(found) == {change.path: change.after for change in file_changes(analysis, plan)}
    assert set(found.fingerprints) == {item.finding.id for item in plan.accepted}
    fixable = {finding.id for finding in analysis.findings if finding.fix}
    assert fixable <= {*found.fingerprints, *(k.outcome.finding.id for k in found.kept)}
    assert all(chapter.fixes and chapter.files and chapter.patch for chapter in found.chapters)


# --- rules that build on one another ---------------------------------------------------------------------------------


def words_rule(code: str, replaced: Mapping[str, str], needs: str = "") -> Rule:
    """A rule that replaces names, where the file has the name `needs`."""

    def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
        names = [node for node in ast.walk(file.tree) if isinstance(node, ast.Name)]
        if needs and needs not in {node.id for node in names}:
            return
        for node in (node for node in names if node.id in replaced):
            fix = Fix("replace", (Edit(file.path, *file.span(node), replaced[node.id]),))
            yield Finding(name, code, Level.BEHAVIOR, file.location(node), "a word", (), fix)

    name = f"words-{code[-1].lower()}"
    return Rule(code, name, "words", Level.BEHAVIOR, check)


def chapters_by(folder: Path, text: str, *rules: Rule) -> list[tuple[str, list[str], str]]:
    """Rule, rules of the fixes and text of each chapter."""
    found = proposal(analysed(repository(folder, {"a.py": text}), rules))
    assert not found.kept
    return [(c.rule.name, [f.finding.rule for f in c.fixes], c.files["a.py"].decode()) for c in found.chapters]


def test_what_only_another_fix_uncovers_comes_in_its_chapter(tmp_path: Path):
    late, early = words_rule("TOYA", {"late": "done"}, needs="two"), words_rule("TOYB", {"one": "two"})
    assert chapters_by(tmp_path / "r", "late\nx = 1\none\n", late, early) == [
        ("words-b", ["words-b", "words-a"], "done\nx = 1\ntwo\n")
    ]
    assert chapters_by(tmp_path / "s", "late\nx = 1\none\nlate, two\n", late, early) == [
        ("words-a", ["words-a"] * 2, "done\nx = 1\none\ndone, two\n"),
        ("words-b", ["words-b"], "done\nx = 1\ntwo\ndone, two\n"),
    ]


def test_fixes_whose_edits_became_one_come_together(tmp_path: Path):
    first, second = words_rule("TOYA", {"two": "three"}), words_rule("TOYB", {"one": "two"})
    assert chapters_by(tmp_path / "r", "one\ntwo\n", first, second) == [
        ("words-a", ["words-a"], "one\nthree\n"),
        ("words-b", ["words-b", "words-a"], "three\nthree\n"),
    ]


def test_two_rules_that_want_the_same_edit_share_a_chapter(tmp_path: Path):
    rules = words_rule("TOYA", {"one": "two"}), words_rule("TOYB", {"one": "two"})
    assert chapters_by(tmp_path / "r", "one\n", *rules) == [("words-a", ["words-a", "words-b"], "two\n")]


def test_a_state_that_does_not_parse_is_no_chapter(tmp_path: Path):
    rules = words_rule("TOYA", {"start": "(1"}), words_rule("TOYB", {"stop": "1)"})
    assert chapters_by(tmp_path / "r", "x = start + stop\n", *rules) == [
        ("words-b", ["words-a", "words-b"], "x = (1 + 1)\n")
    ]


# --- what goes in ----------------------------------------------------------------------------------------------------

THREE = {"a.py": "old_word\nchain_2\n", "b.py": "old_word\n", "c.py": "old_word\n"}


@pytest.mark.parametrize(
    ("require", "inside", "outside"),
    [
        ("any", {"a.py:toy-old-word", "a.py:toy-chain", "b.py:toy-old-word", "c.py:toy-old-word"}, {}),
        (
            "not-regressed",
            {"a.py:toy-old-word", "a.py:toy-chain", "c.py:toy-old-word"},
            {"b.py:toy-old-word": Reason.WITHHELD},
        ),
        (
            "verified",
            {"a.py:toy-old-word"},
            {
                "a.py:toy-chain": Reason.NOT_VERIFIED,
                "b.py:toy-old-word": Reason.WITHHELD,
                "c.py:toy-old-word": Reason.NOT_VERIFIED,
            },
        ),
    ],
)
def test_the_verdicts_decide(tmp_path: Path, require: str, inside: set[str], outside: dict[str, Reason]):
    analysis = toys(tmp_path / "r", THREE)
    names = {
        "a.py:toy-old-word": VerdictName.IMPROVED,
        "a.py:toy-chain": VerdictName.NOT_RUN,
        "b.py:toy-old-word": VerdictName.REGRESSED,
    }
    found = proposal(analysis, told_of(analysis, names, tmp_path / "r"), Options(require))
    assert set(made(found)) == inside and kept(found) == outside
    assert found.report.verification is not None
    shown = {outcome.shown.name for chapter in found.chapters for outcome in chapter.fixes if outcome.shown}
    assert VerdictName.IMPROVED in shown
    for each in found.kept:
        assert each.outcome.status is (Status.WITHHELD if each.reason is Reason.WITHHELD else Status.HELD_BACK)
        assert each.detail and "\n" not in each.detail


def test_a_verdict_on_other_edits_says_nothing(tmp_path: Path):
    def forge(report: Any) -> None:
        report["findings"][0]["fix"]["edits"][0]["replacement"] = "evil_word"

    analysis = toys(tmp_path / "r", {"a.py": "old_word\n"})
    told = told_of(analysis, {"a.py:toy-old-word": VerdictName.IMPROVED}, tmp_path / "r", forge)
    assert len(told.verdicts) == 1
    assert kept(proposal(analysis, told, Options("verified"))) == {"a.py:toy-old-word": Reason.NOT_VERIFIED}


def test_fixes_that_were_run_as_one_share_a_verdict():
    one, other = (Finding("r", "R", Level.BEHAVIOR, Location("a.py", 0, 1), "m", id=name * 16) for name in "12")
    verdict = Verdict(one.id, VerdictName.REGRESSED, "worse")
    shared = for_units([Unit("fix1", (other, one), ())], {one.id: verdict})
    assert shared == {one.id: verdict, other.id: replace(verdict, finding=other.id)}
    assert for_units([Unit("fix1", (one,), ()), Unit("fix2", (other,), ())], {one.id: verdict}) == {one.id: verdict}


def test_a_verdict_on_a_notebook_is_known_again(tmp_path: Path):
    analysis = toys(tmp_path / "r", {"n.ipynb": notebook("x = 1\n", "y = 1\nold_word\n")})
    told = told_of(analysis, {"n.ipynb:toy-old-word": VerdictName.IMPROVED}, tmp_path / "r")
    assert made(proposal(analysis, told, Options("verified"))) == ["n.ipynb:toy-old-word"]


def test_what_a_fix_uncovers_goes_with_it_and_shares_its_verdict(tmp_path: Path):
    """`chain_3` takes three passes, under one id; nothing of it is made where its verdict speaks against it."""
    analysis = toys(tmp_path / "r", {"a.py": "chain_3\n"})
    told = told_of(analysis, {"a.py:toy-chain": VerdictName.EQUIVALENT}, tmp_path / "r")
    assert last_state(proposal(analysis, told, Options("verified"))) == {"a.py": b"chain_0\n"}
    told = told_of(analysis, {"a.py:toy-chain": VerdictName.PREMISE_ABSENT}, tmp_path / "r")
    assert proposal(analysis, told).chapters == ()


def test_declined_fixes_stay_out(tmp_path: Path):
    analysis = toys(tmp_path / "r", THREE)
    declined = {finding.id for finding in analysis.findings if finding.location.path != "c.py"}
    found = proposal(analysis, declined=declined)
    assert made(found) == ["c.py:toy-old-word"]
    assert set(kept(found).values()) == {Reason.DECLINED} and len(found.kept) == 3


def test_suggestions_stay_out_unless_they_are_asked_for(tmp_path: Path):
    analysis = toys(tmp_path / "r", {"a.py": "maybe_word\nchain_1\nbreak_word\n"})
    found = proposal(analysis)
    assert made(found) == ["a.py:toy-chain"]
    assert kept(found) == {"a.py:toy-maybe": Reason.SUGGESTION, "a.py:toy-breaking": Reason.NOT_PLANNED}
    details = {k.outcome.finding.rule: k.detail for k in found.kept}
    assert details["toy-maybe"] == "needs --up-to suggestion" and "would not parse" in details["toy-breaking"]
    wide = replace(analysis, request=replace(analysis.request, up_to=Level.SUGGESTION))
    assert "a.py:toy-maybe" in made(proposal(wide))
    narrow = replace(analysis, request=replace(analysis.request, up_to=Level.EQUIVALENT))
    assert kept(proposal(narrow)) == {"a.py:toy-maybe": Reason.SUGGESTION, "a.py:toy-breaking": Reason.ABOVE_LEVEL}


def test_only_plain_files_with_the_bytes_of_the_last_commit_are_changed(tmp_path: Path):
    folder = repository(
        tmp_path / "r",
        {
            "good.py": "old_word\n",
            "dirty.py": "old_word\n",
            ".github/tool.py": "old_word\n",
            "p/here.py": "pair_here\n",
            "p/there.py": "pair_there\n",
        },
    )
    write(folder, {"dirty.py": "old_word\nx = 1\n", "untracked.py": "old_word\n", "p/there.py": "pair_there, 1\n"})
    (folder / "link.py").symlink_to("good.py")
    git(folder, "add", "link.py")
    analysis = analysed(folder, toy_rules.TOYS)
    found = proposal(analysis)
    assert made(found) == ["good.py:toy-old-word"]
    outside = kept(found)
    assert set(outside.values()) == {Reason.NOT_TRACKED}
    assert {"dirty.py:toy-old-word", "untracked.py:toy-old-word", "p/here.py:toy-pair"} <= set(outside)


@pytest.mark.parametrize("name", [".github/tool.py", ".GitHub/x/tool.py"])
def test_files_of_github_are_never_changed(tmp_path: Path, name: str):
    folder = repository(tmp_path / "r", {name: "old_word\n"})
    analysis = analysed(folder, toy_rules.TOYS)
    request = replace(analysis.request, paths=(name,))
    found = proposal(analyse(request), options=ANY)
    assert found.chapters == () and kept(found) == {f"{name}:toy-old-word": Reason.NOT_TRACKED}


# --- caps and groups -------------------------------------------------------------------------------------------------


def test_the_caps_hold_and_a_fix_over_several_files_is_in_or_out_as_a_whole(tmp_path: Path):
    files = {f"{n}.py": "old_word\nold_word\n" for n in "abc"}
    analysis = toys(tmp_path / "r", {**files, "p/here.py": "pair_here\n", "p/there.py": "pair_there\n"})
    found = proposal(analysis, options=Options(max_fixes=5, max_files=30))
    assert made(found) == ["a.py:toy-old-word"] * 2 + ["b.py:toy-old-word"] * 2 + ["c.py:toy-old-word"]
    assert [k.reason for k in found.kept] == [Reason.OVER_THE_CAP] * 2
    found = proposal(analysis, options=Options(max_files=4))
    assert set(last_state(found)) == {"a.py", "b.py", "c.py"} and kept(found) == {
        "p/here.py:toy-pair": Reason.OVER_THE_CAP
    }
    found = proposal(analysis, options=Options(max_files=5))
    assert len(last_state(found)) == 5 and found.kept == ()


def test_the_caps_of_a_pull_request_are_fifty_fixes_in_thirty_files(tmp_path: Path):
    analysis = toys(tmp_path / "r", {f"f{n:02}.py": "old_word\nold_word\n" for n in range(32)})
    found = proposal(analysis)
    assert len(found.fingerprints) == 50 and len(last_state(found)) == 25 and len(found.kept) == 14
    assert made(found) == sorted(made(found))
    analysis = toys(tmp_path / "s", {f"f{n:02}.py": "old_word\n" for n in range(32)})
    found = proposal(analysis)
    assert len(last_state(found)) == 30 and set(kept(found)) == {"f30.py:toy-old-word", "f31.py:toy-old-word"}


def test_a_rule_has_a_proposal_of_its_own_on_the_unchanged_files(tmp_path: Path):
    folder = repository(tmp_path / "r", programs(("cnn_crlf", "fcn_trainer", "resnet_2017")))
    analysis = analysed(folder)
    found = proposals(analysis, NOTHING, Options(group_by="rule"), Repository(folder).committable)
    assert len([each for each in found if each.chapters]) == 5
    for each in found:
        assert all(each.rule and k.outcome.finding.rule == each.rule.name for k in each.kept)
        for chapter in each.chapters:
            assert each.rule is chapter.rule
            assert apply_patches(folder, [chapter]) == [chapter.files]
            git(folder, "reset", "-q", "--hard")
    together = {name for each in found for name in each.fingerprints}
    assert together >= set(proposal(analysis).fingerprints)


def test_a_rule_with_nothing_to_propose_says_what_it_keeps(tmp_path: Path):
    analysis = toys(tmp_path / "r", {"a.py": "old_word\nmaybe_word\n"})
    found = proposals(analysis, Told(), Options(group_by="rule"), Repository(tmp_path / "r").committable)
    assert [(each.rule and each.rule.name, made(each), kept(each)) for each in found] == [
        ("toy-old-word", ["a.py:toy-old-word"], {}),
        ("toy-maybe", [], {"a.py:toy-maybe": Reason.SUGGESTION}),
    ]


# --- a report can only name our own fixes wrongly ---------------------------------------------------------------------


def forged(report: Any) -> None:
    """Everything that somebody may try."""
    first = report["findings"][0]
    for finding in report["findings"]:
        finding["fix"]["verdict"] = {"name": "FIXED_CRASH", "reason": "`@everyone` look"}
    extra = json.loads(json.dumps(first))
    extra |= {"id": "f" * 16, "path": "../x"}
    extra["fix"]["edits"] = [{"path": "../../etc/x", "start": 0, "end": 0, "replacement": "import evil\n"}]
    first["fix"]["edits"].append({"path": ".github/workflows/x.yml", "start": 0, "end": 0, "replacement": "on: push"})
    first["level"] = "equivalent"
    report["findings"].append(extra)
    report["runs"] = [{"script": "../../x", "args": ["; rm -rf /"], "runs": 1, "status": "::error::"}]


def test_no_report_changes_what_is_written(analysis: Analysis, whole: Proposal, tmp_path: Path):
    liar = proposal(analysis, told_of(analysis, {}, tmp_path / "r", forged), ANY)
    assert [(c.rule, c.files, c.patch) for c in liar.chapters] == [(c.rule, c.files, c.patch) for c in whole.chapters]
    assert liar.fingerprints == whole.fingerprints
    known = {finding.id for finding in analysis.findings}
    assert liar.report.verification is not None and set(liar.report.verification.verdicts) <= known


def test_a_forged_report_brings_nothing_in_that_is_not_wished(tmp_path: Path):
    analysis = toys(tmp_path / "r", {"a.py": "maybe_word\nold_word\n", ".github/x.py": "old_word\n"})
    told = told_of(analysis, {}, tmp_path / "r", forged)
    for require in ("verified", "not-regressed", "any"):
        found = proposal(analysis, told, Options(require))
        assert set(last_state(found)) <= {"a.py"} and "a.py:toy-maybe" not in made(found)
