"""A request as it is made at the top of a repository: there paths and ids are those of the repository."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from torchfix_codemods.pipeline import Request
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
    """The same request, made at the top of its repository."""
    paths = [os.path.relpath(os.path.realpath(request.cwd / path), top) for path in request.paths]
    return replace(request, cwd=top, paths=tuple(Path(path).as_posix() for path in paths))
