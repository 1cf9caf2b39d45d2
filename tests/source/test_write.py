"""Writing: whole files, all or none, nothing of theirs lost but the bytes that were to change."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from torchfix_codemods.source import atomic
from torchfix_codemods.source.errors import UndoRefused, WriteRefused
from torchfix_codemods.source.journal import undo
from torchfix_codemods.source.write import FileChange, write_files

Unprivileged = Callable[[], AbstractContextManager[None]]


def change(path: Path, after: bytes, before: bytes | None = None) -> FileChange:
    return FileChange(path.name, path, path.read_bytes() if before is None else before, after)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    first, second = tmp_path / "a.py", tmp_path / "b.py"
    first.write_bytes(b"old a\r\n")
    second.write_bytes(b"old b")
    return first, second


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writing(tmp_path: Path, two: tuple[Path, Path]) -> None:
    written = write_files([change(two[0], b"new a\r"), change(two[1], b"")], cwd=tmp_path)
    assert written == ("a.py", "b.py")
    assert [path.read_bytes() for path in two] == [b"new a\r", b""]
    assert names(tmp_path) == ["a.py", "b.py"]


def test_a_change_that_changes_nothing_is_not_written(tmp_path: Path, two: tuple[Path, Path], state: Path) -> None:
    before = two[0].stat()
    assert write_files([change(two[0], b"old a\r\n")], cwd=tmp_path) == ()
    assert two[0].stat() == before and not names(state)
    assert write_files([], cwd=tmp_path) == ()


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o664, 0o4755, 0o200])
def test_the_mode_is_kept(tmp_path: Path, two: tuple[Path, Path], mode: int) -> None:
    item = change(two[0], b"new")
    two[0].chmod(mode)
    if mode == 0o200 and os.geteuid() != 0:
        pytest.skip("only root reads such a file")
    write_files([item], cwd=tmp_path)
    assert stat.S_IMODE(two[0].stat().st_mode) == mode
    undo(tmp_path)
    assert stat.S_IMODE(two[0].stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_owner_is_kept(tmp_path: Path, two: tuple[Path, Path]) -> None:
    os.chown(two[0], 65534, 65533)
    two[0].chmod(0o4755)
    write_files([change(two[0], b"new")], cwd=tmp_path)
    status = two[0].stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (65534, 65533, 0o4755)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a file of somebody else")
def test_a_file_that_would_change_hands_is_refused(
    tmp_path: Path, two: tuple[Path, Path], unprivileged: Unprivileged, state: Path
) -> None:
    for folder in (state, *state.parents[:2], tmp_path):
        folder.chmod(0o777)
    two[0].chmod(0o666)
    with unprivileged(), pytest.raises(WriteRefused, match=r"a\.py belongs to somebody else"):
        write_files([change(two[0], b"new")], cwd=tmp_path)
    assert two[0].read_bytes() == b"old a\r\n" and names(tmp_path) == ["a.py", "b.py"]


def test_the_time_is_new_and_attributes_are_kept(tmp_path: Path, two: tuple[Path, Path]) -> None:
    os.utime(two[0], (1, 1))
    try:
        os.setxattr(two[0], "user.note", b"mine")
    except OSError:
        pytest.skip("no extended attributes here")
    write_files([change(two[0], b"new")], cwd=tmp_path)
    assert two[0].stat().st_mtime > 1 and os.getxattr(two[0], "user.note") == b"mine"


def test_a_read_only_file_is_refused(tmp_path: Path, two: tuple[Path, Path]) -> None:
    two[1].chmod(0o444)
    with pytest.raises(WriteRefused, match=r"^nothing was written: b\.py is read-only$"):
        write_files([change(two[0], b"new a"), change(two[1], b"new b")], cwd=tmp_path)
    assert two[0].read_bytes() == b"old a\r\n" and names(tmp_path) == ["a.py", "b.py"]


def test_a_read_only_folder_is_refused(tmp_path: Path, unprivileged: Unprivileged, state: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    path = folder / "a.py"
    path.write_bytes(b"old")
    path.chmod(0o666)
    folder.chmod(0o555)
    for place in (state, *state.parents[:2]):
        place.chmod(0o777)
    with unprivileged(), pytest.raises(WriteRefused, match=r"^nothing was written: a\.py: permission denied$"):
        write_files([change(path, b"new")], cwd=tmp_path)
    folder.chmod(0o755)
    assert path.read_bytes() == b"old"


def test_a_file_that_changed_since_is_refused(tmp_path: Path, two: tuple[Path, Path]) -> None:
    changes = [change(two[0], b"new a"), change(two[1], b"new b")]
    two[1].write_bytes(b"edited meanwhile")
    with pytest.raises(WriteRefused) as caught:
        write_files(changes, cwd=tmp_path)
    assert str(caught.value) == "nothing was written: b.py (changed since it was read)"
    assert [path.read_bytes() for path in two] == [b"old a\r\n", b"edited meanwhile"]


def test_a_file_that_vanished_is_refused(tmp_path: Path, two: tuple[Path, Path]) -> None:
    changes = [change(two[0], b"new a"), change(two[1], b"new b")]
    two[1].unlink()
    with pytest.raises(WriteRefused, match=r"b\.py \(no such file or directory\)"):
        write_files(changes, cwd=tmp_path)
    assert two[0].read_bytes() == b"old a\r\n" and names(tmp_path) == ["a.py"]


def test_a_link_is_never_followed(tmp_path: Path, two: tuple[Path, Path]) -> None:
    link = tmp_path / "link.py"
    link.symlink_to("a.py")
    with pytest.raises(WriteRefused, match=r"nothing was written: link\.py \("):
        write_files([change(link, b"new", before=b"old a\r\n")], cwd=tmp_path)
    assert link.is_symlink() and two[0].read_bytes() == b"old a\r\n"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "odd.py")
    with pytest.raises(WriteRefused):
        write_files([change(tmp_path / "odd.py", b"new", before=b"")], cwd=tmp_path)


def test_two_changes_of_one_file_are_a_mistake_of_ours(tmp_path: Path, two: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match="two changes"):
        write_files([change(two[0], b"1"), change(two[0], b"2")], cwd=tmp_path)


def test_a_journal_that_cannot_be_kept(tmp_path: Path, two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHFIX_STATE_DIR", str(two[1] / "below a file"))
    with pytest.raises(WriteRefused, match="the undo journal can't be kept"):
        write_files([change(two[0], b"new a")], cwd=tmp_path)
    assert two[0].read_bytes() == b"old a\r\n" and names(tmp_path) == ["a.py", "b.py"]


@pytest.mark.parametrize("function", ["open", "fsync", "replace"])
@pytest.mark.parametrize("number", range(6))
def test_a_failing_disk_changes_nothing(
    tmp_path: Path, two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, function: str, number: int
) -> None:
    """The call with this number fails, once: every file is put back (or was never touched)."""
    real, calls = getattr(os, function), iter(range(100))

    def failing(*arguments: object, **named: object) -> object:
        if next(calls) == number:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **named)

    changes = [change(two[0], b"new a"), change(two[1], b"new b")]
    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, function, failing)
        try:
            write_files(changes, cwd=tmp_path)
            expected = [b"new a", b"new b"]
        except WriteRefused as error:
            expected = [b"old a\r\n", b"old b"]
            assert str(error).startswith("nothing was written: ")
    assert [path.read_bytes() for path in two] == expected and names(tmp_path) == ["a.py", "b.py"]


def test_an_editor_that_saves_between_check_and_move_wins(
    tmp_path: Path, two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = [change(two[0], b"new a"), change(two[1], b"new b")]
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        real(source, target)
        if target == two[0]:
            two[1].write_bytes(b"saved by an editor")

    monkeypatch.setattr(atomic.os, "replace", replace)
    with pytest.raises(WriteRefused, match=r"b\.py: changed since it was read"):
        write_files(changes, cwd=tmp_path)
    assert [path.read_bytes() for path in two] == [b"old a\r\n", b"saved by an editor"]
    with pytest.raises(UndoRefused, match="nothing to undo"):
        undo(tmp_path)


def test_what_cannot_be_put_back_can_be_undone_later(
    tmp_path: Path, two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = [change(two[0], b"new a"), change(two[1], b"new b")]
    real, done = os.replace, []

    def replace(source: Path, target: Path) -> None:
        if target in two and done:
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)
        done.extend([target] if target in two else [])

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "replace", replace)
        with pytest.raises(WriteRefused, match=r"^stopped half-way, call `torchfix undo` to go back: a\.py"):
            write_files(changes, cwd=tmp_path)
    assert [path.read_bytes() for path in two] == [b"new a", b"old b"]
    assert undo(tmp_path).restored == ("a.py",)
    assert [path.read_bytes() for path in two] == [b"old a\r\n", b"old b"]


def test_odd_names(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a b.py", "été.py", "n" * 250 + ".py", "new\nline.py", "b\udcff.py")]
    for path in paths:
        path.write_bytes(b"old")
    write_files([change(path, b"new") for path in paths], cwd=tmp_path)
    assert {path.read_bytes() for path in paths} == {b"new"}
    assert undo(tmp_path).restored == tuple(path.name for path in paths)
    assert {path.read_bytes() for path in paths} == {b"old"}
    paths[3].write_bytes(b"edited")
    with pytest.raises(WriteRefused) as caught:
        write_files([change(paths[3], b"new", before=b"old")], cwd=tmp_path)
    assert "new\\nline.py" in str(caught.value)


def test_the_package_needs_nothing_heavy_to_start() -> None:
    code = (
        "import sys; from torchfix_codemods.source import write, settings, discovery, text, suppress, git\n"
        "print([m for m in ('pathspec', 'platformdirs', 'tomllib', 'subprocess', 'libcst') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
