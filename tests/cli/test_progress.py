"""The progress bar: only on a terminal, only when it takes long, and gone at the end."""

from __future__ import annotations

import io
import sys

import pytest

from torchfix_codemods.cli import progress
from torchfix_codemods.cli.console import Terminal


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, terminal: Terminal, patience: float) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "_PATIENCE", patience)
    monkeypatch.setattr(progress, "_PERIOD", 0)
    with progress.shown_progress(terminal) as hear:
        hear("reading", 1, 4)
        hear("reading", 2, 4)
    return stream.getvalue()


def test_a_long_run_shows_a_bar_and_removes_it(monkeypatch: pytest.MonkeyPatch):
    shown = drawn(monkeypatch, Screen(), Terminal(), patience=0)
    assert "reading   [###############---------------] 2/4" in shown
    assert shown.endswith("\r\x1b[K")


def test_a_short_run_a_pipe_and_the_quiet_see_none(monkeypatch: pytest.MonkeyPatch):
    assert drawn(monkeypatch, Screen(), Terminal(), patience=60) == ""
    assert drawn(monkeypatch, io.StringIO(), Terminal(), patience=0) == ""
    assert drawn(monkeypatch, Screen(), Terminal(quiet=True), patience=0) == ""


def test_runs_show_their_phase_and_the_time_left(monkeypatch: pytest.MonkeyPatch):
    for stream, terminal, seen in ((Screen(), Terminal(), True), (io.StringIO(), Terminal(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with progress.shown_phase(terminal) as told:
            told("train.py: the program as it is", 0, 4)
            told("train.py: the same again", 1, 4)
        shown = stream.getvalue()
        assert ("the program as it is (run 1 of about 4)" in shown) is seen
        assert ("the same again (run 2 of about 4, about 0 s left)" in shown) is seen
