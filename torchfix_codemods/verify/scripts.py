"""Which programs of a project run the files that fixes would change: a few near ones that cover them all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename, dirname

from torchfix_codemods.analysis.importers import MAX_ROUNDS, users_of
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.reach import reach_of
from torchfix_codemods.source.errors import name_some
from torchfix_codemods.verify.closure import distances
from torchfix_codemods.verify.entry import aside, is_program, required_arguments, trains

_USUAL = ("train", "main", "run", "finetune", "fit", "eval", "val", "test")  # names of programs, best first
_ASIDE = {"test": "it is a test", "documentation": "it is documentation", "set-up": "it sets the project up"}


@dataclass(frozen=True)
class Exercise:
    """What to run for which files; paths are posix, relative to the project.

    `scripts` are programs with the changed files that each covers, `not_exercised` the files that none reaches, each
    with the reason, `notes` what is known beforehand of a chosen program: the arguments that it can't do without.
    """

    scripts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    not_exercised: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Candidate:
    """A program that runs a file. `uses` it: says a name that leads there, and not only imports it."""

    script: str
    distance: int
    uses: bool
    trains: bool
    asks: bool

    @property
    def tier(self) -> tuple[bool, bool]:
        """What counts first: that the changed lines are likely to run, then that a model is trained with them."""
        return self.uses, self.trains


def scripts_for(edited: Collection[str], project: Project, named: Sequence[str] = ()) -> Exercise:
    """The programs to run for `edited` files (paths of the project); only those `named`, where there are any.

    A changed file that is a program is run itself. Where it does nothing but try out a module, a program that
    trains with that module is run as well. Tests, documentation and set-up are never run.
    """
    found = {path: _candidates(path, project, frozenset(named)) for path in sorted(edited)}
    chosen = _cover({path: candidates for path, candidates in found.items() if candidates}, project)
    return Exercise(
        scripts=tuple((script, tuple(sorted(chosen[script]))) for script in sorted(chosen)),
        not_exercised=tuple((path, _reason(path, project, named)) for path, them in found.items() if not them),
        notes=tuple((script, note) for script in sorted(chosen) if (note := _note(script, project))),
    )


def _candidates(path: str, project: Project, named: frozenset[str]) -> list[_Candidate]:
    """Every program that runs a file, the file itself among them, if it is one."""
    if path not in project.paths:
        return []
    reached = distances(project, path)
    users = frozenset(users_of(reach_of(project), path)[0])
    scripts = [other for other in reached if (other in named if named else _is_taken(other, project))]
    return [
        _Candidate(
            script=script,
            distance=reached[script],
            uses=script in users or reached[script] > MAX_ROUNDS,  # farther than `users_of` looks
            trains=trains(project, script),
            asks=bool(required_arguments(project, script)),
        )
        for script in scripts
    ]


def _is_taken(path: str, project: Project) -> bool:
    return is_program(project, path) and aside(project, path) is None


def _cover(found: Mapping[str, list[_Candidate]], project: Project) -> dict[str, set[str]]:
    """A small set of scripts for all files: those that have to be, then the one that covers most of the rest."""
    chosen: dict[str, set[str]] = {path: {path} for path, them in found.items() if _is_own(path, them)}
    waiting = {path: suitable for path, them in found.items() if (suitable := _suitable(path, them, project))}
    while waiting:
        script = next((s for s in sorted(chosen) if any(s in them for them in waiting.values())), None) or min(
            {script for them in waiting.values() for script in them}, key=lambda s: _cost(s, waiting)
        )
        covered = {path for path, them in waiting.items() if script in them}
        chosen.setdefault(script, set()).update(covered)
        waiting = {path: them for path, them in waiting.items() if path not in covered}
    return chosen


def _is_own(path: str, candidates: Sequence[_Candidate]) -> bool:
    return any(candidate.script == path for candidate in candidates)


def _suitable(path: str, candidates: Sequence[_Candidate], project: Project) -> dict[str, _Candidate]:
    """The best programs for a file by name; none where it is run itself and that is enough."""
    others = [candidate for candidate in candidates if candidate.script != path]
    if _is_own(path, candidates):
        others = [] if trains(project, path) else [other for other in others if all(other.tier)]
    best = max((candidate.tier for candidate in others), default=None)
    return {candidate.script: candidate for candidate in others if candidate.tier == best}


def _cost(script: str, waiting: Mapping[str, Mapping[str, _Candidate]]) -> tuple[object, ...]:
    """The order of choice: runs without arguments, covers most, is nearest, is called as programs usually are."""
    own = [(path, them[script]) for path, them in waiting.items() if script in them]
    stem = basename(script).removesuffix(".py")
    usual = next((place for place, word in enumerate(_USUAL) if stem.startswith(word)), len(_USUAL))
    apart = sum(dirname(path) != dirname(script) for path, _ in own)
    nearness = sum(candidate.distance for _, candidate in own) / len(own)
    return any(candidate.asks for _, candidate in own), -len(own), nearness, apart, usual, script.count("/"), script


def _note(script: str, project: Project) -> str:
    names = required_arguments(project, script)
    return f"needs arguments, given by the key `args`: {', '.join(names)}" if names else ""


def _reason(path: str, project: Project, named: Sequence[str]) -> str:
    """Why no program runs a file, in one line."""
    if path not in project.paths:
        return "it is no Python file of the project"
    if own := aside(project, path):
        return _ASIDE[own]
    if named:
        return f"{name_some(named)}: imports from there do not reach it"
    others = [other for other in distances(project, path) if other != path]
    if not others:
        return "no script reaches it by imports: no file imports it"
    if any(aside(project, other) == "test" for other in others):
        return "only tests import it"
    return "no script reaches it by imports"
