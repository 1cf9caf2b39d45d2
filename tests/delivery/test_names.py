"""Names from settings, the environment and remotes."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchfix_codemods.delivery.git.masks import basic, masked, secrets_of
from torchfix_codemods.delivery.names import (
    check_branch,
    check_labels,
    check_repository,
    check_token,
    is_branch,
    remote_url,
    repository_of,
)
from torchfix_codemods.source.errors import UsageError

SERVER = "https://github.com"
NEARLY = st.text(st.sampled_from("ab9-_./@{}~^:?*[\\ ;$()\n\0é"), min_size=1, max_size=12)
PARTS = st.lists(st.sampled_from(["a", ".", "..", "/", ".lock", "-", "@{1}", "HEAD", "refs/"]), min_size=1, max_size=6)


@settings(max_examples=100, deadline=None)
@given(NEARLY | PARTS.map("".join))
def test_a_branch_that_passes_is_one_for_git_too_and_harmless_in_a_shell(name: str) -> None:
    if is_branch(name):
        assert set(name) <= set("ab9-_./lockHEADrefs")
        assert subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True).returncode == 0


@settings(max_examples=100, deadline=None)
@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,30}", fullmatch=True))
def test_of_harmless_letters_git_decides(name: str) -> None:
    by_git = subprocess.run(["git", "check-ref-format", f"refs/heads/{name}"], capture_output=True).returncode == 0
    assert is_branch(name) == (by_git and name != "HEAD" and not name.startswith("refs/"))


@pytest.mark.parametrize("name", ["torchfix/fixes", "torchfix/fixes-tfc101", "main", "v1.2", "a" * 100, "0"])
def test_ordinary_branches(name: str) -> None:
    assert check_branch(name, "trunk") == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "-d", "--force", "a;$(id)", "a b", "a..b", "a.lock", "x/.y", "/a", "a/", "a//b", "a@{1}", "HEAD", "é"),
        *("a\n", "a\0b", "refs/heads/a", "a:b", "+a", "^a", "a~1", "a*", "a\\b", "a" * 101, "0" * 40, "f" * 64),
    ],
)
def test_refused_branches(name: str) -> None:
    with pytest.raises(UsageError, match="no name for a branch") as caught:
        check_branch(name)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 200


def test_the_base_is_no_branch_of_ours() -> None:
    with pytest.raises(UsageError, match="the branch main is the base branch"):
        check_branch("main", "main")


@pytest.mark.parametrize("name", ["o/n", "my-org/my.repo_1", "user_corp/x", "a1/.github"])
def test_repositories(name: str) -> None:
    assert remote_url("https://github.com/", name) == f"https://github.com/{name}.git"


@pytest.mark.parametrize(
    "name", ["", "o", "o/", "/n", "o/n/m", "o/..", "o/.", "-o/n", "o/n.git", "o/n?x", "o /n", "o/n\n"]
)
def test_refused_repositories(name: str) -> None:
    with pytest.raises(UsageError, match="not the owner/name"):
        check_repository(name)


@pytest.mark.parametrize(
    "url",
    [
        *("https://github.com/o/n", "https://github.com/o/n.git", "https://github.com/o/n/", "git@github.com:o/n.git"),
        *("ssh://git@github.com/o/n.git", "ssh://git@github.com:22/o/n", "github.com:o/n", "https://GitHub.com/o/n"),
        *("git@github.com:/o/n.git", "https://x:s3cret@github.com/o/n.git", "git://github.com/o/n.git"),
    ],
)
def test_the_repository_of_an_origin(url: str) -> None:
    assert repository_of(url, SERVER) == "o/n"


@pytest.mark.parametrize(
    "url",
    [
        *("", "/srv/git/n.git", "../n", "https://github.com/n", "https://github.com/o/n/tree/main", "file:///o/n"),
        *("https://x:s3cret@gitlab.com/o/n.git", "git@evil.example:o/n", "https://github.com.evil.example/o/n"),
        *("ext::sh -c 'touch x' o/n", "https://[::1/o/n", "https://evil.example#@github.com/o/n", "C:\\o\\n"),
    ],
)
def test_origins_that_say_nothing(url: str) -> None:
    with pytest.raises(UsageError, match="--repository") as caught:
        repository_of(url, SERVER)
    assert "s3cret" not in str(caught.value)


def test_labels() -> None:
    assert check_labels(" torchfix, good first issue,,torchfix ,é") == ("torchfix", "good first issue", "é")
    assert check_labels("") == ()
    for text in ("a" * 51, "a\nb", "a\x1b[31m", ",".join(map(str, range(21)))):
        with pytest.raises(UsageError, match="label"):
            check_labels(text)


@pytest.mark.parametrize("token", ["s3cret\n", "s3cret\r\nX-Evil: 1", "s3 cret", "s3crét", "s3cret\0"])
def test_a_token_can_not_smuggle_a_header(token: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_token(token)
    assert "s3" not in str(caught.value)


@settings(max_examples=200)
@given(st.text(st.sampled_from('abAB01_-+/=%"\\'), min_size=8, max_size=60), st.text(max_size=20))
def test_no_form_of_a_token_is_left_in_a_text(token: str, around: str) -> None:
    text = around.join(["", token, basic(token), *secrets_of(token), ""])
    assert token not in masked(text, token) and basic(token) not in masked(text, token)


def test_without_a_token_nothing_is_masked() -> None:
    assert masked("x-access-token", "") == "x-access-token" and secrets_of("") == ()
