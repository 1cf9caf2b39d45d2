"""The client against the stand-in: every request keeps to GitHub's description, and nothing that fails is silent."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from forge_server import Failure, ForgeServer
from forge_tools import REPOSITORY, TOKEN, git, start

from torchfix_codemods.delivery import rest
from torchfix_codemods.delivery.errors import ForgeFailed
from torchfix_codemods.delivery.github import GitHub
from torchfix_codemods.delivery.refusals import AlreadyExists, MayNotWrite
from torchfix_codemods.source.errors import UsageError

PULLS = f"/repos/{REPOSITORY}/pulls"


class Naps(list):
    """What the client would have slept, in seconds."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forge")
    bare = folder / "nets.git"
    start(folder / "work", bare)
    for branch in ("fixes", "more", "none"):
        if branch != "none":
            git(folder / "work", "commit", "-q", "--allow-empty", "-m", branch)
        git(folder / "work", "push", "-q", str(bare), f"{'main' if branch == 'none' else 'HEAD'}:refs/heads/{branch}")
    git(folder / "work", "push", "-q", "-f", str(bare), "HEAD~2:refs/heads/main", "HEAD~2:refs/heads/none")
    return bare


@pytest.fixture
def forge(bare: Path, tmp_path: Path) -> Iterator[ForgeServer]:
    with ForgeServer(bare, REPOSITORY, TOKEN) as server:
        yield server
        assert server.violations == []


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
def github(forge: ForgeServer, naps: Naps) -> GitHub:
    return GitHub(forge.url, REPOSITORY, TOKEN, naps)


def opened(github: GitHub, head: str = "fixes") -> int:
    return github.create("title", "body", head, "main").number


def test_a_pull_request_from_its_opening_to_its_end(github: GitHub, forge: ForgeServer) -> None:
    assert github.pulls("fixes") == []
    pull = github.create("Fix it", "Because.", "fixes", "main", draft=True)
    assert (pull.number, pull.title, pull.body, pull.state, pull.draft) == (1, "Fix it", "Because.", "open", True)
    assert (pull.head_ref, pull.head_sha, pull.base_ref) == ("fixes", forge.sha("fixes"), "main")
    assert pull.url == f"https://github.com/{REPOSITORY}/pull/1"
    github.add_labels(1, ["torchfix", "bot"])
    assert github.pulls("fixes", "open")[0].labels == ("torchfix", "bot")
    changed = github.update(1, title="Fixed", body="All of it.", base="none")
    assert (changed.title, changed.body, changed.base_ref) == ("Fixed", "All of it.", "none")
    comment = github.comment(1, "Hello.")
    assert github.edit_comment(comment.id, "Bye.").body == "Bye."
    assert [(said.id, said.body) for said in github.comments(1)] == [(comment.id, "Bye.")]
    assert github.update(1, state="closed").open is False
    assert github.pulls("fixes", "open") == []
    forge.merge(1)
    assert [pull.merged for pull in github.pulls("fixes")] == [True]


def test_requests_say_who_asks_and_in_which_version(github: GitHub, forge: ForgeServer) -> None:
    github.pulls("fixes")
    headers = forge.seen[0]
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["x-github-api-version"] == "2022-11-28"
    assert headers["user-agent"].startswith("torchfix-codemods/")


def test_lists_are_read_over_all_their_pages(github: GitHub, forge: ForgeServer) -> None:
    pull = forge.open("one", None, "fixes", "main")
    for number in range(205):
        forge.say(pull, f"comment {number}")
    assert [comment.body for comment in github.comments(1)] == [f"comment {number}" for number in range(205)]
    assert len(forge.asked("GET")) == 3
    assert forge.asked("GET")[1].startswith("GET /repositories/")


def test_pull_requests_from_a_fork_of_the_same_owner_are_not_ours(github: GitHub, forge: ForgeServer) -> None:
    forge.open("ours", None, "fixes", "main")
    forge.open("theirs", None, "fixes", "main").head_repository = "octo/fork-of-nets"
    assert [pull.title for pull in github.pulls("fixes")] == ["ours"]


def test_a_body_of_null_is_an_empty_one(github: GitHub, forge: ForgeServer) -> None:
    forge.open("one", None, "fixes", "main")
    assert github.pulls("fixes")[0].body == ""


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


def test_two_strangers_read_the_same_state(bare: Path, tmp_path: Path) -> None:
    """PyGithub and GitHub's own command line see what our client wrote: the stand-in and we speak GitHub's language."""
    import github as pygithub

    socket = tmp_path / "s"
    with ForgeServer(bare, REPOSITORY, TOKEN, socket) as forge:
        ours = GitHub(forge.url, REPOSITORY, TOKEN)
        ours.create("Fix it", "Because.", "fixes", "main")
        ours.add_labels(1, ["torchfix"])
        reader = pygithub.Github(base_url=forge.url, auth=pygithub.Auth.Token(TOKEN), retry=0)
        pulls = reader.get_repo(REPOSITORY).get_pulls(state="open", head="octo:fixes")
        assert [(p.number, p.title, p.head.sha, [label.name for label in p.labels]) for p in pulls] == [
            (1, "Fix it", forge.sha("fixes"), ["torchfix"])
        ]
        assert _gh(socket, tmp_path, "api", f"repos/{REPOSITORY}/pulls?state=open", "--jq", ".[].title") == "Fix it"
        assert forge.violations == []


def _gh(socket: Path, home: Path, *words: str) -> str:
    """What GitHub's command line prints; for this host name alone it speaks plain HTTP."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GH_HOST": "github.localhost",
        "GH_TOKEN": TOKEN,
        "GH_ENTERPRISE_TOKEN": TOKEN,
        "GH_CONFIG_DIR": str(home / "gh"),
        "GH_NO_UPDATE_NOTIFIER": "1",
    }
    gh = Path(os.sys.executable).with_name("gh")
    subprocess.run([gh, "config", "set", "http_unix_socket", socket], env=env, check=True, timeout=30)
    done = subprocess.run([gh, *words], env=env, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
