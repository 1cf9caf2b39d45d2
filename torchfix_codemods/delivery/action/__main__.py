"""The entry of the Action: `python -I -m torchfix_codemods.delivery.action`, in a step of a workflow.

Exit codes: 0 done; 1 `fail-on` asked for it; 2 an input, a setting, a refusal or an internal error; 3 a run showed
that a fix makes something worse, and `fail-on` asked for it; 4 git or GitHub failed.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

from torchfix_codemods.delivery.action.inputs import read_inputs
from torchfix_codemods.delivery.action.mode_pr import propose
from torchfix_codemods.delivery.action.modes import check, verify
from torchfix_codemods.delivery.action.runner import Runner, command, mask
from torchfix_codemods.delivery.action.step import Step
from torchfix_codemods.source.errors import OutsideFailed, TorchfixError

FAILED = 2
OUTSIDE_FAILED = 4
INTERRUPTED = 130
TITLE = "torchfix"


def main(environ: Mapping[str, str]) -> int:
    """Run one step with these variables and return its exit code; what goes wrong is one annotation."""
    _tolerate_any_text()
    try:
        return _run(environ)
    except KeyboardInterrupt:
        command("error", "interrupted", TITLE)
        return INTERRUPTED
    except TorchfixError as error:
        command("error", str(error), TITLE)
        return OUTSIDE_FAILED if isinstance(error, OutsideFailed) else FAILED
    except Exception as error:
        command("error", f"internal error: {error!r} (please report it)", TITLE)
        return FAILED


def _run(environ: Mapping[str, str]) -> int:
    inputs = read_inputs(environ)
    if inputs.token:
        mask(inputs.token)
    step = Step(inputs, Runner(environ), Path.cwd())
    with warnings.catch_warnings():
        # Other people's code is parsed here; its invalid escapes are not this run's business.
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return {"check": check, "verify": verify, "pr": propose}[inputs.mode](step)


def _tolerate_any_text() -> None:
    """UTF-8 in the log whatever the runner's locale; a lone surrogate of a file name becomes an escape."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")


if __name__ == "__main__":
    sys.exit(main(os.environ))
