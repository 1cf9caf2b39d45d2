"""Steps of the Action in mode verify: verdicts, and what the programs that it runs can neither see nor do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from action_steps import step

from torchfix_codemods.delivery.action.__main__ import main
from torchfix_codemods.verify.sandbox import layers


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
print("::add-path::/opt/evil")
print("::set-env name=LD_PRELOAD::/opt/evil.so")
print("::error::from the program")
print("##[add-path]/opt/evil")
if {condition}:
    raise RuntimeError("::error::it sees " + repr(bad))
"""


@pytest.mark.parametrize(("condition", "error"), [("bad", ""), ("'PATH' in os.environ", "it sees []")])
def test_programs_see_nothing_of_the_job_and_command_nothing(workspace: Path, condition: str, error: str):
    """The second case shows that such a program would be heard."""
    train = workspace / "train.py"
    train.write_text(train.read_text() + NOSY.replace("{condition}", condition))
    environ = {"GITHUB_ENV": "/opt/env", "GITHUB_PATH": "/opt/path", "RUNNER_NAME": "x", "MY_SETTING": "1"}
    environ |= {"GITHUB_TOKEN": "ghs_abc", "TORCHFIX_UNSAFE": "1"}
    done = step(workspace, mode="verify", environ=environ)
    assert done.code == 0, done.log
    [ran] = json.loads((workspace / "torchfix-report.json").read_text())["runs"]
    assert error in ran["error"] and bool(error) == bool(ran["error"])
    assert {line.split(" ")[0] for line in done.commands} <= {"::warning", "::notice", "::error"}
    assert any("TORCHFIX_UNSAFE lets programs run although it sees a secret: GITHUB_TOKEN" in c for c in done.commands)
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
