"""A real git repository for tests of proposals, and what git says of the chapters of one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from torchfix_codemods.delivery.model import Chapter
from torchfix_codemods.pipeline import Analysis, Request, analyse
from torchfix_codemods.rules import RULES
from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.source.settings import load_settings

CORPUS = Path(__file__).parents[2] / "corpus"


def git(folder: Path, *words: str, stdin: bytes = b"") -> bytes:
    """What git prints. Raises `CalledProcessError` where it fails."""
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", *identity, *words], cwd=folder, input=stdin, check=True, capture_output=True, timeout=60
    ).stdout


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def repository(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """A repository with one commit of these files, on the branch `main`."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "core.autocrlf", "false")
    write(folder, files)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "start")
    return folder


def programs(names: Iterable[str]) -> dict[str, bytes]:
    """The files of programs of the corpus, each program in a folder of its own."""
    return {
        f"{name}/{path.relative_to(CORPUS / name / 'before').as_posix()}": path.read_bytes()
        for name in names
        for path in sorted((CORPUS / name / "before").rglob("*.py"))
    }


def analysed(folder: Path, rules: tuple[Rule, ...] = RULES, **more: object) -> Analysis:
    """The analysis of a whole repository."""
    return analyse(Request((".",), folder, rules, settings=load_settings(folder), **more))  # type: ignore[arg-type]


def apply_patches(folder: Path, chapters: Iterable[Chapter]) -> list[dict[str, bytes]]:
    """The files of each chapter after `git apply` of its patch on top of the chapters before."""
    states = []
    for chapter in chapters:
        git(folder, "apply", "--whitespace=nowarn", "-", stdin=chapter.patch)
        states.append({name: (folder / name).read_bytes() for name in chapter.files})
    return states
