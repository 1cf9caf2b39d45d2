"""A small repository with a remote and a forge over it, for the tests of the delivery."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

TOKEN = "ghs_0123456789abcdef"
REPOSITORY = "octo/nets"
HUMAN = ("A Human", "human@example.org")
WEB_FLOW = ("GitHub", "noreply@github.com")


def git(folder: Path, *words: str, who: tuple[str, str] = HUMAN, committer: tuple[str, str] | None = None) -> str:
    """Run git as somebody; its output without the last newline."""
    name, email = committer or who
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": who[0],
        "GIT_AUTHOR_EMAIL": who[1],
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": email,
    }
    done = subprocess.run(["git", *words], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
    return done.stdout.rstrip("\n")


def write(folder: Path, files: dict[str, str], message: str, who: tuple[str, str] = HUMAN) -> str:
    """Commit files in a work tree; the commit."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", message, who=who)
    return git(folder, "rev-parse", "HEAD")


def start(folder: Path, bare: Path) -> str:
    """A work tree with one commit on `main`, which the bare repository holds too; the commit."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    if not bare.exists():
        git(folder, "init", "-q", "--bare", "-b", "main", str(bare))
    git(folder, "config", "core.autocrlf", "false")
    first = write(folder, {"train.py": "a = 1\n", "model.py": "b = 1\n", "README": "nets\n"}, "Begin")
    git(folder, "push", "-q", str(bare), "main")
    return first


class Naps(list[float]):
    """What a client would have slept, in seconds; given to it as `sleep`."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)
