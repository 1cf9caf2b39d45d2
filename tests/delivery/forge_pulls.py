"""What GitHub does with pull requests: the behaviour behind forge_server.py, without HTTP."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import contract

DOCUMENTATION = "https://docs.github.com/rest"
Handler = Callable[["Forge", re.Match[str], dict[str, str], dict], "Answer"]


@dataclass(frozen=True)
class Answer:
    """A status and the data of an answer; of a list only a page is sent."""

    status: int
    data: object

    def page(self, query: dict[str, str]) -> object:
        """The part that one page holds."""
        size, number = int(query.get("per_page", "30")), int(query.get("page", "1"))
        return self.data[(number - 1) * size : number * size] if isinstance(self.data, list) else self.data

    def has_next(self, query: dict[str, str]) -> bool:
        """Whether there is more than this page."""
        size, number = int(query.get("per_page", "30")), int(query.get("page", "1"))
        return isinstance(self.data, list) and len(self.data) > number * size


@dataclass
class PullState:
    """One pull request, to be changed by a test as a human would."""

    number: int
    title: str
    body: str | None
    head: str
    base: str
    draft: bool
    head_sha: str
    head_repository: str
    state: str = "open"
    merged_at: str | None = None
    labels: list[str] = field(default_factory=list)
    comments: list[tuple[int, str]] = field(default_factory=list)


def refused(status: int, message: str, *errors: dict) -> Answer:
    """A refusal in GitHub's form."""
    told = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}
    return Answer(status, {**told, "errors": list(errors)} if errors else told)


def invalid(message: str, resource: str = "PullRequest") -> Answer:
    """A 422 with one custom error."""
    return refused(422, "Validation Failed", {"resource": resource, "code": "custom", "message": message})


class Forge:
    """The state of one repository on the forge. `settings_allow` is GitHub's switch for the pull requests of Actions.

    `permissions` are those of the token (what it may push is the git server's business); `label_refused` makes the
    repository refuse labels.
    """

    def __init__(self, bare: Path, repository: str) -> None:
        self.bare = bare
        self.repository = repository
        self.owner = repository.partition("/")[0]
        self.permissions = {"contents": "write", "pull_requests": "write"}
        self.settings_allow = True
        self.label_refused = False
        self.pulls: dict[int, PullState] = {}
        self._last_comment = 0

    def sha(self, branch: str) -> str | None:
        """The commit of a branch in the real repository, None where there is none."""
        words = ["git", "rev-parse", "--verify", "-q", f"refs/heads/{branch}^{{commit}}"]
        done = subprocess.run(words, cwd=self.bare, capture_output=True, text=True, check=False)
        return done.stdout.strip() or None

    def follow_branches(self) -> None:
        """An open pull request follows its branch, and is closed when that is deleted."""
        for pull in self.pulls.values():
            if pull.state == "open" and pull.head_repository == self.repository:
                sha = self.sha(pull.head)
                pull.head_sha = sha or pull.head_sha
                pull.state = "open" if sha else "closed"

    def merge(self, number: int) -> None:
        """What the button does, as far as the API shows it; the commits are the test's business."""
        self.pulls[number].state, self.pulls[number].merged_at = "closed", "2026-01-26T19:01:12Z"

    def handle(self, method: str, path: str, query: dict[str, str], body: dict) -> Answer:
        """Answer a request that keeps to the contract."""
        below = path.removeprefix(f"/repos/{self.repository}")
        for verb, pattern, handler in _ROUTES:
            match = re.fullmatch(pattern, below)
            if path.startswith(f"/repos/{self.repository}") and verb == method and match:
                return handler(self, match, query, body)
        return refused(404, "Not Found")

    def open(self, title: str, body: str | None, head: str, base: str, draft: bool = False) -> PullState:
        """A new pull request, whoever opens it."""
        number = len(self.pulls) + 1
        pull = PullState(number, title, body, head, base, draft, self.sha(head) or "0" * 40, self.repository)
        self.pulls[number] = pull
        return pull

    def say(self, pull: PullState, body: str) -> int:
        """A new comment; its id."""
        self._last_comment += 1
        pull.comments.append((self._last_comment, body))
        return self._last_comment

    def rendered(self, pull: PullState, brief: bool = False) -> dict:
        """A pull request as the API shows it; `brief` as in lists."""
        shown = contract.example("pull-request-simple-items")[0] if brief else contract.example("pull-request")
        own = {"number": pull.number, "title": pull.title, "body": pull.body, "state": pull.state}
        page = f"https://github.com/{self.repository}/pull/{pull.number}"
        shown.update(own, draft=pull.draft, html_url=page, merged_at=pull.merged_at)
        if not brief:
            shown["merged"] = pull.merged_at is not None
        shown["labels"] = [{**contract.example("label-items")[0], "name": name} for name in pull.labels]
        sides = (("head", pull.head, pull.head_sha), ("base", pull.base, self.sha(pull.base) or "0" * 40))
        for side, ref, sha in sides:
            shown[side].update(ref=ref, label=f"{self.owner}:{ref}", sha=sha)
        shown["head"]["repo"]["full_name"] = pull.head_repository
        return shown


def _repository(forge: Forge, match: re.Match[str], query: dict[str, str], body: dict) -> Answer:
    shown = contract.example("full-repository-default-response")
    shown.update(full_name=forge.repository, name=forge.repository.partition("/")[2], has_discussions=False)
    shown["language"] = "Python"
    for above in ("parent", "source"):  # not a fork; and GitHub's examples of these lack what its schema demands
        shown.pop(above, None)
    return Answer(200, shown)


def _list(forge: Forge, match: re.Match[str], query: dict[str, str], body: dict) -> Answer:
    state, head, base = query.get("state", "open"), query.get("head"), query.get("base")
    found = [
        forge.rendered(pull, brief=True)
        for pull in reversed(forge.pulls.values())
        if state in ("all", pull.state)
        and head in (None, f"{pull.head_repository.partition('/')[0]}:{pull.head}")
        and base in (None, pull.base)
    ]
    return Answer(200, found)


def _create(forge: Forge, match: re.Match[str], query: dict[str, str], body: dict) -> Answer:
    if forge.permissions.get("pull_requests") != "write":
        return refused(403, "Resource not accessible by integration")
    if not forge.settings_allow:
        return refused(403, "GitHub Actions is not permitted to create or approve pull requests.")
    head, base = body["head"].removeprefix(f"{forge.owner}:"), body["base"]
    refusal = _refusal(forge, head, base, body.get("body") or "")
    if refusal is not None:
        return refusal
    return Answer(
        201, forge.rendered(forge.open(body["title"], body.get("body"), head, base, body.get("draft", False)))
    )


def _refusal(forge: Forge, head: str, base: str, text: str) -> Answer | None:
    for name, branch in (("head", head), ("base", base)):
        if forge.sha(branch) is None:
            return refused(422, "Validation Failed", {"resource": "PullRequest", "field": name, "code": "invalid"})
    if any((pull.head, pull.base, pull.state) == (head, base, "open") for pull in forge.pulls.values()):
        return invalid(f"A pull request already exists for {forge.owner}:{head}.")
    ahead = ["git", "rev-list", "-n1", f"{base}..{head}"]
    if not subprocess.run(ahead, cwd=forge.bare, capture_output=True, check=True).stdout:
        return invalid(f"No commits between {base} and {head}")
    return invalid("body is too long (maximum is 65536 characters)") if len(text) > 65536 else None


def _get(forge: Forge, match: re.Match[str], query: dict[str, str], body: dict) -> Answer:
    pull = forge.pulls.get(int(match[1]))
    return Answer(200, forge.rendered(pull)) if pull else refused(404, "Not Found")


def _update(forge: Forge, match: re.Match[str], query: dict[str, str], body: dict) -> Answer:
    pull = forge.pulls.get(int(match[1]))
    if pull is None:
        return refused(404, "Not Found")
    if forge.permissions.get("pull_requests") != "write":
        return refused(403, "Resource not accessible by integration")
    if len(body.get("body") or "") > 65536:
        return invalid("body is too long (maximum is 65536 characters)")
    if body.get("state") == "open" and pull.state == "closed" and forge.sha(pull.head) is None:
        return invalid(f"state cannot be changed. The {pull.head} branch has been deleted.")
    for name in ("title", "body", "state", "base"):
        setattr(pull, name, body.get(name, getattr(pull, name)))
    return Answer(200, forge.rendered(pull))


def _labels(forge: Forge, match: re.Match[str], query: dict[str, str], body: dict) -> Answer:
    pull = forge.pulls.get(int(match[1]))
    if pull is None:
        return refused(404, "Not Found")
    if forge.permissions.get("pull_requests") != "write":
        return refused(403, "Resource not accessible by integration")
    if forge.label_refused:
        return refused(422, "Validation Failed", {"resource": "Label", "code": "custom", "message": "no new labels"})
    for name in body["labels"]:
        if name.casefold() not in map(str.casefold, pull.labels):
            pull.labels.append(name)
    return Answer(200, [{**contract.example("label-items")[0], "name": name} for name in pull.labels])


def _comments(forge: Forge, match: re.Match[str], query: dict[str, str], body: dict) -> Answer:
    pull = forge.pulls.get(int(match[1]))
    if pull is None:
        return refused(404, "Not Found")
    return Answer(200, [_comment(number, text) for number, text in pull.comments])


def _say(forge: Forge, match: re.Match[str], query: dict[str, str], body: dict) -> Answer:
    pull = forge.pulls.get(int(match[1]))
    if pull is None:
        return refused(404, "Not Found")
    if forge.permissions.get("pull_requests") != "write":
        return refused(403, "Resource not accessible by integration")
    return Answer(201, _comment(forge.say(pull, body["body"]), body["body"]))


def _edit(forge: Forge, match: re.Match[str], query: dict[str, str], body: dict) -> Answer:
    for pull in forge.pulls.values():
        for place, (number, _) in enumerate(pull.comments):
            if number == int(match[1]):
                pull.comments[place] = (number, body["body"])
                return Answer(200, _comment(number, body["body"]))
    return refused(404, "Not Found")


def _comment(number: int, body: str) -> dict:
    return {**contract.example("issue-comment"), "id": number, "body": body}


_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "", _repository),
    ("GET", "/pulls", _list),
    ("POST", "/pulls", _create),
    ("GET", r"/pulls/(\d+)", _get),
    ("PATCH", r"/pulls/(\d+)", _update),
    ("POST", r"/issues/(\d+)/labels", _labels),
    ("GET", r"/issues/(\d+)/comments", _comments),
    ("POST", r"/issues/(\d+)/comments", _say),
    ("PATCH", r"/issues/comments/(\d+)", _edit),
)
