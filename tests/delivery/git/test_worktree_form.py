"""From the bytes of a work tree to those of a commit; git itself is the judge."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from git_clones import git, make_clone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torchfix_codemods.delivery.git.worktree import worktree_form

pytestmark = pytest.mark.usefixtures("home")


def test_as_it_is() -> None:
    assert worktree_form(b"new\r\n", b"old\r\n", b"old\r\n") == b"new\r\n"


def test_written_out_with_crlf() -> None:
    assert worktree_form(b"new\r\nb\r\n", b"old\r\nb\r\n", b"old\nb\n") == b"new\nb\n"


@pytest.mark.parametrize(
    "raw, blob",
    [
        (b"weights", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n"),
        (b"# $Id: 1234 $\n", b"# $Id$\n"),
        ("x = 'é'\n".encode("utf-16"), "x = 'é'\n".encode()),
        (b"a\r\nb\r\n", b"a\r\nb\n"),
        (b"a\r\nb\n", b"a\nb\n"),
        (b"edited\n", b"old\n"),
    ],
)
def test_what_only_a_filter_or_a_person_can_have_made(raw: bytes, blob: bytes) -> None:
    assert worktree_form(b"new\n", raw, blob) is None


@pytest.fixture
def converting(tmp_path: Path, home: Path) -> Path:
    clone = make_clone(tmp_path / "clone")
    git(clone, "config", "core.autocrlf", "true")
    git(clone, "config", "core.safecrlf", "false")
    return clone


LINES = st.lists(st.sampled_from([b"x = 1", b"", b"\xff", b"\0", b"\r", b" # e"]), max_size=5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, st.lists(st.sampled_from([b"\n", b"\r\n"]), min_size=6, max_size=6), st.booleans())
def test_git_would_keep_the_same_bytes(converting: Path, lines: list[bytes], ends: list[bytes], final: bool) -> None:
    """Where lines are converted on the way out and in, an edited file ends up as `git add` would have it."""
    blob = b"".join(line + end for line, end in zip(lines, ends, strict=False)) + (b"" if final else b"end")
    sha = git(converting, "hash-object", "-w", "--no-filters", "--stdin", given=blob)
    git(converting, "update-index", "--cacheinfo", f"100644,{sha},a.py")
    raw = _bytes(converting, "cat-file", "--filters", "--path=a.py", sha)
    new = raw + (b"new = 1\r\n" if b"\r\n" in raw else b"new = 1\n")
    (converting / "a.py").write_bytes(new)
    git(converting, "add", "a.py")
    assert worktree_form(new, raw, blob) == _bytes(converting, "cat-file", "blob", ":a.py")


def _bytes(clone: Path, *words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=clone, capture_output=True, check=True).stdout
