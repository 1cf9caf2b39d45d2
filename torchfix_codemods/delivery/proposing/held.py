"""Whether files that would change have changes of their own, which no commit of ours may hide or carry along."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from torchfix_codemods.delivery.git.repository import Repository
from torchfix_codemods.source.errors import WriteRefused, name_some
from torchfix_codemods.source.git import behind_filters, dirty_files


def refuse_dirty(repository: Repository, paths: Iterable[str]) -> None:
    """Raise `WriteRefused` if a file of HEAD among `paths` (from the top) has changes that are not committed.

    Git is asked, and not the bytes: those of a file that goes through a filter differ from what git holds at all times.
    """
    wanted = {Path(repository.root, path): path for path in repository.tracked(paths)}
    changed = {wanted[real] for real in dirty_files(wanted) if real in wanted}
    # What goes through a filter can't be told from what was changed; no commit of ours touches it where it differs.
    dirty = sorted(changed.difference(behind_filters(repository.root, changed)))
    if dirty:
        verb = "is" if len(dirty) == 1 else "are"
        raise WriteRefused(f"{name_some(dirty)} would change and {verb} not committed: commit or stash first")
