"""What the tests of deliveries share: a person without settings of git, and a place to deliver to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from git_clones import git, make_clone
from git_place import TOKEN, Place
from git_server import GitServer

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


@pytest.fixture
def place(tmp_path: Path, home: Path) -> Iterator[Place]:
    """A clone of the repository `o/n` on a server that is up."""
    with GitServer(tmp_path / "server", TOKEN) as server, GitServer(tmp_path / "evil", TOKEN) as evil:
        clone = make_clone(tmp_path / "clone")
        for one in (server, evil):
            git(clone, "push", "-q", str(one.bare("o/n")), "main")
        git(clone, "remote", "add", "origin", f"{server.url}/o/n.git")
        yield Place(clone, server.bare("o/n"), server, evil)
