"""From a revision as people write it to the commit that is meant, or one line on why there is none."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from torchfix_codemods.source.errors import GitFailed, UsageError
from torchfix_codemods.source.run_git import GitRun

#: Runs git in the repository with these words.
Git = Callable[..., GitRun]

_OBJECT = re.compile(r"[0-9a-f]{40,64}")
_HASH = re.compile(r"[0-9a-f]{4,64}")
#: What git says where it has nothing to say.
_NOTHING = "Needed a single revision"
_NOT_HERE = "there is no such commit in this clone"


def commit_of(git: Git, rev: str) -> str:
    """The full name of the commit that a revision stands for.

    Raises `UsageError` with the reason and the cure where it stands for none, `GitFailed` where git cannot tell.
    """
    if not rev.strip() or rev.startswith("-") or "\0" in rev:
        raise UsageError(f"--since '{rev}': that is no revision")
    done = git("rev-parse", "--verify", "--end-of-options", rev)
    name = os.fsdecode(done.out).strip()
    if done.code or not _OBJECT.fullmatch(name):
        _refuse_unless_broken(git, rev, done)
    peeled = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if peeled.code:
        raise UsageError(f"--since {rev}: {_instead(git, name) or _NOT_HERE + cure(git, rev)}")
    return os.fsdecode(peeled.out).strip()


def cure(git: Git, rev: str) -> str:
    """How to get what a clone lacks, in brackets after a blank; empty where fetching would not help."""
    name = rev.removeprefix("origin/")
    # With its goal: a clone of one branch would keep the name of no other.
    goal = f" origin {name}:{name if name == rev else 'refs/remotes/' + rev}" if _is_plain(git, name) else ""
    if is_shallow(git):
        return f" (the clone is shallow: `git fetch --unshallow{goal}`, in a workflow `fetch-depth: 0`)"
    return f" (fetch it first: `git fetch{goal}`)" if goal else ""


def is_shallow(git: Git) -> bool:
    """Whether the history of the clone is cut off."""
    return git("rev-parse", "--is-shallow-repository").out.strip() == b"true"


def _is_plain(git: Git, name: str) -> bool:
    """Whether this is the name of a branch or a tag, and not a way to a commit."""
    if name == "HEAD" or _HASH.fullmatch(name):
        return False
    return git("check-ref-format", "--allow-onelevel", name).code == 0


def _refuse_unless_broken(git: Git, rev: str, done: GitRun) -> None:
    """Raise `UsageError` with what git says of a revision; `GitFailed` where it can't read the repository at all."""
    if git("rev-parse", "--git-dir").code:
        raise GitFailed(f"git rev-parse: {done.said}")
    said = _said(done).removeprefix(f"{rev}: ")
    if said:
        raise UsageError(f"--since {rev}: {said}")
    if done.out:
        raise UsageError(f"--since {rev}: that is a range, no single commit")
    if rev.startswith(":/") or "^{/" in rev:
        raise UsageError(f"--since {rev}: no commit has a message like that{cure(git, rev)}")
    raise UsageError(f"--since {rev}: {_NOT_HERE}{cure(git, rev)}")


def _said(done: GitRun) -> str:
    """The reason that git gives, empty where it gives none."""
    for line in os.fsdecode(done.err).splitlines():
        kind, _, text = line.partition(": ")
        if kind in ("error", "fatal") and text != _NOTHING:
            return text
    return ""


def _instead(git: Git, name: str) -> str:
    """What an object is that is no commit, empty where there is no such object."""
    inner = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{}}")
    found = git("cat-file", "-t", os.fsdecode(inner.out).strip()) if inner.code == 0 else inner
    return f"it is a {os.fsdecode(found.out).strip()}, no commit" if found.code == 0 else ""
