"""Whether a branch holds our commits and nothing else: only then may it be overwritten.

The commits themselves are asked, not the mark in the pull request's body, which everybody who may write there can
change. The mark can only speak against us.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from torchfix_codemods.delivery.git.objects import Commit, Person
from torchfix_codemods.delivery.git.repository import BOT, BOT_MAIL, Repository
from torchfix_codemods.delivery.pulls.marker import Marker

#: Who makes the merge commit when somebody presses "Update branch" on GitHub.
WEB_FLOW = ("GitHub", "noreply@github.com")
_COMMITS = 200
_TRAILERS = re.compile(r"^Torchfix-Rule: \S.*\n(?:.+\n)*?Torchfix-Version: \S", re.MULTILINE)


def is_ours(repository: Repository, tip: str, bases: Iterable[str], marker: Marker | None) -> bool:
    """Whether `tip` has nothing on top of the `bases` (commits of base branches) that somebody else made.

    What "Update branch" merged in is nothing of anybody's own. A branch from which somebody took commits away counts as
    theirs: it stands on the commit that `marker` tells, and is not at the one that `marker` tells.
    """
    return any(_is_ours_above(repository, tip, base, marker) for base in bases if repository.has(base))


def _is_ours_above(repository: Repository, tip: str, base: str, marker: Marker | None) -> bool:
    own = _below_updates(repository, tip, base)
    above = repository.commits(base, own, _COMMITS)
    if not above:
        return True
    if len(above) == _COMMITS or not all(is_our_commit(commit) for commit in above):
        return False
    standing = above[-1].parents[0]
    return marker is None or own == marker.head or standing != marker.base


def is_our_commit(commit: Commit) -> bool:
    """Whether a commit has one parent, and the people and the trailers of those that we make."""
    people = _who(commit.author) == _who(commit.committer) == (BOT, BOT_MAIL)
    return people and len(commit.parents) == 1 and _TRAILERS.search(commit.message) is not None


def _below_updates(repository: Repository, tip: str, base: str) -> str:
    """The commit below the merges of the base branch that GitHub made on top, each exactly as git would make it."""
    for _ in range(_COMMITS):
        commit = repository.read(tip)
        if len(commit.parents) != 2 or _who(commit.committer) != WEB_FLOW:
            break
        first, second = commit.parents
        if not repository.is_ancestor(second, base) or repository.merged_tree(first, second) != commit.tree:
            break
        tip = first
    return tip


def _who(person: Person) -> tuple[str, str]:
    return person.name, person.mail
