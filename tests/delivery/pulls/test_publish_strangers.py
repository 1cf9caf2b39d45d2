"""Branches and pull requests that people made: never overwritten, closed or deleted, whatever name is given."""

from __future__ import annotations

from pathlib import Path

import pytest
from forge_tools import git
from forge_world import FIXES, PROGRAM, RETAIN, SOFTMAX, World, only

from torchfix_codemods.delivery.model import Operation


def test_a_branch_that_lags_behind_is_not_ours(world: World) -> None:
    """It holds no commit above the base, so none of somebody else either: that makes it nobody's but not ours."""
    git(world.work, "push", "-q", str(world.bare), "main~1:refs/heads/release")
    before = world.head("release")
    result = only(world.run(branch="release"))
    assert result.operation is Operation.SKIPPED_TAKEN and world.head("release") == before
    assert "the branch release is not one that torchfix made" in result.warnings[0]


@pytest.mark.parametrize("left", [True, False])
def test_a_release_that_is_under_way_stays(world: World, left: bool) -> None:
    git(world.work, "push", "-q", str(world.bare), "main:refs/heads/release")
    git(world.work, "push", "-q", str(world.bare), "main~1:refs/heads/production")
    theirs = world.forge.open("Release 1.0", "Mine.", "release", "production")
    world.commit({"gan.py": RETAIN} if left else {"train.py": PROGRAM})
    before = world.head("release")
    world.run(branch="release")
    assert world.head("release") == before
    assert (theirs.state, theirs.title, theirs.body, theirs.base) == ("open", "Release 1.0", "Mine.", "production")


def test_a_pull_request_of_a_person_for_our_base_is_not_even_commented(world: World) -> None:
    git(world.work, "push", "-q", str(world.bare), "main:refs/heads/feature")
    world.push("feature", {"mine.txt": "mine\n"})
    theirs = world.forge.open("Mine", "By hand.", "feature", "main")
    result = only(world.run(branch="feature"))
    assert result.operation is Operation.SKIPPED_TAKEN
    assert theirs.title == "Mine" and not any("POST" in line for line in world.forge.written())


def test_a_long_lived_branch_that_was_merged_somewhere_stays(world: World) -> None:
    for name in ("develop", "staging"):
        git(world.work, "push", "-q", str(world.bare), f"main:refs/heads/{name}")
    before = world.push("develop", {"mine.txt": "mine\n"})
    world.forge.merge(world.forge.open("Mine", "x", "develop", "staging").number)
    assert only(world.run(branch="develop")).operation is Operation.SKIPPED_TAKEN
    assert world.head("develop") == before


def test_a_backport_from_our_branch_is_not_taken_over(world: World) -> None:
    git(world.work, "push", "-q", str(world.bare), "main:refs/heads/release")
    world.run()
    git(world.work, "fetch", "-q", str(world.bare), FIXES)
    git(world.work, "merge", "-q", "--no-ff", "-m", "Merge", "FETCH_HEAD")
    git(world.work, "push", "-q", str(world.bare), "main")
    world.forge.merge(1)
    theirs = world.forge.open("Backport", "By hand.", FIXES, "release")
    world.commit({"gan.py": RETAIN})
    before = world.head()
    assert only(world.run()).operation is Operation.SKIPPED_TAKEN
    assert world.head() == before and (theirs.title, theirs.body, theirs.base) == ("Backport", "By hand.", "release")


def test_the_branch_of_a_backport_outlives_our_pull_request(world: World) -> None:
    git(world.work, "push", "-q", str(world.bare), "main:refs/heads/release")
    world.run()
    theirs = world.forge.open("Backport", "By hand.", FIXES, "release")
    world.commit({"train.py": PROGRAM})
    assert only(world.run()).operation is Operation.CLOSED
    world.forge.follow_branches()
    assert theirs.state == "open" and world.head() is not None


def test_a_branch_that_somebody_set_back_stays_there(world: World) -> None:
    world.run()
    world.set_branch(FIXES, "main")
    world.commit({"gan.py": RETAIN})
    before = world.head()
    assert only(world.run()).operation is Operation.SKIPPED_EDITED and world.head() == before


@pytest.mark.parametrize("left_out", ["tree:0", "blob:none"])
def test_a_partial_clone_goes_on(world: World, tmp_path: Path, left_out: str) -> None:
    """The server takes objects for known that such a clone does not hold."""
    text = SOFTMAX + "".join(f"a{i} = {i * 7919 % 1000}  # filler {i * i}\n" for i in range(3000))
    world.commit({"train.py": text})
    world.run()
    for name in ("allowFilter", "allowAnySHA1InWant"):
        git(world.bare, "config", f"uploadpack.{name}", "true")
    world.commit({"sub/gan.py": RETAIN, "train.py": text.replace("a7 =", "b7 =")})
    clone = tmp_path / "partial"
    git(tmp_path, "clone", "-q", f"--filter={left_out}", f"file://{world.bare}", str(clone))
    assert only(world.run(work=clone)).operation is Operation.UPDATED
