"""A plan's fixes, each with its verdict: which scripts to run, the runs, and the best that any of them showed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from torchfix_codemods.findings import Finding
from torchfix_codemods.rewrite.compose import PlannedEdit
from torchfix_codemods.source.errors import TorchfixError
from torchfix_codemods.source.notebooks import SUFFIX
from torchfix_codemods.verify.client import Client
from torchfix_codemods.verify.model import ScriptRun, Verdict, VerdictName, Verification
from torchfix_codemods.verify.recipe import Recipe
from torchfix_codemods.verify.runs import RunReport
from torchfix_codemods.verify.sandbox import Sandbox, environment
from torchfix_codemods.verify.schedule import Judged, Schedule, Told
from torchfix_codemods.verify.series import series_of
from torchfix_codemods.verify.session import Session
from torchfix_codemods.verify.tasks import Files, Wish, repeat_command, tasks_for
from torchfix_codemods.verify.units import Unit, Variant, units_of
from torchfix_codemods.verify.verdict import caveats_of

#: Why a fix in a notebook has no verdict.
NO_SCRIPT = "it is in a notebook: only scripts (.py) are run"
#: Which verdict of several scripts counts: one that speaks against a fix, then the best.
_ORDER = (
    VerdictName.REGRESSED,
    VerdictName.FIXED_CRASH,
    VerdictName.IMPROVED,
    VerdictName.CHANGED_AS_INTENDED,
    VerdictName.EQUIVALENT,
    VerdictName.NOT_FIXED,
    VerdictName.NO_EFFECT,
    VerdictName.PREMISE_ABSENT,
    VerdictName.INCONCLUSIVE,
    VerdictName.NOT_EXERCISED,
    VerdictName.CANNOT_RUN,
    VerdictName.NOT_RUN,
)


def verify(
    findings: Iterable[Finding],
    planned: Sequence[PlannedEdit],
    files: Files,
    wish: Wish,
    told: Told = lambda phase, done, about: None,
) -> Verification:
    """A verdict for every finding whose fix is planned. Raises `UsageError` for a script that is not there."""
    every = units_of(findings, planned)
    units = [unit for unit in every if not _in_notebook(unit)]
    verdicts = {f.id: _not_run(f, NO_SCRIPT) for unit in every if unit not in units for f in unit.findings}
    if not units:
        return Verification(verdicts)
    tasks, unreached = tasks_for(units, files, wish)
    verdicts |= {finding.id: _not_run(finding, reason) for unit, reason in unreached for finding in unit.findings}
    scripts: list[ScriptRun] = []
    with ExitStack() as stack:
        houses = _Houses(stack)
        for recipe, concerned in tasks:
            ran, found = _ran(recipe, concerned, files, houses, wish, told)
            scripts.append(ran)
            for verdict in found:
                known = verdicts.get(verdict.finding)
                if known is None or _ORDER.index(verdict.name) < _ORDER.index(known.name):
                    verdicts[verdict.finding] = verdict
    return Verification(verdicts, tuple(scripts))


def _in_notebook(unit: Unit) -> bool:
    return any(edit.path.endswith(SUFFIX) for edit in unit.edits)


def _not_run(finding: Finding, reason: str) -> Verdict:
    return Verdict(finding.id, VerdictName.NOT_RUN, reason)


# --- the runs --------------------------------------------------------------------------------------------------------


class _Houses:
    """A sandbox and an observer for each project and interpreter; scripts of one project share theirs."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._made: dict[tuple[object, ...], tuple[Sandbox, Client]] = {}

    def house(self, recipe: Recipe) -> tuple[Sandbox, Client]:
        """The sandbox and the observer for a recipe, made when they are first asked for."""
        key = (recipe.project, recipe.python, recipe.layer, recipe.files, recipe.device, recipe.limits)
        if key not in self._made:
            sandbox = self._stack.enter_context(
                Sandbox(
                    recipe.project,
                    layer=recipe.layer,
                    files=recipe.files,
                    memory=recipe.limits.memory,
                    seconds=recipe.limits.seconds,
                    cuda=recipe.device in ("auto", "cuda") and _has_gpu(),
                )
            )
            env = environment(os.environ, sandbox.folder, {})
            client = self._stack.enter_context(Client(sandbox, recipe.python, env))
            self._made[key] = (sandbox, client)
        return self._made[key]


def _has_gpu() -> bool:
    """Whether the device files of a GPU are there: then the limit on address space would hinder CUDA."""
    return os.path.exists("/dev/nvidiactl")


def _ran(
    recipe: Recipe, units: list[Unit], files: Files, houses: _Houses, wish: Wish, told: Told
) -> tuple[ScriptRun, list[Verdict]]:
    """The verdicts of one script for some units, and what was run."""
    started = time.monotonic()
    script = os.path.relpath(recipe.project / recipe.script)
    inside = [unit for unit in units if _is_inside(unit, recipe, files)]
    again = repeat_command(recipe, wish)
    reason = f"not in the project of {script}"
    lost = [_not_run(finding, reason) for unit in units if unit not in inside for finding in unit.findings]
    try:
        ran, found = _judged(recipe, inside, files, houses, lambda phase, *done: told(f"{script}: {phase}", *done))
    except (TorchfixError, OSError) as error:  # a full disk, no more processes
        ran = ScriptRun(script, recipe.args, "not run", 0, 0.0, error=str(error))
        found = [Verdict(f.id, VerdictName.CANNOT_RUN, str(error)) for unit in inside for f in unit.findings]
    seconds = time.monotonic() - started
    found = [replace(verdict, script=script, seconds=seconds, repeat=again) for verdict in found]
    return replace(ran, script=script, seconds=seconds, repeat=again), [*lost, *found]


def _judged(
    recipe: Recipe, units: list[Unit], files: Files, houses: _Houses, told: Told
) -> tuple[ScriptRun, list[Verdict]]:
    """The same, as far as the runs tell it."""
    sandbox, client = houses.house(recipe)
    within = _within(recipe, files)
    session = Session(recipe, sandbox, client, units, files.text, files.encode, within)
    schedule = Schedule(session.run, files.text, within, told)
    judged = schedule.judge_all(units)
    advice = tuple(_advice(judged, session, units, files))
    found = [replace(verdict, sandbox=sandbox.layer) for each in judged for verdict in _verdicts(each)]
    ran = _script_run(judged, schedule.first, recipe)
    return replace(ran, runs=session.runs, sandbox=sandbox.layer, caveats=(*ran.caveats, *advice)), found


def _advice(judged: Sequence[Judged], session: Session, units: list[Unit], files: Files) -> Iterator[str]:
    """What the run on the CPU could not show, where CUDA was asked for; it speaks neither for nor against a fix."""
    if any(kind == "redirect" for each in judged for kind, _, _ in each.run.notes):
        variant = Variant(files.text, [] if any(not each.run.ended_well for each in judged) else units)
        if refused := session.on_shadow_devices(variant):
            yield f"a GPU may refuse it: {refused}"


def _is_inside(unit: Unit, recipe: Recipe, files: Files) -> bool:
    return all(files.real(edit.path).is_relative_to(recipe.project) for edit in unit.edits)


def _within(recipe: Recipe, files: Files) -> Callable[[str], str]:
    return lambda path: files.real(path).relative_to(recipe.project).as_posix()


def _verdicts(judged: Judged) -> Iterator[Verdict]:
    verdict = Verdict(
        finding="",
        name=judged.judgement.name,
        reason=judged.judgement.reason,
        evidence=judged.judgement.evidence,
        caveats=caveats_of([judged.run]),
        device=judged.run.device,
        series=series_of(*judged.pair) if judged.pair else (),
    )
    for finding in judged.unit.findings:
        yield replace(verdict, finding=finding.id)


def _script_run(judged: Sequence[Judged], first: RunReport | None, recipe: Recipe) -> ScriptRun:
    return ScriptRun(
        script=recipe.script,
        args=recipe.args,
        status=first.status if first else "not run",
        runs=0,
        seconds=0.0,
        device=first.device if first else "",
        torch=first.torch if first else "",
        error=str(first.failure) if first and first.failure else "",
        caveats=(*caveats_of([each.run for each in judged]), *(f"no such file: {name}" for name in recipe.missing)),
    )
