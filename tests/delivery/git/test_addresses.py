"""The token goes to one address, whatever settings, redirects and proxies say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from git_clones import git
from git_place import Place, open_place
from git_server import PUSH

from torchfix_codemods.delivery.errors import RemoteFailed
from torchfix_codemods.delivery.git.remote import check_url
from torchfix_codemods.source.errors import UsageError

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def place(tmp_path: Path, home: Path) -> Iterator[Place]:
    with open_place(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("scope", [(), ("--global",)], ids=["clone", "person"])
@pytest.mark.parametrize("kind", ["insteadOf", "pushInsteadOf"])
@pytest.mark.parametrize("part", ["", "/", "/o/", "/o/n"])
def test_a_rule_for_addresses_leads_nothing_elsewhere(
    place: Place, scope: tuple[str, ...], kind: str, part: str
) -> None:
    git(place.clone, "config", *scope, f"url.{place.evil.url}{part}.{kind}", f"{place.server.url}{part}")
    place.deliver()
    assert place.evil.requests == [] and place.headers() == {(place.server.expected,)}


@pytest.mark.parametrize("kind", ["insteadOf", "pushInsteadOf"])
def test_a_rule_for_exactly_this_address_is_refused_where_it_counts(place: Place, kind: str) -> None:
    git(place.clone, "config", f"url.{place.evil.url}/o/n.git.{kind}", place.url)
    place.deliver()
    git(place.clone, "config", "--global", f"url.{place.evil.url}/o/n.git.{kind}", place.url)
    with pytest.raises(RemoteFailed, match=r"leads http.* elsewhere"):
        place.deliver()
    assert place.evil.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(place: Place, status: int) -> None:
    place.server.refuse(PUSH, status, location=f"{place.evil.url}/o/n.git/info/refs?service=git-receive-pack")
    git(place.clone, "config", "--global", f"http.{place.server.url}.followRedirects", "true")
    with pytest.raises(RemoteFailed, match="points elsewhere"):
        place.deliver()
    assert place.evil.requests == []


def test_a_proxy_does_not_hear_of_a_server_on_this_machine(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, place.evil.url)
    git(place.clone, "config", "--global", "http.proxy", place.evil.url)
    place.deliver()
    assert place.evil.requests == []


@pytest.mark.parametrize(
    "url",
    [
        *("http://github.com/o/n", "http://127.0.0.1.evil.example/o/n", "http://127.0.0.1@evil.example/o/n"),
        *("https://x:s3cret@github.com/o/n.git", "https://s3cret@github.com/o/n.git", "ssh://git@github.com/o/n.git"),
        *("git@github.com:o/n.git", "ext::sh -c touch% x", "file:///o/n", "/o/n", "", "https://", "https:///o/n"),
        *("https://github.com", "https://github.com/", "https://github.com/o/n?x=1", "https://github.com/o/n#x"),
        *("https://github.com/o/../n", "https://github.com/o/n\n", "https://git hub.com/o/n", "https://[::1/o/n"),
        *("https://github.com:port/o/n", "https://github.com/o/n;x", "--upload-pack=x", "HTTP://github.com/o/n"),
        *("https://github.com/o//n", "https://evil.example\\@github.com/o/n", "https://gith\u00fcb.com/o/n"),
    ],
)
def test_addresses_that_get_no_token(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_url(url)
    assert "s3cret" not in str(caught.value) and str(caught.value).isprintable()


@pytest.mark.parametrize(
    "url", ["https://github.com/o/n.git", "https://ghe.example:8443/git/o/n", "http://[::1]:8/o/n"]
)
def test_addresses_that_do(url: str) -> None:
    assert check_url(url) == url
