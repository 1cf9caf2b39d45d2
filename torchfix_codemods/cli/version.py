"""Which torchfix this is. Imports nothing that costs: `--version` must be as cheap as it looks."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder

from torchfix_codemods import __version__

VERSION_LINE = f"torchfix-codemods {__version__} (rewrites PyTorch code; not PyPI's torchfix, the linter by Meta)"

CLASH = (
    "warning: the distribution `torchfix` (Meta's linter) is installed in this environment too. Both install a command"
    " `torchfix`, the one installed last owns it, and uninstalling either deletes it. `torchfix-codemods` and"
    " `python -m torchfix_codemods` always mean this program."
)


def other_torchfix_installed() -> bool:
    """Whether the other project's import package is here. (Not by its metadata: reading that costs more than click.)"""
    return PathFinder.find_spec("torchfix") is not None


def print_version() -> int:
    """Print the version on standard output and, on standard error, the name clash if there is one."""
    print(VERSION_LINE)
    if other_torchfix_installed():
        print(CLASH, file=sys.stderr)
    return 0
