"""Code is not run where it could find a secret: in variables, or in what the checkout left behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from torchfix_codemods.delivery.action.exposure import refuse_secrets, secret_variables, stored_credentials
from torchfix_codemods.source.errors import UsageError

SECRET = """
    GITHUB_TOKEN GH_TOKEN TORCHFIX_TOKEN HF_TOKEN ACTIONS_ID_TOKEN_REQUEST_TOKEN ACTIONS_RUNTIME_TOKEN INPUT_TOKEN
    WANDB_API_KEY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY DB_PASSWORD TWINE_PASSWORD MY_SECRET CLIENT_SECRET_2
    GPG_PASSPHRASE SSH_PRIVATE_KEY KAGGLE_KEY GOOGLE_APPLICATION_CREDENTIALS MY_PAT npm_config_token SSH_AUTH_SOCK
    NPM_TOKEN DEPLOY_KEYS apikey
""".split()
#: What a hosted runner sets, and what others set without a secret.
HARMLESS = """
    PATH HOME GITHUB_WORKSPACE GITHUB_SHA GITHUB_ACTOR GITHUB_REPOSITORY RUNNER_TEMP TOKENIZERS_PARALLELISM KEYBOARD
    CACHE_KEY PUBLIC_KEY GIT_AUTHOR_NAME COMPASS MONKEY KEY ACTIONS_ID_TOKEN_REQUEST_URL PATTERN GITHUB_PATH
    TORCHFIX_MODE TORCHFIX_PATHS JAVA_HOME_17_X64 ANDROID_NDK_HOME STATS_KEYSTROKES
""".split()


@pytest.mark.parametrize("name", SECRET)
def test_names_that_sound_secret(name: str):
    assert list(secret_variables({name: "value"})) == [name]
    assert list(secret_variables({name: " "})) == [], "no value, no secret"


@pytest.mark.parametrize("name", HARMLESS)
def test_names_that_do_not(name: str):
    assert list(secret_variables({name: "value"})) == []


def test_a_refusal_names_the_variable_not_its_value(tmp_path: Path):
    with pytest.raises(UsageError) as caught:
        refuse_secrets({"GH_TOKEN": "ghs_abc", "DB_PASSWORD": "hunter2", "PATH": "/bin"}, tmp_path)
    said = str(caught.value)
    assert "DB_PASSWORD, GH_TOKEN" in said and "TORCHFIX_UNSAFE=1" in said
    assert "ghs_abc" not in said and "hunter2" not in said


@pytest.mark.parametrize("word", ["", "0", "true", "yes"])
def test_only_the_agreed_word_runs_it_anyway(tmp_path: Path, word: str):
    with pytest.raises(UsageError):
        refuse_secrets({"GH_TOKEN": "ghs_abc", "TORCHFIX_UNSAFE": word}, tmp_path)
    passed = refuse_secrets({"GH_TOKEN": "ghs_abc", "TORCHFIX_UNSAFE": "1"}, tmp_path)
    assert "GH_TOKEN" in passed and "ghs_abc" not in passed


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository as actions/checkout leaves it with `persist-credentials: false`."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    folder = tmp_path / "checkout"
    git(tmp_path, "init", "-q", str(folder))
    git(folder, "remote", "add", "origin", "https://github.com/o/r")
    return folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def test_a_checkout_without_credentials_holds_none(checkout: Path, tmp_path: Path):
    git(checkout, "config", "http.proxy", "http://proxy:3128")
    git(checkout, "remote", "add", "ssh", "ssh://git@github.com/o/r")
    refuse_secrets({}, checkout)
    refuse_secrets({}, tmp_path)  # no repository at all


def test_a_header_in_the_repository_is_a_credential(checkout: Path):
    """What actions/checkout up to v5 leaves."""
    git(checkout, "config", "http.https://github.com/.extraheader", "AUTHORIZATION: basic c2VjcmV0")
    with pytest.raises(UsageError) as caught:
        refuse_secrets({}, checkout)
    assert "http.https://github.com/.extraheader" in str(caught.value) and "c2VjcmV0" not in str(caught.value)
    assert "persist-credentials: false" in str(caught.value)


def test_a_header_in_an_included_file_is_one_too(checkout: Path, tmp_path: Path):
    """What actions/checkout leaves since v6."""
    stored = tmp_path / "git-credentials-1.config"
    stored.write_text('[http "https://github.com/"]\n\textraheader = AUTHORIZATION: basic c2VjcmV0\n')
    git(checkout, "config", f"includeIf.gitdir:{checkout}/.git.path", str(stored))
    assert list(stored_credentials(checkout)) == ["http.https://github.com/.extraheader"]
    (checkout / "sub").mkdir()
    assert list(stored_credentials(checkout / "sub")) == ["http.https://github.com/.extraheader"]


@pytest.mark.parametrize(
    "url", ["https://x-access-token:abc@github.com/o/r", "https://ghp_abc@github.com/o/r", "http://me:pw@host/r"]
)
def test_a_password_in_an_address_is_one(checkout: Path, url: str):
    git(checkout, "remote", "set-url", "origin", url)
    assert list(stored_credentials(checkout)) == ["remote.origin.url"]


def test_a_password_in_a_rewritten_address_is_one(checkout: Path):
    git(checkout, "config", "url.https://x:abc@github.com/.insteadOf", "https://github.com/")
    assert list(stored_credentials(checkout)) == ["url.https://***@github.com/.insteadof"]


def test_variables_of_git_do_not_hide_the_checkout(checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    git(checkout, "config", "http.https://github.com/.extraheader", "AUTHORIZATION: basic c2VjcmV0")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG", "/dev/null")
    assert list(stored_credentials(checkout)) == ["http.https://github.com/.extraheader"]


@pytest.mark.parametrize("user", ["me:hunter2", "me:hunter2@work", "ghp_hunter2"])
def test_a_password_in_the_name_of_a_header_is_not_told(checkout: Path, user: str):
    git(checkout, "config", f"http.https://{user}@github.com/.extraheader", "AUTHORIZATION: basic c2VjcmV0")
    with pytest.raises(UsageError) as caught:
        refuse_secrets({}, checkout)
    assert "http.https://***@github.com/.extraheader" in str(caught.value) and "hunter2" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_checkout_of_another_user_is_looked_at_too(checkout: Path):
    """As in a container, where git says nothing of what others own unless it is told to."""
    git(checkout, "config", "http.https://github.com/.extraheader", "AUTHORIZATION: basic c2VjcmV0")
    give_away(checkout)
    assert git_fails(checkout), "the checkout is not foreign enough"
    assert list(stored_credentials(checkout)) == ["http.https://github.com/.extraheader"]


def give_away(folder: Path) -> None:
    """Make a folder and all in it somebody else's."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)


def git_fails(folder: Path) -> bool:
    return subprocess.run(["git", "status"], cwd=folder, capture_output=True).returncode != 0
