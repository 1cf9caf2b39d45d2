"""The entry of both console commands and of `python -m torchfix_codemods`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. `--version` is answered before anything heavy is imported: people put it in scripts."""
    if sys.argv[1:] == ["--version"]:
        from torchfix_codemods.cli.version import print_version

        sys.exit(print_version())
    try:
        from torchfix_codemods.cli.main import run

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # during the imports, which take long enough, or a second one while the first is told
        sys.stderr.write("interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
