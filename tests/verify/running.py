"""Programs of the tests, run by the observer without a sandbox; one observer serves a whole test session."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from torchfix_codemods.verify.client import Client
from torchfix_codemods.verify.runs import RunReport

LIMITS = {"inner": 4, "outer": 2, "steps": 64, "forwards": 2000, "seconds": 20, "batch": 16}


class PlainStarter:
    """Starts programs as they are: what a sandbox does is tested elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.apart = folder

    def start(self, argv: list[str], **options: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(argv, start_new_session=True, **options)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Programs:
    """Writes programs and runs them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._client = Client(PlainStarter(folder), sys.executable, {**os.environ, "OMP_NUM_THREADS": "1"})

    def run(self, files: dict[str, str] | str, script: str = "main.py", **job: Any) -> RunReport:
        """Run a program (a text, or texts by path) in a folder of its own; `limits` are given beside the job's own."""
        root = self._folder / f"program{next(self._numbers)}"
        for path, text in ({"main.py": files} if isinstance(files, str) else files).items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(textwrap.dedent(text))
        limits = {**LIMITS, **job.pop("limits", {})}
        try:
            return self._client.run({"script": str(root / script), "root": str(root), "limits": limits, **job})
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def close(self) -> None:
        self._client.close()
