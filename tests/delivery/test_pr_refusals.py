"""What `torchfix pr` refuses, each with one clear line, and what it tells where something fails on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from forge_server import Failure
from forge_tools import REPOSITORY, TOKEN, git, write
from pr_place import BRANCH, LOSS, Place, pr_place

from torchfix_codemods.findings import Finding
from torchfix_codemods.rules import registry


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Place]:
    with pr_place(tmp_path, monkeypatch, capfd) as there:
        yield there


def refused(place: Place, code: int, words: str, *arguments: str) -> None:
    """One clear line, and nothing was sent."""
    said = place.pr(*arguments)
    assert said.code == code and words in said.err and said.err.count("\n") == 1, said.err
    assert said.out == "" and place.branches() == ["main"] and place.forge.written() == []


def test_commits_that_are_not_on_the_base_branch(place: Place):
    write(place.work, {"new.py": "x = 1\n"}, "Mine")
    refused(place, 2, "the commit that is checked out is not on main")
    git(place.work, "commit", "-q", "--amend", "--allow-empty", "-m", "Elsewhere")
    refused(place, 2, "the commit that is checked out is not on main", "--base", "main")


def test_a_file_behind_a_filter_stops_nothing_else(place: Place):
    """In a fresh checkout git compares its bytes: without the filter they are others, though nobody touched them."""
    write(place.work, {"big.py": LOSS, ".gitattributes": "big.py filter=pad\n"}, "Pad")
    git(place.work, "push", "-q", str(place.bare), "main")
    git(place.work, "config", "filter.pad.clean", "sed -e '/^# padded/d'")
    git(place.work, "config", "filter.pad.smudge", "sed -e '$a # padded'")
    (place.work / "big.py").unlink()
    git(place.work, "checkout", "-q", "big.py")
    assert (place.work / "big.py").read_text() == LOSS + "# padded\n"
    assert git(place.work, "status", "--porcelain") == ""
    said = place.pr()
    assert said.code == 0 and said.out.startswith("created "), said.err
    changed = git(place.bare, "diff", "--name-only", "main", BRANCH).split()
    assert "train.py" in changed and "big.py" not in changed


def test_files_with_changes_of_their_own(place: Place):
    (place.work / "train.py").write_text(LOSS + "# mine\n")
    refused(place, 2, "train.py would change and is not committed")
    git(place.work, "add", "train.py")
    refused(place, 2, "train.py would change and is not committed")
    git(place.work, "checkout", "-q", "HEAD", "train.py")
    (place.work / "README").write_text("changed, but no file of ours\n")
    (place.work / "untracked.py").write_text(LOSS)
    assert place.pr().code == 0
    assert git(place.bare, "diff", "--name-only", "main", BRANCH) == "train.py"
    assert "untracked.py" in place.forge.pulls[1].body


def test_a_pull_request_from_a_fork(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"head": {"repo": {"full_name": "eve/nets"}}}}))
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    refused(place, 2, "comes from a fork")


def test_names_that_cannot_be(place: Place):
    refused(place, 2, "is the base branch", "--branch", "main")
    refused(place, 2, "there is no branch nowhere", "--base", "nowhere")
    refused(place, 2, "is no name for a branch", "--branch", "a;$(id)")
    refused(place, 2, "is not the owner/name", "--repository", "../x")
    refused(place, 2, "is no label", "--labels", "x" * 51)
    refused(place, 2, "unknown rule", "--select", "TFC999")


def test_paths_outside_of_one_repository(place: Place, tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    refused(place, 2, "must lie in one", str(tmp_path / "elsewhere"))
    refused(place, 2, "must lie in one", ".", str(tmp_path / "elsewhere"))


def test_reports_that_are_none(place: Place, tmp_path: Path):
    with (tmp_path / "big.json").open("wb") as file:
        file.truncate(100 * 2**20)
    (tmp_path / "odd.json").write_text("[" * 100_000)
    refused(place, 2, "larger than", "--report", str(tmp_path / "big.json"))
    refused(place, 2, "odd.json", "--report", str(tmp_path / "odd.json"))
    refused(place, 2, "No such file", "--report", str(tmp_path / "none.json"))
    refused(place, 2, "no report of runs is given", "--require", "verified")


def test_standard_input_is_no_file_of_a_repository(place: Place):
    refused(place, 2, "`-`: a pull request changes files of a repository", "-")


def test_a_rule_that_fails_changes_nothing(place: Place, monkeypatch: pytest.MonkeyPatch):
    """What it did not find is not gone: its pull request stays as it is."""
    assert place.pr().code == 0
    written, pull = len(place.forge.written()), (place.forge.pulls[1].title, place.forge.pulls[1].body)

    def fails(*_: object) -> Iterator[Finding]:
        raise RuntimeError("not today\nnor tomorrow")

    rules = tuple(replace(rule, check=fails) if rule.code == "TFC101" else rule for rule in registry.all_rules())
    monkeypatch.setattr(registry, "all_rules", lambda: rules)
    for words in ((), ("--dry-run",), ("--group-by", "rule")):
        said = place.pr(*words)
        assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
        assert "model.py: the rule softmax-before-cross-entropy failed, and nothing is proposed" in said.err
    assert len(place.forge.written()) == written and place.forge.pulls[1].state == "open"
    assert (place.forge.pulls[1].title, place.forge.pulls[1].body) == pull


def test_results_before_a_failure_are_told(place: Place):
    assert place.pr("--group-by", "rule", "--select", "TFC101").code == 0
    place.forge.fail(Failure(422, "Validation Failed", only=f"POST /repos/{REPOSITORY}/pulls"), times=5)
    said = place.pr("--group-by", "rule")
    assert said.code == 4 and said.out.startswith(f"unchanged {BRANCH}-tfc101 http")
    assert said.err.count("\n") == 1 and "Validation Failed" in said.err


def test_no_token(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TORCHFIX_TOKEN")
    refused(place, 2, "needs a token in one of the variables TORCHFIX_TOKEN, GITHUB_TOKEN, GH_TOKEN")
    monkeypatch.setenv("GH_TOKEN", TOKEN)
    assert place.pr().code == 0


def test_a_forge_or_a_server_that_says_no(place: Place):
    place.forge.fail(Failure(401, "Bad credentials"))
    refused(place, 4, "Bad credentials")
    place.server.refuse("git-receive-pack", 403, "Permission denied")
    refused(place, 4, "403")
