"""Names of files that stay the same wherever somebody stands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from torchfix_codemods.source.stable_paths import stable_paths


def names(cwd: Path, shown: str, settings_root: Path | None = None) -> str:
    real = os.path.realpath(cwd / shown)
    return stable_paths(cwd, settings_root, lambda path: real)(shown)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "project/sub/deep").mkdir(parents=True)
    (tmp_path / "project/sub/deep/a.py").write_text("")
    return tmp_path / "project"


def test_the_repository_comes_first(tree: Path) -> None:
    (tree / ".git").mkdir()
    for cwd in (tree.parent, tree, tree / "sub", tree / "sub/deep", Path("/")):
        shown = os.path.relpath(tree / "sub/deep/a.py", cwd)
        assert names(cwd, shown, settings_root=tree / "sub") == "sub/deep/a.py"
        assert names(cwd, str(tree / "sub/deep/a.py")) == "sub/deep/a.py"


def test_a_repository_inside_another_has_names_of_its_own(tree: Path) -> None:
    (tree / ".git").mkdir()
    (tree / "sub/.git").write_text("gitdir: elsewhere\n")
    assert names(tree, "sub/deep/a.py") == names(tree / "sub", "deep/a.py") == "deep/a.py"


def test_else_the_folder_of_the_settings_else_the_working_folder(tree: Path) -> None:
    assert names(tree / "sub/deep", "a.py", settings_root=tree) == "sub/deep/a.py"
    assert names(tree / "sub", "deep/a.py") == "deep/a.py"
    assert names(tree, "sub/deep/a.py", settings_root=tree / "other") == "sub/deep/a.py"


def test_outside_of_all_of_these_the_shown_path_stays(tree: Path) -> None:
    (tree / "other").mkdir()
    assert names(tree / "other", str(tree / "sub/deep/a.py"), settings_root=tree / "other") == str(
        tree / "sub/deep/a.py"
    )


def test_through_a_link_to_the_working_folder(tree: Path) -> None:
    (tree.parent / "link").symlink_to("project")
    assert names(tree.parent / "link", "sub/deep/a.py") == "sub/deep/a.py"
