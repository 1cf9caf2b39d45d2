"""The way from the gate's words to the topics that are left of a file."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from torchfix_codemods.analysis import closer, project
from torchfix_codemods.analysis.closer import note_topics, topics_of
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.project import Project

FILES = {"a.py": "F.interpolate(x)\nF.dropout(x)\n", "b.py": "x = 1\n"}


def set_look(monkeypatch: pytest.MonkeyPatch, look: Callable[[Project, str], bool]) -> None:
    monkeypatch.setattr(closer, "LOOKS", ((Topic.DROPOUT, look),))


def test_a_look_takes_its_topic_away(monkeypatch: pytest.MonkeyPatch):
    set_look(monkeypatch, lambda project, path: False)
    assert topics_of(Project(FILES, FILES.get), "a.py") == Topic.INTERPOLATE


def test_a_look_that_fails_leaves_its_topic(monkeypatch: pytest.MonkeyPatch):
    def fail(project: Project, path: str) -> bool:
        raise RecursionError

    set_look(monkeypatch, fail)
    assert topics_of(Project(FILES, FILES.get), "a.py") == Topic.INTERPOLATE | Topic.DROPOUT


def test_what_the_gate_found_is_not_looked_for_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(closer, "topics", lambda raw: pytest.fail("asked again"))
    set_look(monkeypatch, lambda project, path: True)
    known = Project(FILES, FILES.get)
    note_topics(known, {"a.py": Topic.DROPOUT})
    assert topics_of(known, "a.py") == Topic.DROPOUT


def test_the_texts_that_were_read_last_are_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(project, "RECENT_TEXT", 25)
    files = {name: name * 10 for name in ("a", "b", "c")}
    asked: list[str] = []

    def read(path: str) -> str | None:
        asked.append(path)
        return files.get(path)

    known = Project(files, read)
    texts = [known.read(path) for path in ("a", "b", "a", "c", "a", "b", "none", "none")]
    assert texts == [files.get(path) for path in ("a", "b", "a", "c", "a", "b", "none", "none")]
    assert asked == ["a", "b", "c", "b", "none", "none"]
