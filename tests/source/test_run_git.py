"""Git as a program: its environment, its settings, and what becomes of a call that goes wrong."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from torchfix_codemods.source.errors import GitFailed, GitNotInstalled, OutsideFailed
from torchfix_codemods.source.run_git import git_environment, run_git, with_settings

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert run_git(tmp_path, "init", "-q").code == 0
    return tmp_path


def test_the_environment_is_a_short_list() -> None:
    outer = dict.fromkeys("PATH HOME https_proxy GIT_CONFIG_GLOBAL GIT_SSL_CAINFO GIT_CONFIG_COUNT".split(), "kept")
    outer |= {"GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    left_out = ("GITHUB_TOKEN", "GIT_DIR", "GIT_TRACE_CURL", "GIT_ASKPASS", "GIT_CONFIG_PARAMETERS", "GIT_SSH", "LANG")
    environment = git_environment({**outer, **dict.fromkeys(left_out, "x"), "GIT_TERMINAL_PROMPT": "1"})
    assert environment.items() >= outer.items()
    assert not set(left_out) & set(environment)
    assert environment["GIT_TERMINAL_PROMPT"] == "0" and environment["GIT_ALLOW_PROTOCOL"] == ""


def test_settings_come_after_those_of_the_person(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "2")
    for number, name in enumerate(("a.b", "c.d")):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", name)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", "theirs")
    added = with_settings(git_environment(os.environ), ("a.b", "ours"), ("e.f", "é\n"))
    assert added["GIT_CONFIG_COUNT"] == "4"
    ran = run_git(folder, "config", "-z", "--get-all", "a.b", variables=added)
    assert ran.out == b"theirs\0ours\0"
    assert run_git(folder, "config", "-z", "c.d", variables=added).out == b"theirs\0"
    assert run_git(folder, "config", "-z", "e.f", variables=added).out == "é\n\0".encode()


@pytest.mark.parametrize("count", ["", "x", "-1", "1.5"])
def test_a_count_that_is_none(count: str) -> None:
    assert with_settings({"GIT_CONFIG_COUNT": count}, ("a.b", "c"))["GIT_CONFIG_COUNT"] == "1"


def test_what_a_call_gives_back(folder: Path) -> None:
    hashed = run_git(folder, "hash-object", "--stdin", given=b"x\n")
    assert (hashed.code, hashed.out, hashed.err) == (0, b"587be6b4c3f93f93c489c0111bba5596147a26cb\n", b"")
    refused = run_git(folder, "rev-parse", "--verify", "HEAD")
    assert refused.code == 128 and refused.said == "fatal: Needed a single revision"
    assert run_git(folder, "config", "no.such").said == "exit code 1"


def test_what_can_not_be_run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GitFailed, match=r"git config in .*: embedded null byte"):
        run_git(folder, "config", "a\0b")
    with pytest.raises(GitFailed, match="there is no such folder"):
        run_git(folder / "missing", "status")
    with pytest.raises(GitFailed, match=r"git cat-file in .*: no answer within 0\.01 s"):
        run_git(folder, "cat-file", "--batch", seconds=0.01, variables={"PATH": str(_slow_git(tmp_path / "slow"))})
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(GitNotInstalled, match="git is not installed"):
        run_git(folder, "status")
    assert issubclass(GitNotInstalled, OutsideFailed)


def _slow_git(folder: Path) -> Path:
    folder.mkdir()
    (folder / "git").write_text("#!/bin/sh\nexec /bin/sleep 20\n")
    (folder / "git").chmod(0o755)
    return folder
