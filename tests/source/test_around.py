"""The folders around given paths."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from torchfix_codemods.source.around import holding_folder, is_too_much, project_around


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a/b/one.py", "a/c/two.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


def test_the_folder_that_holds_all_paths(tree: Path) -> None:
    assert holding_folder(tree, ["a/b/one.py", "a/c"]) == tree / "a"
    assert holding_folder(tree / "a/b", ["one.py"]) == tree / "a/b"
    assert holding_folder(tree / "a/b", ["one.py", "../c/two.py"]) == tree / "a"
    assert holding_folder(tree, ["a/b/new.py"]) == tree / "a/b"
    assert holding_folder(tree, []) == tree


def test_the_repository_else_the_settings_else_the_folder(tree: Path) -> None:
    assert project_around(tree / "a/b", None) == tree / "a/b"
    assert project_around(tree / "a/b", tree / "a") == tree / "a"
    assert project_around(tree / "a/b", tree / "a/c") == tree / "a/b"
    (tree / "a/.git").mkdir()
    assert project_around(tree / "a/b", tree / "a/b") == tree / "a"


def test_a_home_folder_is_passed_over(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / ".git").mkdir()
    monkeypatch.setenv("HOME", str(tree))
    assert is_too_much(tree) and is_too_much(tree.parent) and is_too_much(Path(os.sep)) and not is_too_much(tree / "a")
    assert project_around(tree / "a/b", None) == tree / "a/b"
    assert project_around(tree / "a/b", tree / "a") == tree / "a"
