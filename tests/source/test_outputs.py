"""Reports and baselines are written whole or not at all, and what stands in the way is known beforehand."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from torchfix_codemods.source.outputs import obstacle, write_output


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_and_one_that_takes_the_place_of_another(tmp_path: Path) -> None:
    file = tmp_path / ("é" * 120)  # as long as a name may be: none is made from it
    assert obstacle(file) is None
    write_output(file, b"one\r\n")
    made = tmp_path / "made"
    made.touch()
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE(made.stat().st_mode)
    made.unlink()
    file.chmod(0o640)
    assert obstacle(file) is None
    write_output(file, b"two")
    assert file.read_bytes() == b"two" and stat.S_IMODE(file.stat().st_mode) == 0o640
    assert names(tmp_path) == [file.name]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    file = tmp_path / "report"
    write_output(file, b"one")
    os.chown(file, 65534, 65534)
    write_output(file, b"two")
    assert (file.stat().st_uid, file.stat().st_gid, file.read_bytes()) == (65534, 65534, b"two")


def test_a_colleagues_file_in_a_shared_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may write it may not give the new one away: only root can."""
    file = tmp_path / "report.json"
    file.write_text("old")
    os.chown(file, 65534, 65534) if os.geteuid() == 0 else pytest.skip("only root can make somebody else's file")

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refused)
    write_output(file, b"new")
    assert file.read_text() == "new" and [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_what_stands_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "closed").touch(0o444)
    assert {name: obstacle(tmp_path / name) for name in names(tmp_path)} == {
        "closed": "it is read-only",
        "dangling": "it is a link",
        "file": None,
        "folder": "it is a folder",
        "link": "it is a link",
        "pipe": "it is no regular file",
    }
    assert obstacle(tmp_path / "no/file") == f"there is no folder {tmp_path}/no"
    assert obstacle(tmp_path / "file/file") == f"there is no folder {tmp_path}/file"
    assert obstacle(tmp_path / ("x" * 300)) == "file name too long"


def test_a_folder_that_nobody_may_write_into(tmp_path: Path) -> None:
    """Of the kernel's own, where not even root may: nothing depends on who runs the tests."""
    folder = Path("/proc/self")
    if not folder.is_dir():
        pytest.skip("this system has no /proc")
    assert obstacle(folder / "report") == f"nothing may be written into the folder {folder}"


def test_a_file_that_cannot_be_written_is_as_it_was(tmp_path: Path) -> None:
    import resource

    file = tmp_path / "report"
    write_output(file, b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # what a full disk is like
    try:
        with pytest.raises(OSError, match="File too large"):
            write_output(file, b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.read_bytes() == b"before" and names(tmp_path) == ["report"]
