"""Runs programs under the stand-ins and the shims, each in a process of its own, with torch imported once for all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

#: Packages that a developer may have installed: hidden, so that the tests see the stand-ins everywhere.
HIDDEN = (
    "torchvision PIL matplotlib seaborn tensorboard tensorboardX tensorboard_logger wandb visdom tqdm progress "
    "imageio termcolor colorama"
).split()

CHILDREN = """
import json, os, sys, traceback, types
import torch
from torchfix_codemods.verify.observer import legacy, standins
from torchfix_codemods.verify.observer.notes import Notes

jobs, hidden = json.loads(sys.stdin.read())


class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        spec = self.finder.find_spec(name, path, target)
        own = spec is not None and str(spec.origin).startswith(os.getcwd())
        return spec if own or name.split(".")[0] not in hidden else None


def run(job):
    os.chdir(job["folder"])
    sys.path.insert(0, job["folder"])
    sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    notes, error = Notes(), ""
    try:
        standins.install(set(job["kinds"]), job["folder"], 0, notes)
        if job["legacy"]:
            legacy.install(notes)
        main = types.ModuleType("__main__")
        main.__dict__.update(__file__="main.py", notes=notes)
        sys.modules["__main__"] = main
        sys.argv = ["main.py"]
        text = job["source"].encode()
        exec(compile(legacy.source(text) if job["legacy"] else text, "main.py", "exec"), main.__dict__)
    except BaseException:
        error = traceback.format_exc()
    sys.stdout.flush()
    return {"notes": notes.told(), "error": error}


for job in jobs:
    child = os.fork()
    if child == 0:
        with open(job["output"], "w") as printed:
            os.dup2(printed.fileno(), 1)
            result = run(job)
        with open(job["result"], "w") as file:
            json.dump(result, file)
        os._exit(0)
    os.waitpid(child, 0)
"""


@dataclass(frozen=True)
class Program:
    """What is to be run, in a folder of its own."""

    source: str
    kinds: tuple[str, ...] = ("torchvision", "datasets", "inert", "folders", "terminal")
    legacy: bool = True
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a program ended: its last lines, a traceback if it had one, and what it was given, with counts."""

    output: str
    error: str
    notes: dict[tuple[str, str], int]
    folder: Path

    @property
    def values(self) -> list[str]:
        """What it has printed, line by line."""
        return self.output.splitlines()


def run_all(programs: dict[str, Program], folder: Path, hidden: list[str] | None = None) -> dict[str, Outcome]:
    """Run every program; the outcome of each by its name."""
    jobs = []
    for name, program in programs.items():
        place = folder / name
        place.mkdir(parents=True)
        for path, text in program.files.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(text)
        jobs.append(
            {
                "folder": str(place),
                "source": program.source,
                "kinds": program.kinds,
                "legacy": program.legacy,
                "output": str(folder / f"{name}.out"),
                "result": str(folder / f"{name}.json"),
            }
        )
    text = json.dumps([jobs, HIDDEN if hidden is None else hidden])
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILDREN], input=text, text=True, check=True, env=dict(os.environ)
    )
    return {name: _outcome(folder, name) for name in programs}


def _outcome(folder: Path, name: str) -> Outcome:
    result = json.loads((folder / f"{name}.json").read_text())
    notes = {(kind, what): count for kind, what, count in result["notes"]}
    return Outcome((folder / f"{name}.out").read_text(), result["error"], notes, folder / name)
