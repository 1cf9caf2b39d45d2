"""A repository on a git server and a forge, both on a network of their own, and the workflows that run against them."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from act_tools import Bench, Ran
from action_steps import SAMPLE
from forge_server import ForgeServer
from git_server import GitServer
from namespace import Loopback

TOKEN = "ghs_TokenOfThisTest0123456789"
NAME = "owner/repo"
BRANCH = "torchfix/fixes"


class Stage:
    """Up while its `with` block runs: `user` is a clone whose `main` is that of the server."""

    def __init__(self, folder: Path, bench: Bench, loopback: Loopback) -> None:
        self.folder = folder
        self.bench = bench
        self.loopback = loopback
        self.user = folder / "user"
        self.artifacts = folder / "artifacts"
        self.exposed: list[str] = []
        self._stack = ExitStack()

    def __enter__(self) -> Stage:
        self.server = self.loopback.do(lambda: self._stack.enter_context(GitServer(self.folder / "server", TOKEN)))
        self.bare = self.server.bare(NAME)
        self.forge = self.loopback.do(lambda: self._stack.enter_context(ForgeServer(self.bare, NAME, TOKEN)))
        shutil.copytree(SAMPLE, self.user)
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", f"{self.server.url}/{NAME}.git")
        self.publish()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def git(self, *arguments: str, folder: Path | None = None) -> str:
        """Run git in the clone as a person, and give back what it says."""
        line = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@localhost", *arguments]
        done = subprocess.run(line, cwd=folder or self.user, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def publish(self, **files: str) -> None:
        """Commit and push the clone's files, some with new texts (`train` is `train.py`)."""
        for stem, text in files.items():
            (self.user / f"{stem}.py").write_text(text)
        self.git("add", "-A")
        self.git("commit", "-qm", "Work")
        self.git("push", "-q", str(self.bare), "HEAD:main")

    def push_as_a_person(self) -> str:
        """Add a commit to the branch of the pull request, and give back its name."""
        other = self.folder / "other"
        self.git("clone", "-q", "-b", BRANCH, str(self.bare), str(other), folder=self.folder)
        (other / "notes.txt").write_text("mine\n")
        self.git("add", "-A", folder=other)
        self.git("commit", "-qm", "My own change", folder=other)
        self.git("push", "-q", "origin", f"HEAD:{BRANCH}", folder=other)
        return self.head()

    def head(self, branch: str = BRANCH) -> str:
        """The commit at the end of a branch on the server; empty where there is none."""
        done = subprocess.run(
            ["git", "-C", str(self.bare), "rev-parse", "-q", "--verify", f"refs/heads/{branch}"],
            capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout.strip()

    def subjects(self) -> list[str]:
        """The commits of the pull request: author and subject, oldest first."""
        return self.git("-C", str(self.bare), "log", "--reverse", "--format=%an|%s", f"main..{BRANCH}").splitlines()

    def run(self, text: str, *, event: str = "workflow_dispatch", payload: Mapping[str, Any] | None = None) -> Ran:
        """Run a workflow for this repository with its token, and watch where the token appears meanwhile."""
        variables = {
            "GITHUB_REPOSITORY": NAME,
            "GITHUB_SERVER_URL": self.server.url,
            "GITHUB_API_URL": self.forge.url,
            "TEST_ARTIFACTS": str(self.artifacts),
        }
        act = self.bench.act
        with _Watch(self.bench.cache) as watch:
            ran = self.loopback.do(
                lambda: act(self.user, text, event=event, payload=payload, token=TOKEN, variables=variables)
            )
        self.exposed += watch.found
        return ran


class _Watch:
    """Looks, over and over, for the token where it must never be: command lines of processes, settings of git."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.found: list[str] = []
        self.looks = 0
        self._over = threading.Event()

    def __enter__(self) -> _Watch:
        self._thread = threading.Thread(target=self._look_again, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        assert self.looks > 2, "the watch did not get to look"

    def _look_again(self) -> None:
        while not self._over.wait(0.05):
            self.looks += 1
            lines = (f"/proc/{name}/cmdline" for name in os.listdir("/proc") if name.isdigit())
            settings = (f"{place.path}/hostexecutor/.git/config" for place in os.scandir(self.cache) if place.is_dir())
            self.found += [file for file in (*lines, *settings) if any(form in _read(file) for form in forms(TOKEN))]


def forms(token: str) -> tuple[bytes, ...]:
    """The token as it is, and as git sends it."""
    return token.encode(), base64.b64encode(f"x-access-token:{token}".encode())


def _read(file: str) -> bytes:
    try:
        with open(file, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def shown(ran: Ran) -> str:
    """What people see of a log: act's own record of the command that hides a secret is left out, as GitHub hides it."""
    return "\n".join(line for line in ran.raw.splitlines() if '"command":"add-mask"' not in line)
