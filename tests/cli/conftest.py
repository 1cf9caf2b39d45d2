"""The command line in this process, in a folder of its own, with the toy rules installed as a third party's."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_tool import Answer, Tool

from torchfix_codemods.cli.main import run
from torchfix_codemods.rules.registry import all_rules

TESTS = Path(__file__).parent.parent


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A folder that looks like an environment in which the toy rules are installed."""
    site = tmp_path / "site"
    metadata = site / "toy_rules-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "entry_points.txt").write_text("[torchfix_codemods.rules]\ntoys = toy_rules:TOYS\n")
    (site / "toys.pth").write_text(str(TESTS))
    return site


@pytest.fixture
def folder(tmp_path: Path, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder of the test; state and journal go elsewhere."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("TORCHFIX_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.syspath_prepend(str(TESTS))
    monkeypatch.syspath_prepend(str(plugin))
    all_rules.cache_clear()
    yield work
    all_rules.cache_clear()


@pytest.fixture
def tool(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Run one command line: exit code, bytes on standard output, text on standard error."""

    def call(*arguments: str, stdin: bytes = b"") -> Answer:
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(list(arguments))
        out.flush(), err.flush()
        return Answer(code, out.buffer.getvalue(), err.buffer.getvalue().decode())

    return call
