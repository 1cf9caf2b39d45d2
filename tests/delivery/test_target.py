"""Which repository a pull request goes to, and with which token."""

from __future__ import annotations

import pytest

from torchfix_codemods.delivery.target import Target, target_of
from torchfix_codemods.source.errors import UsageError

WORKFLOW = {
    "GITHUB_REPOSITORY": "octo/nets",
    "GITHUB_SERVER_URL": "https://forge.example",
    "GITHUB_API_URL": "https://forge.example/api/v3",
    "GITHUB_TOKEN": "ghs_workflow",
}


def test_a_workflow_says_it_all():
    told = Target("octo/nets", "https://forge.example/api/v3", "https://forge.example/octo/nets.git", "ghs_workflow")
    assert target_of(WORKFLOW) == told
    assert target_of(WORKFLOW, origin="git@elsewhere.example:x/y.git") == told
    assert "ghs_workflow" not in repr(told)


def test_options_go_over_the_workflow():
    target = target_of(WORKFLOW, "a/b", "https://mirror.example/c/d")
    assert (target.repository, target.remote) == ("a/b", "https://mirror.example/c/d")


@pytest.mark.parametrize(
    "origin", ["https://github.com/octo/nets", "git@github.com:octo/nets.git", "ssh://git@github.com/octo/nets.git"]
)
def test_outside_of_a_workflow_origin_says_it(origin: str):
    told = Target("octo/nets", "https://api.github.com", "https://github.com/octo/nets.git")
    assert target_of({}, origin=origin) == told


@pytest.mark.parametrize(
    ("environ", "token"),
    [
        ({"TORCHFIX_TOKEN": "a", "GITHUB_TOKEN": "b", "GH_TOKEN": "c"}, "a"),
        ({"TORCHFIX_TOKEN": "", "GITHUB_TOKEN": "b", "GH_TOKEN": "c"}, "b"),
        ({"GH_TOKEN": "c"}, "c"),
        ({"INPUT_TOKEN": "d", "TOKEN": "e"}, ""),
    ],
)
def test_the_first_token_counts(environ: dict[str, str], token: str):
    assert target_of(environ, "octo/nets").token == token


@pytest.mark.parametrize(
    ("environ", "origin", "words"),
    [
        ({}, None, "say it with --repository"),
        ({}, "/srv/git/nets.git", "say it with --repository"),
        ({}, "https://me:s3cret@elsewhere.example/octo/nets", "origin is on 'elsewhere.example'"),
        ({"GITHUB_REPOSITORY": "../x"}, None, "is not the owner/name"),
        ({"GITHUB_REPOSITORY": "a/b", "GH_TOKEN": "s3cret\nHost: x"}, None, "the token holds"),
    ],
)
def test_what_makes_no_sense_is_one_line_without_secrets(environ: dict[str, str], origin: str | None, words: str):
    with pytest.raises(UsageError, match=words) as caught:
        target_of(environ, origin=origin)
    assert "s3cret" not in str(caught.value) and "\n" not in str(caught.value)
