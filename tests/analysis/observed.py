"""What the analysis saw of a small program, in a form that tests can compare: texts instead of places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent
from typing import TypeVar

from torchfix_codemods.analysis.phases import Execution, Phases, phases_of
from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import ApiCall, Event, LossCall, Place
from torchfix_codemods.analysis.values import Site, Value

HEAD = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
"""
E_ = TypeVar("E_", bound=Event)


@dataclass(frozen=True)
class Seen:
    """One execution of a model call: the expression, the modes, and what becomes of the output."""

    text: str
    mode: str | None
    grad: bool | None
    fate: str  # "trained", "loose" or "evaluation"


def project_of(files: str | dict[str, str]) -> Project:
    """A project of these files; a text alone is `main.py` and gets torch's usual imports."""
    if isinstance(files, str):
        files = {"main.py": HEAD + dedent(files)}
    else:
        files = {path: dedent(text) for path, text in files.items()}
    return Project(files, files.get)


def program_of(files: str | dict[str, str], path: str = "main.py") -> Program:
    """The program around one file."""
    project = project_of(files)
    program = Program(project, path)
    assert not project.skipped, project.skipped
    return program


def phases_in(files: str | dict[str, str], path: str = "main.py") -> Phases:
    """The phases of the program around one file."""
    return phases_of(program_of(files, path))


def calls(files: str | dict[str, str], path: str = "main.py") -> list[Seen]:
    """All executions of model calls, in the order of their places, each distinct one once."""
    phases = phases_in(files, path)
    project = phases.program.project
    found = {
        Seen(text_at(project, e.event.place), e.event.mode, e.event.grad, fate(e)): None
        for site in sorted(phases.sites.values(), key=lambda s: s.place)
        for e in site.executions
    }
    return list(found)


def fate(execution: Execution) -> str:
    """What becomes of the output of a model call."""
    return "trained" if execution.trained else "loose" if execution.loose else "evaluation"


def modes(files: str | dict[str, str], path: str = "main.py") -> dict[str, set[str | None]]:
    """The modes in which each call expression runs."""
    found: dict[str, set[str | None]] = {}
    for seen in calls(files, path):
        found.setdefault(seen.text, set()).add(seen.mode)
    return found


def grads(files: str | dict[str, str], path: str = "main.py") -> dict[str, set[bool | None]]:
    """The gradient modes in which each call expression runs."""
    found: dict[str, set[bool | None]] = {}
    for seen in calls(files, path):
        found.setdefault(seen.text, set()).add(seen.grad)
    return found


def fates(files: str | dict[str, str], path: str = "main.py") -> dict[str, set[str]]:
    """What becomes of the output of each call expression."""
    found: dict[str, set[str]] = {}
    for seen in calls(files, path):
        found.setdefault(seen.text, set()).add(seen.fate)
    return found


def events(program: Program, kind: type[E_]) -> list[E_]:
    """The events of a kind, without their traces."""
    return [event for _, event in program.events(kind)]


def losses(files: str | dict[str, str], path: str = "main.py") -> list[tuple[str, set[str]]]:
    """Each loss that gets an activation's output: its argument, and the activations as they are written."""
    program = program_of(files, path)
    return [
        (
            text_at(program.project, loss.argument),
            {"none" if a.kind == "none" else text_of(program.project, a.site) for a in loss.activations},
        )
        for loss in events(program, LossCall)
        if loss.loss != "bce" and any(a.kind != "none" for a in loss.activations)
    ]


def resized(body: str) -> Value:
    """The value that the (last) `F.interpolate` of a program gets."""
    return events(program_of(body), ApiCall)[-1].args[0]


def text_at(project: Project, place: Place) -> str:
    """The text of a place."""
    file = project.parse(place.path)
    assert file is not None
    return file.text[file.offset(place.line, place.column) : file.offset(place.end_line, place.end_column)]


def text_of(project: Project, site: Site) -> str:
    """The text of a site."""
    return (project.read(site.path) or "")[site.start : site.end]


def roots(program: Program) -> Iterator[str]:
    """What was run: the paths of files, and the names of functions."""
    known: dict[object, object] = program.project.memory["traces"]
    for root, trace in known.items():
        if trace in program.traces:
            yield root if isinstance(root, str) else getattr(root, "name", "")
