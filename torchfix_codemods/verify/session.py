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
from torchfix_codemods.verify.sandbox import Sandbox, environment
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
        """One run of the project with the units of a variant made, in a fresh copy.

        Where it fails late (a GPU, a value changed in place), one more run brings the error to its line.
        """
        report = self._once(variant, options, {})
        message = report.failure.message if report.failure else ""
        again: dict[str, Any] = {}
        if "CUDA error" in message:
            again = {"env": {"CUDA_LAUNCH_BLOCKING": "1"}}
        elif "inplace operation" in message:
            again = {"anomaly": True}
        second = self._once(variant, options, again) if again else report
        return second if second.failure is not None else report

    def on_shadow_devices(self, variant: Variant) -> str:
        """What a GPU might refuse that the CPU does not: one more run in which each tensor remembers its device."""
        further = {"shadow": True, "device": "cpu-redirect"}
        failure = self._once(variant, Options(), further).failure
        return str(failure) if failure is not None and failure.kind == "ShadowMismatch" else ""

    def _once(self, variant: Variant, options: Options, further: Mapping[str, Any]) -> RunReport:
        self.runs += 1
        name = f"run{next(self._numbers)}"
        texts = {self._within(path): self._encode(path, text) for path, text in variant.texts.items()}
        root = self._sandbox.variant(name, texts)
        try:
            return self._run_in(root, variant, options, further)
        finally:
            self._sandbox.discard(root)

    def _run_in(self, root: Path, variant: Variant, options: Options, further: Mapping[str, Any]) -> RunReport:
        failed = self._prepared(root)
        if failed is not None:
            return RunReport(status="crashed", failure=failed)
        marks = variant.marks(self._within) if variant.units else self._marks
        job = self._job(root, marks, options)
        env = {**job["env"], **further.get("env", {})}
        return self._client.run({**job, **further, "env": env})

    def _job(self, root: Path, marks: Mapping[str, list[Mark]], options: Options) -> dict[str, Any]:
        recipe = self.recipe
        limits = asdict(recipe.limits)
        if options.batch is not None:
            limits["batch"] = options.batch
        limits["evaluating"] = options.evaluating
        return {
            "v": 1,
            "script": str(root / recipe.script),
            "module": recipe.module_name,
            "paths": [str(root / path) for path in recipe.paths],
            "project": str(recipe.project),
            "args": list(recipe.args),
            "root": str(root),
            "cwd": str(root / recipe.folder),
            "writable": list(self._sandbox.writable),
            "contained": self._sandbox.contained,
            "env": {**_own_folders(root.parent), **dict(recipe.env)},
            "homes": [os.path.expanduser("~")],
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
                cwd=root / self.recipe.folder,
                env={**self._client.env, **dict(self.recipe.env)},
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
                last = output.decode("utf-8", "replace").strip().splitlines()[-1:]
                told = ": ".join((f"{' '.join(command)}: exit code {process.returncode}", *last))
                return Failure("PrepareFailed", told, None)
        return None


def _own_folders(place: Path) -> dict[str, str]:
    """A home and folders for temporary files of a run's own: what one run leaves there, no other may find."""
    found = {n: v for n, v in environment({}, place, {}).items() if Path(v).is_relative_to(place)}
    for folder in found.values():
        os.makedirs(folder, exist_ok=True)
    return found
