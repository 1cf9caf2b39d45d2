"""The folders around given paths: where the search for settings begins, and the project that files belong to."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from torchfix_codemods.source.ignore import git_root


def holding_folder(cwd: Path, paths: Iterable[str]) -> Path:
    """The folder that holds all given paths, the working folder where there is none (two drives)."""
    try:
        common = Path(os.path.commonpath([os.path.abspath(cwd / path) for path in paths]))
    except ValueError:
        return cwd
    return common if os.path.isdir(common) else common.parent  # not Path.is_dir, which raises behind closed folders


def project_around(folder: Path, settings_root: Path | None) -> Path:
    """The project that a folder belongs to: its git repository, else the folder of the settings, else itself.

    A home folder or the top of a disk is no project, even where it is a repository.
    """
    real = Path(os.path.realpath(folder))
    found = git_root(str(real))
    candidates = [Path(found)] if found else []
    candidates += [Path(os.path.realpath(settings_root))] if settings_root is not None else []
    return next((root for root in candidates if real.is_relative_to(root) and not is_too_much(root)), real)


def is_too_much(folder: Path) -> bool:
    """Whether a folder holds all kinds of things: the home of the user, the one for temporary files, any above."""
    import tempfile  # dear to import, and only --project asks

    everybodys = [Path(os.path.realpath(place)) for place in (os.path.expanduser("~"), tempfile.gettempdir())]
    return folder == Path(folder.anchor) or any(folder == place or folder in place.parents for place in everybodys)
