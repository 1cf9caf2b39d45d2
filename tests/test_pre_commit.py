"""The hooks of `.pre-commit-hooks.yaml`, by the real pre-commit, in an environment that it builds itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
#: What the package is built from; the tests and the corpus have no part in it.
SOURCES = ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml", "torchfix_codemods")
#: What installers say where the registry is out of reach.
_OFFLINE = re.compile(r"No matching distribution|Could not find a version|Connection|resolution|timed out|ProxyError")

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

MODEL = """\
import torch.nn.functional as F
from torch import nn

open("ran", "w").close()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return F.softmax(self.fc(x), dim=1)  # probabilities
"""
TRAIN = """\
import torch
from torch import nn

from model import Net

net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(3):
    loss = criterion(net(torch.randn(8, 4)), torch.randint(0, 3, (8,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
#: A model and its loss in one file.
TWICE = """\
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        logits = x
        return F.softmax(logits, dim=1)


loss = nn.CrossEntropyLoss()(Net()(images), labels)
"""


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def pre_commit(folder: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PRE_COMMIT_HOME": str(home), "PRE_COMMIT_COLOR": "never"}
    command = [sys.executable, "-m", "pre_commit", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400
    )


def test_the_manifest_is_valid(tmp_path: Path) -> None:
    checked = pre_commit(ROOT, tmp_path, "validate-manifest", str(MANIFEST))
    assert (checked.returncode, checked.stdout) == (0, "")


def test_hooks_see_all_files_in_one_process_and_run_no_code() -> None:
    """Two processes would each see half of a project, and a hook is no place for somebody's training."""
    from pre_commit.clientlib import load_manifest

    hooks = {hook["id"]: hook for hook in load_manifest(str(MANIFEST))}
    assert set(hooks) == {"torchfix", "torchfix-fix"}
    for hook in hooks.values():
        assert hook["require_serial"] and hook["language"] == "python" and hook["types_or"] == ["python", "jupyter"]
        assert hook["args"] == ["--"]
        assert "--project" in hook["entry"].split() and "--verify" not in hook["entry"]
        assert not hook["additional_dependencies"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pre-commit")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own source as a repository of its own, as users name it in their configuration."""
    folder = tmp_path_factory.mktemp("source")
    skipped = shutil.ignore_patterns("__pycache__")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=skipped)
        else:
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "source")
    return folder


@pytest.fixture
def project(tmp_path: Path, source: Path, home: Path) -> Path:
    """A project whose loss is committed, and whose model is staged. Its environment is built once."""
    revision = git(source, "rev-parse", "HEAD").strip()
    hooks = "hooks: [{id: torchfix}, {id: torchfix-fix}]"
    (tmp_path / ".pre-commit-config.yaml").write_text(f"repos: [{{repo: {source}, rev: {revision}, {hooks}}}]\n")
    (tmp_path / "train.py").write_text(TRAIN)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "loss")
    (tmp_path / "model.py").write_text(MODEL)
    git(tmp_path, "add", "model.py")
    built = pre_commit(tmp_path, home, "install-hooks")
    if built.returncode and _OFFLINE.search(built.stdout):
        pytest.skip(f"the package registry cannot be reached: {built.stdout.strip().splitlines()[-1]}")
    assert built.returncode == 0, built.stdout
    return tmp_path


@pytest.mark.slow
def test_a_model_is_staged_alone_and_its_loss_is_in_another_file(project: Path, home: Path) -> None:
    report = pre_commit(project, home, "run", "torchfix")
    assert report.returncode == 1
    assert "model.py:13:16: TFC101 softmax-before-cross-entropy [behavior]" in report.stdout
    assert "train.py:7: the loss is built here" in report.stdout
    assert git(project, "diff", "--name-only") == ""

    rewrite = pre_commit(project, home, "run", "torchfix-fix")
    assert rewrite.returncode == 1 and "files were modified by this hook" in rewrite.stdout
    assert git(project, "diff", "--name-only") == "model.py\n"
    assert (project / "model.py").read_text() == MODEL.replace("F.softmax(self.fc(x), dim=1)", "self.fc(x)")

    git(project, "add", "model.py")
    again = pre_commit(project, home, "run")
    assert again.returncode == 0 and again.stdout.count("Passed") == 2
    assert not (project / "ran").exists()


@pytest.mark.slow
def test_a_file_that_was_not_staged_is_not_rewritten(project: Path, home: Path) -> None:
    git(project, "commit", "-qm", "model")
    (project / "train.py").write_text(TRAIN.replace("lr=0.1", "lr=0.2"))
    git(project, "add", "train.py")
    done = pre_commit(project, home, "run")
    assert done.returncode == 0, done.stdout
    assert git(project, "diff", "--name-only") == ""


@pytest.mark.slow
def test_a_name_that_begins_with_a_dash(project: Path, home: Path) -> None:
    """It is no option, also where the configuration has options of its own and ends them."""
    git(project, "mv", "--", "model.py", "-model.py")
    (project / "--quiet.py").write_text(TWICE)
    git(project, "add", "-A")
    for own in ("", ", args: [--select, TFC101, --]"):
        config = project / ".pre-commit-config.yaml"
        text = config.read_text().replace("id: torchfix}", f"id: torchfix{own}}}")
        (project / "own.yaml").write_text(text)
        done = pre_commit(project, home, "run", "--config", "own.yaml", "torchfix")
        assert done.returncode == 1 and "--quiet.py:8:16: TFC101" in done.stdout, done.stdout
    rewrite = pre_commit(project, home, "run", "torchfix-fix")
    assert rewrite.returncode == 1 and "files were modified by this hook" in rewrite.stdout
    assert git(project, "diff", "--name-only") == "--quiet.py\n"
