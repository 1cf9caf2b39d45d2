"""Fetching from and pushing to a real server: leases, races, shallow clones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from git_clones import commit_all, everything_in, git, make_clone, write
from git_place import BRANCH, TOKEN, Place, fix, open_place
from git_server import add_hook

from torchfix_codemods.delivery.errors import LeaseLost, PushRefused, RemoteFailed
from torchfix_codemods.delivery.git.remote import Remote
from torchfix_codemods.delivery.git.repository import Repository
from torchfix_codemods.source.errors import UsageError

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def place(tmp_path: Path, home: Path) -> Iterator[Place]:
    with open_place(tmp_path) as opened:
        yield opened


def test_where_the_branches_are(place: Place) -> None:
    _, remote = place.ours()
    head = git(place.clone, "rev-parse", "HEAD")
    for name in ("torchfix/fixes", "torchfix/fixes-tfc101", "old/torchfix/fixes", "torchfix-not"):
        git(place.bare, "update-ref", f"refs/heads/{name}", head)
    git(place.bare, "update-ref", "refs/tags/torchfix/fixes", head)
    git(place.bare, "update-ref", "refs/heads/torchfix/fixes;$(id)", head)
    assert remote.default_branch() == "main"
    assert remote.head_of("main") == head and remote.head_of("fixes") is None
    assert remote.branches("torchfix/") == {"torchfix/fixes": head, "torchfix/fixes-tfc101": head}
    assert remote.branches("torchfix/fixes-") == {"torchfix/fixes-tfc101": head}


def test_an_empty_repository_has_no_default_branch(place: Place) -> None:
    place.server.bare("o/empty")
    remote = Remote(Repository(place.clone), f"{place.server.url}/o/empty", TOKEN)
    assert remote.branches("torchfix/") == {}
    with pytest.raises(RemoteFailed, match="has no default branch; is it empty"):
        remote.default_branch()


def test_a_new_branch_then_the_same_then_another_then_none(place: Place) -> None:
    repository, remote = place.ours()
    first, second = fix(repository), fix(repository, b"x = 3\n")
    remote.push(first, BRANCH, None)
    assert place.head_of(BRANCH) == first
    remote.push(first, BRANCH, first)
    remote.push(second, BRANCH, first)
    assert place.head_of(BRANCH) == second == remote.head_of(BRANCH)
    remote.delete(BRANCH, second)
    assert remote.head_of(BRANCH) is None and place.head_of("main") == repository.head()


def test_only_the_branch_is_pushed(place: Place) -> None:
    git(place.clone, "tag", "-am", "v1", "v1")
    git(place.clone, "config", "push.followTags", "true")
    before = everything_in(place.clone)
    repository, remote = place.ours()
    remote.push(fix(repository), BRANCH, None)
    remote.fetch(BRANCH)
    assert git(place.bare, "for-each-ref", "--format=%(refname)").split() == ["refs/heads/main", f"refs/heads/{BRANCH}"]
    assert everything_in(place.clone) == before


def foreign_push(place: Place, tmp_path: Path) -> str:
    """Somebody's commit on top of our branch; its id."""
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", "-b", BRANCH, str(place.bare), str(other))
    write(other, {"pkg/b.py": b"y = 2\n"})
    sha = commit_all(other, "by a person")
    git(other, "push", "-q", "origin", BRANCH)
    return sha


def test_a_commit_of_somebody_else_is_never_overwritten(place: Place, tmp_path: Path) -> None:
    repository, remote = place.ours()
    first = fix(repository)
    remote.push(first, BRANCH, None)
    theirs = foreign_push(place, tmp_path)
    for expected in (first, None, "0" * 40, repository.head()):
        with pytest.raises(LeaseLost, match="the branch torchfix/fixes has been changed by somebody else"):
            remote.push(fix(repository, b"x = 3\n"), BRANCH, expected)
    with pytest.raises(LeaseLost):
        remote.delete(BRANCH, first)
    assert place.head_of(BRANCH) == theirs
    assert remote.fetch(BRANCH) == theirs
    assert repository.is_ancestor(first, theirs)
    assert [commit.author.name for commit in repository.commits(repository.head(), theirs)] == [
        *("Ada", "github-actions[bot]")
    ]


def test_of_two_that_make_the_branch_one_wins(place: Place, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(place.clone), str(tmp_path / "second"))
    runs = [place.ours(), place.ours(tmp_path / "second")]
    gate, outcomes = threading.Barrier(2), []

    def push(number: int) -> None:
        repository, remote = runs[number]
        sha = fix(repository, b"x = %d\n" % (number + 5))
        gate.wait()
        try:
            remote.push(sha, BRANCH, None)
            outcomes.append(sha)
        except LeaseLost:
            outcomes.append("lost")

    threads = [threading.Thread(target=push, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("lost") == 1 and place.head_of(BRANCH) in outcomes


def test_a_race_that_is_lost_inside_the_server(place: Place) -> None:
    """The branch appears between the server's list of branches and its own change."""
    repository, remote = place.ours()
    script = f"unset GIT_QUARANTINE_PATH; git update-ref refs/heads/{BRANCH} {repository.head()}"
    add_hook(place.bare, "pre-receive", script)
    with pytest.raises(LeaseLost):
        remote.push(fix(repository), BRANCH, None)
    assert place.head_of(BRANCH) == repository.head()


def test_a_shallow_clone(place: Place, tmp_path: Path) -> None:
    for number in range(5):
        write(place.clone, {"a.py": b"x = %d\n" % number})
        commit_all(place.clone)
    git(place.clone, "push", "-q", str(place.bare), "main")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", place.url, str(shallow))
    before = everything_in(shallow)
    repository, remote = place.ours(shallow)
    sha = fix(repository, b"x = 9\n")
    assert sha == fix(Repository(place.clone), b"x = 9\n")
    remote.push(sha, BRANCH, None)
    write(place.clone, {"pkg/b.py": b"y = 9\n"})
    moved = commit_all(place.clone)
    git(place.clone, "push", "-q", str(place.bare), "main")
    assert not repository.has(moved)
    assert remote.fetch("main") == moved and repository.is_ancestor(repository.head(), moved)
    later = repository.commit(moved, {"a.py": b"x = 9\n"}, "on the new base")
    remote.push(later, BRANCH, sha)
    assert place.head_of(BRANCH) == later
    git(place.bare, "fsck", "--strict")
    assert everything_in(shallow) == before


@pytest.mark.parametrize("behind, known", [(1, 2), (2, 16), (5, 16), (20, 27)])
def test_to_a_shallow_clone_comes_no_more_history_than_it_takes(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind: int, known: int
) -> None:
    """There are 27 commits; HEAD is so many behind. With 2 to begin with, then 16, then all."""
    for number in range(26):
        if number == 26 - behind:
            git(place.clone, "push", "-q", str(place.bare), "main")
            git(tmp_path, "clone", "-q", "--depth=1", place.url, str(tmp_path / "shallow"))
        write(place.clone, {"a.py": b"x = %d\n" % number})
        commit_all(place.clone)
    git(place.clone, "push", "-q", str(place.bare), "main")
    monkeypatch.setattr("torchfix_codemods.delivery.git.remote.DEPTH", 2)
    repository, remote = place.ours(tmp_path / "shallow")
    tip = remote.fetch("main")
    assert int(repository.side.git("rev-list", "--count", tip)) == known
    assert repository.is_ancestor(repository.head(), tip)


def test_a_long_branch_comes_down_to_its_base(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is below the end of a branch that is cut off could be anybody's."""
    commit_all(place.clone)
    git(place.clone, "push", "-q", str(place.bare), "main")
    git(tmp_path, "clone", "-q", "--depth=1", place.url, str(tmp_path / "shallow"))
    git(place.clone, "checkout", "-q", "-b", "long")
    for number in range(30):
        git(place.clone, "commit", "-q", "--allow-empty", "-m", f"commit {number}")
    git(place.clone, "push", "-q", str(place.bare), f"long:refs/heads/{BRANCH}")
    monkeypatch.setattr("torchfix_codemods.delivery.git.remote.DEPTH", 2)
    repository, remote = place.ours(tmp_path / "shallow")
    tip, base = remote.fetch_together(BRANCH, ["main"])
    assert base == repository.head() and len(repository.commits(base, tip)) == 30


@pytest.mark.parametrize("name", ["torchfix", f"{BRANCH}/mine"])
def test_a_branch_for_which_git_has_no_room_is_no_lost_race(place: Place, name: str) -> None:
    repository, remote = place.ours()
    git(place.bare, "update-ref", f"refs/heads/{name}", repository.head())
    with pytest.raises(PushRefused, match=f"the server refused the push to {BRANCH}, which nobody has changed: "):
        remote.push(fix(repository), BRANCH, None)
    assert remote.in_the_way(BRANCH) == name and remote.in_the_way("torchfix2/fixes") is None


def test_a_shallow_clone_whose_base_the_remote_has_left_behind(place: Place, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", place.url, str(shallow))
    write(place.clone, {"a.py": b"x = 7\n"})
    commit_all(place.clone)
    git(place.clone, "push", "-q", str(place.bare), "main")
    repository, remote = place.ours(shallow)
    remote.push(fix(repository), BRANCH, None)
    git(place.bare, "fsck", "--strict")
    assert place.head_of(BRANCH)


def test_a_fetch_asks_for_what_is_missing_only(place: Place, tmp_path: Path) -> None:
    write(place.clone, {f"many/{number}.py": b"%d\n" % number for number in range(200)})
    commit_all(place.clone)
    git(place.clone, "push", "-q", str(place.bare), "main")
    repository, remote = place.ours()
    git(place.bare, "branch", BRANCH, "main")
    theirs = foreign_push(place, tmp_path)
    assert remote.fetch(BRANCH) == theirs
    counted = dict(line.split(": ") for line in repository.side.git("count-objects", "-v").decode().split("\n") if line)
    assert int(counted["count"]) + int(counted["in-pack"]) == 4  # a commit, two trees, a file
    assert repository.side.git("for-each-ref", "--format=%(refname)").split() == [b"refs/torchfix/base"]


def test_a_branch_that_is_not_there_can_not_be_fetched(place: Place) -> None:
    with pytest.raises(RemoteFailed, match="there is no branch torchfix/fixes at http"):
        place.ours()[1].fetch(BRANCH)


def test_sha256(tmp_path: Path, place: Place) -> None:
    clone = make_clone(tmp_path / "sha256", {"a.py": b"x = 1\n"}, "--object-format=sha256")
    bare = place.server.root / "o" / "sha256.git"
    git(tmp_path, "init", "-q", "--bare", "--object-format=sha256", "-b", "main", str(bare))
    git(clone, "push", "-q", str(bare), "main")
    repository = Repository(clone)
    remote = Remote(repository, f"{place.server.url}/o/sha256", TOKEN)
    sha = fix(repository)
    remote.push(sha, BRANCH, None)
    assert remote.head_of(BRANCH) == sha and len(sha) == 64


@pytest.mark.parametrize("branch", ["", "a b", "-d", "a;$(id)", "refs/heads/main", "HEAD", "x:main", "+x"])
def test_only_harmless_branches(place: Place, branch: str) -> None:
    repository, remote = place.ours()
    asked = len(place.server.requests)
    for act in (
        lambda: remote.push(repository.head(), branch, None),
        lambda: remote.delete(branch, repository.head()),
        lambda: remote.head_of(branch),
        lambda: remote.fetch(branch),
    ):
        with pytest.raises(UsageError):
            act()
    assert len(place.server.requests) == asked


@pytest.mark.parametrize("odd", ["HEAD", "", "main", "--all", "0" * 39])
def test_only_ids_are_pushed_and_expected(place: Place, odd: str) -> None:
    repository, remote = place.ours()
    with pytest.raises(UsageError):
        remote.push(odd, BRANCH, None)
    with pytest.raises(UsageError):
        remote.push(repository.head(), BRANCH, odd)
