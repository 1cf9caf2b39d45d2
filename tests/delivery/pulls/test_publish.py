"""The life of a pull request, one scenario at a time, with real git, a real server, and GitHub's contract."""

from __future__ import annotations

from dataclasses import replace

import pytest
from forge_pulls import PullState
from forge_tools import HUMAN, REPOSITORY, git
from forge_world import FIXES, PROGRAM, RETAIN, SOFTMAX, World, only

from torchfix_codemods.delivery.git.repository import BOT, BOT_MAIL
from torchfix_codemods.delivery.model import Operation
from torchfix_codemods.delivery.pulls.decide import AUTOCLOSED
from torchfix_codemods.delivery.pulls.marker import Marker, read_marker, with_marker

BOTH = {"train.py": SOFTMAX, "gan.py": RETAIN}
US = (BOT, BOT_MAIL)
PULLS = f"/repos/{REPOSITORY}/pulls"


def marker_of(pull: PullState) -> Marker:
    marker = read_marker(pull.body or "")
    assert marker is not None
    return marker


def test_created(world: World) -> None:
    result = only(world.run())
    assert (result.operation, result.branch, result.number, result.warnings) == (Operation.CREATED, FIXES, 1, ())
    assert result.url == f"https://github.com/{REPOSITORY}/pull/1"
    assert world.head() == world.pull.head_sha
    assert world.pull.title == "torchfix: 1 fix in 1 file (0 verified)"
    assert (world.pull.base, world.pull.labels, world.pull.draft) == ("main", ["torchfix"], False)
    assert world.show("train.py") + "\n" == PROGRAM
    marker = marker_of(world.pull)
    assert (marker.base, marker.head, marker.labels) == (world.head("main"), world.head(), ("torchfix",))
    assert len(marker.fingerprints) == 1


def test_created_as_a_draft_and_without_labels(world: World) -> None:
    world.run(draft=True, labels=())
    assert world.pull.draft and world.pull.labels == []
    assert not world.forge.asked("POST /repos/octo/nets/issues")


def test_unchanged_sends_and_pushes_nothing(world: World) -> None:
    world.run()
    asked, pushed = world.forge.written(), world.server.asked("git-receive-pack")
    result = only(world.run())
    assert (result.operation, result.number) == (Operation.UNCHANGED, 1)
    assert world.forge.written() == asked and world.server.asked("git-receive-pack") == pushed


def test_updated(world: World) -> None:
    world.run()
    world.commit({"gan.py": RETAIN})
    assert only(world.run()).operation is Operation.UPDATED
    assert world.pull.title == "torchfix: 2 fixes in 2 files (0 verified)"
    assert "gan.py" in (world.pull.body or "")
    assert marker_of(world.pull).head == world.head()
    assert git(world.bare, "rev-list", "--count", f"main..{FIXES}") == "2"
    assert only(world.run()).operation is Operation.UNCHANGED
    assert list(world.forge.pulls) == [1]


def test_the_base_moved_on(world: World) -> None:
    world.run()
    new = world.commit({"other.py": "x = 1\n"})
    body = world.pull.body
    assert only(world.run()).operation is Operation.UPDATED
    assert git(world.bare, "merge-base", FIXES, "main") == new
    assert marker_of(world.pull).base == new
    # Only the mark is another one: the text was the same.
    assert with_marker(body or "", marker_of(world.pull)) == world.pull.body


def test_another_base_branch(world: World) -> None:
    world.run()
    git(world.work, "push", "-q", str(world.bare), "main:refs/heads/develop")
    assert only(world.run(base="develop")).operation is Operation.UPDATED
    assert world.pull.base == "develop"


def test_another_base_branch_with_a_history_of_its_own(world: World) -> None:
    world.run()
    git(world.work, "checkout", "-q", "-b", "develop", "main~1")
    (world.work / "extra.py").write_text(RETAIN)
    git(world.work, "add", "extra.py")
    git(world.work, "commit", "-q", "-m", "Another line")
    git(world.work, "push", "-q", str(world.bare), "develop")
    assert only(world.run(base="develop")).operation is Operation.UPDATED
    assert world.pull.base == "develop"
    assert git(world.bare, "merge-base", FIXES, "develop") == world.head("develop")


def test_of_two_open_ones_that_to_our_base_counts(world: World) -> None:
    world.run()
    git(world.work, "push", "-q", str(world.bare), "main:refs/heads/release")
    other = world.forge.open("By hand, for the release", "Mine.", FIXES, "release")
    world.commit({"gan.py": RETAIN})
    result = only(world.run())
    assert (result.operation, result.number, world.forge.pulls[1].base) == (Operation.UPDATED, 1, "main")
    assert (other.title, other.body, other.base) == ("By hand, for the release", "Mine.", "release")


def test_a_commit_of_a_human_stops_updates_and_is_said_once(world: World) -> None:
    world.run()
    ours = world.head()
    theirs = world.push(FIXES, {"note.txt": "mine\n"})
    world.commit({"gan.py": RETAIN})
    body = world.pull.body
    for _ in range(2):
        result = only(world.run())
        assert (result.operation, result.number) == (Operation.SKIPPED_EDITED, 1)
        assert "somebody has pushed" in result.detail
    assert world.head() == theirs and world.pull.body == body
    ((_, said),) = world.pull.comments
    assert f"set the branch back to {ours}" in said
    world.set_branch(FIXES, str(ours))
    assert only(world.run()).operation is Operation.UPDATED


IN_OUR_NAME = {
    "no trailers": (US, US, "Format the code"),
    "another committer": (US, HUMAN, ""),
    "another author": (HUMAN, US, ""),
}


@pytest.mark.parametrize("name", IN_OUR_NAME)
def test_a_commit_in_our_name_is_not_ours(world: World, name: str) -> None:
    """A formatter commits as the same bot, somebody amends our commit; whatever the mark says of the head."""
    author, committer, message = IN_OUR_NAME[name]
    world.run()
    git(world.work, "fetch", "-q", str(world.bare), FIXES)
    git(world.work, "checkout", "-q", "--detach", "FETCH_HEAD")
    (world.work / "train.py").write_text(PROGRAM + "# end\n")
    message = message or git(world.work, "log", "-1", "--format=%B")
    git(world.work, "commit", "-qam", message, who=author, committer=committer)
    git(world.work, "push", "-q", str(world.bare), f"HEAD:refs/heads/{FIXES}")
    git(world.work, "checkout", "-q", "main")
    theirs = str(world.head())
    world.pull.body = with_marker(world.pull.body or "", replace(marker_of(world.pull), head=theirs))
    world.commit({"gan.py": RETAIN})
    assert only(world.run()).operation is Operation.SKIPPED_EDITED
    assert world.head() == theirs


def test_commits_that_a_human_took_away_stay_away(world: World) -> None:
    world.commit(BOTH)
    world.run()
    world.set_branch(FIXES, f"forge/{FIXES}~1")
    taken = world.head()
    world.commit({"more.py": "x = 1\n"})
    assert only(world.run()).operation is Operation.SKIPPED_EDITED
    assert world.head() == taken


def test_the_body_of_a_human_stays_until_ours_changes(world: World) -> None:
    world.run()
    world.pull.body = "Reviewed by me.\r\n\r\n" + (world.pull.body or "") + "\r\nBye.\r\n"
    world.pull.title = "My title"
    assert only(world.run()).operation is Operation.UNCHANGED
    world.commit({"other.py": "x = 1\n"})
    assert only(world.run()).operation is Operation.UPDATED
    assert (world.pull.body or "").startswith("Reviewed by me.") and (world.pull.body or "").endswith("Bye.\r\n")
    assert world.pull.title == "My title" and marker_of(world.pull).head == world.head()
    world.commit({"gan.py": RETAIN})
    assert only(world.run()).operation is Operation.UPDATED
    assert "Reviewed by me." not in (world.pull.body or "")
    assert world.pull.title == "torchfix: 2 fixes in 2 files (0 verified)"


def test_a_body_without_our_mark_gets_one_again(world: World) -> None:
    world.run()
    world.pull.body = "All mine."
    assert only(world.run()).operation is Operation.UPDATED
    assert (world.pull.body or "").startswith("All mine.\n\n<!-- torchfix:v1 ")
    assert only(world.run()).operation is Operation.UNCHANGED


def test_update_branch_is_nobodys_work(world: World) -> None:
    world.run()
    new = world.commit({"gan.py": RETAIN})
    world.update_branch()
    assert only(world.run()).operation is Operation.UPDATED
    assert git(world.bare, "rev-list", "--merges", "--count", f"main..{FIXES}") == "0"
    assert git(world.bare, "merge-base", FIXES, "main") == new


def test_update_branch_with_something_slipped_in_is_somebodys(world: World) -> None:
    world.run()
    world.commit({"gan.py": RETAIN})
    merge = world.update_branch(slip={"gan.py": RETAIN + "# by hand\n"})
    assert only(world.run()).operation is Operation.SKIPPED_EDITED
    assert world.head() == merge


def test_a_merge_by_hand_is_somebodys(world: World) -> None:
    world.run()
    world.commit({"gan.py": RETAIN})
    git(world.work, "fetch", "-q", str(world.bare), FIXES)
    git(world.work, "checkout", "-q", "--detach", "FETCH_HEAD")
    git(world.work, "merge", "-q", "--no-ff", "-m", "Merge", "main")
    git(world.work, "push", "-q", str(world.bare), f"HEAD:refs/heads/{FIXES}")
    git(world.work, "checkout", "-q", "main")
    assert only(world.run()).operation is Operation.SKIPPED_EDITED


def test_declined(world: World) -> None:
    world.run()
    world.pull.state = "closed"
    written = world.forge.written()
    assert only(world.run()).operation is Operation.SKIPPED_DECLINED
    assert world.forge.written() == written
    world.commit({"gan.py": RETAIN})
    result = only(world.run())
    assert (result.operation, result.number) == (Operation.CREATED, 2)
    assert world.show("train.py") + "\n" == SOFTMAX and "retain_graph" not in world.show("gan.py")


def test_merged_ones_decline_nothing(world: World) -> None:
    world.run()
    world.forge.merge(1)
    git(world.bare, "update-ref", "refs/heads/main", str(world.head()))
    git(world.work, "pull", "-q", "--ff-only", str(world.bare), "main")
    assert only(world.run()).operation is Operation.NONE
    world.commit({"train.py": SOFTMAX})
    assert only(world.run()).operation is Operation.CREATED


def test_after_a_squash_the_branch_is_used_again(world: World) -> None:
    world.run()
    world.push(FIXES, {"note.txt": "mine\n"})
    world.forge.follow_branches()
    world.forge.merge(1)
    world.commit({"train.py": PROGRAM, "note.txt": "mine\n", "gan.py": RETAIN}, "Squashed")
    result = only(world.run())
    assert (result.operation, result.number) == (Operation.CREATED, 2)


def test_autoclosed(world: World) -> None:
    world.run()
    world.commit({"train.py": PROGRAM})
    result = only(world.run())
    assert (result.operation, result.number) == (Operation.CLOSED, 1)
    assert world.pull.title.endswith(AUTOCLOSED) and world.pull.state == "closed"
    assert world.head() is None
    ((_, said),) = world.pull.comments
    assert "Nothing is left to propose here" in said
    assert only(world.run()).operation is Operation.NONE
    world.commit({"train.py": SOFTMAX})
    result = only(world.run())
    assert (result.operation, result.number) == (Operation.CREATED, 2)


def test_autoclosing_skipped_where_somebody_has_pushed(world: World) -> None:
    world.run()
    theirs = world.push(FIXES, {"note.txt": "mine\n"})
    world.commit({"train.py": PROGRAM})
    for _ in range(2):
        assert only(world.run()).operation is Operation.SKIPPED_EDITED
    assert world.pull.state == "open" and world.head() == theirs
    ((_, said),) = world.pull.comments
    assert "autoclosing skipped" in said


def test_one_that_is_opened_again_is_updated(world: World) -> None:
    world.run()
    ours = world.head()
    world.commit({"train.py": PROGRAM})
    world.run()
    git(world.bare, "update-ref", f"refs/heads/{FIXES}", str(ours))
    world.pull.state = "open"
    world.commit({"train.py": SOFTMAX})
    assert only(world.run()).operation is Operation.UPDATED
    assert world.pull.title == "torchfix: 1 fix in 1 file (0 verified)"
    assert list(world.forge.pulls) == [1]
