"""One request to GitHub's REST API and its answer: time and size limits, no redirects, polite repetition.

The token goes to one host only, and only over https (http is allowed to this machine itself, for tests and proxies).
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse
from typing import IO

from torchfix_codemods import __version__
from torchfix_codemods.delivery.errors import ForgeFailed
from torchfix_codemods.delivery.forge.refusals import refusal, unreachable
from torchfix_codemods.delivery.git.masks import masked
from torchfix_codemods.delivery.names import check_token
from torchfix_codemods.source.errors import UsageError

API_VERSION = "2022-11-28"
SECONDS = 20.0  # of silence on the line
SECONDS_PER_ANSWER = 60.0
SECONDS_OF_WAITING = 120.0  # in one call, over all its repetitions
TRIES = 4
BYTES = 16 * 1024 * 1024
PAGES = 20
_LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))
_NODE = "could not resolve to a node"


class Unsure(ForgeFailed):
    """The answer got lost: what was asked for may have happened or not."""


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the headers by their lower-case names, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> str:
        """The message of a refusal with those of its parts, in one line; empty where there is none."""
        try:
            told = json.loads(self.body)
        except (ValueError, RecursionError):
            return ""
        if not isinstance(told, dict):
            return ""
        errors = told.get("errors")
        parts = [told.get("message"), *(map(_part, errors) if isinstance(errors, list) else ())]
        return ": ".join(part[:300] for part in parts if isinstance(part, str) and part)[:600]

    def wait(self, tried: int, now: float) -> float | None:
        """Seconds after which to ask again (from the `tried`th answer on); None where that would not help."""
        if self.status in (403, 429) and (asked := _asked_to_wait(self.headers, now)) is not None:
            return asked
        if self.status == 429 or self.status >= 500 or (self.status == 422 and _NODE in self.said.lower()):
            return float(2**tried)
        if self.status == 403 and "rate limit" in self.said.lower():
            return 60.0
        return None


class Rest:
    """Requests below `api_url` with a token. `sleep` takes seconds.

    Raises `UsageError` where the address is none that a token may be sent to, or the token none that can be sent.
    """

    def __init__(self, api_url: str, token: str, sleep: Callable[[float], None] = time.sleep) -> None:
        if not token:
            raise UsageError("there is no token; without one GitHub takes no pull request")
        self._base = _checked(api_url)
        self._token = check_token(token)
        self._sleep = sleep
        local = urllib.parse.urlsplit(self._base).hostname in _LOOPBACK
        proxies = [urllib.request.ProxyHandler({})] if local else []
        self._opener = urllib.request.build_opener(_NoRedirects, *proxies)

    def pages(self, path: str, query: Mapping[str, str]) -> Iterator[object]:
        """The items of a list over all its pages. Raises `ForgeFailed`."""
        url = f"{self._base}{path}?{urllib.parse.urlencode({**query, 'per_page': '100'})}"
        for _ in range(PAGES):
            answer = self._repeat("GET", url, None)
            items = _decoded(answer, url)
            if not isinstance(items, list):
                raise ForgeFailed(f"GitHub's answer to GET {path} is no list")
            yield from items
            url = _next(answer.headers.get("link", ""))
            if not url:
                return
            if not url.startswith(self._base + "/"):
                raise ForgeFailed(f"GitHub's next page of {path} lies on another host")
        raise ForgeFailed(f"GET {path} has more than {PAGES * 100} results")

    def patch(self, path: str, fields: Mapping[str, object]) -> object:
        """Change one thing; asked again after a lost answer, since that changes nothing more. Raises `ForgeFailed`."""
        return self._whole("PATCH", path, fields, sure=True)

    def post(self, path: str, fields: Mapping[str, object], sure: bool = False) -> object:
        """Make one thing. Raises `Unsure` after a lost answer (`sure`: asks again instead), else `ForgeFailed`."""
        return self._whole("POST", path, fields, sure)

    def pause(self, tried: int) -> None:
        """Wait before the next try."""
        self._sleep(float(2**tried))

    def _whole(self, method: str, path: str, fields: Mapping[str, object] | None, sure: bool) -> object:
        url = self._base + path
        return _decoded(self._repeat(method, url, fields, sure), url)

    def _repeat(self, method: str, url: str, fields: Mapping[str, object] | None, sure: bool = True) -> Answer:
        """The answer, at the latest after `TRIES` requests and `SECONDS_OF_WAITING`."""
        waited = 0.0
        for tried in range(TRIES):
            answer = self._ask(method, url, fields, again=sure and tried < TRIES - 1)
            if answer is not None and answer.status < 300:
                return answer
            wait = 2.0**tried if answer is None else self._patience(method, url, answer, tried, waited, sure)
            self._sleep(wait)
            waited += wait
        raise AssertionError("the last try returns or raises")

    def _patience(self, method: str, url: str, answer: Answer, tried: int, waited: float, sure: bool) -> float:
        """Seconds until the next try. Raises where there is none."""
        wait = answer.wait(tried, time.time())
        if answer.status >= 500 and not sure:
            raise Unsure(f"{method} {_path(url)}: GitHub answered {answer.status}")
        if wait is None or tried == TRIES - 1 or waited + wait > SECONDS_OF_WAITING:
            raise refusal(method, _path(url), answer.status, masked(answer.said, self._token), wait)
        return wait

    def _ask(self, method: str, url: str, fields: Mapping[str, object] | None, again: bool) -> Answer | None:
        """One request; None where no answer came and there is another try (`again`)."""
        data = None if fields is None else json.dumps(fields).encode()
        request = urllib.request.Request(url, data, self._headers(data is not None), method=method)
        request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        try:
            return _read(self._opener, request)
        except (OSError, HTTPException, ValueError) as error:
            if again:
                return None
            raise Unsure(masked(unreachable(self._base, error), self._token)) from error

    @staticmethod
    def _headers(has_body: bool) -> dict[str, str]:
        common = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": API_VERSION,
            "User-Agent": f"torchfix-codemods/{__version__}",
        }
        return {**common, "Content-Type": "application/json"} if has_body else common


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other: whatever it leads to shall not see the token."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        """Follow nothing."""


def _checked(api_url: str) -> str:
    """The address without its last slash."""
    try:
        parts = urllib.parse.urlsplit(api_url)
        parts.port  # noqa: B018  raises for one that is no number
    except ValueError as error:
        raise UsageError(f"{api_url} is no address: {error}") from error
    secret = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not secret or not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise UsageError(f"{api_url} is no https address of an API")
    return api_url.rstrip("/")


def _read(opener: urllib.request.OpenerDirector, request: urllib.request.Request) -> Answer:
    try:
        response: HTTPResponse | urllib.error.HTTPError = opener.open(request, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status or 0, headers, _body(response))


def _body(response: HTTPResponse | urllib.error.HTTPError) -> bytes:
    """The body, which must not be larger or slower than any honest one."""
    until = time.monotonic() + SECONDS_PER_ANSWER
    body = bytearray()
    while chunk := response.read1(65536):
        body += chunk
        if len(body) > BYTES:
            raise ForgeFailed(f"GitHub's answer is larger than {BYTES // 1024**2} MiB")
        if time.monotonic() > until:
            raise TimeoutError("the answer came too slowly")
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and len(body) < int(length):
        raise HTTPException("the answer broke off")  # reading in pieces does not notice
    return bytes(body)


def _decoded(answer: Answer, url: str) -> object:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise ForgeFailed(f"GitHub's answer to {_path(url)} is no JSON") from error


def _asked_to_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds, where GitHub says when to come back."""
    after, reset = headers.get("retry-after", ""), headers.get("x-ratelimit-reset", "")
    if after.isdecimal() and len(after) < 10:
        return float(after)
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal() and len(reset) < 13:
        return max(1.0, float(reset) - now + 1)
    return None


def _next(link: str) -> str:
    """The address of the next page out of a Link header, "" where there is none."""
    for part in link.split(","):
        url, _, attributes = part.strip().partition(";")
        if 'rel="next"' in attributes and url.startswith("<") and url.endswith(">"):
            return url[1:-1]
    return ""


def _part(error: object) -> str:
    """One entry of a refusal's list of errors."""
    if isinstance(error, str):
        return error
    if not isinstance(error, dict):
        return ""
    message = error.get("message")
    return message if isinstance(message, str) else " ".join(str(error.get(key, "")) for key in ("field", "code"))


def _path(url: str) -> str:
    return urllib.parse.urlsplit(url).path
