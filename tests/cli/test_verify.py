"""`verify` and `apply --verify` on small projects, from the command line to the written files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from cli_tool import Answer

import torchfix_codemods

SCHEMA = json.loads((Path(torchfix_codemods.__file__).parent / "report" / "schema.json").read_text())
MODEL = """\
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 16), nn.Linear(16, 4)

    def forward(self, x):
        return F.softmax(self.second(F.relu(self.first(x))), dim=1)  # probabilities
"""
TRAIN = """\
import sys

import torch
from torch import nn

from model import Net

net = Net().cuda()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
x, y = torch.randn(64, 8).cuda(), torch.randint(0, 4, (64,)).cuda()


def train():
    net.train()
    for step in range(100):
        optimizer.zero_grad()
        criterion(net(x), y).backward()
        optimizer.step()


def evaluate():
    net.eval()
    for start in range(0, 64, 8):
        print((net(x[start : start + 8]).argmax(1) == y[start : start + 8]).sum().item())


for epoch in range(int(sys.argv[1]) if len(sys.argv) > 1 else 9):
    train()
    evaluate()
"""
Run = Callable[..., Answer]


@pytest.fixture
def project(folder: Path) -> Path:
    (folder / "model.py").write_text(MODEL)
    (folder / "train.py").write_text(TRAIN)
    return folder


def verdicts(answer: Answer) -> dict[str, dict]:
    """The verdicts by rule code, of a report that keeps to its schema."""
    report = json.loads(answer.out)
    jsonschema.validate(report, SCHEMA)
    return {f["code"]: f["fix"]["verdict"] for f in report["findings"] if f["fix"] and "verdict" in f["fix"]}


def test_every_fix_gets_its_verdict_and_nothing_is_written(tool: Run, project: Path):
    answer = tool("verify", ".", "--output-format", "json", "--python", sys.executable)
    assert answer.code == 0, answer.err
    found = verdicts(answer)
    assert {code: verdict["name"] for code, verdict in found.items()} == {
        "TFC101": "CHANGED_AS_INTENDED",
        "TFC202": "IMPROVED",
    }
    assert found["TFC202"]["evidence"][0] == {
        "what": "evaluations that build a graph",
        "before": "8 of 8",
        "after": "0 of 8",
    }
    assert found["TFC101"]["script"] == "train.py" and found["TFC101"]["device"] == "cpu-redirect"
    assert found["TFC101"]["sandbox"]
    (ran,) = json.loads(answer.out)["runs"]
    assert ran["status"] == "finished" and ran["runs"] >= 4
    assert (project / "model.py").read_text() == MODEL
    assert (project / "train.py").read_text() == TRAIN


def test_apply_writes_what_was_confirmed_and_says_so(tool: Run, project: Path):
    answer = tool("apply", "--require-verified", "--python", sys.executable, ".")
    assert answer.code == 0, answer.err
    assert b"IMPROVED: evaluations build no graph" in answer.out
    assert "CUDA redirected to the CPU" in answer.err and "2 fixes applied" in answer.err
    assert "@torch.no_grad()" in (project / "train.py").read_text()
    assert "softmax" not in (project / "model.py").read_text()


def test_what_the_runs_do_not_confirm_is_withheld(tool: Run, project: Path):
    (project / "train.py").write_text(TRAIN.replace("import sys\n", "import sys\nimport pandas_or_so\n"))
    for arguments, written in ((("--require-verified",), False), (("--verify",), True)):
        answer = tool("apply", *arguments, "--python", sys.executable, ".")
        assert answer.code == 0, answer.err
        assert b"CANNOT_RUN: the module 'pandas_or_so' is missing" in answer.out
        assert ("withheld" in answer.err) is not written
        assert ("softmax" not in (project / "model.py").read_text()) is written


def test_arguments_of_the_program(tool: Run, project: Path):
    options = ("--script", "train.py", "--inner", "3", "--output-format", "json")
    answer = tool("verify", ".", *options, "--python", sys.executable, "--", "0")
    assert answer.code == 0, answer.err
    found = verdicts(answer)
    assert [verdict["name"] for verdict in found.values()] == ["NOT_EXERCISED", "NOT_EXERCISED"]
    repeated = f"torchfix verify . --script train.py --python {sys.executable} --inner 3 -- 0"
    assert {verdict["repeat"] for verdict in found.values()} == {repeated}


def test_what_is_not_written_is_not_called_fixed(tool: Run, project: Path):
    answer = tool("verify", ".", "--python", sys.executable)
    assert answer.out.count(b"    fixable: ") == 2 and b"fixed" not in answer.out
    assert "run it again: torchfix verify . --script train.py" in answer.err


def test_one_file_alone_shows_less_than_its_project(tool: Run, project: Path):
    answer = tool("verify", "train.py", "--python", sys.executable)
    assert answer.code == 0
    assert "only the files given were read: `torchfix verify . --script train.py`" in answer.err
    answer = tool("verify", ".", "--python", sys.executable, "--script", "train.py", "--", "1")
    assert "only the files given" not in answer.err


def test_what_no_program_reaches_is_said(tool: Run, folder: Path):
    (folder / "layers.py").write_text(MODEL.replace("F.softmax(", "F.dropout(").replace(", dim=1)", ", 0.5)"))
    answer = tool("verify", ".")
    assert answer.code == 0
    assert b"NOT_RUN: no script reaches it" in answer.out


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("apply", ".", "--inner", "3"), "go with --verify only"),
        (("apply", ".", "--", "x"), "go with --verify only"),
        (("verify", "-", "--stdin-filename", "x.py"), "standard input cannot be run"),
        (("apply", "--verify", "-", "--stdin-filename", "x.py"), "standard input cannot be run"),
        (("verify", ".", "--script", "missing.py"), "missing.py"),
        (("verify", ".", "--python", "/no/such/python"), "/no/such/python"),
        (("verify", ".", "--report", "x.txt"), "must end in .json"),
    ],
)
def test_what_makes_no_sense_is_one_line(tool: Run, project: Path, arguments: tuple[str, ...], said: str):
    answer = tool(*arguments)
    assert answer.code == 2
    assert said in answer.err
    assert answer.err.count("\n") == 1, answer.err


#: A program that says whether its evaluation builds graphs: without them it says something else.
SAYS = TRAIN.replace(
    "print((net(x[start : start + 8]).argmax(1) == y[start : start + 8]).sum().item())",
    'print(str(net(x[start : start + 8]).sum()).count("grad_fn"))',
)
HERE = ("--python", sys.executable, "--", "2")


def test_what_the_runs_speak_against_is_not_written_and_named(tool: Run, project: Path):
    (project / "train.py").write_text(SAYS)
    answer = tool("apply", "--verify", "--report", "report.json", ".", *HERE)
    assert answer.code == 3, answer.err
    assert "no_grad" not in (project / "train.py").read_text() and "softmax" not in (project / "model.py").read_text()
    assert "train.py:22:1: TFC202 REGRESSED, something else is printed" in answer.err
    report = json.loads((project / "report.json").read_text())
    jsonschema.validate(report, SCHEMA)
    assert [f["fix"]["verdict"]["withheld"] for f in report["findings"]] == [False, True]


def test_a_patch_leaves_out_what_the_runs_speak_against(tool: Run, project: Path):
    (project / "train.py").write_text(SAYS)
    answer = tool("apply", "--verify", "--dry-run", ".", *HERE)
    assert answer.code == 3, answer.err
    assert b"--- a/model.py" in answer.out and b"no_grad" not in answer.out
    assert "train.py:22:1: TFC202 REGRESSED" in answer.err
    assert (project / "model.py").read_text() == MODEL


def test_the_comments_of_a_review_stay_where_another_fix_is_withheld(project: Path):
    (project / "train.py").write_text(SAYS)
    command = [sys.executable, "-m", "torchfix_codemods", "apply", "-i", "--verify", ".", *HERE]
    answer = subprocess.run(command, input="i\ny\n", capture_output=True, text=True)
    assert answer.returncode == 3, answer.stderr
    assert "ignore[softmax-before-cross-entropy]" in (project / "model.py").read_text()
    assert (project / "train.py").read_text() == SAYS
    assert "train.py:22:1: TFC202 REGRESSED" in answer.stderr


def test_verify_says_what_apply_would_do(tool: Run, project: Path):
    (project / "train.py").write_text(SAYS)
    answer = tool("verify", ".", *HERE)
    assert answer.code == 3, answer.err
    assert b"    fixable: " in answer.out and b"    withheld: " in answer.out and b"    fixed: " not in answer.out
    assert "2 findings, 1 fixable by `apply`" in answer.err
    quiet = tool("verify", "--quiet", ".", *HERE)
    assert (quiet.code, quiet.out, quiet.err) == (3, b"", "")


def test_a_device_that_is_not_there_is_named(tool: Run, project: Path):
    answer = tool("verify", "--device", "cuda", ".", *HERE)
    if "CANNOT_RUN" in answer.err:  # no GPU here
        assert b"CANNOT_RUN: device cuda is not usable: " in answer.out


def test_what_is_cancelled_leaves_nothing_behind(project: Path, tmp_path_factory: pytest.TempPathFactory):
    (project / "train.py").write_text(TRAIN.replace("    net.eval()\n", "    net.eval()\n    time.sleep(60)\n"))
    (project / "train.py").write_text("import time\n" + (project / "train.py").read_text())
    text, temporary = (project / "train.py").read_text(), tmp_path_factory.mktemp("temporary")
    command = [sys.executable, "-m", "torchfix_codemods", "apply", "--verify", "."]
    with subprocess.Popen(command, env={**os.environ, "TMPDIR": str(temporary)}, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not list(temporary.glob("torchfix-verify-*/inside/0*")):
            time.sleep(0.05)
        process.terminate()
        assert process.communicate(timeout=60)[1].strip() == b"interrupted"
    assert process.returncode == 130
    assert list(temporary.iterdir()) == [] and (project / "train.py").read_text() == text


def test_a_file_in_its_project_is_run_by_the_program_that_reaches_it(tool: Run, project: Path):
    words = ("verify", "model.py", "--project", "--python", sys.executable)
    answer = tool(*words, "--output-format", "json")
    assert answer.code == 0, answer.err
    found = verdicts(answer)
    assert {code: (verdict["name"], verdict["script"]) for code, verdict in found.items()} == {
        "TFC101": ("CHANGED_AS_INTENDED", "train.py")
    }
    assert found["TFC101"]["repeat"].startswith("torchfix verify model.py --project --script train.py")
    assert "only the files given" not in answer.err
