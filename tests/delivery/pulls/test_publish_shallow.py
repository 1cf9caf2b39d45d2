"""Checkouts with a history of one commit, and checkouts of an old one, as workflows have them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from forge_tools import git
from forge_world import FIXES, PROGRAM, RETAIN, SOFTMAX, World, only

from torchfix_codemods.delivery.model import Operation


def shallow(world: World, name: str, revision: str = "main") -> Path:
    """A new clone of the newest commit alone, or of an older one."""
    folder = world.folder / name
    if revision == "main":
        git(world.folder, "clone", "-q", "--depth=1", f"file://{world.bare}", str(folder))
        return folder
    git(world.folder, "init", "-q", "-b", "main", str(folder))
    git(folder, "fetch", "-q", "--depth=1", f"file://{world.bare}", git(world.work, "rev-parse", revision))
    git(folder, "checkout", "-q", "--detach", "FETCH_HEAD")
    return folder


def commit_at(world: World, date: str, **files: str) -> None:
    """A human's commit with a date of its own, pushed."""
    for stem, text in files.items():
        (world.work / f"{stem}.py").write_text(text)
    git(world.work, "add", "--all")
    people = {f"GIT_{role}_{part}": "h@example.org" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    env = {"PATH": os.environ["PATH"], "HOME": str(world.work), **people, **dates}
    subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "Change"], cwd=world.work, env=env, check=True)
    git(world.work, "push", "-q", str(world.bare), "main")


def grow(world: World, count: int) -> None:
    """That many commits on main, pushed."""
    for number in range(count):
        git(world.work, "commit", "-q", "--allow-empty", "-m", f"commit {number}")
    git(world.work, "push", "-q", str(world.bare), "main")


def test_it_reaches_back_as_far_as_it_must(world: World) -> None:
    world.run()
    grow(world, 60)
    world.commit({"gan.py": RETAIN})
    clone = shallow(world, "shallow")
    assert only(world.run(clone)).operation is Operation.UPDATED
    assert git(clone, "rev-list", "--count", "HEAD") == "1"


#: Clocks that are wrong, and commits that were rebased: dates that say nothing of the order.
DATES = [("2031-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), ("2020-01-01T00:00:00Z", "2027-01-01T00:00:00Z")]


@pytest.mark.parametrize("first, second", DATES)
def test_dates_of_commits_decide_nothing(world: World, first: str, second: str) -> None:
    world.run(shallow(world, "one"))
    commit_at(world, first, x="x = 1\n")
    commit_at(world, second, gan=RETAIN)
    assert only(world.run(shallow(world, "two"))).operation is Operation.UPDATED
    commit_at(world, first, more=RETAIN)
    assert only(world.run(shallow(world, "three"))).operation is Operation.UPDATED


def test_after_update_branch(world: World) -> None:
    world.run(shallow(world, "one"))
    grow(world, 60)
    world.update_branch()
    world.commit({"gan.py": RETAIN})
    assert only(world.run(shallow(world, "two"))).operation is Operation.UPDATED


def test_a_commit_of_a_human_is_still_seen(world: World) -> None:
    world.run(shallow(world, "one"))
    theirs = world.push(FIXES, {"note.txt": "mine\n"})
    grow(world, 60)
    assert only(world.run(shallow(world, "two"))).operation is Operation.SKIPPED_EDITED
    assert world.head() == theirs


@pytest.mark.parametrize("depth", ["shallow", "whole"])
def test_an_old_run_that_is_run_again_leaves_what_a_newer_one_made(world: World, depth: str) -> None:
    world.run()
    world.commit({"gan.py": RETAIN})
    grow(world, 60)
    world.run()
    head, body, written = world.head(), world.pull.body, world.forge.written()
    git(world.folder, "clone", "-q", str(world.bare), str(world.folder / "whole"))
    git(world.folder / "whole", "checkout", "-q", "--detach", "main~61")
    old = world.folder / "whole" if depth == "whole" else shallow(world, "old", "main~61")
    result = only(world.run(old))
    assert (result.operation, result.number) == (Operation.SKIPPED_NEWER, 1)
    assert "a newer run was here" in result.detail
    assert (world.head(), world.pull.body, world.forge.written()) == (head, body, written)


def test_an_old_run_closes_nothing_that_a_newer_one_opened(world: World) -> None:
    world.commit({"train.py": PROGRAM})
    world.commit({"gan.py": RETAIN})
    world.run()
    assert only(world.run(shallow(world, "old", "main~1"))).operation is Operation.SKIPPED_NEWER
    assert world.pull.state == "open" and world.head() is not None


@pytest.mark.parametrize("depth", ["shallow", "whole"])
def test_an_old_run_does_not_propose_again_what_was_merged(world: World, depth: str) -> None:
    world.run()
    git(world.bare, "update-ref", "-d", f"refs/heads/{FIXES}")
    world.forge.pulls.clear()
    world.commit({"train.py": PROGRAM})
    grow(world, 3)
    git(world.folder, "clone", "-q", str(world.bare), str(world.folder / "whole"))
    git(world.folder / "whole", "checkout", "-q", "--detach", "main~4")
    old = world.folder / "whole" if depth == "whole" else shallow(world, "old", "main~4")
    result = only(world.run(old))
    assert (result.operation, result.number) == (Operation.SKIPPED_NEWER, None)
    assert result.detail == "train.py is another one on main by now: what is left to propose is for a run on that"
    assert world.head() is None and not world.forge.pulls


@pytest.mark.parametrize("depth", ["shallow", "whole"])
def test_a_run_that_others_have_overtaken_proposes_what_they_did_not_touch(world: World, depth: str) -> None:
    """A push that starts no run of its own, of the README say, must not cost the pull request."""
    grow(world, 3)
    git(world.folder, "clone", "-q", str(world.bare), str(world.folder / "whole"))
    git(world.folder / "whole", "checkout", "-q", "--detach", "main~2")
    old = world.folder / "whole" if depth == "whole" else shallow(world, "old", "main~2")
    assert only(world.run(old)).operation is Operation.CREATED


def test_after_update_branch_a_run_on_an_older_commit_is_an_old_one(world: World) -> None:
    world.run()
    world.commit({"x.py": "x = 1\n"})
    merge = world.update_branch()
    world.commit({"y.py": SOFTMAX})
    assert only(world.run(shallow(world, "old", "main~2"))).operation is Operation.SKIPPED_NEWER
    assert world.head() == merge
    assert only(world.run()).operation is Operation.UPDATED


def test_back_from_a_base_branch_that_is_ahead(world: World) -> None:
    """Another base is asked for: that is no old run."""
    git(world.work, "checkout", "-q", "-b", "develop")
    (world.work / "extra.py").write_text(RETAIN)
    git(world.work, "add", "extra.py")
    git(world.work, "commit", "-q", "-m", "Ahead")
    git(world.work, "push", "-q", str(world.bare), "develop")
    world.run(base="develop")
    git(world.work, "checkout", "-q", "main")
    assert only(world.run()).operation is Operation.UPDATED
    assert world.pull.base == "main"
