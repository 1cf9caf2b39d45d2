"""What the tests of deliveries share: a person without settings of git, a forge, its client."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from action_steps import make_workspace
from forge_server import ForgeServer
from forge_tools import REPOSITORY, TOKEN, Naps, git, start
from forge_world import World

from torchfix_codemods.delivery.forge.github import GitHub

NAMED = ("GIT_", "XDG_", "SSH_ASKPASS", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home: nothing that the machine's git settings or the surroundings say has a part in a test."""
    for name in [name for name in os.environ if name.startswith(NAMED)]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return folder


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in which `fixes` is ahead of `main`, and `none` is not. Nobody pushes to it."""
    folder = tmp_path_factory.mktemp("forge")
    start(folder / "work", folder / "nets.git")
    git(folder / "work", "push", "-q", str(folder / "nets.git"), "main:refs/heads/none")
    git(folder / "work", "commit", "-q", "--allow-empty", "-m", "Fix it")
    git(folder / "work", "push", "-q", str(folder / "nets.git"), "main:refs/heads/fixes")
    return folder / "nets.git"


@pytest.fixture
def forge(bare: Path) -> Iterator[ForgeServer]:
    """A forge without pull requests; at the end nothing may have broken GitHub's contract."""
    with ForgeServer(bare, REPOSITORY, TOKEN) as server:
        yield server
        assert server.violations == []


@pytest.fixture
def naps() -> Naps:
    """What the client `github` has slept."""
    return Naps()


@pytest.fixture
def github(forge: ForgeServer, naps: Naps) -> GitHub:
    """Our client of the forge."""
    return GitHub(forge.url, REPOSITORY, TOKEN, naps)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A repository with one mistake, a git server and a forge; nothing may have broken GitHub's contract."""
    with World(tmp_path) as made:
        yield made
        assert made.forge.violations == []


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The workspace of a job: a repository with two mistakes."""
    return make_workspace(tmp_path / "work")
