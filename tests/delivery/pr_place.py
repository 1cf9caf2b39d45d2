"""`torchfix pr` in a clone, with the git server and the forge that it talks to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from forge_server import ForgeServer
from forge_tools import REPOSITORY, TOKEN, git, start, write
from git_server import GitServer

from torchfix_codemods.cli.main import run

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


@contextmanager
def pr_place(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Place]:
    """A place with `train.py`, up while the `with` block runs; nothing may have broken GitHub's contract."""

    def call(*words: str) -> Said:
        capfd.readouterr()
        code = run(words)
        out, err = capfd.readouterr()
        assert TOKEN not in out + err
        return Said(code, out, err)

    server = GitServer(folder / "server", TOKEN)
    bare, work = server.bare(REPOSITORY), folder / "work"
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
