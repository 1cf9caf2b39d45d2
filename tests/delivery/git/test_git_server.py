"""The server of the tests does what a forge's does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from git_server import FETCH, PUSH, GitServer, add_hook

pytestmark = pytest.mark.usefixtures("home")

IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.com")


def git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *IDENTITY, *words], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def clone(tmp_path: Path, home: Path) -> Path:
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "-qb", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    return folder


def with_token(server: GitServer) -> tuple[str, str]:
    return "-c", f"http.extraheader=Authorization: {server.expected}"


def test_pushing_needs_the_token_and_reading_does_not(tmp_path: Path, clone: Path) -> None:
    with GitServer(tmp_path / "server", "t0ken") as server:
        bare = server.bare("owner/name")
        url = f"{server.url}/owner/name"
        assert git(clone, "push", url, "main").returncode != 0
        assert git(clone, *with_token(server), "push", url, "main").returncode == 0
        head = git(clone, "rev-parse", "HEAD").stdout
        assert git(bare, "rev-parse", "main").stdout == head
        assert git(clone, "ls-remote", f"{url}.git", "refs/heads/main").stdout.split()[0] == head.strip()
        assert [len(request.authorizations) for request in server.asked(FETCH)] == [0, 0]
        assert server.asked(PUSH)[-1].authorizations == (f"{server.expected}",)


def test_hooks_and_answers_refuse(tmp_path: Path, clone: Path) -> None:
    with GitServer(tmp_path / "server", "t0ken") as server:
        url = f"{server.url}/owner/name.git"
        add_hook(server.bare("owner/name"), "pre-receive", "echo protected >&2; exit 1")
        assert "remote: protected" in git(clone, *with_token(server), "push", url, "main").stderr
        server.refuse(PUSH, 403, "Permission denied to bot.")
        said = git(clone, *with_token(server), "push", url, "main").stderr
        assert "remote: Permission denied to bot." in said and "403" in said


def test_a_private_one_needs_the_token_for_reading(tmp_path: Path, clone: Path) -> None:
    with GitServer(tmp_path / "server", "t0ken", private=True) as server:
        server.bare("owner/name")
        url = f"{server.url}/owner/name.git"
        assert git(clone, "-c", "core.askPass=true", "ls-remote", url).returncode != 0
        assert git(clone, *with_token(server), "ls-remote", url).returncode == 0
