"""Steps of the Action on the events of GitHub: lines of a pull request, known findings, and proposals that fail."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from action_steps import step


@pytest.fixture
def merged(workspace: Path) -> dict[str, str]:
    """The merge that GitHub makes of a pull request, as a checkout of depth 2 has it, and the variables of the event.

    The pull request has changed the loss in train.py; the softmax in model.py was there before.
    """
    identity = ("-c", "user.name=u", "-c", "user.email=u@localhost")
    train = workspace / "train.py"
    loss = "nn.CrossEntropyLoss()"
    train.write_text(train.read_text().replace(loss, "nn.MSELoss()"))
    run_git_in(workspace, *identity, "commit", "-qam", "before")
    run_git_in(workspace, "checkout", "-q", "-b", "topic")
    train.write_text(train.read_text().replace("nn.MSELoss()", loss))
    run_git_in(workspace, *identity, "commit", "-qam", "change")
    run_git_in(workspace, "checkout", "-q", "main")
    run_git_in(workspace, *identity, "merge", "-q", "--no-ff", "-m", "Merge", "topic")
    head = run_git_in(workspace, "rev-parse", "HEAD")
    return {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/7/merge", "GITHUB_SHA": head}


def run_git_in(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


#: The base that an event names may be older than what the merge was made with, and not be in the clone.
PULL = {"pull_request": {"head": {"repo": {"full_name": "o/r"}}, "base": {"sha": "b" * 40}}}


def test_on_a_pull_request_changed_lines_are_those_of_its_merge(workspace: Path, merged: dict[str, str]):
    """The softmax in model.py is told since the line that makes it wrong has changed; the other finding is old."""
    told = step(workspace, mode="check", changed_since="auto", environ=merged, event=PULL, report="r.json")
    assert told.code == 0, told.log
    assert [f["code"] for f in json.loads((workspace / "r.json").read_text())["findings"]] == ["TFC101"]
    assert step(workspace, mode="check", environ=merged, event=PULL).outputs["findings"] == "2"
    assert step(workspace, mode="check", changed_since="HEAD", report="", patch="").outputs["findings"] == "0"


def test_auto_means_every_line_on_other_events(workspace: Path):
    told = step(workspace, mode="check", changed_since="auto", environ={"GITHUB_EVENT_NAME": "push"})
    assert told.outputs["findings"] == "2"


def test_a_clone_that_is_too_short_says_what_to_do(workspace: Path, merged: dict[str, str], tmp_path: Path):
    short = tmp_path / "short"
    run_git_in(tmp_path, "clone", "-q", "--depth", "1", f"file://{workspace}", str(short))
    told = step(short, mode="check", changed_since="auto", environ=merged, event=PULL)
    assert told.code == 2 and "give checkout `fetch-depth: 2`" in told.log
    deeper = tmp_path / "deeper"
    run_git_in(tmp_path, "clone", "-q", "--depth", "2", f"file://{workspace}", str(deeper))
    assert step(deeper, mode="check", changed_since="auto", environ=merged, event=PULL).outputs["findings"] == "1"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_checkout_of_another_user_is_told_as_git_tells_it(workspace: Path, merged: dict[str, str]):
    """As in a container: the clone is long enough, and `fetch-depth` would be the wrong cure."""
    for path in (workspace, *workspace.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    told = step(workspace, mode="check", changed_since="auto", environ=merged, event=PULL, report="", patch="")
    assert told.code == 4 and "dubious ownership" in told.log and "fetch-depth" not in told.log


def test_a_checkout_of_the_branch_itself_is_compared_with_the_base(workspace: Path, merged: dict[str, str]):
    base = run_git_in(workspace, "rev-parse", "main~1")
    run_git_in(workspace, "checkout", "-q", "topic")
    pull = {"pull_request": {**PULL["pull_request"], "base": {"sha": base}}}
    told = step(workspace, mode="check", changed_since="auto", environ=merged, event=pull)
    assert told.outputs["findings"] == "1"


def test_known_findings_are_not_told_again(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    from torchfix_codemods.cli.main import run

    monkeypatch.chdir(workspace)
    assert run(["check", ".", "--quiet", "--write-baseline", "known.txt"]) == 0
    assert step(workspace, mode="check", baseline="known.txt", fail_on="findings").outputs["findings"] == "0"
    assert step(workspace, mode="check", baseline="none.txt").code == 2


#: Nothing listens there.
NOWHERE = {"GITHUB_SERVER_URL": "http://127.0.0.1:9", "GITHUB_API_URL": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("require", "changed"),
    [("not-regressed", {"train.py"}), ("any", {"train.py", "model.py"}), ("verified", set())],
)
def test_what_cannot_be_proposed_is_left_as_a_patch(workspace: Path, require: str, changed: set[str]):
    """Without the fix that a run speaks against, as in the pull request that it would have been."""
    step(workspace, mode="check", report="r.json", patch="")
    report = json.loads((workspace / "r.json").read_text())
    against = {"name": "REGRESSED", "verified": False, "withheld": True, "reason": "worse", "evidence": []}
    against |= {"caveats": [], "script": "train.py", "device": "cpu", "sandbox": "", "seconds": 1.0, "repeat": ""}
    report["findings"][0]["fix"]["verdict"] = against
    (workspace / "r.json").write_text(json.dumps(report))
    done = step(workspace, mode="pr", report="r.json", require=require, token="ghs_abc", environ=NOWHERE)
    assert done.code == 4 and "pull-request-operation" not in done.outputs
    assert [line for line in done.commands if line.startswith("::error")] != []
    assert done.outputs["regressed"] == "1"
    written = (workspace / "torchfix.patch").read_text()
    assert {name for name in ("train.py", "model.py") if f"+++ b/{name}" in written} == changed
    assert "ghs_abc" not in done.log.replace("::add-mask::ghs_abc", "")


def test_proposing_is_for_other_events_than_pull_requests(workspace: Path):
    own = {"pull_request": {"head": {"repo": {"full_name": "o/r"}}, "base": {"sha": "b" * 40}}}
    environ = NOWHERE | {"GITHUB_EVENT_NAME": "pull_request"}
    for token in ({"token": "ghs_abc"}, {}):
        done = step(workspace, mode="pr", environ=environ, event=own, **token)
        assert done.code == 0 and done.outputs["pull-request-operation"] == "none"
        assert [line for line in done.commands if line.startswith("::notice")] != []


def test_proposing_needs_a_token(workspace: Path):
    done = step(workspace, mode="pr", environ=NOWHERE)
    assert done.code == 2 and "mode pr needs a token" in done.log
