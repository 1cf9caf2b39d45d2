"""Which files of a project hold a word at all: the rest need not be parsed to look for its uses."""

from __future__ import annotations

from torchfix_codemods.analysis.project import Project


def paths_with(project: Project, word: str) -> tuple[str, ...]:
    """The files whose text holds a word, in order. A project is read once for each word, not once for each finding."""
    known: dict[str, tuple[str, ...]] = project.memory.setdefault("mentions", {})
    if word not in known:
        known[word] = tuple(path for path in sorted(project.paths) if word in (project.read(path) or ""))
    return known[word]
