"""Undo: byte for byte, apply by apply, and never over work that came later."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torchfix_codemods.source.errors import UndoRefused
from torchfix_codemods.source.journal import KEPT_ENTRIES, Undone, state_folder, undo
from torchfix_codemods.source.write import FileChange, write_files

relaxed = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
contents = st.binary(max_size=60) | st.integers(1, 4).map(lambda n: bytes(range(256)) * 100 * n)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def apply(folder: Path, new: dict[str, bytes]) -> None:
    write_files(
        [FileChange(name, folder / name, (folder / name).read_bytes(), data) for name, data in new.items()],
        cwd=folder,
    )


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    return lambda: tmp_path_factory.mktemp("tree")


@relaxed
@given(
    start=st.dictionaries(st.sampled_from("abcdef"), contents, min_size=1),
    applies=st.lists(st.dictionaries(st.sampled_from("abcdef"), contents, min_size=1), max_size=4),
)
def test_applies_are_undone_one_by_one(
    fresh: Callable[[], Path], start: dict[str, bytes], applies: list[dict[str, bytes]]
) -> None:
    folder = fresh()
    for name, data in start.items():
        (folder / name).write_bytes(data)
    states = [tree(folder)]
    for new in applies:
        apply(folder, {name: data for name, data in new.items() if name in start})
        if tree(folder) != states[-1]:
            states.append(tree(folder))
    for number, expected in reversed(list(enumerate(states[:-1]))):
        undone = undo(folder)
        assert tree(folder) == expected and undone.entries_left == number
    with pytest.raises(UndoRefused, match=r"^nothing to undo: "):
        undo(folder)
    assert tree(folder) == states[0]


@relaxed
@given(data=st.data(), start=st.dictionaries(st.sampled_from("abcdef"), contents, min_size=1))
def test_later_work_is_never_lost(fresh: Callable[[], Path], data: st.DataObject, start: dict[str, bytes]) -> None:
    folder = fresh()
    for name, old in start.items():
        (folder / name).write_bytes(old)
    apply(folder, {name: old + b"fixed" for name, old in start.items()})
    edited = data.draw(st.lists(st.sampled_from(sorted(start)), min_size=1, unique=True))
    for name in edited:
        (folder / name).write_bytes(start[name] + b"fixed by hand")
    before = tree(folder)
    with pytest.raises(UndoRefused) as caught:
        undo(folder)
    assert tree(folder) == before
    assert all(f"{name} (changed since the apply)" in str(caught.value) for name in edited[:1] if len(edited) == 1)
    for name in edited:
        (folder / name).write_bytes(start[name] + b"fixed")
    undo(folder)  # the journal was not lost either
    assert tree(folder) == start


def test_what_undo_tells(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"1")
    apply(tmp_path, {"a": b"2", "b": b"2"})
    (tmp_path / "b").write_bytes(b"1")  # taken back by hand
    undone = undo(tmp_path)
    assert isinstance(undone, Undone) and undone.applied_at > 1_700_000_000
    assert (undone.restored, undone.already_as_before, undone.entries_left) == (("a",), ("b",), 0)


@pytest.mark.parametrize(
    "become", [Path.unlink, lambda p: (p.unlink(), p.mkdir()), lambda p: (p.unlink(), p.symlink_to("b"))]
)
def test_a_file_that_is_no_longer_there_is_a_refusal(tmp_path: Path, become: Callable[[Path], object]) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"1")
    apply(tmp_path, {"a": b"2", "b": b"2"})
    become(tmp_path / "a")
    with pytest.raises(UndoRefused, match=r"^nothing was taken back: a \("):
        undo(tmp_path)
    assert (tmp_path / "b").read_bytes() == b"2"


def test_each_working_folder_has_its_own_journal(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_bytes(b"1")
        apply(tmp_path / name, {"a": b"2"})
    undo(tmp_path / "one")
    assert (tmp_path / "one/a").read_bytes() == b"1" and (tmp_path / "two/a").read_bytes() == b"2"
    (tmp_path / "link").symlink_to("two")
    undo(tmp_path / "link")  # the same folder by another name
    assert (tmp_path / "two/a").read_bytes() == b"1"


def test_only_the_last_applies_are_kept(tmp_path: Path, state: Path) -> None:
    (tmp_path / "a").write_bytes(b"0")
    for number in range(1, KEPT_ENTRIES + 4):
        apply(tmp_path, {"a": b"%d" % number})
    assert len(list(state.rglob("*.undo"))) == KEPT_ENTRIES
    for number in reversed(range(3, KEPT_ENTRIES + 3)):
        undo(tmp_path)
        assert (tmp_path / "a").read_bytes() == b"%d" % number
    with pytest.raises(UndoRefused):
        undo(tmp_path)


def test_the_journal_is_private(tmp_path: Path, state: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    apply(tmp_path, {"a": b"2"})
    (entry,) = state.rglob("*.undo")
    assert entry.stat().st_mode & 0o077 == 0 and entry.parent.stat().st_mode & 0o077 == 0


@given(st.data())
@relaxed
def test_a_damaged_journal_is_refused(fresh: Callable[[], Path], state: Path, data: st.DataObject) -> None:
    folder = fresh()
    (folder / "a").write_bytes(b"1" * 100)
    apply(folder, {"a": b"2"})
    entry = max(state.rglob("*.undo"), key=lambda path: path.stat().st_mtime_ns)
    raw = entry.read_bytes()
    if data.draw(st.booleans()):
        entry.write_bytes(raw[: int(len(raw) * data.draw(st.floats(0, 0.99)))])
    else:
        entry.write_bytes(data.draw(st.binary(max_size=40)))
    with pytest.raises(UndoRefused, match="is damaged"):
        undo(folder)
    assert (folder / "a").read_bytes() == b"2"
    entry.unlink()


def test_the_usual_place_of_the_journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TORCHFIX_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_folder().is_relative_to(tmp_path) and state_folder().name == "torchfix-codemods"


def test_applies_at_the_same_time_do_not_disturb_one_another(tmp_path: Path, state: Path) -> None:
    names = [f"f{number}" for number in range(6)]
    for name in names:
        (tmp_path / name).write_bytes(b"0")
    code = (
        "import sys; from pathlib import Path; from torchfix_codemods.source.write import FileChange, write_files\n"
        "p = Path(sys.argv[1])\n"
        "for n in range(3):\n"
        "    write_files([FileChange(p.name, p, b'%d' % n, b'%d' % (n + 1))], cwd=p.parent)\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, tmp_path / name], env={**os.environ}) for name in names]
    assert [process.wait(60) for process in running] == [0] * 6
    assert set(tree(tmp_path).values()) == {b"3"}
    for _ in range(18):
        undo(tmp_path)
    assert set(tree(tmp_path).values()) == {b"0"}


def test_a_big_tree(tmp_path: Path) -> None:
    random.seed(0)
    for number in range(120):
        (tmp_path / f"f{number}").write_bytes(random.randbytes(2000))
    before = tree(tmp_path)
    apply(tmp_path, {name: data[:1000] for name, data in before.items()})
    assert len(undo(tmp_path).restored) == 120 and tree(tmp_path) == before
