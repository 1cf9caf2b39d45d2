"""A request as it is made at the top of a repository, and whether it looks at everything there."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from torchfix_codemods.delivery.top import from_top, is_whole, top_of
from torchfix_codemods.pipeline import Request
from torchfix_codemods.rules.registry import all_rules, wished_rules
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.settings import Settings

NARROW = Settings(select=("TFC1",), ignore=("TFC102",), exclude=("old",), baseline="known.txt")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / "nets").mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


@pytest.mark.parametrize(
    ("cwd", "paths", "expected"),
    [
        (".", (".",), (".",)),
        ("nets", (".", "../a.py"), ("nets", "a.py")),
        ("..", ("work",), (".",)),
        ("..", ("work/nets",), ("nets",)),
    ],
)
def test_paths_count_from_the_top_and_patterns_from_where_they_did(
    top: Path, cwd: str, paths: tuple[str, ...], expected: tuple[str, ...]
):
    here = (top / cwd).resolve()
    assert top_of(here, paths) == top
    moved = from_top(Request(paths, here, all_rules(), exclude=("/old",)), top)
    assert (moved.cwd, moved.paths, moved.exclude, moved.exclude_from) == (top, expected, ("/old",), here)
    assert from_top(moved, top) == moved


def test_all_paths_lie_in_one_repository(top: Path):
    with pytest.raises(UsageError, match="must lie in one"):
        top_of(top.parent, (".",))
    with pytest.raises(UsageError, match="must lie in one"):
        top_of(top, (".", ".."))


def whole(settings: Settings, **changed: Any) -> bool:
    request = Request((".",), Path("/r"), wished_rules(settings), settings=settings, baseline=settings.baseline_file)
    return is_whole(replace(request, **changed))


@pytest.mark.parametrize("settings", [Settings(), NARROW, replace(NARROW, file=Path("/r/pyproject.toml"))])
def test_what_settings_leave_out_nobody_asked_for(settings: Settings):
    assert whole(settings)
    assert whole(settings, paths=("nets", ".")) and whole(settings, rules=all_rules())


@pytest.mark.parametrize(
    "changed",
    [
        {"paths": ("nets",)},
        {"paths": ()},
        {"exclude": ("old",)},
        {"since": "HEAD"},
        {"baseline": Path("/r/other.txt")},
        {"rules": all_rules()[1:]},
        {"rules": ()},
    ],
)
def test_a_run_that_looked_at_less_is_not_whole(changed: dict[str, Any]):
    assert not whole(Settings(), **changed)


def test_less_than_the_settings_want_is_not_whole():
    assert not whole(NARROW, rules=wished_rules(NARROW)[1:])
