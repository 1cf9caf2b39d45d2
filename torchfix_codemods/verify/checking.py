"""A plan's fixes, each with its verdict: which scripts to run, the runs, and the best that any of them showed."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from torchfix_codemods.findings import Finding
from torchfix_codemods.rewrite.compose import PlannedEdit
from torchfix_codemods.source.errors import TorchfixError
from torchfix_codemods.source.settings import Settings
from torchfix_codemods.source.verify_settings import VerifySettings
from torchfix_codemods.verify.client import Client
from torchfix_codemods.verify.model import ScriptRun, Verdict, VerdictName, Verification
from torchfix_codemods.verify.recipe import Recipe, configured_scripts, project_root, recipe_for
from torchfix_codemods.verify.sandbox import Sandbox, environment
from torchfix_codemods.verify.schedule import Judged, Schedule
from torchfix_codemods.verify.session import Session
from torchfix_codemods.verify.units import Unit, Variant, units_of
from torchfix_codemods.verify.verdict import caveats_of

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
Told = Callable[[str], None]
#: What a command line may say of runs.
_REPEATED = ("python", "inner", "outer", "steps", "seconds", "device", "sandbox")


@dataclass(frozen=True)
class Files:
    """The files that fixes change, by the paths that reports show: texts, bytes of changed texts, real places."""

    text: Callable[[str], str]
    encode: Callable[[str, str], bytes]
    real: Callable[[str], Path]


@dataclass(frozen=True)
class Wish:
    """What is to be run: `scripts` by hand (none: those that reach the changed files), `args` and `overrides` from the
    command line, `paths` in which fixes were looked for. Scripts count from `cwd`."""

    settings: Settings
    cwd: Path
    paths: tuple[str, ...] = (".",)
    scripts: tuple[str, ...] = ()
    args: tuple[str, ...] | None = None
    overrides: VerifySettings | None = None


def verify(
    findings: Iterable[Finding],
    planned: Sequence[PlannedEdit],
    files: Files,
    wish: Wish,
    told: Told = lambda phase: None,
) -> Verification:
    """A verdict for every finding whose fix is planned. Raises `UsageError` for a script that is not there."""
    units = units_of(findings, planned)
    if not units:
        return Verification()
    tasks, unreached = _tasks(units, files, wish)
    verdicts = {finding.id: _not_run(finding, reason) for unit, reason in unreached for finding in unit.findings}
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


# --- what to run -----------------------------------------------------------------------------------------------------


def _tasks(
    units: Sequence[Unit], files: Files, wish: Wish
) -> tuple[list[tuple[Recipe, list[Unit]]], list[tuple[Unit, str]]]:
    """Recipes with the units that each runs, and units that no script runs, with the reason."""
    holding = {files.real(edit.path) for unit in units for edit in unit.edits}
    if wish.scripts:
        recipes = [_recipe(script, wish, holding) for script in wish.scripts]
        return [(recipe, list(units)) for recipe in recipes], []
    reached: dict[Path, set[Path]] = {}
    reasons: dict[Path, str] = {}
    for root, inside in _by_project(holding).items():
        _find_scripts(root, inside, wish, reached, reasons)
    tasks: list[tuple[Recipe, list[Unit]]] = []
    for script, covered in sorted(reached.items()):
        concerned = [u for u in units if any(files.real(edit.path) in covered for edit in u.edits)]
        own = {files.real(edit.path) for unit in concerned for edit in unit.edits}
        tasks.append((_recipe(script, wish, own), concerned))
    run = [unit for _, concerned in tasks for unit in concerned]
    return tasks, [(unit, _reason(unit, files, reasons)) for unit in units if unit not in run]


def _recipe(script: str | Path, wish: Wish, holding: Iterable[Path]) -> Recipe:
    return recipe_for(script, wish.args, wish.settings, wish.overrides, cwd=wish.cwd, holding=frozenset(holding))


def _by_project(paths: Iterable[Path]) -> dict[Path, set[Path]]:
    projects: dict[Path, set[Path]] = {}
    for path in paths:
        projects.setdefault(project_root(path), set()).add(path)
    return projects


def _find_scripts(
    root: Path, inside: set[Path], wish: Wish, reached: dict[Path, set[Path]], reasons: dict[Path, str]
) -> None:
    from torchfix_codemods.verify.closure import project_at
    from torchfix_codemods.verify.scripts import scripts_for

    edited = [path.relative_to(root).as_posix() for path in sorted(inside)]
    named = [s.relative_to(root).as_posix() for s in configured_scripts(wish.settings) if s.is_relative_to(root)]
    exercise = scripts_for(edited, project_at(root, (*edited, *named)), named)
    for script, covered in exercise.scripts:
        reached.setdefault(root / script, set()).update(root / path for path in covered)
    reasons.update((root / path, reason) for path, reason in exercise.not_exercised)


def _reason(unit: Unit, files: Files, reasons: Mapping[Path, str]) -> str:
    found = [reasons[real] for edit in unit.edits if (real := files.real(edit.path)) in reasons]
    return found[0] if found else "no script reaches it"


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
        key = (recipe.project, recipe.python, recipe.layer, recipe.files, recipe.device, recipe.limits, recipe.prepare)
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
    outside = [unit for unit in units if not _is_inside(unit, recipe, files)]
    inside = [unit for unit in units if unit not in outside]
    reason = f"not in the project of {script}"
    again = repeat_command(recipe, wish)
    lost = [_not_run(finding, reason) for unit in outside for finding in unit.findings]
    try:
        sandbox, client = houses.house(recipe)
        session = Session(recipe, sandbox, client, inside, files.text, files.encode, _within(recipe, files))
        schedule = Schedule(session.run, files.text, _within(recipe, files), lambda phase: told(f"{script}: {phase}"))
        judged = schedule.judge_all(inside)
    except TorchfixError as error:
        seconds = time.monotonic() - started
        ran = ScriptRun(script, recipe.args, "not run", 0, seconds, error=str(error), repeat=again)
        verdicts = [
            Verdict(finding.id, VerdictName.CANNOT_RUN, str(error), script=script, repeat=again)
            for unit in inside
            for finding in unit.findings
        ]
        return ran, [*lost, *verdicts]
    advice = tuple(_advice(judged, session, inside, files))
    seconds = time.monotonic() - started
    found = [verdict for each in judged for verdict in _verdicts(each, script, sandbox.layer, seconds, again)]
    ran = _script_run(judged, recipe, script, session, sandbox.layer, seconds, again)
    return replace(ran, caveats=(*ran.caveats, *advice)), [*lost, *found]


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


def _verdicts(judged: Judged, script: str, layer: str, seconds: float, again: str) -> Iterator[Verdict]:
    verdict = Verdict(
        finding="",
        name=judged.judgement.name,
        reason=judged.judgement.reason,
        evidence=judged.judgement.evidence,
        caveats=caveats_of([judged.run]),
        script=script,
        device=judged.run.device,
        sandbox=layer,
        seconds=seconds,
        repeat=again,
    )
    for finding in judged.unit.findings:
        yield replace(verdict, finding=finding.id)


def _script_run(
    judged: Sequence[Judged], recipe: Recipe, script: str, session: Session, layer: str, seconds: float, again: str
) -> ScriptRun:
    run = judged[0].run if judged else None
    return ScriptRun(
        script=script,
        args=recipe.args,
        status=run.status if run else "not run",
        runs=session.runs,
        seconds=seconds,
        device=run.device if run else "",
        sandbox=layer,
        torch=run.torch if run else "",
        error=str(run.failure) if run and run.failure else "",
        caveats=(*caveats_of([each.run for each in judged]), *(f"no such file: {name}" for name in recipe.missing)),
        repeat=again,
    )


def repeat_command(recipe: Recipe, wish: Wish) -> str:
    """What to type to make the runs of one script again."""
    script = os.path.relpath(recipe.project / recipe.script, wish.cwd)
    words = ["torchfix", "verify", *wish.paths]
    words += ["--script", script] if wish.paths != (script,) else []
    for name in _REPEATED:
        value = getattr(wish.overrides, name, None)
        words += [f"--{name}", f"{value:g}" if isinstance(value, float) else str(value)] if value is not None else []
    words += ["--", *recipe.args] if recipe.args else []
    return shlex.join(words)
