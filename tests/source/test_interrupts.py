"""Ctrl-C and sudden death at every point of writing and undoing: each file is whole, and nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from torchfix_codemods.source.errors import UndoRefused
from torchfix_codemods.source.journal import undo
from torchfix_codemods.source.write import FileChange, write_files

OLD = {name: (f"old {name}\n" * 50).encode() for name in "abc"}
NEW = {name: (f"new {name}\r\n" * 70).encode() for name in "abc"}
OURS = os.path.join("torchfix_codemods", "source")


def lay_out(folder: Path, contents: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def write(folder: Path) -> None:
    write_files([FileChange(name, folder / name, OLD[name], NEW[name]) for name in OLD], cwd=folder)


def interrupted_at(number: int, action: Callable[[], object]) -> bool:
    """Run `action`, with Ctrl-C at the line of our code with this number; False if it has fewer lines."""
    left = number

    def trace(frame: FrameType, event: str, argument: object) -> object:
        nonlocal left
        if OURS not in frame.f_code.co_filename:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        action()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


def test_ctrl_c_at_every_line_of_writing(tmp_path: Path) -> None:
    for number in range(1, 10_000, 3):  # every third keeps the test quick; each was tried once
        folder = tmp_path / str(number)
        lay_out(folder, OLD)
        hit = interrupted_at(number, lambda: write(folder))  # noqa: B023
        files = {name: data for name, data in tree(folder).items() if name in OLD}
        assert files in (OLD, NEW), number
        if files == NEW:
            undo(folder)
        assert {name: data for name, data in tree(folder).items() if name in OLD} == OLD, number
        if not hit:
            assert tree(folder) == OLD
            return
    raise AssertionError("writing never came to its end")


def test_ctrl_c_at_every_line_of_undoing(tmp_path: Path) -> None:
    for number in range(1, 10_000, 3):  # every third keeps the test quick; each was tried once
        folder = tmp_path / str(number)
        lay_out(folder, OLD)
        write(folder)
        hit = interrupted_at(number, lambda: undo(folder))  # noqa: B023
        files = {name: data for name, data in tree(folder).items() if name in OLD}
        assert files in (OLD, NEW), number
        if files == NEW:
            undo(folder)  # the entry is still there
        assert {name: data for name, data in tree(folder).items() if name in OLD} == OLD, number
        if not hit:
            return
    raise AssertionError("undoing never came to its end")


CHILD = """
import os, signal, sys
from pathlib import Path
from torchfix_codemods.source import atomic, write
number, name, when, folder = int(sys.argv[1]), getattr(signal, sys.argv[2]), sys.argv[3], Path(sys.argv[4])
calls = 0
def counted(function):
    def call(*arguments, **named):
        global calls
        calls += 1
        if calls == number and when == "before":
            os.kill(os.getpid(), name)
        result = function(*arguments, **named)
        if calls == number and when == "after":
            os.kill(os.getpid(), name)
        return result
    return call
for function in ("open", "fsync", "replace"):
    setattr(os, function, counted(getattr(os, function)))
changes = [
    write.FileChange(n, folder / n, (f"old {n}\\n" * 50).encode(), (f"new {n}\\r\\n" * 70).encode()) for n in "abc"
]
write.write_files(changes, cwd=folder)
print("done")
"""


@pytest.mark.parametrize(
    ("sent", "when", "step"),
    [("SIGKILL", "before", 1), ("SIGKILL", "after", 2), ("SIGINT", "before", 2), ("SIGINT", "after", 2)],
)
def test_death_at_every_system_call(tmp_path: Path, sent: str, when: str, step: int) -> None:
    """A killed process can't clean up: some files may be new, but each is whole and undo gives back all."""
    for number in range(1, 200, step):
        folder = tmp_path / str(number)
        lay_out(folder, OLD)
        child = subprocess.run(
            [sys.executable, "-c", CHILD, str(number), sent, when, folder], capture_output=True, text=True
        )
        files = {name: data for name, data in tree(folder).items() if name in OLD}
        assert all(data in (OLD[name], NEW[name]) for name, data in files.items()), number
        if sent == "SIGINT":
            assert files in (OLD, NEW), number
        try:
            undo(folder)
            assert tree(folder) == OLD, number  # with nothing left beside the files
        except UndoRefused:
            assert files == OLD, number  # there was nothing to undo yet
        if child.stdout == "done\n":
            assert number > 10 and child.returncode == 0
            return
        assert child.returncode != 0
    raise AssertionError("writing never came to its end")
