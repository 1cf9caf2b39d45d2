"""Which scripts are run for which fixes: those that were named, or those that reach the changed files."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torchfix_codemods.source.settings import Settings
from torchfix_codemods.source.verify_settings import VerifySettings
from torchfix_codemods.verify.recipe import Recipe, configured_scripts, project_root, recipe_for
from torchfix_codemods.verify.units import Unit

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
    command line, `paths` in which fixes were looked for, in the `project` around them. Scripts count from `cwd`."""

    settings: Settings
    cwd: Path
    paths: tuple[str, ...] = (".",)
    scripts: tuple[str, ...] = ()
    args: tuple[str, ...] | None = None
    overrides: VerifySettings | None = None
    project: bool = False


def tasks_for(
    units: Sequence[Unit], files: Files, wish: Wish
) -> tuple[list[tuple[Recipe, list[Unit]]], list[tuple[Unit, str]]]:
    """Recipes with the units that each runs, and units that no script runs, with the reason."""
    holding = {files.real(edit.path) for unit in units for edit in unit.edits}
    if wish.scripts:
        return _shared([_recipe(script, wish, holding) for script in wish.scripts], units, files), []
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


def _shared(recipes: Sequence[Recipe], units: Sequence[Unit], files: Files) -> list[tuple[Recipe, list[Unit]]]:
    """Each unit with those of several programs that reach it by imports; with all where none does (a plug-in, say)."""
    reached = [_files_of(recipe) if len(recipes) > 1 else set() for recipe in recipes]
    places = {unit.name: {files.real(edit.path) for edit in unit.edits} for unit in units}
    lost = [unit for unit in units if all(own.isdisjoint(places[unit.name]) for own in reached)]
    tasks = []
    for recipe, own in zip(recipes, reached, strict=True):
        concerned = [unit for unit in units if unit in lost or not own.isdisjoint(places[unit.name])]
        tasks += [(recipe, concerned)] if concerned else []
    return tasks


def _files_of(recipe: Recipe) -> set[Path]:
    from torchfix_codemods.verify.closure import closure, project_at

    sources = project_at(recipe.project, (recipe.script,))
    return {recipe.project / path for path in closure(sources, recipe.script)}


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


def repeat_command(recipe: Recipe, wish: Wish) -> str:
    """What to type to make the runs of one script again."""
    script = os.path.relpath(recipe.project / recipe.script, wish.cwd)
    words = ["torchfix", "verify", *wish.paths, *(["--project"] if wish.project else [])]
    words += ["--script", script] if wish.paths != (script,) else []
    for name in _REPEATED:
        value = getattr(wish.overrides, name, None)
        words += [f"--{name}", f"{value:g}" if isinstance(value, float) else str(value)] if value is not None else []
    words += ["--", *recipe.args] if recipe.args else []
    return shlex.join(words)
