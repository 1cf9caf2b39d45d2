"""Servers that say no, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from git_clones import git
from git_place import BRANCH, TOKEN, Place, fix, open_place
from git_server import FETCH, PUSH, GitServer, add_hook

from torchfix_codemods.delivery.errors import PushRefused, RemoteFailed
from torchfix_codemods.delivery.git.remote import Remote
from torchfix_codemods.delivery.git.repository import Repository
from torchfix_codemods.source.errors import OutsideFailed

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def place(tmp_path: Path, home: Path) -> Iterator[Place]:
    with open_place(tmp_path) as opened:
        yield opened


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

    monkeypatch.setattr("torchfix_codemods.delivery.git.remote.SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        remote = Remote(Repository(place.clone), f"http://127.0.0.1:{silent.getsockname()[1]}/o/n", TOKEN)
        with pytest.raises(OutsideFailed, match=r"no answer within 0\.5 s"):
            remote.head_of("main")
