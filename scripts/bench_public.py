"""How far programs of the public get under observation, taken as they are: what `verify` runs before any fix.

A program *reached training* when a backward pass was seen, *evaluation* when the output of a model was used by none.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from torchfix_codemods.source.errors import TorchfixError
from torchfix_codemods.source.settings import Settings
from torchfix_codemods.source.verify_settings import VerifySettings
from torchfix_codemods.verify.client import Client
from torchfix_codemods.verify.closure import project_at
from torchfix_codemods.verify.entry import aside, is_program, required_arguments, trains
from torchfix_codemods.verify.recipe import recipe_for
from torchfix_codemods.verify.runs import RunReport
from torchfix_codemods.verify.sandbox import Sandbox, environment
from torchfix_codemods.verify.schedule import Options
from torchfix_codemods.verify.session import Session
from torchfix_codemods.verify.units import Variant
from torchfix_codemods.verify.verdict import cause_of, caveats_of

GOAL = 0.75  # the least share of programs that should reach training
_USUAL = ("train", "main", "run")  # what names of programs that train say, best first


@dataclass(frozen=True)
class Program:
    """A program of a project, both as they were given, and how it got on. `cause` is what a report would say."""

    project: str
    script: str
    status: str
    trained: int = 0
    steps: int = 0
    evaluated: int = 0
    graphs: int = 0
    needed: tuple[str, ...] = ()
    cause: str = ""
    seconds: float = 0.0

    @property
    def reached(self) -> bool:
        """Whether a model was trained at all."""
        return self.trained > 0


def programs_of(root: Path, count: int) -> list[str]:
    """The first `count` programs of a project that train: those without required arguments, `train.py` and the like."""
    project = project_at(root)
    found = [path for path in project.paths if is_program(project, path) and not aside(project, path)]

    def order(path: str) -> tuple[object, ...]:
        stem = Path(path).stem
        usual = next((place for place, word in enumerate(_USUAL) if word in stem.lower()), len(_USUAL))
        return bool(required_arguments(project, path)), usual, path.count("/"), path

    return sorted((path for path in found if trains(project, path)), key=order)[:count]


def observed(root: Path, script: str, overrides: VerifySettings) -> Program:
    """Run one program as `verify` runs it before any fix is made."""
    started = time.monotonic()
    runs: list[RunReport] = []
    try:
        with ExitStack() as stack:
            session, nothing = _session(root, script, overrides, stack), Variant(_no_text, ())
            runs.append(session.run(nothing, Options()))
            if not runs[0].ended_well and any(kind == "batch" for kind, _, _ in runs[0].notes):
                runs.append(session.run(nothing, Options(batch=0)))  # as `verify` does
    except TorchfixError as error:
        return Program(root.name, script, "not run", cause=str(error), seconds=time.monotonic() - started)
    return _told(root.name, script, runs, time.monotonic() - started)


def _session(root: Path, script: str, overrides: VerifySettings, stack: ExitStack) -> Session:
    recipe = recipe_for(root / script, None, Settings(), overrides, cwd=root)
    limits = recipe.limits
    sandbox = stack.enter_context(Sandbox(recipe.project, memory=limits.memory, seconds=limits.seconds))
    client = stack.enter_context(Client(sandbox, recipe.python, environment(os.environ, sandbox.folder, {})))
    return Session(recipe, sandbox, client, [], _no_text, lambda path, text: text.encode(), str)


def _no_text(path: str) -> str:
    raise AssertionError(f"no file is changed: {path}")


def _told(project: str, script: str, runs: Sequence[RunReport], seconds: float) -> Program:
    best = max(reversed(runs), key=lambda run: (run.ended_well, bool(run.backwards)))
    cause = "" if best.ended_well else cause_of(best) or str(best.failure or best.why or best.status)
    return Program(
        project,
        script,
        f"{best.status} ({best.why})" if best.why else best.status,
        len(best.backwards),
        len(best.steps),
        len(best.evaluations) if best.backwards else 0,
        sum(forward.graph for forward in best.evaluations) if best.backwards else 0,
        caveats_of([best]),
        cause,
        seconds,
    )


def line(program: Program) -> str:
    """One row of a table in Markdown."""
    reached = f"{program.trained} backwards, {program.steps} steps" if program.reached else "no"
    seen = f"{program.evaluated} ({program.graphs} with a graph)" if program.evaluated else "none"
    cells = (f"{program.project} {program.script}", reached, seen, program.status)
    return "| " + " | ".join((*cells, "; ".join(program.needed) or "-", program.cause or "-")) + " |"


def run(folders: Sequence[Path], count: int, overrides: VerifySettings, output: Path | None) -> Iterator[str]:
    """Run the programs of all folders; the table as it grows, and the share that reached training."""
    yield "| program | training | evaluation | end | needed | cause |\n|---|---|---|---|---|---|"
    programs: list[Program] = []
    for folder in folders:
        for script in programs_of(folder.resolve(), count):
            programs.append(observed(folder.resolve(), script, overrides))
            yield line(programs[-1])
            if output is not None:
                output.write_text(json.dumps([asdict(p) for p in programs], indent=1) + "\n", encoding="utf-8")
    reached = sum(program.reached for program in programs)
    share = f" ({reached / len(programs):.0%})" if programs else ""
    yield f"{reached} of {len(programs)} reached training{share}, goal: at least {GOAL:.0%}"
