"""Names of files that do not depend on where somebody stands: fingerprints and baselines are made with them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from torchfix_codemods.source.ignore import git_root


def stable_paths(cwd: Path, settings_root: Path | None, real_of: Callable[[str], str]) -> Callable[[str], str]:
    """A function from shown paths to stable ones, both posix strings; what it has found it remembers.

    A stable path counts from the top of the git repository that holds the file, else from the folder of the settings
    file, else from the working folder; where the file lies below none of them, it is the shown path. `real_of` gives
    the real place behind a shown path.
    """
    bases = [os.path.realpath(base) for base in (settings_root, cwd) if base is not None]
    root_of = cache(git_root)

    def stable(path: str) -> str:
        real = real_of(path)
        root = root_of(os.path.dirname(real))
        below = [base for base in (root, *bases) if base is not None and _is_below(real, base)]
        return Path(os.path.relpath(real, below[0])).as_posix() if below else path

    return cache(stable)


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(os.path.join(folder, ""))
