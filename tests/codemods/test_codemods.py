"""Rules through libcst's own command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from torchfix_codemods import codemods
from torchfix_codemods.rules import RULES

TESTS = Path(__file__).parent.parent


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    metadata = tmp_path / "site" / "toy_rules-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "entry_points.txt").write_text("[torchfix_codemods.rules]\ntoys = toy_rules:TOYS\n")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (TESTS.parent, TESTS, metadata.parent)))}


def libcst_tool(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "libcst.tool", "codemod", "-x", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_a_rule_runs_as_a_codemod_over_several_files(tmp_path: Path, environment: dict[str, str]):
    work = tmp_path / "work"
    work.mkdir()
    (work / "a.py").write_bytes(b"x = old_word  # kept\r\n")
    (work / "b.py").write_bytes("# coding: latin-1\ny = 'é'; old_word\n".encode("latin-1"))
    (work / "c.py").write_bytes(b"maybe_word\n")
    done = libcst_tool(work, environment, "torchfix_codemods.codemods.ToyOldWord", "--no-format", ".")
    assert done.returncode == 0, done.stderr
    assert (work / "a.py").read_bytes() == b"x = new_word  # kept\r\n"
    assert (work / "b.py").read_bytes() == "# coding: latin-1\ny = 'é'; new_word\n".encode("latin-1")
    assert (work / "c.py").read_bytes() == b"maybe_word\n"


def test_what_is_not_fixed_is_a_warning(tmp_path: Path, environment: dict[str, str]):
    (tmp_path / "c.py").write_text("maybe_word\n")
    done = libcst_tool(tmp_path, environment, "torchfix_codemods.codemods.ToyMaybe", "-j1", "c.py")
    assert "c.py:1:1: perhaps (held back: replace maybe_word by sure_word" in done.stderr + done.stdout


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_has_its_class(rule):
    name = "".join(part.title() for part in rule.name.split("-"))
    assert name in dir(codemods)
    command = getattr(codemods, name)
    assert command is getattr(codemods, name) and command.rule is rule
    assert (command.__module__, command.__qualname__, command.DESCRIPTION) == (codemods.__name__, name, rule.summary)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="NoSuchRule"):
        codemods.NoSuchRule  # noqa: B018
