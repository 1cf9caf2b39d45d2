"""Fetching from and pushing to a real server: leases, shallow clones, refusals."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from git_clones import commit_all, everything_in, git, make_clone, write
from git_server import FETCH, PUSH, GitServer, add_hook

from torchfix_codemods.delivery.errors import LeaseLost, PushRefused, RemoteFailed
from torchfix_codemods.delivery.remote import Remote
from torchfix_codemods.delivery.repository import Repository
from torchfix_codemods.source.errors import OutsideFailed, UsageError

pytestmark = pytest.mark.usefixtures("home")

TOKEN = "ghs_s3cretS3cretS3cret"
BRANCH = "torchfix/fixes"


@dataclass(frozen=True)
class Place:
    """A clone, its origin's bare repository and the server in front of that."""

    clone: Path
    bare: Path
    server: GitServer
    url: str

    def ours(self, clone: Path | None = None) -> tuple[Repository, Remote]:
        repository = Repository(clone or self.clone)
        return repository, Remote(repository, self.url, TOKEN)

    def head_of(self, branch: str) -> str:
        return git(self.bare, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")


@pytest.fixture
def place(tmp_path: Path, home: Path) -> Iterator[Place]:
    with GitServer(tmp_path / "server", TOKEN) as server:
        clone = make_clone(tmp_path / "clone")
        bare = server.bare("o/n")
        git(clone, "push", "-q", str(bare), "main")
        yield Place(clone, bare, server, f"{server.url}/o/n.git")


def fix(repository: Repository, value: bytes = b"x = 2\n") -> str:
    return repository.commit(repository.head(), {"a.py": value}, "fix")


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


REFUSING_HOOKS = {
    "error: GH006: Protected branch update failed for refs/heads/torchfix/fixes.": "is protected .exclude branches",
    "error: GH013: Repository rule violations found for refs/heads/torchfix/fixes.": "from the rule",
    "refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml` without `workflows` "
    "permission": "workflow",
    "no, not today": r"refused the push to torchfix/fixes: .*no, not today",
}


@pytest.mark.parametrize("said", REFUSING_HOOKS)
def test_what_a_hook_of_the_server_says_is_told_with_the_cure(place: Place, said: str) -> None:
    add_hook(place.bare, "pre-receive", f"echo '{said}' >&2; exit 1")
    repository, remote = place.ours()
    with pytest.raises(PushRefused, match=REFUSING_HOOKS[said]) as caught:
        remote.push(fix(repository), BRANCH, None)
    assert said[:30] in str(caught.value) and place.head_of(BRANCH) == ""


def test_a_hook_that_prints_control_characters_and_pages(place: Place) -> None:
    add_hook(place.bare, "pre-receive", r"printf '\033[31m::error::x\n%05000d\n' 1 >&2; exit 1")
    repository, remote = place.ours()
    with pytest.raises(PushRefused) as caught:
        remote.push(fix(repository), BRANCH, None)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400


@pytest.mark.parametrize("setting, cure", [("denyNonFastForwards", "allow force pushes"), ("denyDeletes", "by hand")])
def test_a_server_that_takes_no_rewriting(place: Place, setting: str, cure: str) -> None:
    git(place.bare, "config", f"receive.{setting}", "true")
    repository, remote = place.ours()
    first = fix(repository)
    remote.push(first, BRANCH, None)
    with pytest.raises(PushRefused, match=cure):
        if setting == "denyDeletes":
            remote.delete(BRANCH, first)
        else:
            remote.push(fix(repository, b"x = 3\n"), BRANCH, first)
    assert place.head_of(BRANCH) == first


@pytest.mark.parametrize(
    "status, kind, words",
    [
        (401, PushRefused, "does not accept the token"),
        (403, PushRefused, "contents: write.*forks.*Permission to o/n.git denied to bot"),
        (404, PushRefused, "no such repository"),
        (301, PushRefused, "renamed"),
        (500, RemoteFailed, "error: 500"),
        (503, RemoteFailed, "error: 503"),
    ],
)
def test_answers_of_a_server(place: Place, status: int, kind: type[Exception], words: str) -> None:
    place.server.refuse(PUSH, status, "Permission to o/n.git denied to bot.", location="/elsewhere/info/refs")
    place.server.refuse(FETCH, status, "Permission to o/n.git denied to bot.", location="/elsewhere/info/refs")
    repository, remote = place.ours()
    with pytest.raises(RemoteFailed, match=words) as caught:
        remote.push(fix(repository), BRANCH, None)
    assert type(caught.value) is kind
    with pytest.raises(RemoteFailed, match=words):
        remote.head_of(BRANCH)
    assert not any("elsewhere" in request.path for request in place.server.requests)


def test_a_wrong_token_and_none(place: Place) -> None:
    repository = Repository(place.clone)
    for token in ("wrong-token", ""):
        remote = Remote(repository, place.url, token)
        assert remote.head_of("main") == repository.head()
        with pytest.raises(PushRefused, match="does not accept the token"):
            remote.push(fix(repository), BRANCH, None)


def test_a_private_repository(tmp_path: Path, place: Place) -> None:
    with GitServer(place.server.root, TOKEN, private=True) as private:
        repository = Repository(place.clone)
        remote = Remote(repository, f"{private.url}/o/n", TOKEN)
        assert remote.fetch("main") == repository.head()
        with pytest.raises(RemoteFailed, match="does not accept the token"):
            Remote(repository, f"{private.url}/o/n", "").head_of("main")


def test_a_server_that_is_not_there(place: Place) -> None:
    remote = Remote(Repository(place.clone), "http://127.0.0.1:9/o/n.git", TOKEN)
    with pytest.raises(OutsideFailed, match=r"asking http://127\.0\.0\.1:9/o/n\.git failed: .*onnect"):
        remote.head_of("main")


def test_a_server_that_never_answers(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr("torchfix_codemods.delivery.remote.SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        remote = Remote(Repository(place.clone), f"http://127.0.0.1:{silent.getsockname()[1]}/o/n", TOKEN)
        with pytest.raises(OutsideFailed, match=r"no answer within 0\.5 s"):
            remote.head_of("main")


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
