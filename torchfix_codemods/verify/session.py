"""One script in one sandbox: every run gets a copy of the project of its own, and a job that says how far to go."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from torchfix_codemods.verify.client import Client
from torchfix_codemods.verify.recipe import Recipe
from torchfix_codemods.verify.runs import Failure, RunReport
from torchfix_codemods.verify.sandbox import Sandbox
from torchfix_codemods.verify.schedule import Options
from torchfix_codemods.verify.units import Mark, Unit, Variant, Within, marks_before

_PREPARE_SECONDS = 600.0


class Session:
    """Makes runs of a recipe. `units` are all fixes that may be made; `encode` gives the bytes of a changed text."""

    def __init__(
        self,
        recipe: Recipe,
        sandbox: Sandbox,
        client: Client,
        units: list[Unit],
        text: Callable[[str], str],
        encode: Callable[[str, str], bytes],
        within: Within,
    ) -> None:
        self.recipe = recipe
        self.runs = 0
        self._sandbox = sandbox
        self._client = client
        self._units = units
        self._text = text
        self._encode = encode
        self._within = within
        self._numbers = count(1)
        self._marks = marks_before(units, text, within)

    def run(self, variant: Variant, options: Options) -> RunReport:
        """One run of the project with the units of a variant made, in a fresh copy."""
        self.runs += 1
        name = f"run{next(self._numbers)}"
        texts = {self._within(path): self._encode(path, text) for path, text in variant.texts.items()}
        root = self._sandbox.variant(name, texts)
        failed = self._prepared(root)
        if failed is not None:
            return RunReport(status="crashed", failure=failed)
        marks = variant.marks(self._within) if variant.units else self._marks
        return self._client.run(self._job(root, marks, options))

    def _job(self, root: Path, marks: Mapping[str, list[Mark]], options: Options) -> dict[str, Any]:
        recipe = self.recipe
        limits = asdict(recipe.limits)
        if options.batch is not None:
            limits["batch"] = options.batch
        return {
            "v": 1,
            "script": str(root / recipe.script),
            "module": recipe.module,
            "args": list(recipe.args),
            "root": str(root),
            "cwd": str(root / recipe.folder),
            "writable": [str(self._sandbox.folder)],
            "env": dict(recipe.env),
            "seed": options.seed,
            "fixed_seeds": options.fixed_seeds,
            "repeat": options.repeat,
            "hold": options.hold,
            "limits": limits,
            "device": recipe.device,
            "standins": list(recipe.standins),
            "guard": True,
            "marks": marks,
        }

    def _prepared(self, root: Path) -> Failure | None:
        """Run the commands of `prepare` in a fresh copy; what went wrong, if something did."""
        for command in self.recipe.prepare:
            process = self._sandbox.start(
                list(command),
                cwd=root,
                env=self._client.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            try:
                output, _ = process.communicate(timeout=_PREPARE_SECONDS)
            except subprocess.TimeoutExpired:
                self._sandbox.kill(process)
                return Failure("PrepareFailed", f"{' '.join(command)}: no end after {_PREPARE_SECONDS:.0f} s", None)
            if process.returncode:
                last = output.decode("utf-8", "replace").strip().splitlines()[-1:] or [""]
                return Failure("PrepareFailed", f"{' '.join(command)}: code {process.returncode}: {last[0]}", None)
        return None


def repeat_command(recipe: Recipe) -> str:
    """What to type to make the runs again."""
    import shlex

    script = os.path.relpath(recipe.project / recipe.script)
    args = f" -- {shlex.join(recipe.args)}" if recipe.args else ""
    return f"torchfix verify {shlex.quote(script)}{args}"
