"""What goes wrong on the way, and what others do meanwhile: nothing is lost, and the next run goes on from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from forge_server import Failure
from forge_tools import REPOSITORY, TOKEN, git
from forge_world import CODES, FIXES, PROGRAM, RETAIN, World, only
from git_server import add_hook

from torchfix_codemods.delivery.body import text
from torchfix_codemods.delivery.errors import ForgeFailed, LeaseLost, PushRefused
from torchfix_codemods.delivery.forge.refusals import MayNotWrite
from torchfix_codemods.delivery.git.remote import Remote
from torchfix_codemods.delivery.model import Operation
from torchfix_codemods.delivery.pulls.marker import read_marker
from torchfix_codemods.delivery.pulls.publish import Looked, Publisher, Result

PULLS = f"/repos/{REPOSITORY}/pulls"


class Racing(Remote):
    """The real remote, with somebody who does something just before each of our first pushes."""

    meanwhile: Callable[[], object]
    times = 1

    def push(self, sha: str, branch: str, expected: str | None) -> None:
        if self.times > 0:
            self.times -= 1
            self.meanwhile()
        super().push(sha, branch, expected)


def racing(world: World, meanwhile: Callable[[], object], times: int = 1, **terms: object) -> Publisher:
    publisher = world.publisher(**terms)
    remote = Racing(publisher.repository, world.url, TOKEN)
    remote.meanwhile, remote.times = meanwhile, times
    return replace(publisher, remote=remote)


def publish(world: World, publisher: Publisher) -> Result:
    return only(publisher.publish(world.proposals(publisher), Looked(frozenset(CODES))))


def test_a_race_that_another_run_of_ours_has_won(world: World) -> None:
    result = publish(world, racing(world, world.run))
    assert (result.operation, result.number) == (Operation.UNCHANGED, 1)
    assert list(world.forge.pulls) == [1]


def test_a_race_that_a_human_has_won(world: World) -> None:
    world.run()
    world.commit({"gan.py": RETAIN})
    result = publish(world, racing(world, lambda: world.push(FIXES, {"note.txt": "mine\n"})))
    assert result.operation is Operation.SKIPPED_EDITED
    assert world.show("note.txt") == "mine" and "gan.py" not in (world.pull.body or "")


def test_a_race_of_a_narrow_run_that_a_whole_one_has_won(world: World) -> None:
    world.commit({"gan.py": RETAIN})
    publisher = racing(world, world.run, whole=False)
    (proposal,) = world.proposals(publisher)
    chapters = tuple(chapter for chapter in proposal.chapters if chapter.rule.code == "TFC101")
    looked = Looked(frozenset(["TFC101"]), frozenset(["train.py"]))
    result = only(publisher.publish([replace(proposal, chapters=chapters)], looked))
    assert (result.operation, result.number) == (Operation.SKIPPED_NARROWED, 1)
    assert "gan.py" in (world.pull.body or "")


def test_a_race_that_is_lost_twice_is_told(world: World) -> None:
    """Deleted before the first push, and there again before the second."""
    world.run()
    ref, old = f"refs/heads/{FIXES}", str(world.head())
    world.commit({"gan.py": RETAIN})
    moves = iter((("update-ref", "-d", ref), ("update-ref", ref, old)))
    with pytest.raises(LeaseLost, match=FIXES):
        publish(world, racing(world, lambda: git(world.bare, *next(moves)), times=2))
    assert world.head() == old


def test_a_branch_that_somebody_deletes_meanwhile(world: World) -> None:
    world.run()
    world.commit({"gan.py": RETAIN})
    result = publish(world, racing(world, lambda: git(world.bare, "update-ref", "-d", f"refs/heads/{FIXES}")))
    # Deleting it closed the pull request; the push came after that.
    assert (result.operation, result.number) == (Operation.CREATED, 2)


def test_one_that_the_list_does_not_show_yet_is_updated(world: World) -> None:
    world.run()
    world.pull.body = "Opened by hand."
    world.commit({"gan.py": RETAIN})
    declined_ones = 3  # of all rules together, and of each of the two
    world.forge.fail(Failure(200, body=b"[]", only=f"GET {PULLS}"), times=declined_ones + 1)
    result = only(world.run())
    assert (result.operation, result.number) == (Operation.UPDATED, 1)
    assert f"POST {PULLS} 422" in world.forge.log and list(world.forge.pulls) == [1]
    # Our branch and title; the body that somebody wrote for it gets our mark.
    assert world.pull.title == "torchfix: 2 fixes in 2 files (0 verified)"
    assert (world.pull.body or "").startswith("Opened by hand.\n\n<!-- torchfix:v1 ")


def test_a_refused_push_leaves_everything_as_it_was(world: World) -> None:
    add_hook(world.bare, "pre-receive", "echo 'GH013: Repository rule violations found' >&2; exit 1")
    with pytest.raises(PushRefused):
        world.run()
    assert world.head() is None and world.forge.pulls == {}


def test_a_refused_pull_request_is_opened_by_the_next_run(world: World) -> None:
    world.forge.settings_allow = False
    with pytest.raises(ForgeFailed, match="Allow GitHub Actions to create and approve pull requests"):
        world.run()
    pushed = world.head()
    assert pushed is not None and world.forge.pulls == {}
    world.forge.settings_allow = True
    assert only(world.run()).operation is Operation.CREATED
    assert world.head() == pushed


def test_a_refused_pull_request_is_opened_although_the_code_went_on(world: World) -> None:
    world.forge.settings_allow = False
    with pytest.raises(ForgeFailed):
        world.run()
    world.forge.settings_allow = True
    world.commit({"gan.py": RETAIN})
    assert only(world.run()).operation is Operation.CREATED
    assert "gan.py" in (world.pull.body or "")


def test_an_update_that_broke_off_after_the_push_goes_on(world: World) -> None:
    world.run()
    world.commit({"gan.py": RETAIN})
    world.forge.fail(Failure(400, only="PATCH"))
    with pytest.raises(ForgeFailed):
        world.run()
    assert "gan.py" not in (world.pull.body or "")
    world.commit({"more.py": "x = 1\n"})
    assert only(world.run()).operation is Operation.UPDATED
    assert "gan.py" in (world.pull.body or "")
    assert only(world.run()).operation is Operation.UNCHANGED


def other_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version of ours makes other commits of the same fixes on the same base."""
    monkeypatch.setattr(text, "__version__", "999.0")


def test_an_update_on_the_same_base_that_broke_off_after_the_push(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark names the old head; that the branch is where we put it must not look like somebody's doing."""
    world.run()
    old = world.head()
    other_version(monkeypatch)
    publisher = racing(world, lambda: world.forge.fail(Failure(400, only="PATCH")))
    with pytest.raises(ForgeFailed):
        publish(world, publisher)
    assert world.head() != old
    world.commit({"gan.py": RETAIN})
    assert only(world.run()).operation is Operation.UPDATED
    assert "gan.py" in (world.pull.body or "") and world.pull.comments == []
    marker = read_marker(world.pull.body or "")
    assert marker is not None and (marker.head, marker.tried) == (world.head(), ())


def test_an_update_on_the_same_base_that_broke_off_before_the_push(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run()
    old, body = world.head(), world.pull.body
    other_version(monkeypatch)
    world.forge.fail(Failure(400, only="PATCH"))
    with pytest.raises(ForgeFailed):
        world.run()
    assert (world.head(), world.pull.body) == (old, body)
    add_hook(world.bare, "pre-receive", "exit 1")
    with pytest.raises(PushRefused):
        world.run()
    assert world.head() == old
    (world.bare / "hooks" / "pre-receive").unlink()
    world.commit({"gan.py": RETAIN})
    assert only(world.run()).operation is Operation.UPDATED


def test_an_update_that_broke_off_is_no_licence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody takes commits away after it."""
    world.commit({"gan.py": RETAIN})
    world.run()
    other_version(monkeypatch)
    with pytest.raises(ForgeFailed):
        publish(world, racing(world, lambda: world.forge.fail(Failure(400, only="PATCH"))))
    world.set_branch(FIXES, f"forge/{FIXES}~1")
    world.commit({"more.py": "x = 1\n"})
    assert only(world.run()).operation is Operation.SKIPPED_EDITED


def test_closing_that_broke_off_goes_on(world: World) -> None:
    world.run()
    world.commit({"train.py": PROGRAM})
    world.forge.fail(Failure(400, only="PATCH"))
    with pytest.raises(ForgeFailed):
        world.run()
    assert world.pull.state == "open"
    assert only(world.run()).operation is Operation.CLOSED
    assert len(world.pull.comments) == 1 and world.head() is None


def test_a_branch_that_may_not_be_deleted_is_a_warning(world: World) -> None:
    world.run()
    world.commit({"train.py": PROGRAM})
    add_hook(world.bare, "pre-receive", "exit 1")
    result = only(world.run())
    assert result.operation is Operation.CLOSED and f"the branch {FIXES} was not deleted" in result.warnings[0]
    assert world.pull.state == "closed"


def test_a_token_of_a_fork_reads_only(world: World) -> None:
    world.forge.permissions = {"contents": "read", "pull_requests": "read"}
    with pytest.raises(MayNotWrite, match="from a fork"):
        world.run()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_troubles_are_passed_over(world: World, status: int) -> None:
    for only_for in ("GET", "POST", "PATCH"):
        world.forge.fail(Failure(status, only=only_for))
    assert only(world.run()).operation is Operation.CREATED
    world.commit({"gan.py": RETAIN})
    assert only(world.run()).operation is Operation.UPDATED
    assert list(world.forge.pulls) == [1] and world.pull.labels == ["torchfix"]


def test_a_rate_limit_is_waited_for(world: World) -> None:
    limit = {"Retry-After": "30"}
    world.forge.fail(Failure(403, "You have exceeded a secondary rate limit", limit, only="POST"))
    assert only(world.run()).operation is Operation.CREATED
    assert world.naps == [30]


def test_what_follows_an_opening_waits_until_github_knows_of_it(world: World) -> None:
    missing = Failure(422, "Could not resolve to a node with the global id", only=f"POST /repos/{REPOSITORY}/issues")
    world.forge.fail(missing, times=2)
    assert only(world.run()).warnings == ()
    assert world.pull.labels == ["torchfix"] and world.naps == [1, 2]


def test_refused_labels_are_a_warning(world: World) -> None:
    world.forge.label_refused = True
    result = only(world.run())
    assert result.operation is Operation.CREATED
    assert "the labels torchfix were not added" in result.warnings[0] and "no new labels" in result.warnings[0]
    assert only(world.run()).warnings == ()


def test_labels_that_somebody_took_off_stay_off(world: World) -> None:
    world.run(labels=("torchfix", "Bot"))
    world.pull.labels = ["mine"]
    assert only(world.run(labels=("torchfix", "bot"))).operation is Operation.UNCHANGED
    assert only(world.run(labels=("torchfix", "Mine", "pytorch"))).operation is Operation.UPDATED
    assert world.pull.labels == ["mine", "pytorch"]
    world.pull.labels = []
    assert only(world.run(labels=("torchfix", "mine", "pytorch"))).operation is Operation.UNCHANGED


def test_a_dry_run_tells_what_would_be_sent_and_sends_nothing(world: World) -> None:
    lines = world.planned()
    head = lines[0].split()[3].partition(":")[0]
    assert lines[0] == f"git push --force-with-lease=refs/heads/{FIXES}: {head}:refs/heads/{FIXES}"
    assert lines[1].startswith(f"POST {PULLS} title='torchfix: 1 fix in 1 file (0 verified)' head={FIXES} base=main")
    assert lines[2] == f"POST /repos/{REPOSITORY}/issues/NEW/labels labels=torchfix"
    assert world.head() is None and world.forge.written() == [] and not world.server.asked("git-receive-pack")
    world.run()
    assert world.head() == head and world.planned() == []
    world.commit({"gan.py": RETAIN})
    assert world.planned()[1].startswith(f"PATCH {PULLS}/1 title='torchfix: 2 fixes in 2 files")
    world.push(FIXES, {"note.txt": "mine\n"})
    assert world.planned()[0].startswith(f"POST /repos/{REPOSITORY}/issues/1/comments body=(")


def test_a_dry_run_of_an_end(world: World) -> None:
    world.run()
    head = world.head()
    world.commit({"train.py": PROGRAM})
    assert [line.split(" body")[0] for line in world.planned()] == [
        f"POST /repos/{REPOSITORY}/issues/1/comments",
        f"PATCH {PULLS}/1 title='torchfix: 1 fix in 1 file (0 verified) - autoclosed' state=closed",
        f"git push --force-with-lease=refs/heads/{FIXES}:{head} :refs/heads/{FIXES}",
    ]
