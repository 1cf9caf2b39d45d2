"""The client against the stand-in: every request keeps to GitHub's description of its API."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from forge_server import ForgeServer
from forge_tools import REPOSITORY, TOKEN

from torchfix_codemods.delivery.forge.github import GitHub

PULLS = f"/repos/{REPOSITORY}/pulls"


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
    assert [(said.id, said.body) for said in github.comments(1)] == [(comment.id, "Hello.")]
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
