"""`torchfix pr` from the command line to the forge: real git, a real git server, a forge with GitHub's contract."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from forge_server import Failure, ForgeServer
from forge_tools import REPOSITORY, TOKEN, git, start, write
from git_server import GitServer

from torchfix_codemods.cli.main import run
from torchfix_codemods.findings import Finding
from torchfix_codemods.rules import registry

LOSS = """\
import torch
import torch.nn.functional as F
from torch import nn

layer = nn.Linear(8, 3)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for step in range(4):
    x, y = torch.randn(20, 8), torch.randint(0, 3, (20,))
    loss = F.cross_entropy(F.softmax(layer(x), dim=1), y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
"""
FIXED = LOSS.replace("F.softmax(layer(x), dim=1)", "layer(x)").replace("retain_graph=True", "")
BRANCH = "torchfix/fixes"


@dataclass(frozen=True)
class Said:
    """What one call of the command line said."""

    code: int
    out: str
    err: str


@dataclass
class Place:
    """A clone, the repository on the server, the forge, and the command line in the clone."""

    work: Path
    bare: Path
    server: GitServer
    forge: ForgeServer
    call: Callable[..., Said]

    def pr(self, *words: str) -> Said:
        return self.call("pr", *words, "--remote", f"{self.server.url}/{REPOSITORY}.git")

    def branches(self) -> list[str]:
        return git(self.bare, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()

    def show(self, name: str, branch: str = BRANCH) -> str:
        return git(self.bare, "show", f"{branch}:{name}") + "\n"

    def commit(self, files: dict[str, str]) -> None:
        write(self.work, files, "Change")
        git(self.work, "push", "-q", str(self.bare), "main")

    def report(self, *names: str) -> Path:
        """The report of a run that gave these verdicts to the findings in their order."""
        path = self.work.parent / "report.json"
        assert self.call("check", ".", "--report", str(path)).code == 1
        report = json.loads(path.read_text())
        for finding, name in zip(report["findings"], names, strict=True):
            finding["fix"]["verdict"] = {"name": name, "reason": "it was run"}
        path.write_text(json.dumps(report))
        return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Place]:
    def call(*words: str) -> Said:
        capfd.readouterr()
        code = run(words)
        out, err = capfd.readouterr()
        assert TOKEN not in out + err
        return Said(code, out, err)

    server = GitServer(tmp_path / "server", TOKEN)
    bare, work = server.bare(REPOSITORY), tmp_path / "work"
    start(work, bare)
    for name in ("GITHUB_TOKEN", "GH_TOKEN", "GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH", "GITHUB_ACTOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(work)
    with server, ForgeServer(bare, REPOSITORY, TOKEN) as forge:
        monkeypatch.setenv("TORCHFIX_TOKEN", TOKEN)
        monkeypatch.setenv("GITHUB_API_URL", forge.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
        there = Place(work, bare, server, forge, call)
        there.commit({"train.py": LOSS})
        yield there
        assert forge.violations == []


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
    assert place.pr(*words, "--dry-run").out.endswith("planned calls:\n    nothing\n")
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


# --- refusals --------------------------------------------------------------------------------------------------------


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
