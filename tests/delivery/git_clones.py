"""Clones to try things on, made by git itself."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
FILES = {"a.py": b"x = 1\n", "pkg/b.py": b"y = 1\n", "run.py": b"#!/usr/bin/env python\n"}


def git(folder: Path, *words: str, given: bytes | None = None) -> str:
    """What a person's own git prints, stripped; it must succeed."""
    done = subprocess.run(["git", *IDENTITY, *words], cwd=folder, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(errors="surrogateescape").strip()


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put `files` into a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def commit_all(folder: Path, message: str = "more") -> str:
    """Commit everything in a work tree, and the id of that commit."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def make_clone(folder: Path, files: Mapping[str, bytes] = FILES, *options: str) -> Path:
    """A repository on `main` with one commit of `files`; `options` are those of `git init`."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main", *options)
    write(folder, files)
    if "run.py" in files:
        (folder / "run.py").chmod(0o755)
    commit_all(folder, "first")
    return folder


def shown(repository: Path, sha: str, path: str) -> bytes:
    """The bytes of a file in a commit."""
    done = subprocess.run(["git", "cat-file", "blob", f"{sha}:{path}"], cwd=repository, capture_output=True, check=True)
    return done.stdout


def everything_in(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Mode, time and bytes of every file below a folder, `.git` included."""
    return {
        path.relative_to(folder).as_posix(): (path.lstat().st_mode, path.lstat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }
