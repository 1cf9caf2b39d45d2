"""One step of the Action in a folder, as the runner starts it: variables in; exit code, log, outputs, summary out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner_log import obeyed, read_outputs

from torchfix_codemods.delivery.action.inputs import variable

MODULE = "torchfix_codemods.delivery.action"
ROOT = Path(__file__).resolve().parents[2]
SAMPLE = Path(__file__).resolve().parent / "sample"


@dataclass(frozen=True)
class Done:
    """What a step left."""

    code: int
    log: str
    outputs: Mapping[str, str]
    summary: str

    @property
    def commands(self) -> list[str]:
        """The lines of the log that the runner obeys."""
        return obeyed(self.log)


def step(folder: Path, *, environ: Mapping[str, str] | None = None, event: Any = None, **inputs: str) -> Done:
    """Run one step in `folder`; `environ` are further variables, `inputs` those of the Action."""
    files = folder.parent / f"{folder.name}-runner"
    files.mkdir(exist_ok=True)
    known = {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "HOME": str(files),
        "GITHUB_WORKSPACE": str(folder),
        "RUNNER_TEMP": str(files),
        "GITHUB_OUTPUT": str(files / "output"),
        "GITHUB_STEP_SUMMARY": str(files / "summary"),
        "GITHUB_REPOSITORY": "o/r",
    }
    for name in ("output", "summary"):
        (files / name).write_text("")
    if event is not None:
        (files / "event.json").write_text(json.dumps(event))
        known["GITHUB_EVENT_PATH"] = str(files / "event.json")
    given = {variable(name): value for name, value in inputs.items()}
    run = f"import runpy; runpy.run_module({MODULE!r}, run_name='__main__')"
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {run}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", start],
        cwd=folder,
        env={**known, **given, **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
    )
    outputs = read_outputs((files / "output").read_text())
    return Done(done.returncode, done.stdout.decode(), outputs, (files / "summary").read_text())


def make_workspace(folder: Path) -> Path:
    """A repository that trains in a second, with a softmax too many and a graph kept."""
    shutil.copytree(SAMPLE, folder)
    for line in ("init -q -b main", "add -A", "-c user.name=u -c user.email=u@localhost commit -qm all"):
        subprocess.run(["git", *line.split()], cwd=folder, check=True, capture_output=True)
    return folder
