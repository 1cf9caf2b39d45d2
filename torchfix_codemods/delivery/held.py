"""What git holds of the files that would change: what may be committed, and what stands in the way."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from torchfix_codemods.delivery.choice import Committable
from torchfix_codemods.delivery.repository import Repository
from torchfix_codemods.delivery.worktree import worktree_form
from torchfix_codemods.source.errors import WriteRefused, name_some
from torchfix_codemods.source.git import dirty_files


def committable_in(repository: Repository, paths: Iterable[str]) -> Committable:
    """What may be committed of `paths` (from the top): plain files of HEAD whose bytes on disk are those of HEAD."""
    tracked = repository.tracked(paths)

    @cache
    def blob(path: str) -> bytes:
        return repository.blob(tracked[path].blob)

    return lambda path, raw, new: worktree_form(new, raw, blob(path)) if path in tracked else None


def refuse_dirty(repository: Repository, paths: Iterable[str]) -> None:
    """Raise `WriteRefused` if a file of HEAD among `paths` has changes that are not committed."""
    wanted = {Path(repository.root, path): path for path in repository.tracked(paths)}
    dirty = sorted(wanted[real] for real in dirty_files(wanted) if real in wanted)
    if dirty:
        verb = "is" if len(dirty) == 1 else "are"
        raise WriteRefused(f"{name_some(dirty)} would change and {verb} not committed: commit or stash first")
