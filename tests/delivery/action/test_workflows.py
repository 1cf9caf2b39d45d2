"""`action.yml` and the workflows of the README, by the linters of the trade, and against one another."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from act_tools import OURS, README, ROOT, workflow

from torchfix_codemods.delivery.action import inputs as reading
from torchfix_codemods.delivery.model import Operation
from torchfix_codemods.delivery.open import Wish

WORKFLOWS = ("pull-request", "check")
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]


def program(name: str) -> str:
    """A linter beside the Python of the tests: both are packages of the development extra."""
    return str(Path(sys.executable).with_name(name))


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A repository with our Action at its top and the README's workflows, which then say `uses: ./`."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    shutil.copy(ROOT / "action.yml", tmp_path)
    for name in WORKFLOWS:
        (folder / f"{name}.yml").write_text(re.sub(rf"uses: {OURS}@\S+.*", "uses: ./", workflow(name)))
    return tmp_path


def test_zizmor_finds_nothing(tmp_path: Path):
    shutil.copy(ROOT / "action.yml", tmp_path)
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for name in WORKFLOWS:
        (folder / f"{name}.yml").write_text(workflow(name))
    done = subprocess.run(
        [program("zizmor"), "--offline", "--no-progress", "--persona", "auditor", "."],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings to report" in done.stdout + done.stderr


def test_zizmor_would_find_an_injection(tmp_path: Path):
    """The check before can fail."""
    text = (ROOT / "action.yml").read_text().replace("set -euo pipefail", 'echo "${{ inputs.paths }}"', 1)
    (tmp_path / "action.yml").write_text(text)
    done = subprocess.run(
        [program("zizmor"), "--offline", "--no-progress", "action.yml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0 and "template-injection" in done.stdout


def test_actionlint_knows_our_action_and_finds_nothing(published: Path):
    done = lint(published)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_would_find_an_input_that_is_none(published: Path):
    file = published / ".github" / "workflows" / "check.yml"
    file.write_text(file.read_text().replace("changed-since:", "changed-sinse:"))
    done = lint(published)
    assert done.returncode == 1 and "changed-sinse" in done.stdout


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program("actionlint")], cwd=folder, capture_output=True, text=True, timeout=60)


def test_no_expression_stands_in_a_script():
    """What an expression gives would be read as part of the script."""
    assert STEPS and all("${{" not in step["run"] for step in STEPS)


def test_the_action_uses_no_other():
    assert all("uses" not in step and step["shell"] == "bash" for step in STEPS)


def test_every_input_is_handed_on_once_and_the_token_to_one_mode():
    passed = STEPS[1]["env"]
    known = {reading.variable(name): f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]}
    token = {"TORCHFIX_TOKEN": "${{ inputs.mode == 'pr' && inputs.token || '' }}"}
    assert passed == known | token | {"TORCHFIX_INTERPRETER": "${{ steps.install.outputs.python }}"}
    assert not any("token" in value.lower() for value in STEPS[0]["env"].values())


def test_the_inputs_are_those_that_are_read_with_the_same_defaults():
    assert {field.name.replace("_", "-") for field in fields(reading.Inputs)} == set(ACTION["inputs"])
    given = {reading.variable(name): told["default"] for name, told in ACTION["inputs"].items() if name != "token"}
    assert reading.read_inputs(given) == reading.Inputs()
    wished, known = Wish(), reading.Inputs()
    assert (wished.branch, wished.labels, wished.draft) == (known.branch, known.labels, known.draft)
    assert (wished.options.require, wished.options.group_by) == (known.require, known.group_by)
    assert not any(told.get("required") for told in ACTION["inputs"].values()), "GitHub does not enforce it"


def test_everything_that_can_become_of_a_pull_request_is_described():
    told = ACTION["outputs"]["pull-request-operation"]["description"]
    words = re.findall(r"(?:: |, | or )([a-z-]+)(?= \(|,| or |;)", told)
    assert sorted(words) == sorted(operation.value for operation in Operation)


def test_input_variables_are_never_read():
    """act sets INPUT_*, GitHub does not: code that reads them passes tests and fails in earnest."""
    files = [*(ROOT / "torchfix_codemods").rglob("*.py"), ROOT / "scripts" / "action_install.py"]
    reads = [f.name for f in files if re.search(r"""["']INPUT_""", f.read_text(encoding="utf-8"))]
    assert reads == []


def section() -> str:
    """The README's section on the Action."""
    return README.read_text(encoding="utf-8").split("\n## On GitHub\n")[1].split("\n## ")[0]


def test_the_readme_has_every_input_and_output():
    inputs = "".join(
        f"| `{name}` | {'`' + told['default'] + '`' if told['default'] else ''} | {told['description']} |\n"
        for name, told in ACTION["inputs"].items()
    )
    outputs = "".join(f"| `{name}` | {told['description']} |\n" for name, told in ACTION["outputs"].items())
    assert f"| input | default | |\n|---|---|---|\n{inputs}\n" in section()
    assert f"| output | |\n|---|---|\n{outputs}\n" in section()


def test_every_action_of_the_readme_is_pinned_to_a_commit():
    used = re.findall(r"uses: (\S+)(.*)", section())
    assert len(used) == 9
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", name) and " # v" in rest for name, rest in used)


def test_the_job_that_runs_code_may_only_read():
    jobs = yaml.safe_load(workflow("pull-request"))["jobs"]
    assert jobs["verify"]["permissions"] == {"contents": "read"}
    assert jobs["pull-request"]["permissions"] == {"contents": "write", "pull-requests": "write"}
    assert not any("run" in step for step in jobs["pull-request"]["steps"])
    checkouts = [s for job in jobs.values() for s in job["steps"] if s.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == 2 and all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_the_icon_is_one_that_the_marketplace_knows(published: Path):
    """actionlint has the list; a name that is none is told."""
    file = published / "action.yml"
    file.write_text(file.read_text().replace(f"icon: {ACTION['branding']['icon']}", "icon: tool"))
    assert "tool" in lint(published).stdout
