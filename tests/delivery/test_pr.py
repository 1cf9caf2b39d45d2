"""`torchfix pr` from the command line to the forge: real git, a real git server, a forge with GitHub's contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from forge_tools import REPOSITORY, git
from pr_place import BRANCH, FIXED, LOSS, Place, pr_place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Place]:
    with pr_place(tmp_path, monkeypatch, capfd) as there:
        yield there


def untouched(place: Place) -> tuple[bytes, str, bytes]:
    """What must stay as it is in the clone: index, refs, settings."""
    index, config = (place.work / ".git" / "index").read_bytes(), (place.work / ".git" / "config").read_bytes()
    return index, git(place.work, "for-each-ref"), config


def test_the_fixes_become_a_pull_request_of_one_commit_a_rule(place: Place):
    before = untouched(place)
    said = place.pr("--report", str(place.report("IMPROVED", "EQUIVALENT")), "--labels", "torchfix,bot", "--draft")
    assert (said.code, said.err) == (0, "")
    pull = place.forge.pulls[1]
    operation, branch, url = said.out.split()
    assert (operation, branch) == ("created", BRANCH) and url.endswith(f"/{REPOSITORY}/pull/1")
    assert pull.title == "torchfix: 2 fixes in 1 file (2 verified)" and pull.draft
    assert pull.labels == ["torchfix", "bot"]
    assert "it was run" in pull.body
    assert place.show("train.py") == FIXED
    subjects = git(place.bare, "log", "--format=%s", f"main..{BRANCH}").split("\n")
    assert [subject.split(":")[0] for subject in subjects] == ["torchfix TFC203", "torchfix TFC101"]
    assert place.show("train.py", f"{BRANCH}~1") == LOSS.replace("F.softmax(layer(x), dim=1)", "layer(x)")
    assert untouched(place) == before
    written = len(place.forge.written())
    again = place.pr("--report", str(place.report("IMPROVED", "EQUIVALENT")), "--labels", "torchfix,bot")
    assert again.code == 0 and again.out.startswith("unchanged ") and len(place.forge.written()) == written


def test_what_a_run_speaks_against_stays_out(place: Place):
    said = place.pr("--report", str(place.report("REGRESSED", "NOT_RUN")))
    assert said.code == 0 and place.forge.pulls[1].title == "torchfix: 1 fix in 1 file (0 verified)"
    assert place.show("train.py") == LOSS.replace("retain_graph=True", "")
    assert "withheld" in place.forge.pulls[1].body


def test_a_rule_each_and_one_rule_only(place: Place):
    said = place.pr("--group-by", "rule")
    assert said.code == 0 and len(said.out.splitlines()) == 2
    assert place.branches() == ["main", f"{BRANCH}-tfc101", f"{BRANCH}-tfc203"]
    assert place.show("train.py", f"{BRANCH}-tfc203") == LOSS.replace("retain_graph=True", "")
    assert place.pr("--select", "TFC203", "--branch", "tidy").code == 0
    assert place.show("train.py", "tidy") == LOSS.replace("retain_graph=True", "")


def test_closing_declines(place: Place):
    assert place.pr("--require", "any").out.startswith("created ")
    place.forge.pulls[1].state = "closed"
    said = place.pr("--require", "any")
    assert said.code == 0 and said.out.startswith("skipped-declined ")
    place.commit({"other.py": LOSS})
    assert place.pr().out.startswith("created ")
    assert git(place.bare, "diff", "--name-only", "main", BRANCH) == "other.py"


def test_paths_and_ids_are_those_of_the_repository_wherever_it_is_called(place: Place, monkeypatch: pytest.MonkeyPatch):
    place.commit({"nets/sub/train.py": LOSS})
    report = place.report("IMPROVED", "IMPROVED", "EQUIVALENT", "EQUIVALENT")
    monkeypatch.chdir(place.work / "nets")
    said = place.pr("sub", "--report", str(report), "--require", "verified")
    assert said.code == 0 and "note: 2 verdicts of the report not used" in said.err
    assert git(place.bare, "diff", "--name-only", "main", BRANCH) == "nets/sub/train.py"
    assert place.forge.pulls[1].title == "torchfix: 2 fixes in 1 file (2 verified)"


def test_a_commit_that_is_behind_is_fine(place: Place):
    place.commit({"README": "more\n"})
    git(place.work, "checkout", "-q", "HEAD~1")
    assert place.pr("--base", "main").out.startswith("created ")
    assert git(place.bare, "rev-parse", f"{BRANCH}~2") == git(place.work, "rev-parse", "HEAD")


def test_no_report_can_change_the_tree(place: Place):
    assert place.pr("--require", "any").code == 0
    tree = git(place.bare, "rev-parse", f"{BRANCH}^{{tree}}")
    path = place.report("FIXED_CRASH", "FIXED_CRASH")
    report = json.loads(path.read_text())
    evil = {"path": "../x", "start": 0, "end": 0, "replacement": "import evil\n"}
    report["findings"][0]["fix"]["edits"] = [evil, {**evil, "path": ".github/workflows/ci.yml"}]
    report["findings"].append({"id": "f" * 16, "fix": {"edits": [evil], "verdict": {"name": "IMPROVED"}}})
    report["findings"].append({"id": "e" * 16, "fix": {"edits": [], "verdict": {"name": "SPLENDID"}}})
    path.write_text(json.dumps(report))
    said = place.pr("--require", "any", "--report", str(path))
    assert said.code == 0 and "name is none of the verdicts" in said.err
    assert git(place.bare, "rev-parse", f"{BRANCH}^{{tree}}") == tree
    assert "import evil" not in place.forge.pulls[1].body


def test_what_is_left_out_counts_from_where_it_is_called(place: Place, monkeypatch: pytest.MonkeyPatch):
    place.commit({"sub/old/a.py": LOSS, "sub/b.py": LOSS, "old/c.py": LOSS})
    monkeypatch.chdir(place.work / "sub")
    assert place.pr(".", "--exclude", "/old/").code == 0
    assert git(place.bare, "diff", "--name-only", "main", BRANCH) == "sub/b.py"


def test_a_report_that_was_made_in_a_folder_counts_there(place: Place, monkeypatch: pytest.MonkeyPatch):
    place.commit({"sub/b.py": LOSS})
    monkeypatch.chdir(place.work / "sub")
    report = place.report("REGRESSED", "IMPROVED")
    assert place.pr(".", "--report", str(report)).code == 0
    assert place.show("sub/b.py") == LOSS.replace("retain_graph=True", "")


@pytest.mark.parametrize(
    "words", [("nets",), ("--select", "TFC203"), ("--ignore", "TFC101"), (".", "--exclude", "train.py")], ids=" ".join
)
def test_a_run_that_looks_at_less_leaves_what_it_did_not_look_at(place: Place, words: tuple[str, ...]):
    place.commit({"nets/b.py": LOSS})
    assert place.pr().code == 0
    before = git(place.bare, "rev-parse", BRANCH), place.forge.pulls[1].title
    said = place.pr(*words)
    assert said.code == 0 and said.out.startswith("skipped-narrowed "), said
    planned = place.pr(*words, "--dry-run").out.partition("planned calls:\n")[2]
    assert planned.startswith(f"    nothing for {BRANCH} (skipped-narrowed): ") and planned.count("\n") == 1
    assert (git(place.bare, "rev-parse", BRANCH), place.forge.pulls[1].title) == before
    assert place.forge.pulls[1].state == "open"


def test_a_run_that_looks_at_all_that_is_in_it_updates_it(place: Place):
    """A workflow that names folders always names the same ones."""
    place.commit({"nets/b.py": LOSS})
    assert place.pr("nets").out.startswith("created ")
    place.commit({"nets/b.py": LOSS.replace("retain_graph=True", "")})
    assert place.pr("nets").out.startswith("updated ")
    place.commit({"nets/b.py": FIXED})
    assert place.pr("nets").out.startswith("closed ")


# --- dry runs --------------------------------------------------------------------------------------------------------


def test_a_dry_run_prints_all_and_sends_nothing(place: Place):
    said = place.pr("--dry-run")
    assert said.code == 0 and place.branches() == ["main"] and place.forge.written() == []
    assert "title: torchfix: 2 fixes in 1 file (0 verified)\n" in said.out
    assert "commit 1 of 2: train.py\n\ntorchfix TFC101:" in said.out and "Torchfix-Rule: TFC203" in said.out
    assert f"    git push --force-with-lease=refs/heads/{BRANCH}: " in said.out
    assert f"    POST /repos/{REPOSITORY}/pulls title='torchfix: 2 fixes" in said.out
    for patch in said.out.split("diff --git ")[1:]:
        (place.work / "p.patch").write_text("diff --git " + patch.split("-" * 100)[0])
        git(place.work, "apply", "p.patch")
    assert (place.work / "train.py").read_text() == FIXED


def test_without_a_token_a_dry_run_asks_nobody(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TORCHFIX_TOKEN")
    asked = len(place.server.requests)
    said = place.pr("--dry-run")
    assert said.code == 0 and f"POST /repos/{REPOSITORY}/pulls" in said.out
    assert place.forge.log == [] and len(place.server.requests) == asked


def test_a_dry_run_of_an_open_pull_request_plans_nothing(place: Place):
    assert place.pr().code == 0
    assert place.pr("--dry-run").out.endswith("planned calls:\n    nothing\n")
