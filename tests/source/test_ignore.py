"""Ignore rules against git itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torchfix_codemods.source.discovery import discover
from torchfix_codemods.source.ignore import IgnoreRules, git_root

TREE = ("a.py", "b/a.py", "b/c/a.py", "b/c/x.py", "b/x.py", "c/b/a.py", "c/ab.py", "x/y/z/a.py", "ab/a.py")

segments = st.sampled_from(
    ["a.py", "b", "c", "*", "**", "a*", "*.py", "?.py", "[ab].py", "*.py[co]", "x", "y", "ab", "z"]
)
patterns = st.builds(
    lambda negated, anchored, parts, folder: negated + anchored + "/".join(parts) + folder,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "/"]),
    st.lists(segments, min_size=1, max_size=3),
    st.sampled_from(["", "", "/", "  ", "\r"]),
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path_factory.mktemp("repository")
    for name in TREE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    subprocess.run(["git", "init", "-q", folder], check=True)
    return folder


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(top=st.lists(patterns, max_size=5), below=st.lists(patterns, max_size=3))
def test_the_same_files_as_git(repository: Path, top: list[str], below: list[str]) -> None:
    (repository / ".gitignore").write_bytes("\n".join(top).encode())
    (repository / "b" / ".gitignore").write_bytes("\n".join(below).encode())
    command = ["git", "-c", "core.excludesFile=", "ls-files", "-z", "--others", "--exclude-standard", "*.py"]
    listed = subprocess.run(command, cwd=repository, capture_output=True, check=True).stdout
    expected = sorted(os.fsdecode(name) for name in listed.split(b"\0") if name)
    assert [file.path for file in discover(["."], cwd=repository).files] == expected


def test_patterns_that_cannot_match_are_never_compiled() -> None:
    lines = ["*.py[cod]", "*.so", "build/", "*.egg-info/", "/docs/_build", ".env", "*.log", "**/logs/*.txt"]
    code = (
        "import sys; from torchfix_codemods.source.ignore import IgnoreRules\n"
        f"rules = IgnoreRules('/p', {lines!r})\n"
        "assert rules.verdict('/p/a/b.py', False) is None and rules.verdict('/p/src', True) is None\n"
        "assert 'pathspec' not in sys.modules\n"
        "assert rules.verdict('/p/x/build', True) is True and 'pathspec' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_escaped_patterns() -> None:
    rules = IgnoreRules("/p", ["\\#x.py", "\\!y.py", "blank\\ ", "#z.py"])
    assert rules.verdict("/p/#x.py", False) and rules.verdict("/p/!y.py", False)
    assert rules.verdict("/p/blank ", True) and not rules.verdict("/p/z.py", False)
    assert rules.verdict("/q/#x.py", False) is None


def test_the_root_of_a_repository(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / ".git").write_text("gitdir: elsewhere\n")
    assert git_root(str(tmp_path / "a" / "b")) == str(tmp_path / "a")
