"""Steps of the Action without a workflow around them: what they write, what they tell, when they fail."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import jsonschema
import pytest
from action_steps import Done, step

from torchfix_codemods.delivery.action.__main__ import main
from torchfix_codemods.verify.sandbox import layers

SCHEMA = Path(layers.__file__).parents[2] / "report" / "schema.json"


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

    monkeypatch.setattr("torchfix_codemods.delivery.action.__main__.read_inputs", broken)
    assert main({}) == 2
    said = capsys.readouterr().out
    assert said.startswith("::error title=torchfix::internal error: ") and said.count("\n") == 1


def test_hostile_names_and_code_command_nothing(workspace: Path):
    name = "::add-path::%0A::error::x.py"
    source = "# ##[add-path]/opt\n" + (workspace / "train.py").read_text()
    (workspace / name).write_text(source.replace("    main()", '    main()\n    x = "::add-path::/x"'))
    done = step(workspace, mode="check")
    assert done.code == 0 and done.outputs["findings"] == "3"
    names = {line.split(" ")[0].split("::")[1] for line in done.commands}
    assert names <= {"warning", "notice", "error"}
