"""What can go wrong between the client and GitHub: nothing that fails is silent, and no token goes astray."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator

import pytest
from forge_server import Failure, ForgeServer
from forge_tools import REPOSITORY, TOKEN, Naps

from torchfix_codemods.delivery.errors import ForgeFailed
from torchfix_codemods.delivery.forge import rest
from torchfix_codemods.delivery.forge.github import GitHub
from torchfix_codemods.delivery.forge.refusals import AlreadyExists, MayNotWrite
from torchfix_codemods.source.errors import UsageError

PULLS = f"/repos/{REPOSITORY}/pulls"


def opened(github: GitHub) -> int:
    return github.create("title", "body", "fixes", "main").number


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_passing_trouble_is_passed_over(github: GitHub, forge: ForgeServer, naps: Naps, status: int) -> None:
    forge.fail(Failure(status), times=3)
    assert github.pulls("fixes") == []
    assert naps == [1, 2, 4]


def test_a_lasting_trouble_is_told(github: GitHub, forge: ForgeServer) -> None:
    forge.fail(Failure(503, "Unicorn"), times=4)
    with pytest.raises(ForgeFailed, match=r"503: Unicorn\): GitHub has a problem of its own"):
        github.pulls("fixes")
    assert len(forge.log) == rest.TRIES


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("status", [502, 0])
def test_a_lost_answer_to_create_makes_one_pull_request(
    github: GitHub, forge: ForgeServer, status: int, done: bool
) -> None:
    forge.fail(Failure(status, done=done, only=f"POST {PULLS}"))
    assert opened(github) == 1
    assert list(forge.pulls) == [1]
    assert len(forge.asked("POST")) == (1 if done else 2)


def test_an_answer_that_breaks_off_is_a_lost_one(github: GitHub, forge: ForgeServer) -> None:
    forge.fail(Failure(201, body=b'{"number": 1', headers={"Content-Length": "9000"}, done=True, only="POST"))
    assert opened(github) == 1
    assert list(forge.pulls) == [1] and len(forge.asked("POST")) == 1


@pytest.mark.parametrize("done", [False, True])
def test_a_lost_answer_to_comment_makes_one_comment(github: GitHub, forge: ForgeServer, done: bool) -> None:
    pull = forge.open("one", None, "fixes", "main")
    forge.fail(Failure(504, done=done, only="POST"))
    github.comment(1, "Once.")
    assert [text for _, text in pull.comments] == ["Once."]


def test_create_gives_up_when_answers_keep_getting_lost(github: GitHub, forge: ForgeServer) -> None:
    forge.fail(Failure(0, only="POST"), times=rest.TRIES)
    with pytest.raises(ForgeFailed, match="does not answer"):
        opened(github)
    assert forge.pulls == {}


@pytest.mark.parametrize("headers", [{"Retry-After": "7"}, {"X-RateLimit-Remaining": "0"}])
def test_a_rate_limit_is_waited_for(github: GitHub, forge: ForgeServer, naps: Naps, headers: dict[str, str]) -> None:
    if "Retry-After" not in headers:
        headers = {**headers, "X-RateLimit-Reset": str(int(time.time()) + 7)}
    forge.fail(Failure(403, "You have exceeded a secondary rate limit", headers))
    assert opened(github) == 1
    assert len(naps) == 1 and 6 <= naps[0] <= 8.5


def test_a_rate_limit_that_lasts_too_long_is_told(github: GitHub, forge: ForgeServer, naps: Naps) -> None:
    forge.fail(Failure(429, "API rate limit exceeded", {"Retry-After": "1500"}))
    with pytest.raises(ForgeFailed, match="rate limit is reached; run this again in 25 minutes"):
        github.pulls("fixes")
    assert naps == []


def test_a_secondary_limit_without_a_time_waits_a_minute_and_no_more_than_two(
    github: GitHub, forge: ForgeServer, naps: Naps
) -> None:
    forge.fail(Failure(403, "You have exceeded a secondary rate limit"), times=9)
    with pytest.raises(ForgeFailed, match="rate limit is reached"):
        github.pulls("fixes")
    assert naps == [60, 60]


REFUSALS = [
    (401, "Bad credentials", "the token is not valid, or has expired"),
    (403, "GitHub Actions is not permitted to create or approve pull requests.", "organisation"),
    (403, "Must have admin rights", "the token lacks a permission"),
    (404, "Not Found", "there is no such repository, or the token does not reach it"),
    (301, "Moved Permanently", "the repository has moved"),
    (410, "Issues are disabled", "410: Issues are disabled"),
]


@pytest.mark.parametrize(("status", "message", "cure"), REFUSALS)
def test_refusals_name_cause_and_cure(github: GitHub, forge: ForgeServer, status: int, message: str, cure: str) -> None:
    forge.fail(Failure(status, message))
    with pytest.raises(ForgeFailed) as caught:
        github.pulls("fixes")
    assert message in str(caught.value) and cure in str(caught.value)


def test_bad_credentials(forge: ForgeServer) -> None:
    with pytest.raises(ForgeFailed, match="Bad credentials"):
        GitHub(forge.url, REPOSITORY, "ghs_wrong").pulls("fixes")


def test_a_token_that_reads_only(github: GitHub, forge: ForgeServer) -> None:
    forge.permissions = {"contents": "read", "pull_requests": "read"}
    with pytest.raises(MayNotWrite, match=r"`pull-requests: write`.*from a fork"):
        opened(github)


def test_the_switch_in_the_settings(github: GitHub, forge: ForgeServer) -> None:
    forge.settings_allow = False
    with pytest.raises(ForgeFailed, match="Settings > Actions > General > Workflow permissions"):
        opened(github)


def test_one_that_exists_already(github: GitHub, forge: ForgeServer) -> None:
    opened(github)
    with pytest.raises(AlreadyExists):
        opened(github)


@pytest.mark.parametrize(
    ("head", "base", "told"),
    [("none", "main", "holds these fixes already"), ("fixes", "nowhere", "no such base branch")],
)
def test_pull_requests_that_make_no_sense(github: GitHub, head: str, base: str, told: str) -> None:
    with pytest.raises(ForgeFailed, match=told):
        github.create("title", "body", head, base)


def test_a_body_that_is_too_long(github: GitHub) -> None:
    with pytest.raises(ForgeFailed, match="body is too long"):
        github.create("title", "x" * 65537, "fixes", "main")


def test_a_node_that_cannot_be_resolved_yet_is_waited_for(github: GitHub, forge: ForgeServer, naps: Naps) -> None:
    opened(github)
    forge.fail(Failure(422, "Could not resolve to a node with the global id of 'PR_x'"), times=2)
    github.add_labels(1, ["torchfix"])
    assert forge.pulls[1].labels == ["torchfix"] and naps == [1, 2]


GARBAGE = [b"", b"<html>", b"\xff\xfe", b"[" * 200_000, b'{"number": "one"}', b"[1]", b'[{"head": 3}]', b"null"]


@pytest.mark.parametrize("body", GARBAGE, ids=lambda body: repr(body[:12]))
@pytest.mark.parametrize("verb", ["GET", "PATCH"])
def test_garbage_is_told_and_never_a_crash(github: GitHub, forge: ForgeServer, body: bytes, verb: str) -> None:
    forge.open("one", None, "fixes", "main")
    forge.fail(Failure(200, body=body))
    with pytest.raises(ForgeFailed, match="GitHub's answer"):
        github.pulls("fixes") if verb == "GET" else github.update(1, title="x")


@pytest.mark.parametrize("body", [b"[" * 200_000, b"\xff", b"[]", b'{"message": 3, "errors": [1, null, {}, "no"]}'])
def test_garbage_in_a_refusal(github: GitHub, forge: ForgeServer, body: bytes) -> None:
    forge.fail(Failure(418, body=body))
    with pytest.raises(ForgeFailed, match=r"GitHub refused GET .* \(418"):
        github.pulls("fixes")


def test_a_field_of_another_type_is_told(github: GitHub, forge: ForgeServer) -> None:
    shown = forge.rendered(forge.open("one", None, "fixes", "main"), brief=True)
    for field, value in (("number", True), ("title", None), ("labels", {}), ("draft", "no"), ("head", []), ("body", 3)):
        forge.fail(Failure(200, body=json.dumps([{**shown, field: value}]).encode()))
        with pytest.raises(ForgeFailed, match=f"lacks {field}"):
            github.pulls("fixes")


def test_an_endless_answer_is_cut_off(github: GitHub, forge: ForgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "BYTES", 1024 * 1024)
    forge.fail(Failure(200, body=b"[" + b" " * 2_000_000))
    with pytest.raises(ForgeFailed, match="larger than 1 MiB"):
        github.pulls("fixes")


def test_a_silent_server_is_given_up(github: GitHub, forge: ForgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "SECONDS", 0.1)
    forge.fail(Failure(200, body=b"[]", silent=0.4), times=rest.TRIES)
    with pytest.raises(ForgeFailed, match="does not answer: timed out"):
        github.pulls("fixes")


def test_a_slow_answer_is_given_up(github: GitHub, forge: ForgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "SECONDS_PER_ANSWER", -1)
    with pytest.raises(ForgeFailed, match="too slowly"):
        github.pulls("fixes")


def test_nobody_there(naps: Naps) -> None:
    with pytest.raises(ForgeFailed, match="does not answer"):
        GitHub("http://127.0.0.1:9", REPOSITORY, TOKEN, naps).pulls("fixes")
    assert naps == [1, 2, 4]


@pytest.fixture
def stranger() -> Iterator[tuple[str, list[str]]]:
    """Another host, and the authorizations which it was sent."""
    got: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(self.headers.get("Authorization", ""))
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", got
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_takes_the_token_elsewhere(
    github: GitHub, forge: ForgeServer, stranger: tuple[str, list[str]], status: int
) -> None:
    forge.fail(Failure(status, "Moved", {"Location": f"{stranger[0]}/repos"}))
    with pytest.raises(ForgeFailed, match="the repository has moved"):
        github.pulls("fixes")
    assert stranger[1] == []


def test_no_further_page_on_another_host(github: GitHub, forge: ForgeServer, stranger: tuple[str, list[str]]) -> None:
    forge.fail(Failure(200, body=b"[]", headers={"Link": f'<{stranger[0]}/2>; rel="next"'}))
    with pytest.raises(ForgeFailed, match="another host"):
        github.pulls("fixes")
    assert stranger[1] == []


def test_no_proxy_between_us_and_this_machine(
    github: GitHub, forge: ForgeServer, stranger: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", stranger[0])
    assert GitHub(forge.url, REPOSITORY, TOKEN).pulls("fixes") == []
    assert stranger[1] == []


ADDRESSES = ["http://api.github.com", "ftp://127.0.0.1", "https://u:p@api.github.com", "https://x?y", "https://[", ""]


@pytest.mark.parametrize("url", ADDRESSES)
def test_addresses_that_get_no_token(url: str) -> None:
    with pytest.raises(UsageError, match="address"):
        GitHub(url, REPOSITORY, TOKEN)


@pytest.mark.parametrize("name", ["nets", "a/b/c", "../x", "a/..", "a/.", "a b/c", "a/b?x", "", "a/b\n"])
def test_names_that_are_no_repository(name: str) -> None:
    with pytest.raises(UsageError, match="owner/name"):
        GitHub("https://api.github.com", name, TOKEN)


@pytest.mark.parametrize("token", ["", "gh_a gh_b", "secret\r\nHost: x", "sécret"])
def test_tokens_that_cannot_be_sent_are_not_told(token: str) -> None:
    with pytest.raises(UsageError) as caught:
        GitHub("https://api.github.com", REPOSITORY, token)
    assert not token or token not in str(caught.value)


def test_no_message_holds_the_token_or_breaks_its_line(github: GitHub, forge: ForgeServer) -> None:
    forge.fail(Failure(400, f"bad {TOKEN}\n\x1b[31m::error::x"))
    with pytest.raises(ForgeFailed) as caught:
        github.pulls("fixes")
    assert TOKEN not in str(caught.value) and "***" in str(caught.value)
    assert str(caught.value).isprintable()
