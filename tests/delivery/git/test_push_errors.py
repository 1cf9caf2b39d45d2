"""What git prints when a server refuses, and what is made of it. The words are those of git and of GitHub."""

from __future__ import annotations

import pytest

from torchfix_codemods.delivery.errors import LeaseLost, PushRefused, RemoteFailed
from torchfix_codemods.delivery.git.push_errors import access_failure, push_failure
from torchfix_codemods.source.errors import OutsideFailed

HEAD = "To https://github.com/o/n.git\n"
LINE = "!\t0123abcd:refs/heads/torchfix/fixes\t"
DENIED = "fatal: unable to access 'https://github.com/o/n.git/': The requested URL returned error: 403\n"

LATE = [
    "[rejected] (stale info)",
    "[rejected] (fetch first)",
    "[remote rejected] (cannot lock ref 'refs/heads/torchfix/fixes': is at 1111 but expected 2222)",
    "[remote rejected] (cannot lock ref 'refs/heads/torchfix/fixes': reference already exists)",
    "[remote rejected] (failed to update ref)",
    "[remote rejected] (incorrect old value provided)",
]


@pytest.mark.parametrize("status", LATE)
def test_too_late(status: str) -> None:
    error = push_failure("torchfix/fixes", f"{HEAD}{LINE}{status}\nDone\n", "error: failed to push some refs\n")
    assert type(error) is LeaseLost and status in str(error)


REFUSED = {
    "protected": (
        "[remote rejected] (protected branch hook declined)",
        "remote: error: GH006: Protected branch update failed for refs/heads/torchfix/fixes.        \n"
        "remote: error: Cannot force-push to this branch        \n",
        "the branch is protected (exclude branches of this name",
    ),
    "rules": (
        "[remote rejected] (push declined due to repository rule violations)",
        "remote: error: GH013: Repository rule violations found for refs/heads/torchfix/fixes.\n",
        "a rule of the repository forbids it",
    ),
    "signatures": (
        "[remote rejected] (push declined due to repository rule violations)",
        "remote: error: GH013: Repository rule violations found.\nremote: - Commits must have verified signatures.\n",
        "it wants signed commits",
    ),
    "secrets": (
        "[remote rejected] (push declined due to repository rule violations)",
        "remote: error: GH013: Repository rule violations found.\nremote: - Push cannot contain secrets\n",
        "for a secret",
    ),
    "workflows": (
        "[remote rejected] (refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml` "
        "without `workflows` permission)",
        "",
        "give the token the scope `workflow`",
    ),
    "unknown": ("[remote rejected] (Internal Server Error)", "remote: Internal Server Error.\n", "Internal Server"),
    "shallow": ("[remote rejected] (shallow update not allowed)", "", "shallow update not allowed"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    status, err, expected = REFUSED[case]
    error = push_failure("torchfix/fixes", f"{HEAD}{LINE}{status}\nDone\n", err)
    assert type(error) is PushRefused
    assert str(error).startswith("the server refused the push to torchfix/fixes: ") and expected in str(error)
    assert "  " not in str(error) and "remote:" not in str(error)


DOORS = {
    "read-only": ("remote: Permission to o/n.git denied to github-actions[bot].\n" + DENIED, "contents: write"),
    "not granted": ("remote: Write access to repository not granted.\n" + DENIED, "contents: write"),
    "archived": ("remote: This repository was archived so it is read-only.\n" + DENIED, "is archived"),
    "password": (
        "remote: Invalid username or password.\nfatal: Authentication failed for 'https://github.com/o/n.git/'\n",
        "does not accept the token",
    ),
    "prompt": (
        "fatal: could not read Username for 'https://github.com': terminal prompts disabled\n",
        "does not accept the token",
    ),
    "missing": (
        "remote: Repository not found.\nfatal: repository 'https://github.com/o/n.git/' not found\n",
        "no such",
    ),
    "moved": (
        "fatal: unable to update url base from redirection:\n  asked for: https://github.com/o/n.git/info/refs\n",
        "renamed",
    ),
}


@pytest.mark.parametrize("case", DOORS)
def test_not_let_in(case: str) -> None:
    err, expected = DOORS[case]
    error = push_failure("torchfix/fixes", "", err)
    assert type(error) is PushRefused and expected in str(error)
    assert expected in str(access_failure("https://github.com/o/n.git", err))


@pytest.mark.parametrize(
    "err",
    [
        "fatal: unable to access 'https://github.com/o/n.git/': Could not resolve host: github.com\n",
        "error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502\nfatal: the remote end hung up\n",
        "",
    ],
)
def test_a_failure_of_the_network_is_no_refusal(err: str) -> None:
    error = push_failure("torchfix/fixes", "", err)
    assert type(error) is RemoteFailed and isinstance(error, OutsideFailed)
    assert str(error).startswith("pushing torchfix/fixes failed") and err[7:40] in str(error)
