"""A request as it is made at the top of a repository: there paths and ids are those of the repository."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from torchfix_codemods.pipeline import Request
from torchfix_codemods.rules.registry import wished_rules
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.git import repository_root


def top_of(cwd: Path, paths: Iterable[str]) -> Path:
    """The top of the one repository that holds all paths. Raises `UsageError` where there is no such one."""
    places = [os.path.realpath(cwd / path) for path in paths]
    tops = {repository_root(Path(place if os.path.isdir(place) else os.path.dirname(place))) for place in places}
    found = tops.pop() if len(tops) == 1 else None
    if found is None:
        raise UsageError("pull requests are made of the files of one git repository: all paths must lie in one")
    return found


def from_top(request: Request, top: Path) -> Request:
    """The same request, made at the top of its repository; what it leaves out stays the same."""
    paths = [os.path.relpath(os.path.realpath(request.cwd / path), top) for path in request.paths]
    counted_from = request.exclude_from or request.cwd
    return replace(request, cwd=top, exclude_from=counted_from, paths=tuple(Path(path).as_posix() for path in paths))


def is_whole(request: Request) -> bool:
    """Whether a request from the top looks at the whole repository, with every rule; settings may leave something out.

    Only such a run knows that nothing is left to propose. The level is not asked: how far fixes go is a decision, as
    settings are.
    """
    rules = {rule.code for rule in wished_rules(request.settings)}
    return (
        "." in request.paths
        and not request.exclude
        and request.since is None
        and request.baseline == request.settings.baseline_file
        and rules <= {rule.code for rule in request.rules}
    )
