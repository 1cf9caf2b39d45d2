"""Which files git could not give back."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from torchfix_codemods.source.errors import GitFailed
from torchfix_codemods.source.git import any_behind_filters, behind_filters, dirty_files, lacks_git, repository_root

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    for name in ("clean.py", "modified.py", "staged.py", "sub/a b.py", "sub/été.py", "[x].py", "*.py", "both.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x = 1\n")
    (folder / ".gitignore").write_text("ignored.py\ngenerated/\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "all")
    return folder


def dirty(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*.py") if ".git" not in path.parts]
    return [path.relative_to(folder).as_posix() for path in dirty_files(files)]


def test_clean_files(repository: Path) -> None:
    assert dirty(repository) == []
    assert dirty_files([]) == []


def test_modified_staged_and_untracked_files(repository: Path) -> None:
    (repository / "modified.py").write_text("x = 2\n")
    (repository / "staged.py").write_text("x = 2\n")
    (repository / "both.py").write_text("x = 2\n")
    git(repository, "add", "staged.py", "both.py")
    (repository / "both.py").write_text("x = 1\n")  # the work tree is as committed, the index is not
    (repository / "new").mkdir()
    (repository / "new/untracked.py").write_text("")
    (repository / "sub/été.py").write_text("x = 2\n")
    expected = ["both.py", "modified.py", "new/untracked.py", "staged.py", "sub/été.py"]
    assert dirty(repository) == expected


def test_only_the_given_files_count(repository: Path) -> None:
    (repository / "modified.py").write_text("x = 2\n")
    (repository / "[x].py").write_text("x = 2\n")
    assert dirty_files([repository / "clean.py", repository / "*.py"]) == []
    assert dirty_files([repository / "[x].py"]) == [repository / "[x].py"]


def test_a_renamed_file_is_dirty(repository: Path) -> None:
    git(repository, "mv", "clean.py", "renamed.py")
    assert dirty_files([repository / "renamed.py"]) == [repository / "renamed.py"]


def test_ignored_files_are_not_the_business_of_git(repository: Path) -> None:
    (repository / "generated").mkdir()
    for name in ("ignored.py", "generated/a.py"):
        (repository / name).write_text("")
    assert dirty(repository) == []


def test_files_outside_of_any_repository(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "a.py").write_text("")
    assert dirty_files([tmp_path / "a.py"]) == []


def test_a_repository_inside_another(repository: Path) -> None:
    inner = repository / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "a.py").write_text("")
    git(inner, "add", "-A")
    git(inner, "commit", "-qm", "all")
    assert dirty(repository) == []
    (inner / "a.py").write_text("x = 1\n")
    (repository / "modified.py").write_text("x = 2\n")
    assert dirty(repository) == ["inner/a.py", "modified.py"]
    assert repository_root(inner) == inner and repository_root(repository / "sub") == repository


def test_a_second_work_tree(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", str(tmp_path / "second"))
    (tmp_path / "second/clean.py").write_text("x = 2\n")
    assert dirty(tmp_path / "second") == ["clean.py"]


def test_many_files_with_long_names(repository: Path) -> None:
    names = [f"{'n' * 200}{number}.py" for number in range(450)]
    for name in names:
        (repository / name).write_text("")
    assert dirty(repository) == sorted(names)


def test_undecodable_names(repository: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(repository) + b"/bad\xff.py"))
    path.write_text("")
    assert dirty_files([path]) == [path]


def test_a_folder_called_git_that_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "a.py").write_text("")
    assert dirty_files([tmp_path / "a.py"]) == []


def test_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (repository / "modified.py").write_text("x = 2\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert dirty(repository) == []


def test_a_damaged_repository_is_an_error_and_not_clean(repository: Path) -> None:
    (repository / ".git/index").write_bytes(b"damaged")
    with pytest.raises(GitFailed) as caught:
        dirty(repository)
    assert str(caught.value).startswith(f"git status in {repository}: ") and "\n" not in str(caught.value)


def test_the_surroundings_of_a_hook_do_not_mislead(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "modified.py").write_text("x = 2\n")
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_WORK_TREE", "/nonexistent")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent")
    assert dirty(repository) == ["modified.py"]


def test_nothing_of_the_repository_is_run_and_nothing_is_written(repository: Path, tmp_path: Path) -> None:
    (repository / ".git/hooks").mkdir(exist_ok=True)
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for name in ("post-index-change", "fsmonitor-watchman"):
        shutil.copy(trap, repository / ".git/hooks" / name)
    for key in ("core.fsmonitor", "core.pager", "pager.status", "alias.status"):
        git(repository, "config", key, str(trap))
    index = (repository / ".git/index").read_bytes()
    os.utime(repository / "clean.py", (1, 1))  # makes an ordinary status refresh the index
    (repository / "modified.py").write_text("x = 2\n")
    assert dirty(repository) == ["modified.py"]
    assert not (tmp_path / "sprung").exists() and (repository / ".git/index").read_bytes() == index


def test_a_missing_git_is_noticed_inside_a_repository_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    inside, outside = tmp_path / "repo" / "a.py", tmp_path / "b.py"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lacks_git([inside]) and not lacks_git([outside])
    monkeypatch.undo()
    assert not lacks_git([inside])


def test_no_filter_is_run_for_a_touched_file(repository: Path, tmp_path: Path) -> None:
    """A filter is a program of the repository's owner; git starts it for a file whose time has changed."""
    for key in ("clean", "smudge", "process"):
        git(repository, "config", f"filter.a=b.{key}", f"sh -c 'touch {tmp_path}/ran; cat'")
    git(repository, "config", "filter.a=b.required", "true")
    (repository / ".git/info/attributes").write_text("clean.py filter=a=b\n")
    os.utime(repository / "clean.py", (1, 1))
    assert dirty(repository) == []
    assert not (tmp_path / "ran").exists()
    git(repository, "config", "--unset", "filter.a=b.process")
    git(repository, "status")
    assert (tmp_path / "ran").exists(), "git by itself starts it"


def test_files_behind_a_filter_are_known_without_running_it(repository: Path) -> None:
    git(repository, "config", "filter.strip.clean", "false")
    (repository / ".git/info/attributes").write_text("clean.py filter=strip\n")
    assert behind_filters(repository, ["clean.py", "other.py"]) == ["clean.py"]
    assert any_behind_filters([repository / "clean.py"]) and not any_behind_filters([repository / "other.py"])
