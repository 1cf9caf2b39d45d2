"""The token goes out in one header, and is seen nowhere else."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from git_clones import git
from git_place import BRANCH, TOKEN, Place, open_place
from git_server import PUSH, add_hook
from hostile_settings import Traces, bend_commits, plant_programs

from torchfix_codemods.delivery.errors import PushRefused
from torchfix_codemods.delivery.git.masks import secrets_of
from torchfix_codemods.delivery.git.remote import Remote
from torchfix_codemods.delivery.git.repository import Repository

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def place(tmp_path: Path, home: Path) -> Iterator[Place]:
    with open_place(tmp_path) as opened:
        yield opened


#: What a checkout leaves behind: another token, in a header of its own.
LEFT = "AUTHORIZATION: basic " + base64.b64encode(b"x-access-token:left-behind").decode()


def old_checkout(place: Place, _: Path, __: pytest.MonkeyPatch) -> None:
    """actions/checkout before v6: in the clone's own settings."""
    git(place.clone, "config", f"http.{place.server.url}/.extraheader", LEFT)


def new_checkout(place: Place, folder: Path, _: pytest.MonkeyPatch) -> None:
    """actions/checkout v6: in a file that the clone's settings include."""
    git(folder, "config", "-f", "credentials.config", f"http.{place.server.url}/.extraheader", LEFT)
    git(place.clone, "config", f"includeIf.gitdir:{place.clone}/.git.path", str(folder / "credentials.config"))


def by_the_person(place: Place, _: Path, __: pytest.MonkeyPatch) -> None:
    """In the person's settings: for all servers, for this one, and for exactly this repository."""
    for scope in ("http", f"http.{place.server.url}", f"http.{place.url}", f"http.{place.url}/"):
        git(place.clone, "config", "--global", "--add", f"{scope}.extraHeader", LEFT)


def by_variables(place: Place, _: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In variables, as a job in a container may set them."""
    names = [f"http.{place.server.url}/.extraheader", f"http.{place.url}.extraheader"]
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(names)))
    for number, name in enumerate(names):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", name)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", LEFT)


def by_netrc(_: Place, folder: Path, __: pytest.MonkeyPatch) -> None:
    """In curl's own file of passwords."""
    (folder / "home" / ".netrc").write_text("machine 127.0.0.1 login x password left-behind\n")


WAYS = [old_checkout, new_checkout, by_the_person, by_variables, by_netrc]


@pytest.mark.parametrize("ways", [*([way] for way in WAYS), WAYS], ids=lambda ways: "+".join(w.__name__ for w in ways))
def test_exactly_one_authorization_whatever_is_left_behind(
    place: Place, tmp_path: Path, ways: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    for way in ways:
        way(place, tmp_path, monkeypatch)
    place.deliver()
    assert place.headers() == {(place.server.expected,)}


def test_an_ordinary_push_would_send_three(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test above would say nothing."""
    old_checkout(place, tmp_path, monkeypatch)
    new_checkout(place, tmp_path, monkeypatch)
    header = f"http.{place.server.url}/.extraheader=AUTHORIZATION: {place.server.expected}"
    pushed = subprocess.run(["git", "-c", header, "push", "origin", "main:x"], cwd=place.clone, capture_output=True)
    assert pushed.returncode != 0
    assert {len(request.authorizations) for request in place.server.asked(PUSH)} == {3}


@pytest.mark.parametrize("scope", [(), ("--global",)], ids=["clone", "person"])
def test_no_program_runs_beside_the_token(place: Place, tmp_path: Path, scope: tuple[str, ...]) -> None:
    traces = Traces(tmp_path / "traces")
    plant_programs(place.clone, traces, *scope)
    bend_commits(place.clone, *scope)
    git(place.clone, "config", *scope, f"credential.{place.server.url}.helper", "!" + traces.program("for-this-server"))
    # A server that can check signatures of pushes and takes options gets neither.
    git(place.bare, "config", "receive.certNonceSeed", "seed")
    git(place.bare, "config", "receive.advertisePushOptions", "true")
    add_hook(place.bare, "pre-receive", f"echo $GIT_PUSH_OPTION_COUNT >> '{tmp_path}/options'")
    place.deliver()
    assert (tmp_path / "options").read_text().split() == ["0", "0"]
    assert traces.ran == []
    with pytest.raises(PushRefused, match="does not accept the token"):
        Remote(Repository(place.clone), place.url, "wrong").push(Repository(place.clone).head(), BRANCH, None)
    assert traces.ran == []


def test_programs_named_by_variables_do_not_run(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traces = Traces(tmp_path / "traces")
    for name in (
        "GIT_ASKPASS",
        "SSH_ASKPASS",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_PAGER",
        "GIT_EDITOR",
        "GIT_PROXY_COMMAND",
    ):
        monkeypatch.setenv(name, traces.program(name))
    place.deliver()
    with pytest.raises(PushRefused):
        Remote(Repository(place.clone), place.url, "wrong").push(Repository(place.clone).head(), BRANCH, None)
    assert traces.ran == []


def test_a_hook_of_the_clone_would_see_the_token_of_an_ordinary_push(place: Place, tmp_path: Path) -> None:
    """Else the tests above would say nothing."""
    traces = Traces(tmp_path / "traces")
    traces.program("pre-push", place.clone / ".git/hooks/pre-push")
    header = f"Authorization: {place.server.expected}"
    settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraheader", "GIT_CONFIG_VALUE_0": header}
    env = os.environ | settings
    subprocess.run(["git", "push", "origin", "main:x"], cwd=place.clone, env=env, capture_output=True, check=True)
    assert traces.ran == ["pre-push"] and header in (traces.folder / "ran-pre-push").read_text()


def test_no_process_list_shows_it(place: Place) -> None:
    """Every command line on this machine is read again and again while a slow push goes on."""
    add_hook(place.bare, "pre-receive", "sleep 0.3")
    seen: set[bytes] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(file.read_bytes())
                except OSError:
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        place.deliver()
    finally:
        done.set()
        watcher.join()
    # Tests beside this one hand over the same token in the ways that are wrong.
    others = {line for line in seen if b"127.0.0.1" in line and place.server.url.encode() not in line}
    seen -= others
    assert any(b"--force-with-lease" in line for line in seen) and any(b"git-remote-http" in line for line in seen)
    assert not [line for line in seen for secret in secrets_of(TOKEN) if secret.encode() in line]


def test_no_trace_and_no_file_holds_it(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traced = tmp_path / "traced"
    traced.mkdir()
    kinds = ("", "_CURL", "_CURL_NO_DATA", "_PACKET", "_PERFORMANCE", "_SETUP", "2", "2_EVENT", "2_PERF")
    for kind in kinds:
        monkeypatch.setenv(f"GIT_TRACE{kind}", str(traced / f"variable{kind}"))
    monkeypatch.setenv("GIT_TRACE_REDACT", "0")
    monkeypatch.setenv("GIT_CURL_VERBOSE", "1")
    for target in ("normalTarget", "eventTarget", "perfTarget"):
        git(place.clone, "config", "--global", f"trace2.{target}", str(traced / target))
    git(place.clone, "config", "--global", "trace2.configParams", "http.*")
    git(place.clone, "config", "--global", "trace2.envVars", "GIT_CONFIG_VALUE_3,GIT_CONFIG_VALUE_5")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for file in traced.iterdir():
        file.unlink()
    place.deliver()
    assert list(traced.iterdir()) == []
    assert holding(tmp_path) == []


def test_an_ordinary_push_would_write_it_down(place: Place, tmp_path: Path) -> None:
    """Else the test above would say nothing."""
    header = f"Authorization: {place.server.expected}"
    settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraheader", "GIT_CONFIG_VALUE_0": header}
    trace = {"GIT_TRACE_CURL": str(tmp_path / "curl"), "GIT_TRACE_REDACT": "0"}
    env = os.environ | settings | trace
    subprocess.run(["git", "push", "origin", "main:x"], cwd=place.clone, env=env, capture_output=True, check=True)
    assert holding(tmp_path) == ["curl"]


def holding(folder: Path) -> list[str]:
    """The files below `folder` that hold the token in one of its forms."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [
        path.relative_to(folder).as_posix()
        for path in files
        if any(secret.encode() in path.read_bytes() for secret in secrets_of(TOKEN))
    ]


def test_no_error_tells_it(place: Place) -> None:
    """Not even where the server throws it back."""
    back = f"denied: {TOKEN} {place.server.expected} {base64.b64encode(TOKEN.encode()).decode()}"
    add_hook(place.bare, "pre-receive", f"echo '{back}' >&2; exit 1")
    with pytest.raises(PushRefused) as refused:
        place.deliver()
    place.server.refuse(PUSH, 403, back)
    with pytest.raises(PushRefused) as forbidden:
        place.deliver()
    for caught in (refused, forbidden):
        chain = [caught.value, caught.value.__cause__, caught.value.__context__]
        assert "denied: ***" in str(caught.value)
        assert not [secret for secret in secrets_of(TOKEN) if any(secret in repr(error) for error in chain)]


def test_the_clone_never_gets_it_and_a_remote_does_not_print_it(place: Place) -> None:
    place.deliver()
    assert holding(place.clone) == []
    assert TOKEN not in repr(Remote(Repository(place.clone), place.url, TOKEN))
