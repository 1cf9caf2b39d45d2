"""GitHub as far as a pull request needs it: six endpoints, typed, every answer checked.

Standard library only; the tests hold each request against GitHub's own description of its API.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from torchfix_codemods.delivery.errors import ForgeFailed
from torchfix_codemods.delivery.forge.rest import TRIES, Rest, Unsure
from torchfix_codemods.delivery.names import check_repository

T = TypeVar("T")


@dataclass(frozen=True)
class Pull:
    """A pull request. `head_repository` is "" where a fork that it came from is gone; `body` is "" for none."""

    number: int
    url: str
    title: str
    body: str
    state: str  # open or closed
    merged: bool
    draft: bool
    head_sha: str
    head_ref: str
    head_repository: str
    base_ref: str
    labels: tuple[str, ...]

    @property
    def open(self) -> bool:
        """Whether it is open."""
        return self.state == "open"


@dataclass(frozen=True)
class Comment:
    """A comment on a pull request; `author` is an account's name, "" where it is gone."""

    id: int
    body: str
    author: str


class GitHub:
    """The pull requests of one repository. `api_url` is `https://api.github.com` or that of an own server.

    `repository` is `owner/name`, `sleep` takes seconds. Raises `UsageError` for what can't be one of these; every
    method raises `ForgeFailed` with cause and cure.
    """

    def __init__(self, api_url: str, repository: str, token: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.repository = check_repository(repository)
        self._rest = Rest(api_url, token, sleep)
        self._path = f"/repos/{repository}"

    def pulls(self, head_branch: str, state: str = "all") -> list[Pull]:
        """The pull requests from a branch of this repository itself, newest first; `state` is open, closed or all."""
        owner = self.repository.partition("/")[0]
        listed = self._rest.pages(f"{self._path}/pulls", {"state": state, "head": f"{owner}:{head_branch}"})
        found = [_pull(item) for item in listed]
        # The filter knows owners, not repositories: another fork of the same owner has branches of this name too.
        own = [pull for pull in found if pull.head_ref == head_branch and self._is_own(pull)]
        return sorted(own, key=lambda pull: -pull.number)

    def create(self, title: str, body: str, head: str, base: str, draft: bool = False) -> Pull:
        """Open a pull request from branch `head` of this repository. Raises `AlreadyExists` where one is open."""
        fields = {"title": title, "body": body, "head": head, "base": base, "draft": draft}

        def made() -> Pull | None:
            return next((pull for pull in self.pulls(head, "open") if pull.base_ref == base), None)

        return self._once(lambda: _pull(self._rest.post(f"{self._path}/pulls", fields)), made)

    def update(
        self,
        number: int,
        title: str | None = None,
        body: str | None = None,
        state: str | None = None,
        base: str | None = None,
    ) -> Pull:
        """Change what is not None; `state` is open or closed."""
        given = {"title": title, "body": body, "state": state, "base": base}
        fields = {name: value for name, value in given.items() if value is not None}
        return _pull(self._rest.patch(f"{self._path}/pulls/{number}", fields))

    def add_labels(self, number: int, labels: Sequence[str]) -> None:
        """Add labels to those that a pull request has; GitHub makes those that the repository lacks."""
        self._rest.post(f"{self._path}/issues/{number}/labels", {"labels": list(labels)}, sure=True)

    def comments(self, number: int) -> list[Comment]:
        """The comments on a pull request, oldest first (those on lines of its code are not among them)."""
        return [_comment(item) for item in self._rest.pages(f"{self._path}/issues/{number}/comments", {})]

    def comment(self, number: int, body: str) -> Comment:
        """Add a comment, once even where an answer gets lost."""

        def made() -> Comment | None:
            return next((comment for comment in self.comments(number) if comment.body == body), None)

        path = f"{self._path}/issues/{number}/comments"
        return self._once(lambda: _comment(self._rest.post(path, {"body": body})), made)

    def _is_own(self, pull: Pull) -> bool:
        return pull.head_repository.casefold() == self.repository.casefold()

    def _once(self, make: Callable[[], T], made: Callable[[], T | None]) -> T:
        """Make something. Where the answer gets lost, look whether it was made before asking again."""
        for tried in range(TRIES):
            try:
                return make()
            except Unsure:
                found = made()
                if found is not None:
                    return found
                if tried == TRIES - 1:
                    raise
                self._rest.pause(tried)
        raise AssertionError("the last try returns or raises")


def _pull(item: object) -> Pull:
    head, base = _get(item, "head", dict), _get(item, "base", dict)
    repository = head.get("repo")
    return Pull(
        number=_get(item, "number", int),
        url=_get(item, "html_url", str),
        title=_get(item, "title", str),
        body=_optional(item, "body"),
        state=_get(item, "state", str),
        # A list says only when it was merged.
        merged=bool(_optional(item, "merged_at")),
        draft=_get(item, "draft", bool),
        head_sha=_get(head, "sha", str),
        head_ref=_get(head, "ref", str),
        head_repository="" if repository is None else _get(repository, "full_name", str),
        base_ref=_get(base, "ref", str),
        labels=tuple(_names(_get(item, "labels", list))),
    )


def _comment(item: object) -> Comment:
    user = item.get("user") if isinstance(item, dict) else None
    author = "" if user is None else _get(user, "login", str)
    return Comment(_get(item, "id", int), _optional(item, "body"), author)


def _names(labels: list[object]) -> Iterator[str]:
    for label in labels:
        yield _get(label, "name", str)


def _get(item: object, key: str, kind: type[T]) -> T:
    """A field of exactly this type."""
    value = item.get(key) if isinstance(item, dict) else None
    if type(value) is not kind:
        raise ForgeFailed(f"GitHub's answer lacks {key}, or it is no {kind.__name__}")
    return value


def _optional(item: object, key: str) -> str:
    """A text, "" for null or none."""
    if isinstance(item, dict) and item.get(key) is None:
        return ""
    return _get(item, key, str)
