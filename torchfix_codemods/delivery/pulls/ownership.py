"""Whether a branch holds our commits and nothing else: only then may it be overwritten.

The commits themselves are asked, not the mark in the pull request's body, which everybody who may write there can
change. The mark can only speak against us.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torchfix_codemods.delivery.git.objects import Commit, Person
from torchfix_codemods.delivery.git.repository import BOT, BOT_MAIL, Repository
from torchfix_codemods.delivery.pulls.marker import Marker

#: Who makes the merge commit when somebody presses "Update branch" on GitHub.
WEB_FLOW = ("GitHub", "noreply@github.com")
_COMMITS = 200
_TRAILERS = re.compile(r"^Torchfix-Rule: (\S.*)\n(?:.+\n)*?Torchfix-Version: \S", re.MULTILINE)


@dataclass(frozen=True)
class Ours:
    """What stands on a branch that is ours alone.

    `base` is the newest commit of the base branch in it; `rules` are the codes of the rules that its commits are of,
    `files` the paths that they change.
    """

    base: str
    rules: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()


#: What we have where there is no branch, or where nobody needs to ask.
NOTHING = Ours("")


def ours(repository: Repository, tip: str, bases: Iterable[str], marker: Marker | None) -> Ours | None:
    """What `tip` has on top of one of the `bases` (commits of base branches); None where somebody else made any of it,
    and where it has nothing there: that may be anybody's branch.

    What "Update branch" merged in is nothing of anybody's own. A branch from which somebody took commits away counts as
    theirs: it stands on the commit that `marker` tells, and is at none of those that `marker` tells. History must reach
    back to where `tip` and the bases part (`Remote.fetch_together`).
    """
    found = (_ours_above(repository, tip, base, marker) for base in bases)
    return next((one for one in found if one is not None), None)


def _ours_above(repository: Repository, tip: str, base: str, marker: Marker | None) -> Ours | None:
    own, merged = _below_updates(repository, tip, base)
    above = repository.commits(base, own, _COMMITS)
    if not above:
        return None
    if len(above) == _COMMITS or not all(is_our_commit(commit) for commit in above):
        return None
    standing = above[-1].parents[0]
    if marker is not None and own not in (marker.head, *marker.tried) and standing == marker.base:
        return None
    return Ours(merged or standing, _rules(above), frozenset(repository.changed(standing, own)))


def is_our_commit(commit: Commit) -> bool:
    """Whether a commit has one parent, and the people and the trailers of those that we make."""
    people = _who(commit.author) == _who(commit.committer) == (BOT, BOT_MAIL)
    return people and len(commit.parents) == 1 and _TRAILERS.search(commit.message) is not None


def _rules(commits: Sequence[Commit]) -> frozenset[str]:
    found = (_TRAILERS.search(commit.message) for commit in commits)
    return frozenset(trailers[1].strip() for trailers in found if trailers is not None)


def _below_updates(repository: Repository, tip: str, base: str) -> tuple[str, str]:
    """The commit below the merges of the base branch that GitHub made on top, each exactly as git would make it.

    With it the commit of the base branch that the last of them brought; "" where there are none.
    """
    newest = ""
    for _ in range(_COMMITS):
        commit = repository.read(tip)
        if len(commit.parents) != 2 or _who(commit.committer) != WEB_FLOW:
            break
        first, second = commit.parents
        if not repository.is_ancestor(second, base) or repository.merged_tree(first, second) != commit.tree:
            break
        tip, newest = first, newest or second
    return tip, newest


def _who(person: Person) -> tuple[str, str]:
    return person.name, person.mail
