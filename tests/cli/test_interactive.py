"""The review at a real (pseudo) terminal, and with answers from a pipe."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cli_tool import Tool
from pty_session import Session

PROMPT = "[?] "


@pytest.fixture
def project(folder: Path) -> Path:
    (folder / "a.py").write_text("old_word\nchain_1\nold_word\n")
    (folder / "b.py").write_text("maybe_word\nold_word\n")
    return folder


@pytest.fixture
def start(project: Path, plugin: Path):
    def begin(*more: str) -> Session:
        session = Session(["apply", ".", "-i", *more], project, plugin)
        session.wait_for(PROMPT)
        return session

    return begin


def texts(folder: Path) -> list[str]:
    return [(folder / name).read_text() for name in ("a.py", "b.py")]


def keys(session: Session, pressed: str) -> str:
    for key in pressed[:-1]:
        session.press(key)
        session.wait_for(PROMPT)
    session.press(pressed[-1])
    return session.finish()


def test_yes_and_no_write_exactly_what_was_accepted(start, project: Path):
    session = start()
    assert "2 fixes applied in 1 file" in keys(session, "ynynn")
    assert texts(project) == ["new_word\nchain_1\nnew_word\n", "maybe_word\nold_word\n"]
    assert session.code == 0


def test_q_writes_what_was_accepted(start, project: Path):
    assert "1 fix accepted" in keys(start(), "yq")
    assert texts(project) == ["new_word\nchain_1\nold_word\n", "maybe_word\nold_word\n"]


def test_a_takes_the_rule_and_f_the_file(start, project: Path):
    keys(start(), "anny"[:3])
    assert texts(project) == ["new_word\nchain_1\nnew_word\n", "maybe_word\nnew_word\n"]


def test_f_takes_the_file(start, project: Path):
    keys(start(), "fyn")
    assert texts(project) == ["new_word\nchain_0\nnew_word\n", "sure_word\nold_word\n"]


def test_u_takes_the_last_answer_back(start, project: Path):
    session = start()
    session.press("u")
    assert "nothing to undo" in session.wait_for(PROMPT)
    keys(session, "yunq")
    assert texts(project)[0] == "old_word\nchain_1\nold_word\n"


def test_i_inserts_a_comment_that_silences_the_finding(start, project: Path, tool: Tool):
    keys(start(), "iq")
    assert texts(project)[0] == "# torchfix: ignore[toy-old-word]\nold_word\nchain_1\nold_word\n"
    done = tool("check", "a.py", "--select", "toy-old-word")
    assert done.text.count("toy-old-word [") == 1 and "1 finding suppressed" in done.err


def test_e_explains_and_help_is_shown_and_unknown_keys_ask_again(start, project: Path):
    session = start()
    session.press("e")
    assert "A word that nobody says any more." in session.wait_for(PROMPT)
    session.press("?")
    assert "take" not in (help_text := session.wait_for(PROMPT)) and "u  undo the last answer" in help_text
    session.press("x")
    session.wait_for(PROMPT)
    keys(session, "q")
    assert texts(project)[0] == "old_word\nchain_1\nold_word\n"


def test_ctrl_c_writes_nothing_and_says_so(start, project: Path):
    session = start()
    session.press("y")
    session.wait_for(PROMPT)
    session.press("\x03")
    assert "interrupted: nothing was written" in session.finish()
    assert session.code == 130
    assert texts(project) == ["old_word\nchain_1\nold_word\n", "maybe_word\nold_word\n"]


def test_the_question_shows_place_diff_and_number(project: Path, plugin: Path):
    session = Session(["apply", ".", "-i"], project, plugin, NO_COLOR="1")
    shown = session.wait_for(PROMPT)
    assert "a.py:1:1" in shown and "fix 1 of 5: replace old_word by new_word" in shown
    keys(session, "q")


def test_a_fix_over_two_files_is_one_question(folder: Path, plugin: Path):
    (folder / "here.py").write_text("pair_here\n")
    (folder / "there.py").write_text("pair_there\n")
    session = Session(["apply", ".", "-i"], folder, plugin)
    assert "fix 1 of 1: both (in 2 files)" in session.wait_for(PROMPT)
    assert "1 fix applied in 2 files" in keys(session, "y")
    assert (folder / "here.py").read_text() + (folder / "there.py").read_text() == "one\ntwo\n"


def test_a_dirty_tree_is_refused_before_the_first_question(tool: Tool, project: Path):
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    done = tool("apply", ".", "-i", stdin=b"y\n" * 5)
    assert done.code == 2 and "are not committed" in done.err and "fix 1 of" not in done.err


def test_answers_from_a_pipe_and_its_end(tool: Tool, project: Path):
    done = tool("apply", ".", "-i", stdin=b"y\nn\n")
    assert done.code == 130 and "nothing was written" in done.err
    done = tool("apply", ".", "-i", stdin=b"y\nn\nq\n")
    assert done.code == 0
    assert texts(project)[0] == "new_word\nchain_1\nold_word\n"
    assert "4 findings left alone" in done.err


def test_nothing_to_ask(tool: Tool, folder: Path):
    (folder / "a.py").write_text("x = 1\n")
    done = tool("apply", ".", "-i")
    assert done.code == 0 and "nothing found" in done.err
