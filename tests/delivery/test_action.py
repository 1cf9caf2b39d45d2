"""Steps of the Action without a workflow around them: what they write, what they tell, when they fail."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
from steps import SAMPLE, Done, step

from torchfix_codemods.delivery.action import main
from torchfix_codemods.verify.sandbox import layers

SCHEMA = Path(layers.__file__).parents[2] / "report" / "schema.json"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A repository that trains in a second, with a softmax too many and a graph kept."""
    folder = tmp_path / "work"
    shutil.copytree(SAMPLE, folder)
    commit_all(folder)
    return folder


def commit_all(folder: Path) -> None:
    for line in ("init -q -b main", "add -A", "-c user.name=u -c user.email=u@localhost commit -qm all"):
        subprocess.run(["git", *line.split()], cwd=folder, check=True, capture_output=True)


def annotations(done: Done) -> list[str]:
    return [line for line in done.commands if line.startswith(("::error", "::warning", "::notice"))]


def test_a_check_writes_reports_and_tells_them(workspace: Path):
    done = step(workspace, mode="check", report="r.json", sarif="r.sarif", html="r.html", patch="fixes.patch")
    assert done.code == 0, done.log
    report = json.loads((workspace / "r.json").read_text())
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    assert [finding["code"] for finding in report["findings"]] == ["TFC101", "TFC203"]
    assert json.loads((workspace / "r.sarif").read_text())["version"] == "2.1.0"
    assert "TFC101" in (workspace / "r.html").read_text()
    assert done.outputs == {
        "findings": "2",
        "fixes": "2",
        "verified": "0",
        "regressed": "0",
        "report": "r.json",
        "sarif": "r.sarif",
        "html": "r.html",
        "patch": "fixes.patch",
    }
    places = [line.split("::")[1] for line in annotations(done)]
    assert any("file=model.py,line=13" in place for place in places)
    assert any("file=train.py,line=18" in place for place in places)
    assert "softmax-before-cross-entropy" in done.summary and "softmax-before-cross-entropy" in done.log


def test_the_patch_of_a_check_is_what_apply_would_write(workspace: Path):
    step(workspace, mode="check", patch="fixes.patch")
    subprocess.run(["git", "apply", "fixes.patch"], cwd=workspace, check=True)
    assert "return self.out(x)  # three classes" in (workspace / "model.py").read_text()
    assert "loss.backward()" in (workspace / "train.py").read_text()
    assert step(workspace, mode="check").outputs["findings"] == "0"


def test_nothing_is_written_where_nothing_was_asked_for(workspace: Path):
    before = sorted(workspace.iterdir())
    done = step(workspace, mode="check", report="", patch="", annotations="false")
    assert sorted(workspace.iterdir()) == before
    assert annotations(done) == [] and done.outputs["findings"] == "2" and "report" not in done.outputs


@pytest.mark.parametrize(
    ("fail_on", "select", "code"),
    [("none", "", 0), ("findings", "", 1), ("fixes", "", 1), ("regressions", "", 0), ("fixes", "TFC301", 0)],
)
def test_fail_on_decides_over_the_exit_code(workspace: Path, fail_on: str, select: str, code: int):
    assert step(workspace, mode="check", fail_on=fail_on, select=select).code == code


def test_findings_without_a_default_fix_are_findings_only(workspace: Path):
    (workspace / "train.py").write_text(
        (workspace / "train.py").read_text().replace("criterion(model(batch)", "criterion(model(batch).log_softmax(1)")
    )
    done = step(workspace, mode="check", select="TFC102", fail_on="findings")
    assert (done.outputs["findings"], done.outputs["fixes"], done.code) == ("1", "0", 1)
    assert step(workspace, mode="check", select="TFC102", fail_on="fixes").code == 0


def test_the_settings_count_and_the_inputs_go_over_them(workspace: Path, tmp_path: Path):
    (workspace / "pyproject.toml").write_text('[tool.torchfix]\nselect = ["TFC203"]\n')
    assert step(workspace, mode="check").outputs["findings"] == "1"
    assert step(workspace, mode="check", select="TFC1,TFC2").outputs["findings"] == "2"
    (workspace / "ci.toml").write_text('[tool.torchfix]\nignore = ["TFC2"]\n')
    assert step(workspace, mode="check", config="ci.toml").outputs["findings"] == "1"
    (workspace / "none.toml").write_text("[tool.other]\n")
    refused = step(workspace, mode="check", config="none.toml")
    assert refused.code == 2 and "there is no [tool.torchfix]" in refused.log
    assert step(workspace, mode="check", exclude="*.py").outputs["findings"] == "0"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("report", "../report.json", "leads out of the workspace"),
        ("sarif", "/etc/torchfix.sarif", "leads out of the workspace"),
        ("html", "none/such.html", "there is no folder"),
        ("patch", ".git/torchfix.patch", "is in a folder of git"),
        ("report", "linked.json", "no plain file"),
        ("report", "linked/report.json", "leads out of the workspace"),
        ("report", "folder", "no plain file"),
    ],
)
def test_files_are_written_in_the_workspace_and_through_no_link(
    workspace: Path, tmp_path: Path, name: str, value: str, said: str
):
    """A link in somebody's pull request would lead to any file that the runner may write."""
    target = tmp_path / "target"
    target.mkdir()
    (target / "file").write_text("precious")
    (workspace / "linked.json").symlink_to(target / "file")
    (workspace / "linked").symlink_to(target)
    (workspace / "folder").mkdir()
    done = step(workspace, mode="check", **{name: value})
    assert done.code == 2 and f"input {name}: " in done.log and said in done.log
    assert [(path.name, path.read_text()) for path in target.iterdir()] == [("file", "precious")]


def test_what_goes_wrong_is_one_annotation(workspace: Path):
    done = step(workspace, mode="chekc")
    assert (done.code, done.log) == (
        2,
        "::error title=torchfix::input mode: 'chekc' is none of check, verify, pr, did you mean 'check'?\n",
    )
    missing = step(workspace, mode="check", paths="none.py")
    assert missing.code == 2 and missing.log.count("\n") == 1 and missing.commands


def test_an_internal_error_is_one_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def broken(*_: object) -> None:
        raise RuntimeError("::add-path::/x\nsecond line")

    monkeypatch.setattr("torchfix_codemods.delivery.action.read_inputs", broken)
    assert main({}) == 2
    said = capsys.readouterr().out
    assert said.startswith("::error title=torchfix::internal error: ") and said.count("\n") == 1


def test_hostile_names_and_code_command_nothing(workspace: Path):
    name = "::add-path::%0A::error::x.py"
    source = "# ##[add-path]/tmp\n" + (workspace / "train.py").read_text()
    (workspace / name).write_text(source.replace("    main()", '    main()\n    x = "::add-path::/x"'))
    done = step(workspace, mode="check")
    assert done.code == 0 and done.outputs["findings"] == "3"
    names = {line.split(" ")[0].split("::")[1] for line in done.commands}
    assert names <= {"warning", "notice", "error"}


def test_verify_gives_each_fix_a_verdict(workspace: Path):
    done = step(workspace, mode="verify", fail_on="regressions")
    assert done.code == 0, done.log
    assert {key: done.outputs[key] for key in ("fixes", "verified", "regressed")} == {
        "fixes": "2",
        "verified": "2",
        "regressed": "0",
    }
    report = json.loads((workspace / "torchfix-report.json").read_text())
    verdicts = {finding["code"]: finding["fix"]["verdict"]["name"] for finding in report["findings"]}
    assert verdicts == {"TFC101": "CHANGED_AS_INTENDED", "TFC203": "IMPROVED"}
    assert "CHANGED_AS_INTENDED" in done.summary


#: Ends with an error that names what it should not have found. A program that is run cannot tell it otherwise.
NOSY = """
import os

bad = [name for name in os.environ if name.startswith(("GITHUB_", "RUNNER_", "TORCHFIX_", "ACTIONS_", "INPUT_", "MY_"))]
print("::add-path::/tmp/evil")
print("::set-env name=LD_PRELOAD::/tmp/evil.so")
print("::error::from the program")
print("##[add-path]/tmp/evil")
if {condition}:
    raise RuntimeError("::error::it sees " + repr(bad))
"""


@pytest.mark.parametrize(("condition", "error"), [("bad", ""), ("'PATH' in os.environ", "it sees []")])
def test_programs_see_nothing_of_the_job_and_command_nothing(workspace: Path, condition: str, error: str):
    """The second case shows that such a program would be heard."""
    train = workspace / "train.py"
    train.write_text(train.read_text() + NOSY.replace("{condition}", condition))
    environ = {"GITHUB_ENV": "/tmp/env", "GITHUB_PATH": "/tmp/path", "RUNNER_NAME": "x", "MY_SETTING": "1"}
    environ |= {"GITHUB_TOKEN": "ghs_abc", "TORCHFIX_UNSAFE": "1"}
    done = step(workspace, mode="verify", environ=environ)
    assert done.code == 0, done.log
    [ran] = json.loads((workspace / "torchfix-report.json").read_text())["runs"]
    assert error in ran["error"] and bool(error) == bool(ran["error"])
    assert {line.split(" ")[0] for line in done.commands} <= {"::warning", "::notice", "::error"}
    assert not any("from the program" in line or line.startswith("::error::") for line in done.commands)


def test_verify_refuses_where_it_sees_a_secret(workspace: Path):
    for name in ("GITHUB_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "WANDB_API_KEY"):
        done = step(workspace, mode="verify", environ={name: "s3cret"})
        assert done.code == 2 and name in done.log and "s3cret" not in done.log
    assert not (workspace / "torchfix-report.json").exists()


def test_verify_runs_no_strangers_code_beside_secrets(workspace: Path):
    done = step(workspace, mode="verify", environ={"GITHUB_EVENT_NAME": "pull_request_target"})
    assert done.code == 2 and "pull_request_target" in done.log


def test_a_required_sandbox_is_one_of_the_system(monkeypatch: pytest.MonkeyPatch, workspace: Path, capsys):
    monkeypatch.setattr(layers, "LAYERS", tuple(layer for layer in layers.LAYERS if not layer.holds))
    monkeypatch.chdir(workspace)
    environ = {"TORCHFIX_MODE": "verify", "TORCHFIX_SANDBOX": "required", "GITHUB_WORKSPACE": str(workspace)}
    assert main(environ) == 2
    said = capsys.readouterr().out
    assert "sandbox required: this runner allows only audit-hook" in said and "sysctl" in said


def test_a_program_and_its_arguments_can_be_named(workspace: Path):
    (workspace / "other.py").write_text("import sys\nfrom train import main\nif sys.argv[1:] == ['a b']:\n    main()\n")
    done = step(workspace, mode="verify", script="other.py", args="'a b'", timeout="50", patch="")
    [ran] = json.loads((workspace / "torchfix-report.json").read_text())["runs"]
    assert (ran["script"], ran["args"], done.outputs["verified"]) == ("other.py", ["a b"], "2")


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
    done = step(workspace, mode="pr", token="ghs_abc", environ=environ, event=own)
    assert done.code == 0 and done.outputs["pull-request-operation"] == "none"
    assert [line for line in done.commands if line.startswith("::notice")] != []
