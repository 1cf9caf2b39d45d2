"""Branches, marks and texts that are not ours: they can make us do less, and never more."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from forge_tools import git
from forge_world import FIXES, RETAIN, World, only

from torchfix_codemods.delivery.body import text
from torchfix_codemods.delivery.model import Operation
from torchfix_codemods.delivery.pulls import ownership
from torchfix_codemods.delivery.pulls.marker import read_marker, with_marker


def test_somebody_elses_branch_of_our_name_is_refused(world: World) -> None:
    git(world.work, "push", "-q", str(world.bare), f"main:refs/heads/{FIXES}")
    theirs = world.push(FIXES, {"mine.txt": "mine\n"})
    result = only(world.run())
    assert (result.operation, result.number) == (Operation.SKIPPED_TAKEN, None)
    assert f"the branch {FIXES} is not one that torchfix made" in result.warnings[0]
    assert "--branch (in the Action: the input branch)" in result.warnings[0]
    assert world.head() == theirs and world.forge.written() == []


@pytest.mark.parametrize("name", ["torchfix", f"{FIXES}/mine", f"{FIXES}/mine/too"])
def test_a_branch_beside_which_git_has_no_room(world: World, name: str) -> None:
    git(world.work, "push", "-q", str(world.bare), f"main:refs/heads/{name}")
    result = only(world.run())
    assert (result.operation, result.number) == (Operation.SKIPPED_TAKEN, None)
    assert result.warnings[0].startswith(f"beside the branch {name} git has no room for {FIXES}: delete or rename it")
    assert world.forge.written() == [] and not world.server.asked("git-receive-pack")
    assert world.planned() == [f"nothing for {FIXES} (skipped-taken): {result.warnings[0]}"]
    git(world.bare, "update-ref", "-d", f"refs/heads/{name}")
    assert only(world.run()).operation is Operation.CREATED


@pytest.mark.parametrize("name", ["torch", "torchfix-fixes", "torchfix/fix", "torchfix/fixes2", "mine/torchfix"])
def test_branches_that_are_not_in_the_way(world: World, name: str) -> None:
    git(world.work, "push", "-q", str(world.bare), f"main:refs/heads/{name}")
    assert only(world.run()).operation is Operation.CREATED


def test_a_branch_without_end_is_not_ours(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is far below is not read: here a commit of somebody, below two of ours."""
    monkeypatch.setattr(ownership, "_COMMITS", 2)
    world.commit({"gan.py": RETAIN})
    git(world.work, "push", "-q", str(world.bare), f"main:refs/heads/{FIXES}")
    tip = world.push(FIXES, {"note.txt": "mine\n"})
    publisher = world.publisher()
    (proposal,) = world.proposals(publisher)
    for chapter in proposal.chapters:
        tip = publisher.repository.commit(tip, chapter.files, text.message(chapter))
    assert len(proposal.chapters) == 2
    assert ownership.ours(publisher.repository, tip, [str(world.head("main"))], None) is None


def test_a_forged_mark_does_not_make_us_overwrite(world: World) -> None:
    """The mark says that the head is ours; the commits say that it is not."""
    world.run()
    theirs = world.push(FIXES, {"note.txt": "mine\n"})
    marker = read_marker(world.pull.body or "")
    assert marker is not None
    for number, base in enumerate((marker.base, theirs, "f" * 40)):
        world.pull.body = with_marker(world.pull.body or "", replace(marker, head=theirs, base=base))
        world.commit({f"x{number}.py": RETAIN})
        assert only(world.run()).operation is Operation.SKIPPED_EDITED
        assert world.head() == theirs


@pytest.mark.parametrize(
    "mark",
    ["=" * 31_999, "A" * 40_000, base64.b64encode(b"[" * 20_000).decode(), base64.b64encode(b"{}").decode(), "A", ""],
    ids=["padding", "huge", "nested", "empty", "invalid", "none"],
)
def test_a_spoilt_mark_is_no_mark(world: World, mark: str) -> None:
    world.run()
    world.pull.body = f"Mine.\n<!-- torchfix:v1 {mark} -->"
    world.commit({"gan.py": RETAIN})
    assert only(world.run()).operation is Operation.UPDATED
    assert read_marker(world.pull.body or "") is not None


def test_marks_of_closed_pull_requests_decline_only_what_they_name(world: World) -> None:
    world.run()
    marker = read_marker(world.pull.body or "")
    assert marker is not None
    world.pull.state = "closed"
    world.pull.body = with_marker("", replace(marker, fingerprints=("0" * 16,)))
    assert only(world.run()).operation is Operation.CREATED


def test_titles_and_bodies_of_strangers_do_no_harm(world: World) -> None:
    world.run()
    world.pull.title = "x\n::error::\x1b[31m " + "y" * 300
    world.pull.body = "\ud800 <!-- torchfix:v1 -->\x00" + (world.pull.body or "")
    world.commit({"gan.py": RETAIN})
    assert only(world.run()).operation is Operation.UPDATED
